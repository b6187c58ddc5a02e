"""Reads and writes bit fields in headers of H.264 and AAC."""

from __future__ import annotations

from providers.local.codecs.errors import MalformedMedia

MAX_GOLOMB_ZEROS = 32
"""The most leading zeros of an Exp-Golomb code in a parameter set (H.264 9.1)."""


class BitReader:
    """Reads bits, most significant first. Raises MalformedMedia at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    @property
    def left(self) -> int:
        """Number of bits not read yet."""
        return self._left

    def read(self, count: int) -> int:
        """Return the next `count` bits as an unsigned number."""
        if count > self._left:
            raise MalformedMedia("a codec header ends too early")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def flag(self) -> bool:
        """Return the next bit."""
        return self.read(1) == 1

    def unsigned(self) -> int:
        """Return ue(v), an Exp-Golomb code (H.264 9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > MAX_GOLOMB_ZEROS:
                raise MalformedMedia("a codec header holds a number that is too large")
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        """Return se(v), a signed Exp-Golomb code (H.264 9.1.1)."""
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def pack_bits(*fields: tuple[int, int]) -> bytes:
    """Concatenate fields of (value, width in bits); pad with zeros to whole bytes."""
    value = width = 0
    for number, bits in fields:
        value = value << bits | number
        width += bits
    padding = -width % 8
    return (value << padding).to_bytes((width + padding) // 8, "big")
