"""What can be wrong with an RTMP connection.

::

    RtmpError
    ├── HandshakeFailed    the first bytes are not RTMP
    ├── ChunkMalformed     a chunk that the specification does not allow
    ├── AmfMalformed       a command or data message that is not AMF0
    ├── MessageMalformed   a protocol message with the wrong shape
    ├── LimitExceeded      more than we are ready to hold (carries the limit's name and value)
    │   └── AmfLimitExceeded   the same of a value inside a message, which can be skipped
    ├── InvalidState        a message that has no place in this state (carries both)
    └── NotOffered         something a server may offer and this one does not: playing (carries the command)

Texts never hold what the peer sent beyond numbers and names of commands we know: a stream key cannot leak through them.
"""

from __future__ import annotations


class RtmpError(Exception):
    """The connection cannot go on."""


class HandshakeFailed(RtmpError):
    """The peer does not speak RTMP version 3."""


class ChunkMalformed(RtmpError):
    """A chunk breaks §5.3."""


class AmfMalformed(RtmpError):
    """Bytes that are not AMF0."""


class MessageMalformed(RtmpError):
    """A message breaks §5.4, §6 or §7."""


class LimitExceeded(RtmpError):
    """`limit` names what was passed, `value` is the most that is allowed."""

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
    """The peer asked for `command`, which this server does not do."""

    def __init__(self, command: str) -> None:
        super().__init__(f"{command} is not offered")
        self.command = command
