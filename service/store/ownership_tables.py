"""The tables of the registry of broadcasts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from service.store.tables import UtcDateTime, metadata, partial_index

nodes = Table(
    "nodes",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("url", String(2048)),
    Column("incarnation", Integer, nullable=False),
    Column("joined_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime),  # NULL: it has left
)

broadcasts = Table(
    "broadcasts",
    metadata,
    Column("uid", String(64), primary_key=True),
    Column("input_uid", String(64), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("node", String(64), nullable=False),
    Column("incarnation", Integer, nullable=False),
    Column("is_held", Boolean, nullable=False),
    Column("claimed_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),  # the last ended row of an input stays, because its fence must not come again
    Column("state", Text),
    Index("uq_broadcasts_input_uid_fence", "input_uid", "fence", unique=True),
)

RUNNING = broadcasts.c.ended_at.is_(None)

partial_index("uq_broadcasts_running", broadcasts.c.input_uid, where=RUNNING, unique=True)
