"""Prepare JSON from clients for the strict parser."""

from __future__ import annotations

import re

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""A client may send one, and a parser may ignore it (RFC 8259 §8.1)."""

REPLACEMENT = rb"\ufffd"

MAX_REPLACED = 1_000
"""Maximum of lone surrogates in one body. A body with more is refused: replacing them takes longer than parsing the rest."""

_SURROGATE = rb"u[dD][89a-fA-F][0-9a-fA-F]{2}"
_PAIR = rb"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_PIECE = re.compile(
    rb"((?:[^\\]++|\\" + _PAIR + rb"|\\(?!" + _SURROGATE + rb").)*+)(\\" + _SURROGATE + rb")?(?:\\\Z)?",
    re.DOTALL,
)
"""What is no lone surrogate (text, whole pairs, other escapes), then one, unless the text ends. It matches wherever it is tried,
so the time is linear."""


def readable(raw: bytes) -> bytes:
    r"""Return `raw` without a byte order mark, and with U+FFFD in the place of lone surrogates.

    JavaScript makes lone surrogates when it cuts a string in the middle of an emoji: `"\ud83d"` is JSON by its grammar, but names
    no character (RFC 8259 §8.2), and neither UTF-8 nor a database can hold it. Browsers replace
    them the same way (WHATWG Encoding).
    """
    raw = raw.removeprefix(BYTE_ORDER_MARK)
    if b"\\ud" in raw or b"\\uD" in raw:
        return _replaced(raw)
    return raw


def _replaced(raw: bytes) -> bytes:
    pieces: list[bytes] = []
    for found in _PIECE.finditer(raw):
        if found[2] is None:
            return b"".join([*pieces, found[0]])
        pieces += found[1], REPLACEMENT
        if len(pieces) > 2 * MAX_REPLACED:
            break
    return raw


_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, or the rest of a text that ends in one: it matches at every quotation mark, so the time is linear."""


def count_values(raw: bytes, limit: int) -> int:
    """Return how many values a JSON text has, or less: by its commas and opening brackets. Exact only over `limit`.

    In a malformed text, what follows the error may count as well.
    """
    found = _marks(raw)
    # A JSON text with so few marks has at most 2 * limit + 1 strings: the names and values of one object, or a string alone.
    return found if found <= limit else _marks(_STRING.sub(b"", raw, 2 * limit + 2))


def _marks(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")
