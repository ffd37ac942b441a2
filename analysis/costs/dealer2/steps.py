"""What the constructions of two servers and a dealer cost: parties 0 and 1 are the servers, 2 the dealer.

What the dealer sends is the phase `offline`, what the servers send is `online`. From docs/constructions.md,
"Two servers and a dealer", apart from the protocols.
"""

from __future__ import annotations

from analysis.costs.algebra import Cost, sequence
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number, one_hot_entries, packed, planes

NOTHING = Cost((0, 0, 0))


def opening(setting: FamilySetting, online: Number, offline: Number | None = None) -> Cost:
    """Return the cost of an opening of so many bytes a server, and of what is dealt to server 1 beside it.

    On demand server 1 asks for it, so that its answer is two messages away; what is stored is there.
    """
    if setting.choice("stored"):
        offline = None
    reply: int | None = None if offline is None else 1
    asked = offline is not None and setting.choice("dealing") == "on_demand"
    delay = ((0, 1, None), (1, 2 if asked else 0, reply), (None, 1 if asked else None, 0))
    return Cost((online, online, offline or 0), delay)


def triple(setting: FamilySetting, x: Number, y: Number, out: Number) -> Cost:
    """Price a bilinear product of x and y elements: both are opened, that of masks is dealt."""
    bits = setting.l
    return opening(setting, packed(x, bits) + packed(y, bits), packed(out, bits))


def moved(setting: FamilySetting, n: Number, shift: Number, out: Number) -> Cost:
    """X / 2^shift in a ring of `out` bits: r >> shift is dealt there, and what the wrap shows of itself."""
    wrap = out - setting.l + shift
    few = 0 if isinstance(wrap, int) and wrap <= 0 else packed(n, wrap)
    return opening(setting, packed(n, setting.l), packed(n, out) + few)


def truncation(setting: FamilySetting, n: Number, shift: Number) -> Cost:
    """X / 2^shift in its own ring; no message for nothing, nor where each server shifts its own."""
    if shift == 0 or setting.choice("truncation") == "local":
        return NOTHING
    return moved(setting, n, shift, setting.l)


def lift(setting: FamilySetting, n: Number, bits: int) -> Cost:
    """Price the same number in a ring of more bits."""
    return moved(setting, n, 0, bits) if bits > setting.l else NOTHING


def node(leaves: int, lowest: bool) -> tuple[int, int]:
    """Return what a node of the comparison's tree opens and what it is dealt, in bits a value.

    The lowest node finds g_top ⊕ Σ_j g_j ∏ p above j: 2(s − 1) bits are opened, and dealt are the products
    of two masks or more among the p, 2^(s−1) − s, and with one g, 2^s − s − 1. Another node opens p_0 too,
    and has 2^s − s − 1 among the p.
    """
    if lowest:
        return 2 * (leaves - 1), 3 * 2 ** (leaves - 1) - 2 * leaves - 1
    return (0, 0) if leaves == 1 else (2 * leaves - 1, 2 ** (leaves + 1) - 2 * leaves - 2)


def tree(setting: FamilySetting, n: Number, leaves: int, many: int = 1) -> Cost:
    """Price the tree over digits, `many` times side by side; each level as even as its arity lets it be."""
    arity, levels = setting.choice("arity"), []
    while leaves > 1:
        nodes = -(-leaves // arity)
        sizes = [leaves // nodes + (number < leaves % nodes) for number in range(nodes)]
        bits = [node(size, number == 0) for number, size in enumerate(sizes)]
        opened, dealt = (sum(one[which] for one in bits) for which in (0, 1))
        levels.append(opening(setting, planes(many * opened, n), planes(many * dealt, n)))
        leaves = nodes
    return sequence(NOTHING, *levels)


def sign(setting: FamilySetting, n: Number, bits: int, limits: int = 1) -> Cost:
    """[x < L] for public L: x + r is opened mod 2^bits, r's top bit and one-hot digits are dealt."""
    if bits == 1 and limits == 1:
        return NOTHING
    radix = setting.choice("radix")
    dealt = planes(1 + one_hot_entries(bits - 1, radix), n)
    digits = -(-(bits - 1) // radix)
    return sequence(
        opening(setting, packed(n, bits), dealt),
        tree(setting, n, digits, limits),
    )


def numbers(setting: FamilySetting, n: Number, rows: int = 1) -> Cost:
    """Rows of n bits as numbers: masked bits are opened, the masks are dealt as numbers (daBits)."""
    return opening(setting, planes(rows, n), packed(rows * n, setting.l))


def select(setting: FamilySetting, n: Number, known: int = 0) -> Cost:
    """Price a bit times a number of which `known` bits are open: the mask bit and its product with r."""
    dealt = 2 * packed(n, setting.l)
    return opening(setting, planes(1, n) + packed(n, setting.l - known), dealt)
