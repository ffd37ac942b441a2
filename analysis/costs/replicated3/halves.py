"""Steps on halves: v known to role 0, w known to both roles 1 and 2, the value is v + w.

Every function is for one third with n values and returns costs by role. From a sharing, halves are
local. Source of all: constructions.md#halves.
"""

from __future__ import annotations

from analysis.costs.algebra import LOCAL, Cost, exchange, messages, sequence, together
from analysis.costs.numbers import Number, ceil_log2, packed
from analysis.costs.replicated3.setting import Setting
from analysis.costs.replicated3.signs import sign, wide_sign


def to_share(setting: Setting, n: Number) -> Cost:
    """Halves mod 2^l to a sharing: role 0 sends its masked half to role 2."""
    return messages((0, 2, packed(n, setting.l)))


def truncated_sums(n: Number, k: Number) -> Cost:
    """Summands of sums to truncated halves mod 2^k: roles 1 and 2 add theirs; 2k bits, 1 round."""
    return exchange(packed(n, k))


def lift(setting: Setting, n: Number, k: Number) -> Cost:
    """Halves mod 2^k to mod 2^l, |x| < 2^(k−2): the wrap bit, in the l − k new bits; 4(l − k)."""
    if setting.l - k == 0:
        return LOCAL
    new = packed(n, setting.l - k)
    return messages((0, 1, new), (0, 2, new), (1, 2, new), (2, 1, new))


def select(setting: Setting, n: Number, k: Number) -> Cost:
    """Bit × value mod 2^k: role 0 deals A and β, roles 1 and 2 exchange cross terms.

    two_rounds: dealt by PRF to role 1 and one message to role 2, 4k + (k with the resharing).
    one_round: dealt as three parts, the third to both, who therefore do not wait: 6k.
    """
    size = packed(n, k)
    if setting.select == "two_rounds":
        return sequence(messages((0, 2, 2 * size)), exchange(size))
    return messages((0, 1, 2 * size), (0, 2, 2 * size), (1, 2, size), (2, 1, size))


def bit_to_share(setting: Setting, n: Number) -> Cost:
    """Bit held as halves to a sharing mod 2^l: role 0 deals β, β·c is reshared by roles 1 and 2."""
    size = packed(n, setting.l)
    if setting.select == "two_rounds":
        return sequence(messages((0, 2, size)), exchange(size))
    return messages((0, 1, size), (0, 2, size), (1, 2, size), (2, 1, size))


def tournament(setting: Setting, n: Number, entries: int, bits: Number) -> Cost:
    """Maximum of each of n groups of `entries` halves mod 2^bits, pair by pair.

    A level compares all its pairs in one vector: the sign of V + 1 bits of their differences, then
    a select of the differences. An odd entry passes.
    """
    levels = []
    while entries > 1:
        pairs = entries // 2 * n
        levels += [sign(setting, pairs, setting.V + 1), select(setting, pairs, bits)]
        entries -= entries // 2
    return sequence(*levels)


def tournament_with_index(setting: Setting, n: Number, entries: int) -> Cost:
    """Position of the maximum of each of n groups: indices follow their values, both mod 2^l.

    The two selects of a level run side by side; the last level needs none for the values.
    """
    levels = []
    while entries > 1:
        pairs = entries // 2 * n
        entries -= entries // 2
        chosen = select(setting, pairs, setting.l)
        selects = [chosen] if entries == 1 else [chosen, chosen]
        levels += [sign(setting, pairs, setting.V + 1), together(*selects)]
    return sequence(*levels)


def levels(entries: int) -> int:
    """Return the levels of a tournament."""
    return int(ceil_log2(entries))


# Numbers of 65 to 128 bits (constructions.md#wide-products)

WORD = 64


def wide_words(n: int, bits: int) -> int:
    """Return the bytes of n numbers of 65 to 128 bits: their lower words, then what is above."""
    return int(packed(n, WORD) + packed(n, bits - WORD))


def wide_lift(n: int, own: int, bits: int) -> Cost:
    """N numbers to more than 64 bits: the wrap bit, in the new ones."""
    new = packed(n, bits - own)
    return messages((0, 1, new), (0, 2, new), (1, 2, new), (2, 1, new))


def wide_to_share(n: int, bits: int) -> Cost:
    """Wide halves to a sharing: role 0 sends role 2 its masked half."""
    return messages((0, 2, wide_words(n, bits)))


def wide_order(setting: Setting, n: int, bits: int, own: tuple[int, int, int]) -> Cost:
    """Which of two fractions is greater, or their ties: both N, both D and the tie are lifted."""
    score, sides, tie = own
    return sequence(
        together(wide_lift(2 * n, score, bits), wide_lift(2 * n, sides, bits), wide_lift(n, tie, bits)),
        wide_to_share(4 * n, bits),
        exchange(wide_words(n, bits)),
        wide_sign(setting, n, bits),
    )
