"""The ring of integers mod 2^l, and real numbers in it as two's complement fixed point."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim import EncodingError, InputError

Words = NDArray[Any]
"""Elements of a ring: uint32 for rings of at most 32 bits, else uint64; bits above the ring's are void."""


def word_type(bits: int) -> np.dtype[Any]:
    """Return the smallest word that holds `bits` bits, of the two that the kernels know."""
    return np.dtype(np.uint32 if bits <= 32 else np.uint64)


@dataclass(frozen=True)
class Ring:
    """Integers mod 2^bits that stand for fixed-point numbers.

    Args:
        bits: l, from 2 to 64.
        fraction_bits: f; a real x is kept as round(x · 2^f).
        value_bits: signed bits of every value, scaled: |x| < 2^(value_bits − 1 − f).

    Raises:
        InputError: sizes that do not fit together; the rule is named.
    """

    bits: int = 64
    fraction_bits: int = 16
    value_bits: int = 31

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 64:
            raise InputError(f"ring.bits = {self.bits}: accepted are 2 to 64")
        if not 0 <= self.fraction_bits < self.value_bits:
            raise InputError(
                f"ring.fraction_bits = {self.fraction_bits}: accepted are 0 to value_bits − 1 = "
                f"{self.value_bits - 1}"
            )
        if self.value_bits + self.fraction_bits > self.bits - 1:
            raise InputError(
                f"ring: value_bits + fraction_bits = {self.value_bits} + {self.fraction_bits} must "
                f"be at most bits − 1 = {self.bits - 1}, so that a product fits before it is "
                "truncated"
            )

    @property
    def dtype(self) -> np.dtype[Any]:
        """Word type of the elements."""
        return word_type(self.bits)

    @property
    def bound(self) -> float:
        """Least magnitude that is out of range."""
        return float(2.0 ** (self.value_bits - 1 - self.fraction_bits))

    def widened(self, bits: int) -> Ring:
        """Return the ring of the same fixed point with so many bits."""
        return replace(self, bits=bits)

    def encode(self, values: Any, what: str = "value") -> Words:
        """Return round(x · 2^f) as elements, halves to even, for real values of any shape.

        Raises:
            EncodingError: not finite, or outside the range; names the first offending position.
        """
        array = np.asarray(values, dtype=np.float64)
        scaled = np.rint(array * 2.0**self.fraction_bits)
        self._check(array, np.isfinite(array), what, "is not finite")
        limit = 2.0 ** (self.value_bits - 1)
        fits = (scaled >= -limit) & (scaled < limit)
        self._check(array, fits, what, f"is outside ±{self.bound:g} (value_bits = {self.value_bits})")
        return self.encode_integers(scaled)

    def encode_integers(self, values: Any) -> Words:
        """Return integers mod 2^l, unscaled."""
        return np.asarray(values).astype(np.int64).astype(self.dtype)

    def decode(self, words: Words) -> NDArray[np.float64]:
        """Return the real numbers that ring elements stand for."""
        return self.signed(words) / 2.0**self.fraction_bits

    def signed(self, words: Words) -> NDArray[np.int64]:
        """Return the integers in [−2^(l−1), 2^(l−1)) that ring elements stand for."""
        shift = np.uint64(64 - self.bits)
        top = (words.astype(np.uint64) << shift).view(np.int64)
        return top >> np.int64(64 - self.bits)

    @staticmethod
    def _check(array: NDArray[np.float64], good: NDArray[np.bool_], what: str, why: str) -> None:
        if not good.all():
            place = tuple(int(i) for i in np.argwhere(~good)[0])
            at = f"[{', '.join(map(str, place))}]" if place else ""
            raise EncodingError(f"{what}{at} = {float(array[place])!r} {why}")
