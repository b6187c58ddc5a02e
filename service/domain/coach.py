"""The encoder coach: from facts about what comes in to sentences a streamer understands, and where in OBS to mend it.

Pure, and never raises, whatever the facts are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from providers.health import InputHealth


class Severity(StrEnum):
    """How much it hurts viewers: not yet, some of them or sometimes, all of them."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the stream that could be better. `code` is for programs, `message` and `advice` for the streamer."""

    code: str
    severity: Severity
    message: str
    advice: str


def findings(health: InputHealth) -> list[Finding]:
    """What is to be said about this stream, the worst first."""
    return []
