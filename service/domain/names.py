"""Which texts are allowed as names of channels, users, organizations, tokens and meeting guests."""

from __future__ import annotations

import re

# Ranges for a character class. Not as \\p{…}: JSON Schema, Rust, Python and JavaScript agree only on this form.
CONTROL = (
    r"\u0000-\u001f\u007f-\u009f"  # C0, DEL, C1
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional: one name could reorder the text around it
    r"\u2028\u2029\u206a-\u206f\ufff9-\ufffb"  # line and paragraph separators, deprecated and interlinear format characters
)
"""Characters that are not allowed in names."""

INVISIBLE = (
    r"\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"  # spaces
    r"\u00ad\u034f\u180b-\u180f\u200b-\u200d\u2060-\u2065\ufe00-\ufe0f\ufeff"  # joiners, selectors, zero width
    r"\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # fillers
)
"""Characters that are invisible alone. A name may contain them (emoji and Persian need joiners), but not only them."""

_TRIMMED = r"[ \t\r\n]*"
_VISIBLE = f"[^{CONTROL}]*[^{CONTROL}{INVISIBLE}][^{CONTROL}]*"
NAME_PATTERN = f"^{_TRIMMED}{_VISIBLE}{_TRIMMED}$"
"""A name, not yet trimmed."""

OPTIONAL_NAME_PATTERN = f"^({_TRIMMED}{_VISIBLE}{_TRIMMED})?$"
"""The same, or an empty text."""

_RARE = f"{chr(0x1BCA0)}-{chr(0x1BCA3)}{chr(0x1D173)}-{chr(0x1D17A)}{chr(0xE0000)}-{chr(0xE0FFF)}"
"""More invisible characters. Not in the pattern: without its `u` flag, JavaScript reads such a range as surrogate halves."""

_NAME = re.compile(f"[^{CONTROL}]*[^{CONTROL}{INVISIBLE}{_RARE}][^{CONTROL}]*")
_CONTROL = re.compile(f"[{CONTROL}]")


def trimmed(text: str) -> str:
    """Remove the white space around a text."""
    return text.strip(" \t\r\n")


def is_name(text: str) -> bool:
    """Return whether the trimmed text has a visible character, and no control or bidirectional one."""
    return _NAME.fullmatch(text) is not None


def has_control(text: str) -> bool:
    """Return whether the text has a character that is not allowed in names."""
    return _CONTROL.search(text) is not None
