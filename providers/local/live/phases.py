"""The states of a broadcast and its legal moves, in one table.

A broadcast is one showing of a live input: from the first encoder that connects until the reconnect window has passed without one.
"""

from __future__ import annotations

from enum import StrEnum

from providers.base import Phase


class Happening(StrEnum):
    """What moves a broadcast from phase to phase."""

    CONNECT = "connect"
    """An encoder was let in, and nothing has been shown yet."""
    RETURN = "return"
    """An encoder was let in, and there is something to play from before."""
    MEDIA = "media"
    """The first keyframe (or, without video, the first audio) of this encoder arrived."""
    WATCHABLE = "watchable"
    """A player can play: the first segment of every track is listed."""
    LOSE = "lose"
    """The encoder is gone or frozen."""
    EXPIRE = "expire"
    """The reconnect window has passed."""
    STOP = "stop"
    """The owner ended it: the input was disabled or deleted."""


MOVES: dict[tuple[Phase, Happening], Phase] = {
    (Phase.OFFLINE, Happening.CONNECT): Phase.CONNECTING,
    (Phase.CONNECTING, Happening.MEDIA): Phase.STARTING,
    (Phase.CONNECTING, Happening.LOSE): Phase.RECONNECTING,
    (Phase.CONNECTING, Happening.STOP): Phase.ENDED,
    (Phase.STARTING, Happening.WATCHABLE): Phase.LIVE,
    (Phase.STARTING, Happening.LOSE): Phase.RECONNECTING,
    (Phase.STARTING, Happening.STOP): Phase.ENDED,
    (Phase.LIVE, Happening.LOSE): Phase.RECONNECTING,
    (Phase.LIVE, Happening.STOP): Phase.ENDED,
    (Phase.RECONNECTING, Happening.CONNECT): Phase.CONNECTING,
    # Still reconnecting, now with an encoder: it is live again when pictures are, not when a socket is.
    (Phase.RECONNECTING, Happening.RETURN): Phase.RECONNECTING,
    (Phase.RECONNECTING, Happening.MEDIA): Phase.LIVE,
    (Phase.RECONNECTING, Happening.LOSE): Phase.RECONNECTING,
    (Phase.RECONNECTING, Happening.EXPIRE): Phase.ENDED,
    (Phase.RECONNECTING, Happening.STOP): Phase.ENDED,
}


class IllegalMove(Exception):
    """A happening that cannot happen in this phase: a fault of ours."""


def move(phase: Phase, happening: Happening) -> Phase:
    """The phase after `happening`. Raises IllegalMove."""
    try:
        return MOVES[phase, happening]
    except KeyError:
        raise IllegalMove(f"{happening} while {phase}") from None
