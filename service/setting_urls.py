"""Checks of settings that are URLs. A URL that passes is well-formed and supported."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_ORIGIN = re.compile(r"[!#-;=?-\[\]_a-z~]+")
"""The ASCII a URL may hold (RFC 3986 appendix A): an origin stands in pages and playlists, so nothing may need a quote."""

_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")

REDIS_OPTIONS = {
    "db": re.compile(r"\d{1,5}"),
    "client_name": re.compile(r"[!-~]+"),
    "ssl_ca_certs": re.compile(r".+"),
    "ssl_certfile": re.compile(r".+"),
    "ssl_keyfile": re.compile(r".+"),
    "ssl_cert_reqs": re.compile(r"none|optional|required"),
    "ssl_check_hostname": re.compile(r"true|false", re.IGNORECASE),
}
"""What may stand in the query of a Redis URL (redis-py's `from_url`), with the values."""


def checked_origin_url(value: str) -> str:
    """Return an http or https base URL without the trailing slash. Errors: ValueError."""
    parts = _split(value, ("http", "https"))
    if not _ORIGIN.fullmatch(value) or not _HOST_NAME.fullmatch(parts.hostname or ""):
        raise ValueError("not a URL")
    if "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError("more than an origin and a path")
    return value.rstrip("/")


def checked_database_url(value: str) -> str:
    """Return a URL that `service.store.urls.driver_url` accepts. Errors: ValueError."""
    from service.store.urls import driver_url  # SQLAlchemy takes its time, and the default needs no check

    driver_url(value)
    return value


def checked_redis_url(value: str) -> str:
    """Return a Redis URL: TCP, TLS or socket. redis-py ignores a non-numeric database and fails late on unknown options.

    Errors: ValueError.
    """
    parts = _split(value, ("redis", "rediss", "unix"))
    path = unquote(parts.path)
    if not (len(path) > 1 if parts.scheme == "unix" else re.fullmatch(r"/?|/\d{1,5}", path)):
        raise ValueError("not such a path")
    options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    for name, given in options:
        rule = REDIS_OPTIONS.get(name)
        if rule is None or not rule.fullmatch(given) or (name.startswith("ssl_") and parts.scheme != "rediss"):
            raise ValueError("no such option")
    if len(dict(options)) < len(options):
        raise ValueError("an option stands there twice")
    return value


def checked_media_store(value: str) -> str:
    """Return the address of a bucket or folder, without a slash at the end. Errors: ValueError."""
    if value.startswith("/"):
        if value.strip("/") == "" or not value.isprintable():
            raise ValueError("not a folder")
        return value.rstrip("/")
    parts = _split(value, ("s3", "gs", "az"))
    if not re.fullmatch(r"[A-Za-z0-9._-]+", parts.netloc) or "?" in value or "#" in value:
        raise ValueError("more than a bucket and a prefix")
    return value.rstrip("/")


def _split(value: str, schemes: tuple[str, ...]) -> SplitResult:
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("not a URL")
    parts = urlsplit(value)
    parts.port  # noqa: B018  (raises on a port that is no number)
    if parts.scheme not in schemes:
        raise ValueError("another scheme")
    return parts
