"""Numbers of any width in bits, as decoders' configurations are made of them."""

from __future__ import annotations


class Bits:
    """Reads bits from the first on. Raises ValueError where there are no more of them."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        """The next bits as an unsigned number."""
        self._left -= count
        if self._left < 0:
            raise ValueError("a decoder's configuration ends too early")
        return (self._number >> self._left) & ((1 << count) - 1)

    def golomb(self) -> int:
        """The next unsigned Exp-Golomb number (H.264, 9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("a decoder's configuration holds no number")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed_golomb(self) -> int:
        """The next signed one (9.1.1)."""
        number = self.golomb()
        return (number + 1) // 2 if number & 1 else -(number // 2)
