"""Mechanisms for concurrent work that decide nothing about the product: tasks and token buckets by key."""
