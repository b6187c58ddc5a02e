"""Reading and writing single bits, as the headers of H.264 and AAC need."""

from __future__ import annotations

from providers.local.codecs.errors import MalformedMedia

MAX_GOLOMB_ZEROS = 32
"""H.264 9.1: no Exp-Golomb code in a parameter set has more leading zeros."""


class BitReader:
    """Reads bits, most significant first. Reading past the end raises MalformedMedia."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    @property
    def left(self) -> int:
        """Bits not read yet."""
        return self._left

    def read(self, count: int) -> int:
        """The next `count` bits as an unsigned number."""
        if count > self._left:
            raise MalformedMedia("a codec header ends too early")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def flag(self) -> bool:
        """The next bit."""
        return self.read(1) == 1

    def unsigned(self) -> int:
        """ue(v): an Exp-Golomb code (H.264 9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > MAX_GOLOMB_ZEROS:
                raise MalformedMedia("a codec header holds a number that is too large")
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        """se(v): a signed Exp-Golomb code (H.264 9.1.1)."""
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def pack_bits(*fields: tuple[int, int]) -> bytes:
    """(value, width in bits) one after the other, padded with zeros to whole bytes."""
    value = width = 0
    for number, bits in fields:
        value = value << bits | number
        width += bits
    padding = -width % 8
    return (value << padding).to_bytes((width + padding) // 8, "big")
