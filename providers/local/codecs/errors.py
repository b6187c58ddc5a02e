"""Errors in the media that an encoder sends.

Errors::

    MediaError
    ├── UnsupportedCodec   not H.264 or AAC; `description` is shown to the streamer
    └── MalformedMedia     invalid bytes; only the tag that contains them is lost
"""

from __future__ import annotations


class MediaError(Exception):
    """This media cannot be packaged."""


class UnsupportedCodec(MediaError):
    """The encoder sends a codec that players cannot play.

    The stream cannot continue. `description` tells the streamer which setting to change.
    """

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


class MalformedMedia(MediaError):
    """A tag, or a header in it, violates its format. The tag was ignored; the next one may be fed."""
