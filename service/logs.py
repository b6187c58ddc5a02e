"""Logging: one line per event, JSON in production and readable on a terminal, with secrets removed.

Our own lines and those of libraries (logging of the standard library) go through the same processors. What was bound with
`structlog.contextvars.bind_contextvars` (the request id) stands on every line written meanwhile.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"

MAX_DEPTH = 4
"""How deep nested values are searched for secrets; what lies deeper is not written at all."""

SECRET_NAMES = ("stream_key", "token", "authorization", "passphrase", "secret", "password", "cookie")
"""The value of a key that ends with one of these is never written."""

SECRET_TEXT = re.compile(
    r"""
      (?P<scheme>\b(?:token|bearer|basic)\s+)[A-Za-z0-9._~+/=-]{20,}        # Authorization headers
    | (?P<live>\brtmps?://[^\s/"']+/[^\s/"'?]+/)[^\s"'<>)\]]+               # rtmp(s)://host/app/KEY
    | (?P<user>\b[a-z][a-z0-9+.-]*://[^\s/:@"']*:)[^\s/@"']+(?=@)           # scheme://user:PASSWORD@host
    | (?P<query>[?&](?:token|key|stream_key|visitor_id|secret)=)[^&\s"']+   # ?token=...
    """,
    re.IGNORECASE | re.VERBOSE,
)

HINTS = ("://", "token", "bearer", "basic", "?", "&")
"""Text without one of these holds nothing SECRET_TEXT would find; looking for them costs a tenth."""

CHATTY = ("aiosqlite", "asyncio", "alembic", "sqlalchemy.engine", "aiohttp.access")
"""Libraries whose lines below warning are noise."""


def configure(level: str = "info", style: str = "auto", stream: TextIO | None = None) -> None:
    """Set logging up for this process. `style`: json, console, or auto (console when `stream` is a terminal)."""
    out = sys.stderr if stream is None else stream
    console = style == "console" or (style == "auto" and out.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Processor = structlog.dev.ConsoleRenderer(colors=out.isatty()) if console else _json
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    _route_standard_logging(number, shared, renderer, out)


_json = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)


def _route_standard_logging(level: int, shared: list[Processor], renderer: Processor, out: TextIO) -> None:
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:-1], structlog.stdlib.ExtraAdder(), _add_logger_name, redact],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger("aiohttp.server").addFilter(_is_our_fault)
    logging.captureWarnings(True)


def _is_our_fault(record: logging.LogRecord) -> bool:
    """Return False for invalid HTTP and malformed bodies: aiohttp logs a traceback for each, which could fill a disk."""
    failure = record.exc_info[1] if record.exc_info else None
    return type(failure).__module__ not in ("aiohttp.http_exceptions", "aiohttp.web_protocol")


def _add_logger_name(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if record is not None:
        event["logger"] = record.name
    return event


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Remove secrets from a line, by the name of the key and by the form of the text."""
    for key, value in event.items():
        event[key] = REDACTED if key.lower().endswith(SECRET_NAMES) else _clean(value, MAX_DEPTH)
    return event


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, int | float) or not isinstance(value, Mapping | list | tuple | BaseException):
        return value
    if depth == 0:
        return REDACTED
    if isinstance(value, Mapping):
        return {
            key: REDACTED if str(key).lower().endswith(SECRET_NAMES) else _clean(each, depth - 1)
            for key, each in value.items()
        }
    if isinstance(value, BaseException):
        return clean_text(f"{type(value).__name__}: {value}")
    return [_clean(each, depth - 1) for each in value]


def clean_text(text: str) -> str:
    """Return the text without anything that looks like a secret."""
    lower = text.lower()
    if not any(hint in lower for hint in HINTS):
        return text
    return SECRET_TEXT.sub(lambda found: f"{found[found.lastgroup or 0]}{REDACTED}", text)
