"""Database URLs as operators write them."""

from __future__ import annotations

import pytest

from service.store.database import driver_url


def test_the_asyncio_driver_is_chosen_for_either_database() -> None:
    assert driver_url("sqlite:////tmp/a.db").drivername == "sqlite+aiosqlite"
    assert driver_url("postgres://u:p@host/name").drivername == "postgresql+asyncpg"


def test_libpqs_word_for_tls_is_understood() -> None:
    assert dict(driver_url("postgresql://host/name?sslmode=require").query) == {"ssl": "require"}


def test_another_database_is_refused() -> None:
    with pytest.raises(ValueError, match="mysql is not supported"):
        driver_url("mysql://host/name")
