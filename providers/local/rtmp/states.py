"""Where the server's side of a connection can stand, and the one table of what may happen there."""

from __future__ import annotations

from enum import StrEnum

from providers.local.rtmp.errors import IllegalMove


class State(StrEnum):
    """Where a connection stands."""

    HANDSHAKING = "handshaking"
    CONNECTING = "connecting"
    IDLE = "idle"
    DECIDING = "deciding"
    PUBLISHING = "publishing"
    CLOSED = "closed"


class Move(StrEnum):
    """What can happen to a connection."""

    SHAKE_HANDS = "handshake"
    CONNECT = "connect"
    CREATE_STREAM = "createStream"
    PUBLISH = "publish"
    ACCEPT = "accept"
    MEDIA = "media"
    UNPUBLISH = "unpublish"
    REFUSE = "refuse"


MOVES: dict[State, dict[Move, State]] = {
    State.HANDSHAKING: {Move.SHAKE_HANDS: State.CONNECTING},
    State.CONNECTING: {Move.CONNECT: State.IDLE},
    State.IDLE: {Move.CREATE_STREAM: State.IDLE, Move.PUBLISH: State.DECIDING},
    State.DECIDING: {Move.ACCEPT: State.PUBLISHING, Move.REFUSE: State.CLOSED},
    State.PUBLISHING: {
        Move.MEDIA: State.PUBLISHING,
        Move.CREATE_STREAM: State.PUBLISHING,
        Move.UNPUBLISH: State.IDLE,
        Move.REFUSE: State.CLOSED,
    },
    State.CLOSED: {},
}
"""The legal moves and where they lead. Everything else is an IllegalMove; every state may end in an error, which closes."""


def after(state: State, move: Move) -> State:
    """The state that `move` leads to. Errors: IllegalMove."""
    try:
        return MOVES[state][move]
    except KeyError:
        raise IllegalMove(state, move) from None
