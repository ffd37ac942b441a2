"""What products cost whose check is not a proof: cut and choose, sacrifice, MACs.

From the descriptions in docs/malicious.md, apart from the protocols. A number mod 2^w above 64 bits is a
word of 64 and a rest of w − 64, packed apart.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from math import comb

from analysis.costs.algebra import LOCAL, Cost, messages, sequence, together
from analysis.costs.algebra import reshare as to_the_one_before
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number, greatest, packed, plain
from analysis.costs.replicated3_malicious.steps import DIGEST, verdict

_SEED = 32
_MOST = 1 << 62
"""Triples that are opened: never so many."""


@dataclass(frozen=True)
class Products:
    """Bilinear maps: of a size, how many results, how many numbers in each factor, products a result."""

    results: Callable[[Number], Number]
    factors: Callable[[Number], tuple[Number, Number]]
    terms: int = 1

    def smaller(self, n: Number) -> Number:
        """Return how many numbers the smaller factor has."""
        one, other = self.factors(n)
        return -greatest(-one, -other)


def way(setting: FamilySetting) -> str:
    """Return how products are checked."""
    found: str = dict(setting.choices).get("verification", "proof")
    return found


def product(setting: FamilySetting, shape: Products, n: Number) -> Cost:
    """Price products of factors that no product gave, before they are checked."""
    results, smaller = shape.results(n), shape.smaller(n)
    chosen = way(setting)
    if chosen == "cut":
        return to_the_one_before(packed(results, setting.l))
    if chosen == "sacrifice":
        return to_the_one_before(_wide(setting, 2 * results))
    return sequence(
        to_the_one_before(_wide(setting, results + smaller)), to_the_one_before(_wide(setting, results))
    )


def verification(setting: FamilySetting, shape: Products | None, n: int) -> Cost:
    """Price the check, beside it the comparison of what a client shared, and the verdicts."""
    check = LOCAL if shape is None else _CHECKS[way(setting)](setting, shape, n)
    return sequence(together(to_the_one_before(DIGEST), check), verdict(shows=True))


def _wide(setting: FamilySetting, count: Number) -> Number:
    """Return the bytes of numbers mod 2^(l+s)."""
    bits = setting.l + setting.choice("security")
    if plain(bits) and bits <= 64:
        return packed(count, bits)
    return packed(count, 64) + packed(count, bits - 64)


def _to_both(after: Number, before: Number) -> Cost:
    """Price a message of every server to the one after it, and one to the one before."""
    sent = [(i, (i + 1) % 3, after) for i in range(3)] + [(i, (i + 2) % 3, before) for i in range(3)]
    return messages(*sent)


def _opened(size: Number) -> Cost:
    return _to_both(size, DIGEST)


_COIN, _ZERO = _opened(_SEED), _to_both(DIGEST, DIGEST)


def _mac(setting: FamilySetting, shape: Products, n: int) -> Cost:
    """Price two combinations of tags and of values, the key, and whether the rest is zero."""
    sums = to_the_one_before(_wide(setting, 4))
    return sequence(together(sums, _opened(_wide(setting, 1))), _ZERO)


def _sacrifice(setting: FamilySetting, shape: Products, n: int) -> Cost:
    """Price a coin, the masked smaller factors, and whether the rest is zero."""
    return sequence(_COIN, _opened(_wide(setting, shape.smaller(n))), _ZERO)


def _cut(setting: FamilySetting, shape: Products, n: int) -> Cost:
    """Price triples, a coin, both masked factors of each, and whether the rest is zero."""
    count = triples(shape.results(n), setting.choice("security"))
    made = to_the_one_before(packed(count, setting.l))
    return sequence(made, _COIN, _opened(packed(2 * shape.terms * count, setting.l)), _ZERO)


_CHECKS: dict[str, Callable[[FamilySetting, Products, int], Cost]] = {
    "cut": _cut,
    "sacrifice": _sacrifice,
    "mac": _mac,
}


def triples(products: int, security: int) -> int:
    """Return the fewest triples N = B·M + C of which there are 2^s sets of B, and of C."""
    return min(size * products + _opened_of(size, products, security) for size in range(1, security + 2))


def _opened_of(size: int, products: int, security: int) -> int:
    """Return the least C of a given B."""

    def enough(opened: int) -> bool:
        total = size * products + opened
        chosen = (size,) if opened >= size else (size, opened)
        return all(comb(total, one) >= 2**security for one in chosen)

    return 1 + bisect_left(range(1, _MOST), True, key=enough)
