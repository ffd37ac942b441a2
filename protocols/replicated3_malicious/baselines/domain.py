"""Integers mod 2^w on which a check runs: the words of the values where w ≤ 64, else pairs of words.

A share mod 2^l is one mod 2^w, w ≥ l, of a number with the same lowest l bits: its components are taken
for integers. So nothing is sent to get there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from types import ModuleType
from typing import Any

import numpy as np

from protocols.correlated import prf
from protocols.domains import LIMBS, Words
from protocols.family import bilinear
from protocols.replicated3.sharings import Share
from protocols.replicated3_malicious.constructions import Product
from protocols.replicated3_malicious.sharings import Checked, Shape

WIDEST = 128
"""Bits of the largest ring."""


@dataclass(frozen=True)
class Domain:
    """The ring mod 2^bits: array operations by the names that `bilinear` knows, and what travels."""

    bits: int
    kernels: ModuleType

    @property
    def wide(self) -> bool:
        """Whether a number is a pair of words."""
        return self.bits > 64

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a number."""
        return LIMBS if self.wide else Checked.word(self.bits)

    # Arrays

    def _by(self, name: str, *given: Any) -> Words:
        found: Words = getattr(self.kernels, f"wide_{name}" if self.wide else name)(*given)
        return found

    def add(self, a: Words, b: Words) -> Words:
        """Return a + b, with broadcasting."""
        return self._by("add", a, b)

    def sub(self, a: Words, b: Words) -> Words:
        """Return a − b, with broadcasting."""
        return self._by("sub", a, b)

    def neg(self, a: Words) -> Words:
        """Return −a."""
        return self._by("neg", a)

    def mul(self, a: Words, b: Words) -> Words:
        """Return a · b, with broadcasting."""
        return self._by("mul", a, b)

    def sum(self, a: Words, axis: int) -> Words:
        """Return sums over an axis."""
        return self._by("sum", a, axis)

    def matmul(self, a: Words, b: Words) -> Words:
        """Return a product of matrices."""
        return self._by("matmul", a, b)

    def conv2d(self, *given: Any) -> Words:
        """Return a convolution."""
        return self._by("conv2d", *given)

    def zeros(self, shape: Sequence[int]) -> Words:
        """Return zeros."""
        found: Words = self.kernels.zeros(tuple(shape), self.dtype)
        return found

    def of(self, words: Words) -> Words:
        """Return words, of a ring that is not larger, as numbers of this one."""
        if words.dtype == self.dtype:
            return words
        found: Words = self.kernels.wide_of(words) if self.wide else self.kernels.astype(words, self.dtype)
        return found

    def lowest(self, a: Words, bits: int) -> Words:
        """Return numbers mod 2^bits, bits ≤ 64, as words."""
        k, dtype = self.kernels, Checked.word(bits)
        words = k.wide_words(a, dtype) if self.wide else k.astype(a, dtype)
        return k.low_bits(words, bits)  # type: ignore[no-any-return]

    def joined(self, parts: Sequence[Words]) -> Words:
        """Return all numbers of some arrays in a row."""
        found: Words = self.kernels.concatenate([part.reshape(-1) for part in parts])
        return found

    def joined_shares(self, shares: Sequence[Share]) -> Share:
        """Return all numbers of some shares in a row."""
        return Share(self.joined([one.a for one in shares]), self.joined([one.b for one in shares]))

    # Messages and coins

    def size(self, count: int) -> int:
        """Return how many bytes so many numbers take on their way."""
        if not self.wide:
            return -(-count * self.bits // 8)
        return 8 * count - (-count * (self.bits - 64) // 8)

    def pack(self, a: Words) -> Words:
        """Return what travels."""
        found: Words = (
            self.kernels.wide_pack(a, self.bits) if self.wide else self.kernels.pack(a, self.bits)
        )
        return found

    def unpack(self, packed: Words, shape: Shape) -> Words:
        """Return what was packed."""
        k = self.kernels
        found: Words = (
            k.wide_unpack(packed, self.bits, shape)
            if self.wide
            else k.unpack(packed, self.bits, shape, self.dtype)
        )
        return found

    def drawn(self, seed: bytes, label: str, shape: Shape) -> Words:
        """Return coins that all who know a seed know."""
        address = prf.nonce(0, label, 0)
        found: Words = self.kernels.expand_words(seed[: prf.KEY_BYTES], address, shape, self.dtype)
        return found

    # Shares

    def share_of(self, x: Share) -> Share:
        """Return a share of a ring that is not larger as one of this ring."""
        return Share(self.of(x.a), self.of(x.b))

    def random(self, server: Checked, purpose: str, shape: Shape) -> Share:
        """Return a share of random numbers that nobody knows; no message."""
        parts = [server.random((server.role + j) % 3, purpose, shape, self.dtype) for j in (0, 1)]
        return Share(*parts)

    def crossed(self, product: Callable[[Words, Words], Words], x: Share, y: Share) -> Words:
        """Return x_i y_i + x_i y_{i+1} + x_{i+1} y_i: this server's summand of a product of shares."""
        return self.add(product(x.a, self.add(y.a, y.b)), product(x.b, y.a))

    def map(self, one: Product, x: Words, y: Words) -> Words:
        """Return a bilinear map of arrays."""
        return bilinear(self, one.kind, x, y, one.stride, one.padding)

    def total(self, parts: Sequence[Words], shape: Shape) -> Words:
        """Return a sum of arrays, in a shape that they broadcast to."""
        return reduce(self.add, parts, self.zeros(shape))
