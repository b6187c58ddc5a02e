"""The states of a broadcast and its legal moves, in one table.

A broadcast is one showing of a live input: from the first encoder that connects until the reconnect window has passed without one.
"""

from __future__ import annotations

from enum import StrEnum

from providers.base import Phase


class Trigger(StrEnum):
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


MOVES: dict[tuple[Phase, Trigger], Phase] = {
    (Phase.OFFLINE, Trigger.CONNECT): Phase.CONNECTING,
    (Phase.CONNECTING, Trigger.MEDIA): Phase.STARTING,
    (Phase.CONNECTING, Trigger.LOSE): Phase.RECONNECTING,
    (Phase.CONNECTING, Trigger.STOP): Phase.ENDED,
    (Phase.STARTING, Trigger.WATCHABLE): Phase.LIVE,
    (Phase.STARTING, Trigger.LOSE): Phase.RECONNECTING,
    (Phase.STARTING, Trigger.STOP): Phase.ENDED,
    (Phase.LIVE, Trigger.LOSE): Phase.RECONNECTING,
    (Phase.LIVE, Trigger.STOP): Phase.ENDED,
    (Phase.RECONNECTING, Trigger.CONNECT): Phase.CONNECTING,
    # Still reconnecting, now with an encoder: it is live again when pictures are, not when a socket is.
    (Phase.RECONNECTING, Trigger.RETURN): Phase.RECONNECTING,
    (Phase.RECONNECTING, Trigger.MEDIA): Phase.LIVE,
    (Phase.RECONNECTING, Trigger.LOSE): Phase.RECONNECTING,
    (Phase.RECONNECTING, Trigger.EXPIRE): Phase.ENDED,
    (Phase.RECONNECTING, Trigger.STOP): Phase.ENDED,
}


class IllegalMove(Exception):
    """A happening that cannot happen in this phase: a fault of ours."""


def move(phase: Phase, happening: Trigger) -> Phase:
    """The phase after `happening`. Raises IllegalMove."""
    try:
        return MOVES[phase, happening]
    except KeyError:
        raise IllegalMove(f"{happening} while {phase}") from None
