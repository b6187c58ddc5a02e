"""What may be a name: of a channel, a user, an organization, a token, a guest of a meeting."""

from __future__ import annotations

import re

# Ranges for a character class. Not as \\p{…}: JSON Schema, Rust, Python and JavaScript agree only on this form.
CONTROL = (
    r"\u0000-\u001f\u007f-\u009f"  # C0, DEL, C1
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional: one name could reorder the text around it
    r"\u2028\u2029\u206a-\u206f\ufff9-\ufffb"  # line and paragraph separators, deprecated and interlinear format characters
)
"""Characters that no name may have."""

INVISIBLE = (
    r"\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"  # spaces
    r"\u00ad\u034f\u180b-\u180f\u200b-\u200d\u2060-\u2065\ufe00-\ufe0f\ufeff"  # joiners, selectors, zero width
    r"\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # fillers
)
"""Characters that show nothing by themselves. A name may have them (emoji and Persian need joiners), beside one that shows."""

_TRIMMED = r"[ \t\r\n]*"
_VISIBLE = f"[^{CONTROL}]*[^{CONTROL}{INVISIBLE}][^{CONTROL}]*"
NAME_PATTERN = f"^{_TRIMMED}{_VISIBLE}{_TRIMMED}$"
"""A name before it is trimmed."""

OPTIONAL_NAME_PATTERN = f"^({_TRIMMED}{_VISIBLE}{_TRIMMED})?$"
"""The same, or nothing at all."""

_RARE = f"{chr(0x1BCA0)}-{chr(0x1BCA3)}{chr(0x1D173)}-{chr(0x1D17A)}{chr(0xE0000)}-{chr(0xE0FFF)}"
"""More that is invisible. Not in the pattern: without its flag for Unicode JavaScript reads such a range as two halves."""

_NAME = re.compile(f"[^{CONTROL}]*[^{CONTROL}{INVISIBLE}{_RARE}][^{CONTROL}]*")
_CONTROL = re.compile(f"[{CONTROL}]")


def trimmed(text: str) -> str:
    """Without the blanks around it."""
    return text.strip(" \t\r\n")


def is_name(text: str) -> bool:
    """Whether the trimmed text has a visible character, and no control or bidirectional one."""
    return _NAME.fullmatch(text) is not None


def has_control(text: str) -> bool:
    """Whether the text has a character that no name may have."""
    return _CONTROL.search(text) is not None
