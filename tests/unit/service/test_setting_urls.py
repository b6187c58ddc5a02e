"""URLs in settings: what cannot work is refused at the start, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import ConnectionPool

from service.setting_urls import checked_database_url, checked_origin_url, checked_redis_url

ORIGINS = ["https://live.example.com", "http://10.0.0.1:8080/base", "http://[::1]:80", "https://x.example/a%20b"]
DATABASES = ["sqlite:////var/lib/c.db", "postgresql://u:p%40@host:5432/name", "postgres://[::1]/n?sslmode=verify-full"]
REDISES = [
    "redis://host:6379/0",
    "redis://:pass@host",
    "redis:///",
    "rediss://user:pass@host/3?ssl_cert_reqs=none",
    "rediss://host?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=False",
    "unix:///run/redis.sock?db=2",
    "redis://host?client_name=conference",
]


CASES = [
    *((checked_origin_url, url) for url in ORIGINS),
    *((checked_database_url, url) for url in DATABASES),
    *((checked_redis_url, url) for url in REDISES),
]


@pytest.mark.parametrize(("check", "url"), CASES)
def test_valid_urls_are_unchanged(check: Callable[[str], str], url: str) -> None:
    assert check(url) == url


def test_the_slash_at_the_end_of_an_origin_goes() -> None:
    assert checked_origin_url("https://live.example.com/") == "https://live.example.com"


@pytest.mark.parametrize(
    "url",
    [
        "live.example.com",
        "ftp://live.example.com",
        "https://",
        "https://:443",
        "https://host:99999",
        "https://host:port",
        "https://[::1",
        "https://user:secret@host",
        "https://host/?",
        "https://host/#",
        "https://host/a b",
        'https://host/"',
        "https://h\u00f6st",
        "https://host\n",
    ],
)
def test_an_origin_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        checked_origin_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "host:6379",
        "http://host",
        "redis://host:port",
        "redis://host/name",
        "redis://host/0/1",
        "redis://host?db=x",
        "redis://host?timeout=1",
        "redis://host?db",
        "redis://host?db=1&db=2",
        "redis://host?ssl_cert_reqs=none",
        "rediss://host?ssl_cert_reqs=maybe",
        "unix://",
        "redis://ho st",
    ],
)
def test_a_redis_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        checked_redis_url(url)


@pytest.mark.parametrize("url", REDISES)
async def test_every_valid_url_is_understood_by_the_client(url: str) -> None:
    pool = ConnectionPool.from_url(url)
    pool.make_connection()
    await pool.aclose()


@given(st.one_of(st.text(), st.text(alphabet="postgresql:/@?&=%[]{}#.0").map("postgresql://".__add__)))
def test_nothing_raises_anything_else(text: str) -> None:
    for check in (checked_origin_url, checked_database_url, checked_redis_url):
        try:
            check(text)
        except ValueError:
            continue
