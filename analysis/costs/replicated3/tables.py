"""Tables on shares: shuffles, shared orders and the radix sort, from the constructions' mathematics.

`columns` independent tables of n rows lie side by side: a sort gives each server a third of them to deal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analysis.costs.algebra import Cost, messages, rotated, sequence, together
from analysis.costs.numbers import Number, bits_below, greatest, packed
from analysis.costs.replicated3.conversions import equal, sum_bits
from analysis.costs.replicated3.operations import multiply
from analysis.costs.replicated3.setting import Setting

Seats = tuple[int, int, int]
STRAIGHT: Seats = (0, 1, 2)
SWAPPED: Seats = (0, 2, 1)
REVERSED: Seats = (2, 1, 0)


def rank_bits(n: Number) -> Number:
    """Return b, the bits of the greatest row number n − 1; one where there is a single row."""
    return greatest(1, bits_below(n))


def move(kept: int, revealed: int = 0, seats: Seats = STRAIGHT, ahead: int = 0) -> Cost:
    """Two rounds: X and Y; then what roles 1 and 2 exchange, and what they send role 0 of a reveal.

    Args:
        kept: bytes of one copy of the columns.
        revealed: bytes of one copy of what is revealed.
        seats: which server plays each role.
        ahead: what role 0 sends role 1 before it waits for what is revealed.

    Source: Araki et al., CCS 2021; constructions.md#shuffles.
    """
    p0, p1, p2 = seats
    size = kept + revealed
    back = [(p1, p2, size), (p2, p1, size)]
    if revealed:
        back += [(p1, p0, revealed), (p2, p0, revealed)]
    if ahead:
        back.append((p0, p1, ahead))
    return sequence(messages((p0, p1, size), (p1, p2, size)), messages(*back))


def shuffle(rows: Number, widths: Sequence[int]) -> Cost:
    """Columns of `rows` values in all, of so many bits each: 2 rounds, 4 bits a bit."""
    return move(sum(packed(rows, width) for width in widths))


def unshuffle(rows: Number, widths: Sequence[int]) -> Cost:
    """Undo a shuffle: it, with servers 0 and 2 exchanged."""
    return move(sum(packed(rows, width) for width in widths), seats=REVERSED)


def apply_order(n: Number, columns: int, widths: Sequence[int]) -> Cost:
    """Reveal the order under a fresh shuffle (6b bits a row), then un-shuffle rows: 4 rounds."""
    rows = n * columns
    return sequence(move(0, packed(rows, rank_bits(n))), unshuffle(rows, widths))


def apply_inverse(n: Number, columns: int, widths: Sequence[int]) -> Cost:
    """Order and rows under the same fresh shuffle: 2 rounds."""
    rows = n * columns
    return move(sum(packed(rows, width) for width in widths), packed(rows, rank_bits(n)))


def digits(bits: Sequence[int], digit: int) -> list[int]:
    """Return the widths of all digits, key after key; the highest digit of a key is the short one."""
    return [min(digit, width - low) for width in bits for low in range(0, width, digit)]


def order_by(
    setting: Setting,
    n: Number,
    columns: int,
    bits: Sequence[int],
    digit: int,
    carried: Sequence[Number] = (),
) -> Cost:
    """Stable radix sort by keys of so many bits, least significant first: 3 rounds a pass and 1.

    A pass with w-bit digits: role 0 deals b(2^w − 1) bits a row, roles 1 and 2 exchange as many each way,
    role 2 sends role 1 its summand of the places (b), the places are revealed under the shuffle that moves
    row numbers (or columns of so many bits, `carried`) and the keys' further bits. Roles 1 and 2 then
    change places.
    """
    widths, b = digits(bits, digit), rank_bits(n)

    def step(part: int) -> Cost:
        rows = part * n
        hot = [packed(((1 << width) - 1) * rows, b) for width in widths]
        left, costs = list(bits), [messages((0, 2, hot[0]))]
        for number, width in enumerate(widths):
            seats = SWAPPED if number % 2 else STRAIGHT
            _, p1, p2 = seats
            left[0] -= width
            left = left if left[0] else left[1:]
            kept = sum(packed(rows, one) for one in [*(carried or [b]), *left])
            following = hot[number + 1] if number + 1 < len(hot) else 0
            costs += [
                messages((p1, p2, hot[number]), (p2, p1, hot[number])),
                messages((p2, p1, packed(rows, b))),
                move(kept, packed(rows, b), seats, following),
            ]
        return sequence(*costs)

    return rotated(step, columns, setting.rotate)


def key_of(setting: Setting, n: Number, bits: int) -> Cost:
    """Keys become shares by ⊕: 2 + ⌈log2(bits − 1)⌉ rounds."""
    return rotated(lambda size: sum_bits(size, bits), n, setting.rotate)


def sort(setting: Setting, n: Number, columns: int, bits: int, digit: int, carried: bool = False) -> Cost:
    """Values of the ring by their lower `bits`, with themselves as payload: moved after it, or carried."""
    if carried:
        return sequence(
            key_of(setting, n * columns, bits),
            order_by(setting, n, columns, [bits], digit, [setting.l]),
        )
    return sequence(
        key_of(setting, n * columns, bits),
        order_by(setting, n, columns, [bits], digit),
        apply_order(n, columns, [setting.l]),
    )


def group_sums(setting: Setting, n: Number, columns: int, values: int, bits: int, digit: int) -> Cost:
    """Sort by key, compare neighbours, bring the ends of groups to the front, mask the other rows."""
    alone = replace(setting, V=bits)
    rows, widths = n * columns, [setting.l] * (1 + values)
    return sequence(
        key_of(setting, rows, bits),
        order_by(setting, n, columns, [bits], digit),
        apply_order(n, columns, widths),
        equal(alone, (n - 1) * columns),
        order_by(setting, n, columns, [1], 1),
        apply_order(n, columns, [*widths, setting.l]),
        multiply(setting, rows * (1 + values)),
    )


def group_maxima(setting: Setting, n: Number, columns: int, bits: int, value_bits: int, digit: int) -> Cost:
    """Sort by key and descending value, bring first rows (key, value, row number) to the front, mask."""
    rows, l = n * columns, setting.l  # noqa: E741  # the literature's name
    return sequence(
        together(key_of(setting, rows, bits), key_of(setting, rows, value_bits)),
        order_by(setting, n, columns, [value_bits, bits], digit),
        apply_order(n, columns, [l] * 3),
        equal(replace(setting, V=bits), (n - 1) * columns),
        order_by(setting, n, columns, [1], 1),
        apply_order(n, columns, [l] * 4),
        multiply(setting, rows * 3),
    )


def spread_first(setting: Setting, n: Number, columns: int, values: int) -> Cost:
    """First rows to the front, differences masked, back to their places: 4 + 4 + 1 + 2 rounds."""
    return sequence(
        order_by(setting, n, columns, [1], 1),
        apply_order(n, columns, [setting.l] * (1 + values)),
        multiply(setting, n * columns * values),
        apply_inverse(n, columns, [setting.l] * values),
    )


def join(setting: Setting, n: Number, columns: int, values: int, bits: int, digit: int) -> Cost:
    """Both tables, n rows together: sort by key, compare neighbours, spread, back to their order.

    A column more than `values` travels along: whether a row is of the right table.
    """
    return sequence(
        key_of(setting, n * columns, bits),
        order_by(setting, n, columns, [bits], digit),
        apply_order(n, columns, [setting.l] * (2 + values)),
        equal(replace(setting, V=bits), (n - 1) * columns),
        spread_first(setting, n, columns, 1 + values),
        apply_inverse(n, columns, [setting.l] * (1 + values)),
    )
