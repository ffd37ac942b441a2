"""What the steps of three servers cost of whom one may lie, and what each leaves to prove.

Every function is for one third with n numbers and returns costs by role: role 0 knows v = x_0 + x_1 of each
number, roles 1 and 2 know w = x_2. From docs/malicious.md, apart from the protocols.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analysis.costs.algebra import LOCAL, Claim, Cost, exchange, messages, sequence
from analysis.costs.algebra import reshare as to_the_one_before
from analysis.costs.numbers import Number, packed, planes

DIGEST, VERDICT, TOKEN, KEY = 32, 1, 32, 16
"""Bytes."""


def claiming(cost: Cost, *claims: Claim) -> Cost:
    """Return a cost that leaves so much to prove."""
    return replace(cost, claims=cost.claims + claims)


def everybody(kind: str, count: Number, terms: Number) -> tuple[Claim, ...]:
    """Return a claim of each server."""
    return tuple(Claim(prover, kind, count, terms) for prover in range(3))


def dealt(size: Number, *claims: Claim) -> Cost:
    """Role 0 sends role 2 what a key of roles 0 and 1 hides."""
    return claiming(messages((0, 2, size)), *claims)


def crossed(n: Number, bits: Number, terms: Number) -> Cost:
    """Roles 1 and 2 exchange masked sums of what is dealt times what both know, mod 2^bits."""
    return claiming(exchange(packed(n, bits)), Claim(1, "words", n, terms), Claim(2, "words", n, terms))


def crossed_bits(n: Number, count: Number) -> Cost:
    """Price the same for planes of bits."""
    size = planes(count, n)
    return claiming(exchange(size), Claim(1, "bits", size, 1), Claim(2, "bits", size, 1))


def ands(n: Number, count: Number) -> Cost:
    """Price a layer of ANDs: each server sends its summands to the one before, and proves them."""
    size = planes(count, n)
    return claiming(to_the_one_before(size), *everybody("bits", size, 2))


def last_and(n: Number) -> Cost:
    """One AND of which role 0 deals its summand: it waits for nobody."""
    size = planes(1, n)
    return claiming(messages((0, 2, size), (1, 2, size), (2, 1, size)), *everybody("bits", size, 2))


def bits_of_v(n: Number, bits: int) -> Cost:
    """All bits of v but the lowest; each is two ANDs of what roles 1 and 2 know."""
    size = planes(bits - 1, n)
    return dealt(size, Claim(0, "bits", size, 2))


def generated(n: Number, bits: int) -> Cost:
    """Price v ∧ w of the lower bits − 1, once v is dealt."""
    return sequence(bits_of_v(n, bits), crossed_bits(n, bits - 1))


def sign(n: Number, bits: int) -> Cost:
    """Price the top bit of v + w mod 2^bits: neighbours join until two are left, then the last AND."""
    if bits == 1:
        return LOCAL
    steps, digits = [generated(n, bits)], bits - 1
    while digits > 2:
        pairs = digits // 2
        steps.append(ands(n, 2 * pairs - 1))
        digits -= pairs
    return sequence(*steps, *([last_and(n)] if digits == 2 else []))


def zero(n: Number, bits: int) -> Cost:
    """Price whether v + w = 0 mod 2^bits: the bits of v, and a tree that joins pairs of as many planes."""
    if bits == 1:
        return LOCAL
    steps, digits = [bits_of_v(n, bits)], bits
    while digits > 1:
        steps.append(ands(n, digits // 2))
        digits -= digits // 2
    return sequence(*steps)


def all_bits(n: Number, bits: int) -> Cost:
    """Price all bits of v + w, by Sklansky's network over the lower bits − 1."""
    steps, digits, step = [generated(n, bits)], bits - 1, 1
    while step < digits:
        upper = [j for j in range(digits) if j & step]
        steps.append(ands(n, len(upper) + sum(j >= 2 * step for j in upper)))
        step *= 2
    return sequence(*steps)


def select(n: Number, bits: Number) -> Cost:
    """Price a bit times a number mod 2^bits: β and βv are dealt, v − 2βv and β are crossed."""
    deal = dealt(2 * packed(n, bits), Claim(0, "words", n, 1), Claim(0, "words", n, 2))
    return sequence(deal, crossed(n, bits, 2))


def number(n: Number, bits: Number) -> Cost:
    """Price a bit as a number mod 2^bits: β is dealt, and crossed with c."""
    return sequence(dealt(packed(n, bits), Claim(0, "words", n, 1)), crossed(n, bits, 1))


def numbers_of_bits(n: Number, bits: int, count: int | None = None) -> Cost:
    """Numbers from bits, all or so many: β_j is dealt mod 2^(l − j), a number's products are one sum."""
    planes = bits if count is None else count
    sizes = sum(packed(n, bits - j) for j in range(planes))
    return sequence(dealt(sizes, *[Claim(0, "words", n, 1)] * planes), crossed(n, bits, planes))


def wraps(n: Number, bits: int, width: Number) -> Cost:
    """How often three components wrap mod 2^bits, mod 2^width.

    Carries at the ends of digits of two bits and out of the top are dealt, and C and msb(v) as numbers; the
    latter is crossed with 1 − msb(w). A digit of two bits is six products, of one two.
    """
    low = bits - 1
    pairs, odd = divmod(low, 2)
    plane = planes(1, n)
    claims = [Claim(0, "bits", plane, 6)] * pairs + [Claim(0, "bits", plane, 2)] * (odd + 1)
    size = planes(pairs + odd + 1, n) + 2 * packed(n, width)
    deal = dealt(size, *claims, *[Claim(0, "words", n, 1)] * 2)
    return sequence(deal, crossed(n, width, 1))


def product(n: Number, bits: Number, terms: Number = 2) -> Cost:
    """Price n sums of products, terms / 2 in each."""
    return claiming(to_the_one_before(packed(n, bits)), *everybody("words", n, terms))


def mapped(n: Number, bits: Number, lengths: Sequence[Number]) -> Cost:
    """Price a layer of n outputs; a random combination of them is as long as its maps' inner sides."""
    claims = [one for length in lengths for one in everybody("map", length, 1)]
    return claiming(to_the_one_before(packed(n, bits)), *claims)


def opened(n: Number, bits: Number) -> Cost:
    """Price component i to the server after, and the digest of the other to the one before."""
    size = packed(n, bits)
    sent = [(i, (i + 1) % 3, size) for i in range(3)] + [(i, (i + 2) % 3, DIGEST) for i in range(3)]
    return messages(*sent)


def joining() -> Cost:
    """Each server sends one a key, and both others the image of its first token."""
    return messages(*((i, (i + step) % 3, TOKEN + KEY * (step == 2)) for i in range(3) for step in (1, 2)))


def verdict(shows: bool) -> Cost:
    """Return what it costs to hear that all is well, or before something is shown to know that all know.

    The latter is an image, a token, and what came of another's token, each to both others.
    """
    return sequence(*([to_both(TOKEN)] * 3)) if shows else to_both(VERDICT)


def to_both(size: int) -> Cost:
    """Return a message of each server to both others."""
    return messages(*((i, j, size) for i in range(3) for j in range(3) if i != j))
