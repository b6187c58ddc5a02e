"""Bytes that have come in and are not parsed yet."""

from __future__ import annotations

from collections.abc import Generator


class ReceiveBuffer:
    """Feed bytes in pieces of any size; take them out in the sizes the specification names.

    Parsers are generators: `exactly` yields (nothing) whenever more bytes are needed, and whoever drives the parser feeds and
    resumes it. Small things are read with `exactly`; payloads with `move`, which copies each byte once however it arrives.
    """

    __slots__ = ("_data", "_position")

    def __init__(self) -> None:
        self._data = b""
        self._position = 0

    def __len__(self) -> int:
        return len(self._data) - self._position

    def feed(self, data: bytes) -> None:
        """Append `data`. Nearly always all that came before has been taken, and nothing is copied."""
        self._data = self._data[self._position :] + data if self._position < len(self._data) else data
        self._position = 0

    def clear(self) -> None:
        """Forget everything."""
        self._data, self._position = b"", 0

    def exactly(self, size: int) -> Generator[None, None, bytes]:
        """Take `size` bytes, waiting for them."""
        while len(self._data) - self._position < size:
            yield
        return self.take(size)

    def take(self, size: int) -> bytes:
        """Take `size` bytes that are known to be here."""
        start = self._position
        self._position = end = start + size
        return self._data[start:end]

    def peek(self, size: int) -> Generator[None, None, bytes]:
        """Look at the next `size` bytes, waiting for them."""
        while len(self._data) - self._position < size:
            yield
        return self._data[self._position : self._position + size]

    def move(self, target: bytearray, limit: int) -> int:
        """Append what is here, at most `limit` bytes, to `target`; return how many that were."""
        size = min(limit, len(self))
        target += memoryview(self._data)[self._position : self._position + size]
        self._position += size
        return size
