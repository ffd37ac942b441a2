"""What the steps of four servers cost, from docs/constructions.md, apart from the protocols.

A pair of servers that knows a number sends a third as many bits. The couples {0, 1} and {2, 3} send to 2
and to 0, either of a couple half. Of the other pairs 0 starts one, to 3; 1, to 2; 2, to 0; 3, to 1.
"""

from __future__ import annotations

from analysis.costs.algebra import Cost, messages, sequence, together
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number, ceil_div, packed, planes

SERVERS = 4
NOTHING = Cost((0,) * SERVERS)
DIGEST, VERDICT, KEY = 16, 1, 16
"""Bytes."""


def coupled(first: Number, rest: Number) -> Cost:
    """Both couples share what they know: servers 0 and 2 send a first part, 1 and 3 the rest, if any."""
    last = [] if isinstance(rest, int) and rest == 0 else [(1, 2, rest), (3, 0, rest)]
    return messages((0, 2, first), (2, 0, first), *last, parties=SERVERS)


def own(n: Number, bits: Number) -> Cost:
    """Price a number of each couple's: the lower half of its bits, and the upper."""
    low = ceil_div(bits, 2)
    return coupled(packed(n, low), 0 if bits == 1 else packed(n, bits - low))


def crossed(size: Number) -> Cost:
    """Price terms that the four other pairs know, of so many bytes each."""
    return messages((0, 3, size), (1, 2, size), (2, 0, size), (3, 1, size), parties=SERVERS)


def product(setting: FamilySetting, n: Number) -> Cost:
    """Price shares of a product: six terms."""
    return together(own(n, setting.l), crossed(packed(n, setting.l)))


def halved(n: Number, bits: Number) -> Cost:
    """Price halves of a product mod 2^bits: the four terms that no couple knows."""
    return crossed(packed(n, bits))


def truncation(setting: FamilySetting, n: Number, shift: Number) -> Cost:
    """Price a value over 2^shift; nothing for nothing."""
    return NOTHING if shift == 0 else shifted(n, setting.l, shift, setting.l)


def rescaled(setting: FamilySetting, n: Number, shift: Number) -> Cost:
    """Price n outputs of a bilinear product, over 2^shift."""
    if shift == 0:
        return product(setting, n)
    return sequence(halved(n, setting.l), truncation(setting, n, shift))


def shifted(n: Number, bits: Number, shift: Number, out: Number) -> Cost:
    """Price halves mod 2^bits, shifted, in a ring of `out` bits, and top bits where the wrap shows."""
    few = out - bits + shift
    if isinstance(few, int) and few <= 0:
        return own(n, out)
    return sequence(together(own(n, out), own(n, few)), crossed(packed(n, few)))


def everybody(size: Number) -> Cost:
    """Every server sends every other so many bytes."""
    pairs = [(i, j, size) for i in range(SERVERS) for j in range(SERVERS) if i != j]
    return messages(*pairs, parties=SERVERS)


def keys() -> tuple[int, ...]:
    """Return what each server sends to set up keys: one to two others; server 0 a common one to all."""
    return (2 * KEY + (SERVERS - 1) * KEY, *[2 * KEY] * (SERVERS - 1))


def settled() -> Cost:
    """Price digests, verdicts, and what each heard of the four verdicts."""
    return sequence(everybody(DIGEST), everybody(VERDICT), everybody(SERVERS * VERDICT))


def opened(setting: FamilySetting, n: Number) -> Cost:
    """Each server is sent the component that it lacks by two, and a digest by the third."""
    size = packed(n, setting.l)
    sizes = {1: size, 2: size, 3: DIGEST}
    sent = [(i, (i + step) % SERVERS, sizes[step]) for i in range(SERVERS) for step in sizes]
    return sequence(settled(), messages(*sent, parties=SERVERS))


# Bits


def own_planes(n: Number, rows: int) -> Cost:
    """Price planes of each couple's: either sends half of the rows."""
    half = -(-rows // 2)
    return coupled(planes(half, n), planes(rows - half, n))


def ands(n: Number, rows: int) -> Cost:
    """Price conjunctions of shared bits: six terms."""
    return together(own_planes(n, rows), crossed(planes(rows, n)))


def widths(bits: int, radix: int) -> list[int]:
    """Return the bits of the digits of a number, the last of which has what is left."""
    return [radix] * (bits // radix) + ([bits % radix] if bits % radix else [])


def tournament(setting: FamilySetting, n: Number, entries: int, bits: Number) -> Cost:
    """Pairs compete: a sign of V + 1 bits, and a selection of the difference mod 2^bits."""
    levels = []
    while entries > 1:
        pairs = entries // 2 * n
        levels += [sign(setting, pairs, setting.V + 1), select(pairs, bits)]
        entries -= entries // 2
    return sequence(NOTHING, *levels)


def sign(setting: FamilySetting, n: Number, bits: int) -> Cost:
    """Price one-hot digits of both couples, their sums' carries, and a tree whose last node is halved."""
    if bits == 1:
        return NOTHING
    digits = widths(bits - 1, setting.choice("radix"))
    left = len(digits)
    costs = [
        own_planes(n, sum(2**width - 1 for width in digits)),
        crossed(planes(2 * left - 1, n)),
    ]
    while left > 1:
        pairs = left // 2
        costs.append(crossed(planes(1, n)) if left == 2 else ands(n, 2 * pairs - 1))
        left -= pairs
    return sequence(*costs)


def select(n: Number, bits: Number) -> Cost:
    """Price two numbers mod 2^bits of each couple, a bit and a product of its half, then cross terms."""
    mine = own(n, bits)
    return sequence(together(mine, mine), crossed(packed(n, bits)))


def numbers(setting: FamilySetting, n: Number) -> Cost:
    """Price a bit of each couple, then the cross terms."""
    return sequence(own(n, setting.l), crossed(packed(n, setting.l)))


def to_bits(setting: FamilySetting, n: Number) -> Cost:
    """Price l − 1 lower bits of each couple, carries where they start, and Sklansky's network.

    At distance s a block of places from an odd multiple of s on takes in the place below it; all but the
    lowest such block pass on too.
    """
    count = setting.l - 1
    costs, distance = [own_planes(n, count), crossed(planes(count, n))], 1
    while distance < count:
        rows = 0
        for block in range(distance, count, 2 * distance):
            rows += min(distance, count - block) * (1 if block == distance else 2)
        costs.append(ands(n, rows))
        distance *= 2
    return sequence(*costs)


def from_bits(setting: FamilySetting, n: Number) -> Cost:
    """Price bit j of each couple mod 2^(l − 1 − j), either sends half; then a sum of six terms."""
    sizes = [packed(n, bits) for bits in range(setting.l - 1, 0, -1)]
    half = -(-len(sizes) // 2)
    return sequence(coupled(sum(sizes[:half]), sum(sizes[half:])), product(setting, n))
