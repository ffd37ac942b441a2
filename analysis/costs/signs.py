"""Signs: what it costs to learn, in shares, whether a number mod 2^k is negative.

Every function is for one third with n numbers and returns costs by role: role 0 knows one half v of
each number, roles 1 and 2 both know the other half w, and the sign is the top bit of v + w.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.costs.algebra import LOCAL, Cost, exchange, messages, reshares, sequence
from analysis.costs.numbers import Number, ceil_div, ceil_log2, packed, planes, prime_from, residues
from analysis.costs.setting import Setting


def sign(setting: Setting, n: Number, k: Number) -> Cost:
    """Sign of n numbers mod 2^k by the setting's comparison; k = 1 is its own sign."""
    return LOCAL if k == 1 else SIGNS[setting.comparison](setting, n, k)


def table(setting: Setting, n: Number, k: Number) -> Cost:
    """One-hot tables of role 0's digits, then a carry tree over the digits.

    Generate and propagate of a digit are linear in its table, so roles 1 and 2 read them off their
    parts and exchange them re-masked: one plane each, and no propagate for the lowest digit. They
    know two parts of the table by PRF, so they do not wait for the third. The tree combines
    neighbours (generate: one AND, propagate: one, the lowest pair has none) until two digits are
    left; their carry is one AND of which role 0 has its half at once.

    Source: protocol-notes.md, "sign bit, table, radix m"; tree: Sklansky 1960 as in ABY3 §5.3.
    """
    low, m = k - 1, setting.radix
    digits, dealt = ceil_div(low, m), planes(one_hot_entries(low, m), n)
    read = planes(2 * digits - 1, n)
    dealing = messages((0, 1, dealt), (0, 2, dealt), (1, 2, read), (2, 1, read))
    if digits == 1:
        return dealing
    if digits == 2:
        return sequence(dealing, exchange(packed(n, 1)))
    layers = ceil_log2(digits) - 1
    tree = reshares(planes(carry_tree_ands(digits), n), layers)
    return sequence(dealing, tree, exchange(packed(n, 1)))


def one_hot_entries(low: Number, m: Number) -> Number:
    """Return the planes of all digits' tables: 2^width − 1 for each, the last entry being implied."""
    return low // m * (2**m - 1) + 2 ** (low % m) - 1


def carry_tree_ands(digits: Number) -> Number:
    """Return the ANDs of the layers that leave two of at least three digits.

    Every combination takes a generate and a propagate AND, the lowest of each layer no propagate.
    """
    return 2 * (digits - 2) - (ceil_log2(digits) - 1)


def masked(setting: Setting, n: Number, k: Number) -> Cost:
    """Masked digit comparison: role 0 looks for a zero among shuffled, scaled differences mod p.

    Role 0 deals its digits' one-hot vectors mod p, by PRF to role 1; roles 1 and 2 send back one
    masked residue a digit. The answer is hidden by a random flip, which is their half.

    Source: protocol-notes.md, "sign by masked digit comparison"; the idea is Damgård, Geisler,
    Krøigaard 2007, with SecureNN's third party (Wagh et al. 2019).
    """
    low, m = k - 1, setting.radix
    digits = ceil_div(low, m)
    p = prime_from(3 if digits == 1 else digits + 1)
    dealt = residues(one_hot_entries(low, m) * n, p)
    answer = residues(digits * n, p)
    return sequence(messages((0, 2, dealt)), messages((1, 0, answer), (2, 0, answer)))


SIGNS: dict[str, Callable[[Setting, Number, Number], Cost]] = {"table": table, "masked": masked}
