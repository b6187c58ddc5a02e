"""The store: SQLAlchemy Core over SQLite or PostgreSQL. About 1 ms a query: never on a hot path (design §3, §4)."""

from service.store.database import Database
from service.store.repository import Store

__all__ = ["Database", "Store"]
