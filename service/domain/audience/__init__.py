"""Visitors: their identities, the rate limit on new ones, and the history of viewer counts."""
