"""Boolean steps of one third: bits dealt, ANDs in layers, trees and prefix networks.

Every function is for n values and returns costs by role: role 0 knows one half v of each number, roles
1 and 2 both know the other half w. A plane is one bit of every value.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.costs.algebra import LOCAL, Cost, exchange, messages, reshare, reshares, sequence
from analysis.costs.numbers import Number, ceil_log2, ones_below, packed, planes


def deal_bits(n: Number, count: Number) -> Cost:
    """Role 0 shares its bits, by PRF to role 1 and one plane a bit to role 2; w needs no message."""
    return messages((0, 2, planes(count, n)))


def generate_and_propagate(n: Number, count: Number) -> Cost:
    """Generate v·w and propagate v ⊕ w of every bit, as Boolean shares.

    A bit that role 0 knows times one that roles 1 and 2 know is two summands at roles 1 and 2, which
    they exchange; propagate is local. Source: constructions.md#halves.
    """
    return sequence(deal_bits(n, count), exchange(planes(count, n)))


def carry_tree(n: Number, digits: Number) -> Cost:
    """Carry out of digits from the generate and propagate of each, pair by pair.

    Neighbours combine (generate: one AND, propagate: one, the lowest pair has none) until two digits
    are left; their carry is one AND of which role 0 has its half at once: roles 1 and 2 exchange it.
    Source: Sklansky 1960 as in ABY3 §5.3.
    """
    return _tree(n, digits, carry_tree_ands)


def carry_tree_ands(digits: Number) -> Number:
    """Return the ANDs of the layers that leave two of at least three digits.

    Every combination takes a generate and a propagate AND, the lowest of each layer no propagate.
    """
    return 2 * (digits - 2) - (ceil_log2(digits) - 1)


def all_of(n: Number, bits: Number) -> Cost:
    """AND of some bits: a tree, pairs of neighbours; the last AND is exchanged as in `carry_tree`."""
    return _tree(n, bits, lambda count: count - 2)


def prefix_carries(n: Number, digits: Number) -> Cost:
    """Every carry over digits, in ⌈log2 digits⌉ layers.

    In layer j every digit whose position has binary digit j set combines with the block below; with
    its highest binary digit it reaches digit 0 and needs no propagate. All layers together have
    Σ (digits set in i), i < digits, generates, and so many propagates less digits − 1.
    Source: Sklansky 1960.
    """
    ands = 2 * ones_below(digits) - (digits - 1)
    return reshares(planes(ands, n), ceil_log2(digits))


def prefix_ands(n: Number, bits: int) -> Cost:
    """AND of every bit with all above it: as `prefix_carries`, one AND a bit and layer.

    The last layer is wanted as halves alone, so that only roles 1 and 2 exchange it.
    """
    layers = [planes(sum(i >> layer & 1 for i in range(bits)), n) for layer in range(ceil_log2(bits))]
    return sequence(*map(reshare, layers[:-1]), *map(exchange, layers[-1:]))


def _tree(n: Number, leaves: Number, ands: Callable[[Number], Number]) -> Cost:
    """Layers of ANDs that leave two of the leaves, and the last AND."""
    if leaves == 1:
        return LOCAL
    last = exchange(packed(n, 1))
    if leaves == 2:
        return last
    return sequence(reshares(planes(ands(leaves), n), ceil_log2(leaves) - 1), last)
