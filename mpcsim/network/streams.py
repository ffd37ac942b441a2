"""Seeded streams of the network: one for each directed link, the same on every machine.

NumPy's distributions may change from one version to the next, and `math.log` from one C library to
the next. A stream here is integers alone: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), logarithms
by a series in fixed point.
"""

from __future__ import annotations

import secrets
from hashlib import blake2b
from math import isqrt

ONE = 2**64  # fixed point: what stands for 1
_MASK = ONE - 1
_LN_2 = 0xB17217F7D1CF79AC  # ln 2 in fixed point


class Stream:
    """Numbers for one purpose, drawn from a seed and a name; without a seed, from the system.

    Args:
        seed: the run's seed, or None.
        name: what the stream is for, as in "network/0/1".
    """

    __slots__ = ("_state",)

    def __init__(self, seed: int | None, name: str) -> None:
        if seed is None:
            self._state = secrets.randbits(64)
            return
        material = f"{seed}/{name}".encode()
        hashed = blake2b(material, digest_size=8, person=b"mpcsim stream").digest()
        self._state = int.from_bytes(hashed, "big")

    def draw(self) -> int:
        """Return a whole number from 0 to 2^64 − 1."""
        self._state = state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return state ^ (state >> 31)

    def below(self, bound: int) -> int:
        """Return a whole number from 0 to `bound` − 1; the bias is at most bound/2^64."""
        return self.draw() * bound >> 64

    def exponential(self) -> int:
        """Return −ln U in fixed point: an exponential of mean 1."""
        return minus_log(self.draw() + 1)

    def normal(self) -> int:
        """Return a standard normal in fixed point, by Marsaglia's polar method."""
        while True:
            x, y = self.draw() - 2**63, self.draw() - 2**63
            square = (x * x + y * y) >> 62
            if 0 < square < ONE:
                root = isqrt((2 * minus_log(square) << 128) // square)
                return x * root >> 63


def minus_log(number: int) -> int:
    """Return −ln(number / 2^64) in fixed point, for a whole number from 1 to 2^64.

    With number = m · 2^k and 1 ≤ m < 2 it is (64 − k) · ln 2 − ln m, where ln m = 2 artanh z for
    z = (m − 1)/(m + 1) < 1/3, as a series that ends when its terms are zero. The error is some units of
    the last of 64 places.
    """
    whole = number.bit_length() - 1
    power = 1 << whole
    z = ((number - power) << 64) // (number + power)
    square = z * z >> 64
    total, term, divisor = 0, z, 1
    while term:
        total += term // divisor
        term = term * square >> 64
        divisor += 2
    return max((64 - whole) * _LN_2 - 2 * total, 0)
