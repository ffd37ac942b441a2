"""What it costs to prove the claims of a batch, from their sizes: docs/malicious.md, "What a proof sends".

A server proves bits over GF(2^d) and words over GR(2^64, d) side by side. Relations with equally many
terms are laid out in 16 parts, of 2^20 products of words and more in 32; the vectors that are left, of
ring elements, shrink step by step until 16 are left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import gcd

from analysis.costs.algebra import Claim, Cost, messages, sequence, together
from analysis.costs.algebra import reshare as to_the_one_before
from analysis.costs.replicated3_malicious.steps import DIGEST, verdict

_PARTS, _FEW, _WORD, _SEED = 16, 16, 64, 32
_WORDS, _MANY_WORDS, _BITS = (4, 8, 16), (4, 8, 8, 16), (16,)
"""Parts of the steps after the first; the last again and again."""


def degree(security: int, many: bool = False) -> int:
    """Return d: a multiple of 5, of 7 for 32 parts, by a coprime degree, nine bits above s."""
    points = 7 if many else 5
    other = next(one for one in range(1, 100) if points * one >= security + 9 and gcd(one, points) == 1)
    return points * other


def many_words(claims: Iterable[Claim], bits: bool) -> bool:
    """Return whether relations lie in 32 parts, for there are so many products."""
    return not bits and sum(one.terms * one.count for one in claims if one.kind != "map") >= 1 << 20


def elements(claims: Iterable[Claim], bits: bool) -> list[int]:
    """Return how many ring elements the prover sends in each step; none where nothing is to prove."""
    claims = list(claims)
    many = many_words(claims, bits)
    first = 32 if many else _PARTS
    counts: Counter[int] = Counter()
    length = 0
    for claim in claims:
        if claim.kind == "map":
            length += claim.count
        elif claim.kind == "lanes":
            length += -(-claim.count // _WORD)
        else:
            counts[claim.terms] += claim.count
    held = 8 * first if bits else first  # bytes of planes make words of 64 bits
    columns = {terms: -(-count // held) for terms, count in counts.items()}
    found = [first - 1] if sum(columns.values()) else []
    length += sum(terms * n for terms, n in columns.items())
    if length == 0:
        return []
    packed, parts = bits, list(_BITS if bits else _MANY_WORDS if many else _WORDS)
    while True:
        if packed and length <= _FEW:
            packed, length = False, _WORD * length
        if not packed and length <= _FEW:
            return [*found, 2 * length - 1]
        now = parts.pop(0) if len(parts) > 1 else parts[0]
        found.append(2 * now - 2)
        length = -(-length // now)


def proof(claims: Iterable[Claim], prover: int, security: int) -> Cost | None:
    """Return what one server's proof costs all three; None where it has nothing to prove.

    Verifiers open the weights' seed in halves; then messages and links of the coin's chain alternate.
    """
    own = [claim for claim in claims if claim.prover == prover]
    sides = []
    for bits in (True, False):
        some = [one for one in own if (one.kind in ("bits", "lanes")) == bits]
        d, sent = degree(security, many_words(some, bits)), elements(some, bits)
        if sent:
            sides.append([-(-d * n // 8) if bits else 8 * d * n for n in sent])
            sides[-1].append(2 * (-(-d // 8) if bits else 8 * d))
    if not sides:
        return None
    left, right = (prover + 2) % 3, (prover + 1) % 3
    words = sum(side.pop() for side in sides)
    steps = max(map(len, sides))
    start = messages((left, prover, 3 * _SEED), (right, prover, 2 * _SEED), (left, right, words))
    chain = [start]
    for step in range(steps):
        size = sum(side[step] for side in sides if step < len(side))
        chain.append(messages((prover, right, size)))
        if step < steps - 1:
            chain.append(messages((right, prover, _SEED)))
    return sequence(*chain)


def verification(claims: Iterable[Claim], security: int, shows: bool = True) -> Cost:
    """Return what it costs to have a batch verified, beside what clients shared, and to hear of it."""
    noted = list(claims)
    proofs = [proof(noted, prover, security) for prover in range(3)]
    checks = together(to_the_one_before(DIGEST), *(one for one in proofs if one is not None))
    return sequence(checks, verdict(shows))
