"""JSON as clients send it, made ready for the strict parser."""

from __future__ import annotations

import re

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""A client may send one, and a parser may ignore it (RFC 8259 §8.1)."""

REPLACEMENT = rb"\ufffd"

_ESCAPE = re.compile(
    rb"\\(?:(?P<kept>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""One escape: a whole surrogate pair, a surrogate without its other half, or any other."""


def readable(raw: bytes) -> bytes:
    r"""`raw` without a byte order mark, and with U+FFFD in the place of lone surrogates.

    JavaScript makes lone surrogates when it cuts a string in the middle of an emoji: `"\ud83d"` is JSON by its grammar, but names
    no character (RFC 8259 §8.2), and neither UTF-8 nor a database can hold it. Browsers
    replace them the same way (WHATWG Encoding).
    """
    raw = raw.removeprefix(BYTE_ORDER_MARK)
    if b"\\ud" in raw or b"\\uD" in raw:
        raw = _ESCAPE.sub(lambda found: REPLACEMENT if found["lone"] else found[0], raw)
    return raw
