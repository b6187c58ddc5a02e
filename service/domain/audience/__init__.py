"""Visitors: their identities, the limit on new ones, and how many watched."""
