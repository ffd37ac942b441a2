"""What the steps of four servers cost, from docs/constructions.md, "Four servers", apart from the protocols.

A pair of servers that knows a number sends a third as many bits. The couples {0, 1} and {2, 3} send to 2 and
to 0, either of a couple half; of the other pairs 0 starts one, to 3, 1 one to 2, 2 one to 0, 3 one to 1.
"""

from __future__ import annotations

from analysis.costs.algebra import Cost, messages, sequence, together
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number, ceil_div, packed

SERVERS = 4
NOTHING = Cost((0,) * SERVERS)
DIGEST, VERDICT, KEY = 16, 1, 16
"""Bytes."""


def coupled(first: Number, rest: Number) -> Cost:
    """Both couples share what they know: servers 0 and 2 send the first part, 1 and 3 what is left, if any."""
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


def halved(setting: FamilySetting, n: Number) -> Cost:
    """Price halves of a product: the four terms that no couple knows."""
    return crossed(packed(n, setting.l))


def shifted(setting: FamilySetting, n: Number, shift: Number, out: Number) -> Cost:
    """Price halves, shifted, in a ring of `out` bits, and both their top bits where the wrap shows."""
    few = out - setting.l + shift
    if isinstance(few, int) and few <= 0:
        return own(n, out)
    return sequence(together(own(n, out), own(n, few)), crossed(packed(n, few)))


def everybody(size: Number) -> Cost:
    """Every server sends every other so many bytes."""
    pairs = [(i, j, size) for i in range(SERVERS) for j in range(SERVERS) if i != j]
    return messages(*pairs, parties=SERVERS)


def settled() -> Cost:
    """Price digests, verdicts, and what each heard of the four verdicts."""
    return sequence(everybody(DIGEST), everybody(VERDICT), everybody(SERVERS * VERDICT))


def opened(setting: FamilySetting, n: Number) -> Cost:
    """Each server is sent the component that it lacks by two, and a digest by the third."""
    size = packed(n, setting.l)
    sizes = {1: size, 2: size, 3: DIGEST}
    sent = [(i, (i + step) % SERVERS, sizes[step]) for i in range(SERVERS) for step in sizes]
    return sequence(settled(), messages(*sent, parties=SERVERS))
