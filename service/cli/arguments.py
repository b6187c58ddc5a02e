"""Parsers of commands, and the types of their arguments."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

MAX_NAME = 256
"""Characters of a token's or a person's name."""


def command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], explanation: str
) -> argparse.ArgumentParser:
    """Add a command and return its parser. `run` gets the parsed arguments and returns the exit code."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=explanation, description=explanation)
    parser.set_defaults(run=run)
    return parser


def as_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a UUID") from None


def as_port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def as_name(text: str) -> str:
    from service.domain.names import is_name, trimmed

    name = trimmed(text)
    if len(text) > MAX_NAME or not is_name(name):
        raise argparse.ArgumentTypeError(
            f"must be a name of at most {MAX_NAME} characters: one that can be seen, without control or bidirectional characters"
        )
    return name


def as_optional_name(text: str) -> str:
    return as_name(text) if text else ""


def as_url(text: str) -> str:
    if not re.fullmatch(r"https?://[!-~]{1,2000}", text, re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"{text!r} is not an http(s) URL of at most 2000 characters")
    return text
