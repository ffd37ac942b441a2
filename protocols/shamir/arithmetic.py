"""Arrays over a field, by the kernels: numbers mod a Mersenne prime, and bits in GF(2^w)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from protocols.domains import BinaryField, Field, PrimeField, Words
from protocols.family import Padding, Shape, size_of

Matrix = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Arithmetic(ABC):
    """What a sharing asks of arrays over a field.

    Attributes:
        kernels: the array operations.
    """

    kernels: ModuleType

    @property
    @abstractmethod
    def field(self) -> Field:
        """The field."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """Type of an element."""

    @abstractmethod
    def add(self, x: Words, y: Words) -> Words:
        """Return x + y."""

    @abstractmethod
    def sub(self, x: Words, y: Words) -> Words:
        """Return x − y."""

    @abstractmethod
    def mul(self, x: Words, y: Words) -> Words:
        """Return x · y."""

    @abstractmethod
    def linear(self, matrix: Matrix, rows: Sequence[Words]) -> Words:
        """Return a public matrix times rows of n elements."""

    @abstractmethod
    def uniform(self, words: Words) -> Words:
        """Return uniform elements of uniform words of their type."""

    @abstractmethod
    def packed(self, x: Words) -> Words:
        """Return elements as they travel."""

    @abstractmethod
    def unpacked(self, message: Words, n: int) -> Words:
        """Return n elements that travelled."""

    def combined(self, row: Sequence[int], rows: Sequence[Words]) -> Words:
        """Return the sum of rows times public numbers."""
        return self.linear([row], rows)[0]  # type: ignore[no-any-return]

    def zeros(self, n: int) -> Words:
        """Return n zeros."""
        words: Words = self.kernels.zeros((n,), self.dtype)
        return words


@dataclass(frozen=True)
class Numbers(Arithmetic):
    """Mod a prime, by the names that functions and layers know; an element travels as 8 or 16 bytes."""

    prime: PrimeField

    @property
    def field(self) -> PrimeField:
        """The prime's."""
        return self.prime

    @property
    def dtype(self) -> np.dtype[Any]:
        """One limb or two."""
        return self.prime.dtype

    def __getattr__(self, name: str) -> Any:
        """Return what is the same for any array: shaping."""
        if name in ("concatenate", "stack", "pad", "take"):
            return getattr(self.kernels, name)
        raise AttributeError(f"{name} of elements of a field")

    def add(self, x: Words, y: Words) -> Words:
        """Return x + y, with broadcasting."""
        return self.kernels.mersenne_add(x, y)  # type: ignore[no-any-return]

    def sub(self, x: Words, y: Words) -> Words:
        """Return x − y, with broadcasting."""
        return self.kernels.mersenne_sub(x, y)  # type: ignore[no-any-return]

    def neg(self, x: Words) -> Words:
        """Return −x."""
        return self.kernels.mersenne_neg(x)  # type: ignore[no-any-return]

    def mul(self, x: Words, y: Words) -> Words:
        """Return x · y, with broadcasting."""
        return self.kernels.mersenne_mul(x, y)  # type: ignore[no-any-return]

    def sum(self, x: Words, axis: int) -> Words:
        """Return the sum over an axis."""
        return self.kernels.mersenne_sum(x, axis)  # type: ignore[no-any-return]

    def matmul(self, x: Words, y: Words) -> Words:
        """Return x (…, m, k) times y (k, n)."""
        return self.kernels.mersenne_matmul(x, y)  # type: ignore[no-any-return]

    def conv2d(self, x: Words, w: Words, stride: tuple[int, int], padding: Padding) -> Words:
        """Return the convolution of x (NHWC) with w (kh, kw, Cin, Cout)."""
        return self.kernels.mersenne_conv2d(x, w, stride, padding)  # type: ignore[no-any-return]

    def zeros(self, shape: int | Shape, dtype: Any = None) -> Words:
        """Return zeros."""
        words: Words = self.kernels.zeros((shape,) if isinstance(shape, int) else shape, self.dtype)
        return words

    def full(self, shape: Shape, value: int, dtype: Any = None) -> Words:
        """Return one number everywhere."""
        return self.add(self.zeros(shape), self.prime.encode_integers(np.asarray(value, object)))

    def positions(self, shape: Shape, dtype: Any = None) -> Words:
        """Return each element's index along the first axis."""
        words = self.kernels.positions(shape, np.dtype(np.uint64))
        return self.kernels.mersenne_integers(words, self.dtype)  # type: ignore[no-any-return]

    def linear(self, matrix: Matrix, rows: Sequence[Words]) -> Words:
        """Return a public matrix times rows of n elements."""
        coefficients = self.prime.encode_integers(np.array(matrix, object))
        return self.matmul(coefficients, self.kernels.stack(list(rows), 0))

    def uniform(self, words: Words) -> Words:
        """Return uniform elements: zero has one chance in 2^bits more."""
        return self.kernels.mersenne_low(words, self.prime.prime_bits)  # type: ignore[no-any-return]

    def packed(self, x: Words) -> Words:
        """Return limbs."""
        return self.kernels.mersenne_limbs(x)  # type: ignore[no-any-return]

    def unpacked(self, message: Words, n: int) -> Words:
        """Return the elements of limbs."""
        return self.kernels.mersenne_of_limbs(message, (n,), self.dtype)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Binary(Arithmetic):
    """In GF(2^w): addition is ⊕, and an element travels as w bits."""

    binary: BinaryField

    @property
    def field(self) -> BinaryField:
        """The field."""
        return self.binary

    @property
    def dtype(self) -> np.dtype[Any]:
        """Binary."""
        return np.dtype(np.uint8)

    def add(self, x: Words, y: Words) -> Words:
        """Return x ⊕ y."""
        return self.kernels.xor(x, y)  # type: ignore[no-any-return]

    def sub(self, x: Words, y: Words) -> Words:
        """Return x ⊕ y."""
        return self.kernels.xor(x, y)  # type: ignore[no-any-return]

    def mul(self, x: Words, y: Words) -> Words:
        """Return the product."""
        return self.kernels.binary_mul(x, y, self.binary.bits)  # type: ignore[no-any-return]

    def linear(self, matrix: Matrix, rows: Sequence[Words]) -> Words:
        """Return a public matrix times rows of n elements."""
        stacked = self.kernels.stack(list(rows), 0)
        return self.kernels.binary_matmul(np.array(matrix, np.uint8), stacked, self.binary.bits)  # type: ignore[no-any-return]

    def uniform(self, words: Words) -> Words:
        """Return the lower bits."""
        return self.kernels.low_bits(words, self.binary.bits)  # type: ignore[no-any-return]

    def packed(self, x: Words) -> Words:
        """Return ⌈n w / 8⌉ bytes."""
        return self.kernels.pack(x, self.binary.bits)  # type: ignore[no-any-return]

    def unpacked(self, message: Words, n: int) -> Words:
        """Return n elements."""
        return self.kernels.unpack(message, self.binary.bits, (n,), self.dtype)  # type: ignore[no-any-return]


def flat(x: Words) -> Words:
    """Return the elements in one row."""
    return x.reshape(size_of(x.shape))
