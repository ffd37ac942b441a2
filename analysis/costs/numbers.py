"""Sizes of messages, for whole numbers and for symbols alike.

Every function takes ints and gives an int, or takes sympy expressions and gives one: a formula is
written once, evaluates on shapes without sympy, and prints with symbols.
"""

from __future__ import annotations

from functools import cache
from typing import Any

Number = Any
"""An int, or a sympy expression."""

_WORD = 64


def plain(*numbers: Number) -> bool:
    """Return whether all are ints."""
    return all(isinstance(number, int) for number in numbers)


def ceil_div(a: Number, b: Number) -> Number:
    """Return ⌈a/b⌉."""
    return -(-a // b) if plain(a, b) else _symbolic().CeilDiv(a, b)


def floor_div(a: Number, b: Number) -> Number:
    """Return ⌊a/b⌋."""
    return a // b if plain(a, b) else _symbolic().FloorDiv(a, b)


def ceil_log2(a: Number) -> Number:
    """Return ⌈log2 a⌉: the levels of a tree with a leaves. A symbolic `a` must be at least 3."""
    return (a - 1).bit_length() if plain(a) else 2 + _symbolic().Excess(a)


def bits_below(a: Number) -> Number:
    """Return ⌈log2 a⌉, the bits that hold 0 … a − 1; a symbolic `a` may be any from 1."""
    return (a - 1).bit_length() if plain(a) else _symbolic().CeilLog2(a)


def greatest(a: Number, b: Number) -> Number:
    """Return max(a, b)."""
    return max(a, b) if plain(a, b) else _symbolic().Max(a, b)


def packed(n: Number, bits: Number) -> Number:
    """Return the bytes of n numbers of `bits` bits in one message: ⌈n·bits/8⌉."""
    return ceil_div(n * bits, 8)


def planes(count: Number, n: Number) -> Number:
    """Return the bytes of `count` bit planes of n values; a plane is sent whole: ⌈n/8⌉."""
    return count * packed(n, 1)


def staircase(n: Number, a: Number) -> Number:
    """Return the bytes of n numbers of 1 bit, of 2, …, of a − 1, each width packed by itself."""
    return sum(packed(n, width) for width in range(1, a)) if plain(a) else _symbolic().Staircase(n, a)


def residues(n: Number, p: Number) -> Number:
    """Return the bytes of n residues mod p: as many to a 64-bit word as fit, the last word cut."""
    if not plain(n, p):
        return _symbolic().Residues(n, p)
    per_word = residues_per_word(p)
    words, rest = divmod(n, per_word)
    return words * _WORD // 8 + ceil_div((p**rest - 1).bit_length(), 8)


@cache
def residues_per_word(p: int) -> int:
    """Return the largest d with p^d ≤ 2^64."""
    d = 0
    while p ** (d + 1) <= 1 << _WORD:
        d += 1
    return d


def one_hot_entries(low: Number, m: Number) -> Number:
    """Return the entries of one-hot vectors of all digits of m bits of a number of `low` bits.

    A digit of w bits has 2^w − 1, the last being implied; the topmost digit is the short one.
    """
    if not plain(low, m):
        return _symbolic().Entries(low, m)
    return low // m * (2**m - 1) + 2 ** (low % m) - 1


def ones_below(a: Number) -> Number:
    """Return how many binary digits are set in 0, 1, …, a − 1 together."""
    return sum(i.bit_count() for i in range(a)) if plain(a) else _symbolic().OnesBelow(a)


def prime_from(a: Number) -> Number:
    """Return the least prime that is at least a."""
    if not plain(a):
        return _symbolic().PrimeFrom(a)
    while any(a % divisor == 0 for divisor in range(2, int(a**0.5) + 1)):
        a += 1
    return a


def third(n: Number, t: int) -> Number:
    """Return the size of third t of a vector of n: it is cut at ⌊n·t/3⌋."""
    return part(n, t, 3)


def part(n: Number, t: int, parts: int) -> Number:
    """Return the size of part t of a vector of n, of so many: it is cut at ⌊n·t/parts⌋."""
    if plain(n):
        return n * (t + 1) // parts - n * t // parts
    return (
        _symbolic().Third(n, t) if parts == 3 else floor_div(n * (t + 1), parts) - floor_div(n * t, parts)
    )


_FUNCTIONS: list[Any] = []


def offer_symbolic(functions: Any) -> None:
    """Take the functions of symbols, from the module that defines them: before it, there are none."""
    _FUNCTIONS[:] = [functions]


def _symbolic() -> Any:
    return _FUNCTIONS[0]
