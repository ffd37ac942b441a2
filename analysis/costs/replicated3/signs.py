"""Signs: what it costs to learn, in shares, whether a number mod 2^k is negative.

Every function is for one third with n numbers and returns costs by role: role 0 knows one half v of
each number, roles 1 and 2 both know the other half w, and the sign is the top bit of v + w.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from analysis.costs.algebra import LOCAL, Cost, exchange, messages, reshares, sequence
from analysis.costs.numbers import Number, ceil_div, one_hot_entries, packed, planes, prime_from, residues
from analysis.costs.replicated3.boolean import carry_tree, deal_bits, generate_and_propagate, prefix_carries
from analysis.costs.replicated3.setting import Setting, chosen


def sign(setting: Setting, n: Number, k: Number) -> Cost:
    """Sign of n numbers mod 2^k by the setting's comparison; k = 1 is its own sign."""
    return LOCAL if k == 1 else chosen(SIGNS, setting.comparison, "comparison")(setting, n, k)


def wide_sign(setting: Setting, n: Number, k: Number) -> Cost:
    """Sign of n numbers of more than 64 bits: by tables where the comparison is of masked digits."""
    if setting.comparison == "masked":
        setting = replace(setting, comparison="table", radix=setting.digit)
    return sign(setting, n, k)


def table(setting: Setting, n: Number, k: Number) -> Cost:
    """One-hot tables of role 0's digits, then a carry tree over the digits.

    Generate and propagate of a digit are linear in its table, so roles 1 and 2 read them off their
    parts and exchange them re-masked: one plane each, and no propagate for the lowest digit. They
    know two parts of the table by PRF, so they do not wait for the third.

    Source: constructions.md#table-comparison.
    """
    low, m = k - 1, setting.radix
    digits, dealt = ceil_div(low, m), planes(one_hot_entries(low, m), n)
    read = planes(2 * digits - 1, n)
    dealing = messages((0, 1, dealt), (0, 2, dealt), (1, 2, read), (2, 1, read))
    return sequence(dealing, carry_tree(n, digits))


def masked(setting: Setting, n: Number, k: Number) -> Cost:
    """Masked digit comparison: role 0 looks for a zero among shuffled, scaled differences mod p.

    Role 0 deals its digits' one-hot vectors mod p, by PRF to role 1; roles 1 and 2 send back one
    masked residue a digit. The answer is hidden by a random flip, which is their half.

    Source: constructions.md#masked-comparison; the idea is Damgård, Geisler, Krøigaard 2007, with
    SecureNN's third party (Wagh et al. 2019).
    """
    low, m = k - 1, setting.radix
    digits = ceil_div(low, m)
    p = prime_from(3 if digits == 1 else digits + 1)
    dealt = residues(one_hot_entries(low, m) * n, p)
    answer = residues(digits * n, p)
    return sequence(messages((0, 2, dealt)), messages((1, 0, answer), (2, 0, answer)))


def ripple(setting: Setting, n: Number, k: Number) -> Cost:
    """l-bit full adder: c' = c ⊕ (v ⊕ c)(w ⊕ c), an AND for each bit, one after the other.

    The last carry is only wanted as halves: roles 1 and 2 alone exchange it.

    Source: POMIC section 5.2 ("an l-bit full adder"); products: Araki et al. 2016.
    """
    low = k - 1
    carries = reshares(planes(low - 1, n), low - 1)
    return sequence(deal_bits(n, low), carries, exchange(packed(n, 1)))


def tree(setting: Setting, n: Number, k: Number) -> Cost:
    """Carry tree over single bits. Source: ABY3 §5.3 (Mohassel, Rindal 2018)."""
    return sequence(generate_and_propagate(n, k - 1), carry_tree(n, k - 1))


def prefix(setting: Setting, n: Number, k: Number) -> Cost:
    """Parallel prefix: every carry, the last one wanted. Source: Sklansky 1960."""
    return sequence(generate_and_propagate(n, k - 1), prefix_carries(n, k - 1))


def below(setting: Setting, n: Number, k: Number, limits: int) -> Cost:
    """Compare n numbers of k bits with public limits: of the table comparison the tables serve all.

    Whatever is read and combined starts a byte for each limit. Source: constructions.md#pieces.
    """
    if setting.comparison != "table" or k == 1:
        return sign(setting, limits * n, k)
    low, m = k - 1, setting.radix
    digits, dealt = ceil_div(low, m), planes(one_hot_entries(low, m), n)
    many = limits * 8 * packed(n, 1)
    read = planes(2 * digits - 1, many)
    dealing = messages((0, 1, dealt), (0, 2, dealt), (1, 2, read), (2, 1, read))
    return sequence(dealing, carry_tree(many, digits))


SIGNS: dict[str, Callable[[Setting, Number, Number], Cost]] = {
    "table": table,
    "masked": masked,
    "ripple": ripple,
    "tree": tree,
    "prefix": prefix,
}
