"""The states of a broadcast and its legal moves, in one table.

A broadcast is one showing of a live input: from the first encoder that connects until the reconnect window has passed without one.
A state is finer than the `Phase` that players see: it also says whether an encoder sends and whether there is something to play.
"""

from __future__ import annotations

from enum import Enum, StrEnum, unique

from providers.base import Phase


@unique
class BroadcastState(Enum):
    """A state, and what players are shown in it.

    Attributes:
        phase: The phase in `InputState`.
        connected: An encoder has the key and is not frozen.
        watchable: There is something to play.
        lost: No encoder sends. One that still has the key is frozen.
    """

    phase: Phase
    connected: bool
    watchable: bool
    lost: bool

    OFFLINE = "offline", Phase.OFFLINE
    CONNECTING = "connecting", Phase.CONNECTING, "connected"
    STARTING = "starting", Phase.STARTING, "connected"
    LIVE = "live", Phase.LIVE, "connected", "watchable"
    LOST_UNSEEN = "lost_unseen", Phase.RECONNECTING, "lost"
    """The encoder is gone, and there is nothing to play."""
    LOST = "lost", Phase.RECONNECTING, "lost", "watchable"
    RETURNING = "returning", Phase.RECONNECTING, "connected", "watchable"
    """An encoder is back and has sent no media yet: the broadcast is live again when frames arrive, not when a socket opens."""
    ENDED = "ended", Phase.ENDED

    def __new__(cls, name: str, phase: Phase, *facts: str) -> BroadcastState:
        # An enumeration whose members carry facts: asking a state replaces sets of states all over the code.
        state = object.__new__(cls)
        state._value_ = name
        state.phase = phase
        state.connected, state.watchable, state.lost = (each in facts for each in ("connected", "watchable", "lost"))
        return state


class Trigger(StrEnum):
    """What moves a broadcast from state to state."""

    CONNECT = "connect"
    """An encoder was accepted, or a frozen one sends again."""
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


MOVES: dict[tuple[BroadcastState, Trigger], BroadcastState] = {
    (BroadcastState.OFFLINE, Trigger.CONNECT): BroadcastState.CONNECTING,
    (BroadcastState.CONNECTING, Trigger.MEDIA): BroadcastState.STARTING,
    # Media of before a freeze: the encoder sends again, and leaves before its next frame is packaged.
    (BroadcastState.CONNECTING, Trigger.WATCHABLE): BroadcastState.LIVE,
    (BroadcastState.CONNECTING, Trigger.LOSE): BroadcastState.LOST_UNSEEN,
    (BroadcastState.CONNECTING, Trigger.STOP): BroadcastState.ENDED,
    (BroadcastState.STARTING, Trigger.WATCHABLE): BroadcastState.LIVE,
    (BroadcastState.STARTING, Trigger.LOSE): BroadcastState.LOST_UNSEEN,
    (BroadcastState.STARTING, Trigger.STOP): BroadcastState.ENDED,
    (BroadcastState.LIVE, Trigger.LOSE): BroadcastState.LOST,
    (BroadcastState.LIVE, Trigger.STOP): BroadcastState.ENDED,
    (BroadcastState.LOST_UNSEEN, Trigger.CONNECT): BroadcastState.CONNECTING,
    # A frozen encoder's only segment is closed when its connection ends.
    (BroadcastState.LOST_UNSEEN, Trigger.WATCHABLE): BroadcastState.LOST,
    (BroadcastState.LOST_UNSEEN, Trigger.LOSE): BroadcastState.LOST_UNSEEN,
    (BroadcastState.LOST_UNSEEN, Trigger.EXPIRE): BroadcastState.ENDED,
    (BroadcastState.LOST_UNSEEN, Trigger.STOP): BroadcastState.ENDED,
    (BroadcastState.LOST, Trigger.CONNECT): BroadcastState.RETURNING,
    (BroadcastState.LOST, Trigger.LOSE): BroadcastState.LOST,
    (BroadcastState.LOST, Trigger.EXPIRE): BroadcastState.ENDED,
    (BroadcastState.LOST, Trigger.STOP): BroadcastState.ENDED,
    (BroadcastState.RETURNING, Trigger.MEDIA): BroadcastState.LIVE,
    (BroadcastState.RETURNING, Trigger.LOSE): BroadcastState.LOST,
    (BroadcastState.RETURNING, Trigger.STOP): BroadcastState.ENDED,
}


class IllegalTrigger(Exception):
    """A trigger that cannot occur in this state: a fault of ours."""


def move(state: BroadcastState, trigger: Trigger) -> BroadcastState:
    """Return the state after `trigger`. Raise IllegalTrigger if there is none."""
    try:
        return MOVES[state, trigger]
    except KeyError:
        raise IllegalTrigger(f"{trigger} while {state.value}") from None
