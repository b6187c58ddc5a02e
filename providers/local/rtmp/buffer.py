"""Received bytes that are not parsed yet."""

from __future__ import annotations

from collections.abc import Generator


class ReceiveBuffer:
    """A buffer that is fed in pieces of any size and read in the sizes of the specification.

    Parsers are generators: `exactly` yields (nothing) whenever more bytes are needed, and the caller feeds the buffer and
    resumes the parser. Headers are read with `exactly`; payloads with `move`, which copies each byte once however it arrives.
    `data` from `position` on is what is available, for a parser that reads all of it at once.
    """

    __slots__ = ("data", "position")

    def __init__(self) -> None:
        self.data = b""
        self.position = 0

    def __len__(self) -> int:
        return len(self.data) - self.position

    def feed(self, data: bytes) -> None:
        """Append `data`. Nearly always all earlier bytes have been read, and nothing is copied."""
        # bytes, not bytearray: slices of it are payloads, and go on without another copy.
        self.data = self.data[self.position :] + data if self.position < len(self.data) else data
        self.position = 0

    def clear(self) -> None:
        """Drop everything."""
        self.data, self.position = b"", 0

    def exactly(self, size: int) -> Generator[None, None, bytes]:
        """Read `size` bytes, waiting for them."""
        while len(self.data) - self.position < size:
            yield
        return self.read(size)

    def read(self, size: int) -> bytes:
        """Read `size` bytes that are known to be available."""
        start = self.position
        self.position = end = start + size
        return self.data[start:end]

    def peek(self, size: int) -> Generator[None, None, bytes]:
        """Return the next `size` bytes without consuming them, waiting for them."""
        while len(self.data) - self.position < size:
            yield
        return self.data[self.position : self.position + size]

    def move(self, target: bytearray, limit: int) -> int:
        """Move the available bytes, at most `limit`, to the end of `target`; return their number."""
        size = min(limit, len(self))
        # A view: a slice of bytes would be one more copy of each video frame.
        target += memoryview(self.data)[self.position : self.position + size]
        self.position += size
        return size

    def drop(self, limit: int) -> int:
        """Drop the available bytes, at most `limit`; return their number."""
        size = min(limit, len(self))
        self.position += size
        return size
