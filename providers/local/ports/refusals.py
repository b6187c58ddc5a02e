"""Why an encoder is refused or disconnected: one code and one sentence for each reason.

The codes are the product's own. An ingest translates them into what its protocol can carry; RTMP's are in
`providers/local/ingest/status_codes.py`.
"""

from __future__ import annotations

from enum import Enum, unique

from providers.health import RefusalKind


@unique
class Refusal(Enum):
    """A reason, with the sentence for the streamer. A sentence never holds a stream key."""

    UNKNOWN_KEY = "This stream key is unknown. Copy the channel's stream key again, without spaces around it."
    MISSING_KEY = "The stream key is missing. Copy the channel's stream key into the encoder's field for it."
    UNKNOWN_APP = "The server URL must end in /live."
    KEY_CHANGED = "The stream key of this channel has changed. Copy the new one."
    KEY_IN_USE = "Another encoder is streaming to this key right now. Stop it first, or use another channel's key."
    KEY_CHECK_TIMEOUT = "The stream key could not be checked in time. Try again."
    KEY_CHECK_FAILED = "The stream key could not be checked. Try again."
    INPUT_DISABLED = "This live input is disabled. Ask the channel's owner to enable it."
    INPUT_DELETED = "This live input was deleted."
    TAKEN_OVER = "This encoder sent nothing for 5 seconds, and another encoder has taken over the stream."
    RECONNECT_TIMEOUT = "No media arrived within the reconnect timeout. Start streaming again."
    SERVER_FULL = "The server has reached its limit of streams. Try again later."
    ADDRESS_FULL = "The server has reached its limit of streams from this address. Stop one of them first."
    MOVED = "Another node of this service has taken over the stream. Reconnect in a few seconds."
    NODE_CUT_OFF = "This node has lost the connection to its database. Reconnect in a few seconds."
    SERVER_STOPPING = "The server is stopping. Reconnect in a few seconds."
    NO_TRANSCODE_SLOT = "The server cannot transcode more streams. Try again when another one has ended."
    DISK_NEARLY_FULL = "The disk of this server is nearly full. Ask its operator to free space."
    """No broadcast can begin; running ones continue."""
    DISK_FULL = "The disk of this server is full, and the stream was stopped. Ask its operator to free space."
    STORAGE_FAILED = "The server cannot store the stream: its disk is full or failing. Ask its operator to check it."
    BROADCAST_FAILED = "The server could not continue this stream. Start again; the cause is in the server's log."
    MEDIA_FAILED = "The server could not process this stream. The cause is in the server's log."
    UNSUPPORTED_CODEC = "The server does not support this codec."
    BITRATE_TOO_HIGH = "The bitrate of the stream is too high. Lower it in the encoder."

    @property
    def code(self) -> str:
        """The machine-readable code, such as "unknown_key"."""
        return self.name.lower()

    @property
    def sentence(self) -> str:
        """What is wrong and what to do."""
        return self.value


MEDIA_REFUSALS = {
    RefusalKind.CODEC: Refusal.UNSUPPORTED_CODEC,
    RefusalKind.BITRATE: Refusal.BITRATE_TOO_HIGH,
}
"""The refusals for what an encoder sends. They recur until its settings are changed."""


class PublishRefused(Exception):
    """The encoder may not publish, or may not continue.

    `sentence` is the refusal's own, or a more precise one. The streamer reads it in the encoder's log.
    """

    def __init__(self, refusal: Refusal, sentence: str | None = None) -> None:
        self.refusal = refusal
        self.sentence = refusal.sentence if sentence is None else sentence
        super().__init__(self.sentence)


class MediaRefused(PublishRefused):
    """The encoder sends media that this server does not accept, and will send it again until its settings are changed."""

    def __init__(self, kind: RefusalKind, sentence: str) -> None:
        super().__init__(MEDIA_REFUSALS[kind], sentence)
        self.kind = kind
