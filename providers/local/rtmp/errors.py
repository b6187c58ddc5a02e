"""The errors of an RTMP connection.

::

    RtmpError
    ├── HandshakeFailed    the first bytes are not RTMP
    ├── ChunkMalformed     a chunk that the specification does not allow
    ├── AmfMalformed       a command or data message that is not AMF0
    ├── MessageMalformed   a protocol message with the wrong shape
    ├── LimitExceeded      a limit was exceeded (carries its name and value)
    │   └── AmfLimitExceeded   the same for a value inside a message, which can be skipped
    ├── InvalidState        a message or answer that is not allowed in this state (carries both)
    └── NotOffered         a command that this server does not support: playing (carries the command)

Of what the peer sent, texts contain only numbers and the names of known commands: a stream key cannot leak through them.
"""

from __future__ import annotations


class RtmpError(Exception):
    """The connection cannot continue."""


class HandshakeFailed(RtmpError):
    """The peer does not speak RTMP version 3."""


class ChunkMalformed(RtmpError):
    """A chunk breaks §5.3."""


class AmfMalformed(RtmpError):
    """Bytes that are not AMF0."""


class MessageMalformed(RtmpError):
    """A message breaks §5.4, §6 or §7."""


class LimitExceeded(RtmpError):
    """A limit was exceeded: `limit` names it, `value` is the most that is allowed."""

    def __init__(self, limit: str, value: int) -> None:
        super().__init__(f"{limit}: at most {value}")
        self.limit = limit
        self.value = value


class AmfLimitExceeded(LimitExceeded):
    """A command or data message is nested too deeply, or has too many values."""


class InvalidState(RtmpError):
    """`move` is not allowed in `state`."""

    def __init__(self, state: str, move: str) -> None:
        super().__init__(f"{move} is not allowed in state {state}")
        self.state = state
        self.move = move


class NotOffered(RtmpError):
    """The peer sent `command`, which this server does not support."""

    def __init__(self, command: str) -> None:
        super().__init__(f"{command} is not offered")
        self.command = command
