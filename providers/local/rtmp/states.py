"""The states of the server's side of a connection, and the table of its legal moves."""

from __future__ import annotations

from enum import StrEnum

from providers.local.rtmp.errors import InvalidState


class ConnectionState(StrEnum):
    """The state of a connection."""

    HANDSHAKING = "handshaking"
    CONNECTING = "connecting"
    IDLE = "idle"
    DECIDING = "deciding"
    PUBLISHING = "publishing"
    CLOSED = "closed"


class Move(StrEnum):
    """What moves a connection from state to state."""

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
"""The legal moves and the states they lead to. Any other move raises InvalidState. An error closes the session in any state."""


def after(state: ConnectionState, move: Move) -> ConnectionState:
    """Return the state that `move` leads to. Raises InvalidState."""
    try:
        return MOVES[state][move]
    except KeyError:
        raise InvalidState(state, move) from None
