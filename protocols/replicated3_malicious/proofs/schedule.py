"""How a statement shrinks: from the sizes of the claims alone, so that all three servers know it alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from protocols.replicated3_malicious.sharings import Bilinear, Claim, Moved, Rows

FIRST = 16
"""Parts of the first step, where words of the ring become elements."""
LATER = (4, 8, 16)
"""Parts of the steps after it, mod 2^64, whose elements are d words; the last again and again."""
MANY, WIDE = 1 << 20, 32
"""Of so many products of words the first step has more parts: half as many elements are left."""
LATER_WIDE = (4, 8, 8, 16)
"""Parts of the steps after such a one: altogether as many steps, and elements sent."""
LATER_BITS = (16,)
"""The same over GF(2), where an element is d bits."""
LAST = 16
"""A vector of so many elements, or fewer, takes the last step."""
LANES, SPREAD = 64, 16
"""Bits of a word; so few words of lanes are spread out, an element a word."""


@dataclass(frozen=True)
class Step:
    """One message of the prover: parts, and whether the vector is spread out before it."""

    parts: int
    kind: str
    spread: bool = False

    @property
    def elements(self) -> int:
        """Elements of the message."""
        return {"first": self.parts - 1, "later": 2 * self.parts - 2, "last": 2 * self.parts - 1}[self.kind]


def first_parts(claims: Sequence[Claim], bits: bool) -> int:
    """Return how many parts relations lie in."""
    products = sum(claim.terms * claim.count for claim in claims if isinstance(claim, Rows))
    return WIDE if products >= MANY and not bits else FIRST


def steps(claims: Sequence[Claim], bits: bool) -> list[Step]:
    """Return the steps of a proof; none where there is nothing to prove."""
    counts: dict[int, int] = defaultdict(int)
    length = 0
    for claim in claims:
        if isinstance(claim, Rows):
            counts[claim.terms] += claim.count
        elif isinstance(claim, Bilinear):
            length += sum(2 * term.inner for term in claim.terms) if all(claim.shape) else 0
        elif isinstance(claim, Moved):
            length += claim.length
    lanes, parts = bits, first_parts(claims, bits)
    columns = {terms: -(-count // ((8 if bits else 1) * parts)) for terms, count in counts.items()}
    found = [Step(parts, "first")] if any(columns.values()) else []
    length += sum(terms * n for terms, n in columns.items())
    if length == 0:
        return []
    later = iter(LATER_BITS if bits else LATER_WIDE if parts == WIDE else LATER)
    while True:
        spread = lanes and length <= SPREAD
        if spread:
            length, lanes = LANES * length, False
        if not lanes and length <= LAST:
            return [*found, Step(length, "last", spread)]
        parts = next(later, parts)
        found.append(Step(parts, "later", spread))
        length = -(-length // parts)
