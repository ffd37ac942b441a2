"""Finite fields: mod a Mersenne prime, where fixed-point numbers live, and GF(2^w), where bits live.

Their numbers are Python's here: points, coefficients of polynomials. Arrays of them are the kernels'.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError
from protocols.domains.ring import Ring, Words

LIMBS = np.dtype([("low", "<u8"), ("high", "<u8")])
"""An element of 127 bits."""
_MODULI = {1: 3, 2: 7, 3: 11, 4: 19, 5: 37, 6: 67, 7: 131, 8: 283}
"""Irreducible polynomials over GF(2), by their degrees."""


class Field(Hashable, Protocol):
    """What interpolation asks of a field, of its numbers as integers; hashable."""

    def difference(self, a: int, b: int) -> int:
        """Return a − b."""

    def times(self, a: int, b: int) -> int:
        """Return a · b."""

    def inverse(self, a: int) -> int:
        """Return 1 / a."""


def as_elements(signed: NDArray[np.int64], dtype: np.dtype[Any]) -> Words:
    """Return signed integers of less than 61 bits, or of 64 where elements have two limbs, as elements."""
    negative = signed < 0
    out = np.empty(signed.shape, dtype)
    if dtype == LIMBS:  # 2^127 − 1 + s: the words of s less one, without the top bit
        out["low"] = signed.view(np.uint64) - negative
        out["high"] = np.where(negative, np.uint64(2**63 - 1), np.uint64(0))
    else:
        out[...] = np.where(negative, signed + np.int64(2**61 - 1), signed).view(np.uint64)
    return out


@dataclass(frozen=True)
class PrimeField(Ring):
    """Integers mod 2^prime_bits − 1 that stand for fixed-point numbers; `bits` is what is left to these.

    Args:
        bits: signed bits of what can be cut or compared, 64 at most.
        prime_bits: 61 or 127.
        kappa: statistical security, which `bits` leaves room for.
    """

    prime_bits: int = 127
    kappa: int = 40

    def __post_init__(self) -> None:
        """Take any sizes: what does not fit is refused where it is computed (`hold`)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return LIMBS if self.prime_bits > 64 else np.dtype(np.uint64)

    @property
    def prime(self) -> int:
        """The prime."""
        return (1 << self.prime_bits) - 1

    def hold(self, bits: int, what: str) -> None:
        """Refuse numbers of more signed bits than the field hides.

        Raises:
            InputError: it does not; the rule is named.
        """
        if bits > self.bits:
            raise InputError(
                f"protocol.prime = {self.prime_bits}, protocol.kappa = {self.kappa}: {what} of {bits} bits "
                "must leave the prime kappa bits and the carries of all masks: accepted are "
                f"{self.bits} bits; a larger prime, fewer value_bits or fraction_bits, or a smaller kappa"
            )

    def encode_integers(self, values: Any) -> Words:
        """Return integers mod p, unscaled: of any size, where they are Python's."""
        array = np.asarray(values)
        if array.dtype != object:
            return as_elements(array.astype(np.int64), self.dtype)
        whole = [int(value) % self.prime for value in array.reshape(-1)]
        if self.dtype != LIMBS:
            return np.array(whole, np.uint64).reshape(array.shape)
        return np.array([(one & (2**64 - 1), one >> 64) for one in whole], LIMBS).reshape(array.shape)

    def difference(self, a: int, b: int) -> int:
        """Return a − b."""
        return (a - b) % self.prime

    def times(self, a: int, b: int) -> int:
        """Return a · b."""
        return a * b % self.prime

    def inverse(self, a: int) -> int:
        """Return 1 / a."""
        return pow(a, -1, self.prime)


@dataclass(frozen=True)
class BinaryField:
    """GF(2^bits), up to 2^8: an element is an integer whose bits are a polynomial's coefficients."""

    bits: int

    @classmethod
    def of(cls, elements: int) -> BinaryField:
        """Return the least with so many elements besides zero."""
        return cls(elements.bit_length())

    def difference(self, a: int, b: int) -> int:
        """Return a − b."""
        return a ^ b

    def times(self, a: int, b: int) -> int:
        """Return a · b."""
        found = 0
        for place in range(self.bits):
            if b >> place & 1:
                found ^= a
            a <<= 1
            if a >> self.bits:
                a ^= _MODULI[self.bits]
        return found

    def inverse(self, a: int) -> int:
        """Return 1 / a."""
        found = 1
        for _ in range(self.bits - 1):  # a^(2^w − 2), the product of all a^(2^j) but the first
            a = self.times(a, a)
            found = self.times(found, a)
        return found
