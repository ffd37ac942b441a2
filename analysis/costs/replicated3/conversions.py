"""Conversions: arithmetic to Boolean and back, bits times numbers, equality, exact truncation.

Functions with `setting, n` and no other argument are whole operations, by server; the others are
steps of one third, by role.
"""

from __future__ import annotations

from analysis.costs.algebra import LOCAL, Cost, exchange, messages, rotated, sequence, together
from analysis.costs.numbers import Number, ceil_div, one_hot_entries, packed, planes, staircase
from analysis.costs.replicated3 import halves, truncations
from analysis.costs.replicated3.boolean import all_of, deal_bits, generate_and_propagate, prefix_carries
from analysis.costs.replicated3.setting import Setting
from analysis.costs.replicated3.signs import sign


def sum_bits(n: Number, k: Number) -> Cost:
    """Boolean shares of the k bits of v + w: a full adder whose last bit needs no carry out.

    Source: A2B of ABY3 §5.3 (Mohassel, Rindal 2018), the carries by Sklansky 1960.
    """
    carries = LOCAL if k == 1 else prefix_carries(n, k - 1)
    added = deal_bits(n, 1) if k == 1 else generate_and_propagate(n, k)
    return sequence(added, carries)


def to_bits(setting: Setting, n: Number) -> Cost:
    """A2B of all l bits: 2 + ⌈log2(l − 1)⌉ rounds."""
    return rotated(lambda size: sum_bits(size, setting.l), n, setting.rotate)


def from_bits(setting: Setting, n: Number) -> Cost:
    """B2A of l bits: 2 rounds, l(l − 1)/2 + 3l bits a value.

    With x = β ⊕ c bit by bit, x = β + c − 2 Σ 2^j β_j c_j, and the sum is linear in what role 0 knows.
    It deals β_j for all j < l − 1, as a number mod 2^(l−1−j) (the top bit's product leaves the ring), by
    PRF to role 1; roles 1 and 2 add where their own bit is set and reshare one ring element.

    Source: constructions.md#conversions.
    """

    def step(size: Number) -> Cost:
        dealt = messages((0, 2, staircase(size, setting.l)))
        return sequence(dealt, exchange(packed(size, setting.l)), halves.to_share(setting, size))

    return rotated(step, n, setting.rotate)


def inject(setting: Setting, n: Number) -> Cost:
    """Boolean bit × arithmetic value: the select on halves mod 2^l, then halves → share.

    Source: constructions.md#selection; the operation is bit injection, ABY3 §5.4.
    """

    def step(size: Number) -> Cost:
        return sequence(halves.select(setting, size, setting.l), halves.to_share(setting, size))

    return rotated(step, n, setting.rotate)


def equal(setting: Setting, n: Number) -> Cost:
    """Equality x = y, as an arithmetic 0 or 1: x − y ≡ 0 mod 2^V.

    v + w ≡ 0 where v + (w − 1) is all ones: where every digit propagates. Role 0 deals one-hot tables of
    its ⌈V/d⌉ digits, roles 1 and 2 read off and exchange a propagate plane of each; then a tree of ANDs
    and bit → share. Source: the tables of `signs.table`, first principles.
    """

    def step(size: Number) -> Cost:
        return sequence(zero(setting, size, setting.V), halves.bit_to_share(setting, size))

    return rotated(step, n, setting.rotate)


def zero(setting: Setting, n: Number, k: Number) -> Cost:
    """Whether halves mod 2^k of n numbers add up to 0, as a bit: tables of digits, a tree of ANDs."""
    digits = ceil_div(k, setting.digit)
    dealt, read = planes(one_hot_entries(k, setting.digit), n), planes(digits, n)
    dealing = messages((0, 1, dealt), (0, 2, dealt), (1, 2, read), (2, 1, read))
    return sequence(dealing, all_of(n, digits))


def truncate_exactly(setting: Setting, n: Number) -> Cost:
    """⌊x/2^f⌋: the shifted halves, and beside them the carry out of their lower f bits.

    The carry is the sign of f + 1 bits, as an arithmetic bit. Source: Catrina, Saxena 2010, §3.
    """

    def step(size: Number) -> Cost:
        carry = sequence(sign(setting, size, setting.f + 1), halves.bit_to_share(setting, size))
        shifted = truncations.of_halves(size, setting.f)
        return sequence(together(shifted, carry), halves.to_share(setting, size))

    return rotated(step, n, setting.rotate)
