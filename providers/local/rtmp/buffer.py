"""Bytes that have come in and are not parsed yet."""

from __future__ import annotations

from collections.abc import Generator


class ReceiveBuffer:
    """Feed bytes in pieces of any size; take them out in the sizes the specification names.

    Parsers are generators: `exactly` yields (nothing) whenever more bytes are needed, and whoever drives the parser feeds and
    resumes it. Small things are read with `exactly`; payloads with `move`, which copies each byte once however it arrives.
    `data` from `position` on is what is here, for a parser that looks at all of it in one go.
    """

    __slots__ = ("data", "position")

    def __init__(self) -> None:
        self.data = b""
        self.position = 0

    def __len__(self) -> int:
        return len(self.data) - self.position

    def feed(self, data: bytes) -> None:
        """Append `data`. Nearly always all that came before has been taken, and nothing is copied."""
        self.data = self.data[self.position :] + data if self.position < len(self.data) else data
        self.position = 0

    def clear(self) -> None:
        """Forget everything."""
        self.data, self.position = b"", 0

    def exactly(self, size: int) -> Generator[None, None, bytes]:
        """Take `size` bytes, waiting for them."""
        while len(self.data) - self.position < size:
            yield
        return self.take(size)

    def take(self, size: int) -> bytes:
        """Take `size` bytes that are known to be here."""
        start = self.position
        self.position = end = start + size
        return self.data[start:end]

    def peek(self, size: int) -> Generator[None, None, bytes]:
        """Look at the next `size` bytes, waiting for them."""
        while len(self.data) - self.position < size:
            yield
        return self.data[self.position : self.position + size]

    def move(self, target: bytearray, limit: int) -> int:
        """Append what is here, at most `limit` bytes, to `target`; return how many that were."""
        size = min(limit, len(self))
        target += memoryview(self.data)[self.position : self.position + size]
        self.position += size
        return size

    def drop(self, limit: int) -> int:
        """Drop what is here, at most `limit` bytes; return how many that were."""
        size = min(limit, len(self))
        self.position += size
        return size
