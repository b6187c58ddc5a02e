"""Database URLs as operators write them."""

from __future__ import annotations

import pytest

from service.store.urls import driver_url


def test_the_asyncio_driver_is_chosen_for_either_database() -> None:
    assert driver_url("sqlite:////tmp/a.db").drivername == "sqlite+aiosqlite"
    assert driver_url("postgres://u:p@host/name").drivername == "postgresql+asyncpg"


def test_libpqs_word_for_tls_is_understood() -> None:
    assert dict(driver_url("postgresql://host/name?sslmode=require").query) == {"ssl": "require"}


def test_options_asyncpg_knows_are_let_through() -> None:
    given = "postgresql:///name?host=/run/postgresql&port=5433&target_session_attrs=read-write&passfile=/etc/pass"
    assert set(driver_url(given).query) == {"host", "port", "target_session_attrs", "passfile"}
    assert driver_url("postgresql:///name?host=a:1&host=b:2").query["host"] == ("a:1", "b:2")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://host/name", "mysql is not supported"),
        ("postgresql+psycopg2://host/name", "psycopg2 is not supported"),
        ("name", "not a database URL"),
        ("postgresql:name", "not a database URL"),
        ("postgresql://host:port/name", "not a database URL"),
        ("postgresql://host/name?application_name=x", "no option 'application_name'"),
        ("postgresql://host/name?sslmode=sometimes", "'sslmode' is one of disable"),
        ("postgresql://host/name?sslmode=require&sslmode=allow", "'sslmode' is given twice"),
        ("postgresql://host/name?target_session_attrs=master", "'target_session_attrs' is one of"),
        ("postgresql:///name?port=x", "hosts and ports"),
        ("postgresql:///name?host=a:1&host=b", "hosts and ports"),
        ("sqlite://", "a path only"),
        ("sqlite://host/path", "a path only"),
        ("sqlite:///path?mode=ro", "a path only"),
    ],
)
def test_what_could_only_fail_later_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        driver_url(url)
