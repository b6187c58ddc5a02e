"""Logging: what a line looks like, and what never stands in one."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer

from service import logs


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Put the logging of the test session back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def line_of(event: str, **values: Any) -> dict[str, Any]:
    out = io.StringIO()
    logs.configure("info", "json", out)
    structlog.get_logger("test").info(event, **values)
    line: dict[str, Any] = json.loads(out.getvalue())
    return line


def test_a_line_is_json_with_level_and_time() -> None:
    line = line_of("stream started", bytes=12)
    assert (line["event"], line["level"], line["bytes"]) == ("stream started", "info", 12)
    assert line["timestamp"].endswith("Z")


def test_lines_below_the_level_are_not_written() -> None:
    out = io.StringIO()
    logs.configure("warning", "json", out)
    structlog.get_logger("test").info("quiet")
    logging.getLogger("library").info("quiet, too")
    assert out.getvalue() == ""


def test_bound_context_stands_on_our_lines_and_on_those_of_libraries() -> None:
    out = io.StringIO()
    logs.configure("info", "json", out)
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger("test").info("ours")
        logging.getLogger("library").warning("theirs %d", 7)
    ours, theirs = (json.loads(line) for line in out.getvalue().splitlines())
    assert (ours["event"], ours["request_id"]) == ("ours", "r1")
    assert (theirs["event"], theirs["request_id"], theirs["logger"]) == ("theirs 7", "r1", "library")


def test_without_a_terminal_auto_means_json() -> None:
    out = io.StringIO()
    logs.configure("info", "auto", out)
    structlog.get_logger("test").info("hello")
    assert json.loads(out.getvalue())["event"] == "hello"


def test_console_lines_are_for_people() -> None:
    out = io.StringIO()
    logs.configure("info", "console", out)
    structlog.get_logger("test").info("hello", size=3)
    assert "hello" in out.getvalue()
    assert "size=3" in out.getvalue()


@pytest.mark.parametrize(
    "name", ["stream_key", "token", "api_token", "Authorization", "passphrase", "webhook_secret", "password", "Cookie"]
)
def test_the_value_of_a_secret_name_is_never_written(name: str) -> None:
    assert line_of("x", **{name: "hunter2"})[name] == logs.REDACTED


SECRET = "0123456789abcdefABCDEF0123456789"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"sent Authorization: Token {SECRET}", "sent Authorization: Token "),
        (f"sent bearer {SECRET}", "sent bearer "),
        (f"pushing to rtmps://127.0.0.1:1936/live/{SECRET}", "pushing to rtmps://127.0.0.1:1936/live/"),
        (f"pushing to rtmp://host/live/{SECRET}?x=1", "pushing to rtmp://host/live/"),
        (f"postgresql://me:{SECRET}@host/name", "postgresql://me:"),
        (f"redis://:{SECRET}@host/0", "redis://:"),
        (f"GET /x?page=1&token={SECRET}", "GET /x?page=1&token="),
    ],
)
def test_secrets_are_removed_from_any_text(text: str, kept: str) -> None:
    assert SECRET not in json.dumps(line_of(text, detail=text, nested={"deep": [text]}))
    assert logs.clean_text(text).startswith(kept + logs.REDACTED)


@pytest.mark.parametrize(
    "text",
    [
        "Token rejected",
        "the bearer of good news",
        "http://127.0.0.1:8080/abc/manifest/video.m3u8?page=2",
        "rtmps://127.0.0.1:1936/live",
    ],
)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert line_of(text)["event"] == text


def test_secrets_are_removed_from_tracebacks() -> None:
    out = io.StringIO()
    logs.configure("info", "json", out)
    try:
        raise ValueError(f"cannot push to rtmp://host/live/{SECRET}")
    except ValueError:
        structlog.get_logger("test").exception("failed")
    assert "ValueError" in out.getvalue()
    assert SECRET not in out.getvalue()


def test_secrets_are_removed_from_nested_values_of_any_depth() -> None:
    deep: Any = f"Token {SECRET}"
    for _ in range(10):
        deep = {"next": deep}
    assert SECRET not in json.dumps(line_of("x", detail=deep, error=ValueError(f"Token {SECRET}")))


def test_secrets_are_removed_from_the_lines_of_libraries() -> None:
    out = io.StringIO()
    logs.configure("info", "json", out)
    logging.getLogger("library").warning("with %s", f"Bearer {SECRET}")
    assert SECRET not in out.getvalue()


NO_HTTP = b"GET / HTTP/9.9\r\n\r\n"
NO_GZIP = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@pytest.mark.parametrize(("sent", "status"), [(NO_HTTP, b"400"), (NO_GZIP, b"404")])
async def test_a_client_that_sends_nonsense_leaves_no_traceback(sent: bytes, status: bytes) -> None:
    out = io.StringIO()
    logs.configure("info", "json", out)
    async with TestServer(web.Application()) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(sent)
        assert (await reader.read()).split()[1] == status
        writer.close()
    assert out.getvalue() == ""
