"""Outgoing HTTP to addresses that clients give, which must not reach the operator's network (server-side request forgery)."""
