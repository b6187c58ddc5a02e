"""Webhooks: the event log, sent to addresses of an organization, in order and at least once."""
