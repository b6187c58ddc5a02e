"""The tables of webhooks."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text, Uuid

from service.store.tables import UtcDateTime, metadata, organizations, users

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("organization_id", ForeignKey(organizations.c.id), nullable=False),
    Column("user_id", ForeignKey(users.c.id)),
    Column("endpoint_url", String(2048), nullable=False),
    Column("subscriptions", Text, nullable=False),  # JSON
    Column("secret", String(128), nullable=False),
    Column("previous_secret", String(128)),
    Column("previous_secret_until", UtcDateTime),
    Column("disabled", String(16)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("last_event_id", BigInteger, nullable=False),
    Column("retry_index", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime),
    Column("missed_first", BigInteger),
    Column("missed_last", BigInteger),
    Column("lease", Uuid),  # the token of the lease, None: free
    Column("leased_until", UtcDateTime),
    Column("last_turn_at", UtcDateTime),
    Index(None, "organization_id", "created_at", "id"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("webhook_id", ForeignKey(webhooks.c.id, ondelete="CASCADE"), nullable=False),
    Column("event_id", BigInteger),
    Column("retry_index", Integer, nullable=False),
    Column("is_requested", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_attempt_at", UtcDateTime),
    Column("started_at", UtcDateTime),
    Column("status", String(16), nullable=False),
    Column("duration", Float),
    Column("response_status", Integer),
    Column("response_body", Text, nullable=False),
    Column("error", Text),
    Index(None, "webhook_id", "created_at", "id"),
    Index(None, "created_at"),
)

UNFINISHED = webhook_deliveries.c.status.in_(("pending", "started"))

Index(
    "ix_webhook_deliveries_unfinished",
    webhook_deliveries.c.webhook_id,
    sqlite_where=UNFINISHED,
    postgresql_where=UNFINISHED,
)
