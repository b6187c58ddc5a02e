"""Where the server's side of a connection can stand, and the one table of what may happen there."""

from __future__ import annotations

from enum import StrEnum

from providers.local.rtmp.errors import InvalidState


class ConnectionState(StrEnum):
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


MOVES: dict[ConnectionState, dict[Move, ConnectionState]] = {
    ConnectionState.HANDSHAKING: {Move.SHAKE_HANDS: ConnectionState.CONNECTING},
    ConnectionState.CONNECTING: {Move.CONNECT: ConnectionState.IDLE},
    ConnectionState.IDLE: {Move.CREATE_STREAM: ConnectionState.IDLE, Move.PUBLISH: ConnectionState.DECIDING},
    ConnectionState.DECIDING: {Move.ACCEPT: ConnectionState.PUBLISHING, Move.REFUSE: ConnectionState.CLOSED},
    ConnectionState.PUBLISHING: {
        Move.MEDIA: ConnectionState.PUBLISHING,
        Move.CREATE_STREAM: ConnectionState.PUBLISHING,
        Move.UNPUBLISH: ConnectionState.IDLE,
        Move.REFUSE: ConnectionState.CLOSED,
    },
    ConnectionState.CLOSED: {},
}
"""The legal moves and where they lead. Everything else is an InvalidState; every state may end in an error, which closes."""


def after(state: ConnectionState, move: Move) -> ConnectionState:
    """The state that `move` leads to. Errors: InvalidState."""
    try:
        return MOVES[state][move]
    except KeyError:
        raise InvalidState(state, move) from None
