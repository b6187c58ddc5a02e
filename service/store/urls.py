"""Database URLs as operators write them, checked before a database is opened."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SESSIONS = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")

OPTIONS: dict[str, tuple[str, ...]] = {
    "host": (),
    "port": (),
    "passfile": (),
    "ssl": SSL_MODES,
    "sslmode": SSL_MODES,
    "target_session_attrs": SESSIONS,
}
"""Query options of PostgreSQL URLs (arguments of asyncpg.connect that can be text), with their values; (): any."""

REPEATABLE = {"host", "port"}


def driver_url(url: str) -> URL:
    """Return a `sqlite:///path` or `postgresql://…` URL with its asyncio driver.

    Raises:
        ValueError: It is not such a URL, or it has an option that would fail later, at the first connection.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("not a database URL") from None
    family = parsed.drivername.partition("+")[0]
    if family not in DRIVERS or parsed.drivername not in (family, DRIVERS[family]):
        raise ValueError(f"{parsed.drivername} is not supported: use sqlite or postgresql")
    if family == "sqlite":
        if parsed.host or not parsed.database or parsed.query:
            raise ValueError("a sqlite URL consists of a path only")
        return parsed.set(drivername=DRIVERS[family])
    _check_options(parsed)
    if "sslmode" in parsed.query:  # libpq's name for what asyncpg calls ssl
        parsed = parsed.difference_update_query(["sslmode"]).update_query_dict({"ssl": parsed.query["sslmode"]})
    return parsed.set(drivername=DRIVERS[family])


def _check_options(parsed: URL) -> None:
    for name, given in parsed.query.items():
        if name not in OPTIONS:
            raise ValueError(f"postgresql has no option {name!r} here")
        if not isinstance(given, str) and name not in REPEATABLE:
            raise ValueError(f"the option {name!r} is given twice")
        if OPTIONS[name] and given not in OPTIONS[name]:
            raise ValueError(f"the option {name!r} is one of {', '.join(OPTIONS[name])}")
    try:
        parsed.set(drivername=DRIVERS["postgresql"]).get_dialect()().create_connect_args(parsed)
    except (ArgumentError, ValueError):
        raise ValueError("hosts and ports do not fit together") from None
