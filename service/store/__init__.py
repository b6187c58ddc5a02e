"""The store: SQLAlchemy Core over SQLite or PostgreSQL. About 1 ms a query: never on a hot path."""

from service.store.database import Database
from service.store.repository import Store, with_all_stores

__all__ = ["Database", "Store", "with_all_stores"]
