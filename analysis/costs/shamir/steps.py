"""What sharings, multiplications, truncations and comparisons of n servers cost, of whom t may collude.

From docs/constructions.md, "Many servers on polynomials", apart from the protocols. A size is a function
from a number of elements to the bytes of their message: of elements mod the prime, or in GF(2^w).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import comb

from analysis.costs.algebra import Cost, messages, sequence, together
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number, ceil_div, ceil_log2, packed

Size = Callable[[Number], Number]
_FEW_SETS = 35


def nothing(s: FamilySetting) -> Cost:
    """Return the cost of no message."""
    return Cost((0,) * s.parties)


def multiplies_by_king(s: FamilySetting) -> bool:
    """Whether a king opens masked products: as chosen, or where dealing again takes more elements."""
    chosen = s.choice("multiplication")
    if chosen != "auto":
        return bool(chosen == "dn")
    return (2 * s.threshold + 1) * (s.parties - s.threshold - 1) > 2 * (s.parties - 1)


def extracts(s: FamilySetting) -> bool:
    """Whether double sharings come from a hyper-invertible matrix."""
    chosen = s.choice("doubles")
    few = comb(s.parties, s.threshold) <= _FEW_SETS if chosen == "auto" else chosen == "drawn"
    return multiplies_by_king(s) and not few


def room(s: FamilySetting) -> int:
    """Signed bits that the prime hides: less one, κ, and the carries of t + 1 masks; a word's at most."""
    return min(64, int(s.choice("prime")) - 1 - int(s.choice("kappa")) - s.threshold.bit_length())


def of_numbers(s: FamilySetting) -> Size:
    """Elements mod the prime, in whole bytes."""
    each = ceil_div(s.choice("prime"), 8)
    return lambda n: each * n


def of_bits(s: FamilySetting) -> Size:
    """Elements of GF(2^w), w the least with a point for each server, or row and column of the matrix."""
    needed = 2 * s.parties - s.threshold - 1 if extracts(s) else s.parties
    return lambda n: packed(n, needed.bit_length())


def dealing(s: FamilySetting, dealers: Iterable[int], each: Number) -> Cost:
    """Each deals: t servers after it draw their shares, the others are sent them."""
    n, t = s.parties, s.threshold
    sent = [(d, (d + step) % n, each) for d in dealers for step in range(t + 1, n)]
    return messages(*sent, parties=n)


def holders(s: FamilySetting, each: Number) -> Cost:
    """T + 1 servers deal something of their own."""
    return dealing(s, range(s.threshold + 1), each)


def opening(s: FamilySetting, each: Number) -> Cost:
    """Each hears of the t servers before it."""
    n = s.parties
    sent = [(i, (i + step) % n, each) for i in range(n) for step in range(1, s.threshold + 1)]
    return messages(*sent, parties=n)


def double_sharings(s: FamilySetting, wanted: Number, size: Size) -> Cost:
    """Each deals ⌈wanted / (n − t)⌉ pairs: t servers draw the first share of a pair, 2t the second."""
    n, t = s.parties, s.threshold
    if not extracts(s):
        return nothing(s)
    each = size(ceil_div(wanted, n - t))
    sent = [
        (d, (d + step) % n, each * (1 if step <= 2 * t else 2))
        for d in range(n)
        for step in range(t + 1, n)
    ]
    return messages(*sent, parties=n)


def multiplication(s: FamilySetting, count: Number, size: Size) -> Cost:
    """Bring so many products back to degree t: 2t + 1 deal again, or all send to a king, who answers."""
    n = s.parties
    if not multiplies_by_king(s):
        return dealing(s, range(2 * s.threshold + 1), size(count))
    return sequence(
        double_sharings(s, count, size),
        messages(*((i, 0, size(count)) for i in range(1, n)), parties=n),
        messages(*((0, i, size(count)) for i in range(1, n)), parties=n),
    )


def product(s: FamilySetting, n: Number) -> Cost:
    """N products mod the prime."""
    return multiplication(s, n, of_numbers(s))


def conjunctions(s: FamilySetting, n: Number) -> Cost:
    """N products in GF(2^w)."""
    return multiplication(s, n, of_bits(s))


def addends(s: FamilySetting, n: Number) -> Cost:
    """Integers at t + 1 servers: of two their terms; else each deals a mask, and one opens the sum."""
    if s.threshold == 1:
        return nothing(s)
    size = of_numbers(s)(n)
    opened = messages(*((i, 0, size) for i in range(1, s.threshold + 1)), parties=s.parties)
    return sequence(holders(s, size), opened)


def rounding(s: FamilySetting, n: Number) -> Cost:
    """Each of t + 1 servers cuts its integer and deals it."""
    return sequence(addends(s, n), holders(s, of_numbers(s)(n)))


def exact_truncation(s: FamilySetting, n: Number, shift: int) -> Cost:
    """Price the same, and beside it the carry of the lower bits, a number of ⌈log2(t + 1)⌉ bits."""
    more = ceil_log2(s.threshold + 1)
    carried = carry(s, n, shift) if more == 1 else all_carries(s, n, shift + more)
    path = sequence(holders(s, of_bits(s)(shift * n)), carried, numbers(s, more * n))
    return sequence(addends(s, n), together(holders(s, of_numbers(s)(n)), path))


def truncation(s: FamilySetting, n: Number, shift: Number) -> Cost:
    """Price x / 2^shift, as the choice says."""
    if shift == 0:
        return nothing(s)
    return exact_truncation(s, n, shift) if s.choice("truncation") == "exact" else rounding(s, n)


def pairs_left(s: FamilySetting, n: Number, bits: int) -> Cost:
    """T + 1 numbers become two: of every three, a majority for each bit but the last."""
    left, levels = s.threshold + 1, []
    while left > 2:
        threes = left // 3
        levels.append(conjunctions(s, threes * (bits - 1) * n))
        left -= threes
    return sequence(nothing(s), *levels)


def carry(s: FamilySetting, n: Number, places: int) -> Cost:
    """Price a carry out of so many places: a product each, a tree of nodes of two, the lowest of one."""
    if places == 0:
        return nothing(s)
    levels, leaves = [conjunctions(s, places * n)], places
    while leaves > 1:
        levels.append(conjunctions(s, (2 * (leaves // 2) - 1) * n))
        leaves -= leaves // 2
    return sequence(*levels)


def sign(s: FamilySetting, n: Number, bits: int) -> Cost:
    """Bits of t + 1 integers, two numbers of them, and the carry into the last place of these."""
    dealt = holders(s, of_bits(s)(bits * n))
    return sequence(addends(s, n), dealt, pairs_left(s, n, bits), carry(s, n, bits - 1))


def all_carries(s: FamilySetting, n: Number, bits: int) -> Cost:
    """Every bit of a sum: at distance d blocks of d places, from odd multiples of d on, take a carry.

    The lowest block takes (g) alone, the others (g, p).
    """
    places = bits - 1
    levels, distance = [pairs_left(s, n, bits), conjunctions(s, places * n)], 1
    while distance < places:
        blocks = [(start, min(distance, places - start)) for start in range(distance, places, 2 * distance)]
        gates = sum(width * (1 if start == distance else 2) for start, width in blocks)
        levels.append(conjunctions(s, gates * n))
        distance *= 2
    return sequence(*levels)


def to_bits(s: FamilySetting, n: Number, bits: int) -> Cost:
    """All bits: those of t + 1 integers, added."""
    return sequence(addends(s, n), holders(s, of_bits(s)(bits * n)), all_carries(s, n, bits))


def signs(s: FamilySetting, n: Number) -> Cost:
    """(−1)^bit mod the prime: t + 1 servers deal a factor each, which are multiplied in pairs."""
    levels, left = [holders(s, of_numbers(s)(n))], s.threshold + 1
    while left > 1:
        levels.append(product(s, left // 2 * n))
        left -= left // 2
    return sequence(*levels)


numbers = signs
"""A bit as a number is linear in (−1)^bit."""


def select(s: FamilySetting, n: Number) -> Cost:
    """Price a bit times a number: (−1)^bit times the number."""
    return sequence(signs(s, n), product(s, n))
