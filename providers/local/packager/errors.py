"""What can be wrong with the media an encoder sends.

Errors::

    MediaError
    ├── UnsupportedCodec   not H.264 or AAC; `description` is a sentence for the streamer
    └── MalformedMedia     bytes that make no sense; only the tag that holds them is lost
"""

from __future__ import annotations


class MediaError(Exception):
    """This media cannot be packaged."""


class UnsupportedCodec(MediaError):
    """The encoder sends something players cannot play. The stream cannot go on; `description` says what to set."""

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


class MalformedMedia(MediaError):
    """A tag, or a header inside it, is not what its format says. The tag was ignored and the next one may be fed."""
