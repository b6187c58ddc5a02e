"""Mechanisms for concurrent work that decide nothing about the product: tasks, single flight, token buckets."""
