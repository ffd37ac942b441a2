"""Gradient-boosted trees on shares, step by step, from the constructions' mathematics.

n rows of m attributes, E = B − 1 edges each: m·E candidates a slot. Source: constructions.md#boosting.
"""

from __future__ import annotations

from dataclasses import replace

from analysis.costs.algebra import LOCAL, Cost, exchange, rotated, sequence, together
from analysis.costs.boosting.shape import DIGITS, FINE, KNOTS, Boosting
from analysis.costs.numbers import packed
from analysis.costs.replicated3 import Setting, conversions, halves, operations, signs, tables, trees

CANDIDATE = 4
"""Numbers of a candidate: N, D, attribute, edge."""


def bins(setting: Setting, shape: Boosting) -> Cost:
    """Sort, values in order, neighbours compared, the bin of the first of equals spread and sent back.

    Then a sign for each row and edge. What is spread lies in integers mod 2^(bits of a bin).
    """
    n, m, k = shape.n, shape.m, shape.value_bits
    small = replace(setting, l=shape.bin_bits)
    return sequence(
        tables.key_of(setting, n * m, k),
        tables.order_by(setting, n, m, [k], shape.digit),
        tables.apply_order(n, m, [int(setting.l)]),
        conversions.equal(replace(setting, l=k, V=k), m * (n - 1)),
        tables.spread_first(small, n, m, 1),
        tables.apply_inverse(n, m, [shape.bin_bits]),
        trees.negative(setting, shape.candidates * n, shape.bin_bits),
    )


def residuals(setting: Setting, shape: Boosting) -> Cost:
    """Of classes a sign for each knot and two products; of both an exact truncation to a bits."""
    n, kept = shape.n, shape.residual(setting)
    curve = sequence(trees.negative(setting, KNOTS * n, shape.raw), operations.multiply(setting, 2 * n))
    cut = conversions.truncate_exactly(replace(setting, f=FINE - kept), n)
    return sequence(curve if shape.classes else LOCAL, cut)


def less(setting: Setting, shape: Boosting, n: int) -> Cost:
    """Which of two fractions is less: the sign of a cross product, whose summands go straight into halves.

    What the ring does not hold is lifted and shared anew before. Source: constructions.md#wide-products.
    """
    bits = shape.cross(setting)
    if bits <= setting.l:
        return sequence(exchange(packed(n, bits)), signs.sign(setting, n, bits))
    return sequence(
        halves.wide_lift(4 * n, int(setting.l), bits),
        halves.wide_to_share(4 * n, bits),
        exchange(halves.wide_words(n, bits)),
        signs.wide_sign(setting, n, bits),
    )


def tournament(setting: Setting, shape: Boosting, depth: int) -> Cost:
    """Fractions compared, pair by pair; four numbers of the winner are selected."""

    def step(pairs: int) -> Cost:
        chosen = CANDIDATE * pairs
        return sequence(
            less(setting, shape, pairs),
            halves.select(setting, chosen, setting.l),
            halves.to_share(setting, chosen),
        )

    stages = (rotated(step, pairs << depth, setting.rotate) for pairs in trees.pairings(shape.candidates))
    return sequence(*stages)


def fractions(setting: Setting, shape: Boosting, depth: int) -> Cost:
    """Two squares and D of every candidate, beside whether both sides have rows enough; then N."""
    many = shape.candidates << depth
    rows = sequence(trees.negative(setting, 2 * many, shape.row_bits), operations.multiply(setting, many))
    first = together(operations.multiply(setting, 3 * many), rows if shape.least_rows > 1 else LOCAL)
    return sequence(
        first,
        operations.multiply(setting, many),
        operations.multiply(setting, many) if shape.least_rows > 1 else LOCAL,
    )


def level(setting: Setting, shape: Boosting, depth: int) -> Cost:
    """One level of 2^depth slots: histograms, scores, the best candidate, its rows, the slots below."""
    slots, n, m = 1 << depth, shape.n, shape.m

    def one_hot(many: int) -> Cost:
        return trees.equality(setting, slots * many, max(1, (many - 1).bit_length()))

    def tested(some: int) -> Cost:
        return sequence(less(setting, shape, some), halves.bit_to_share(setting, some))

    tests = sequence(operations.multiply(setting, slots), rotated(tested, slots, setting.rotate))
    return sequence(
        operations.multiply(setting, slots * n),
        operations.multiply(setting, 2 * slots * shape.candidates),
        fractions(setting, shape, depth),
        tournament(setting, shape, depth),
        together(tests, one_hot(m), one_hot(shape.edges)),
        operations.multiply(setting, slots * m),
        operations.multiply(setting, slots * shape.candidates),
        operations.multiply(setting, slots * (n + 1)),
        operations.multiply(setting, slots * n),
    )


def steps(setting: Setting, shape: Boosting, leaves: int) -> Cost:
    """Two sums a leaf, then a quotient."""
    return sequence(
        operations.multiply(setting, 2 * leaves), trees.quotients(setting, leaves, DIGITS, shape.quotient)
    )


def tree(setting: Setting, shape: Boosting) -> dict[str, Cost]:
    """Return the cost of every span of one tree, in order; the steps go to their rows at the end."""
    levels = {f"level{depth}": level(setting, shape, depth) for depth in range(shape.height)}
    ends = sequence(steps(setting, shape, 1 << shape.height), operations.multiply(setting, shape.n))
    return {"residuals": residuals(setting, shape), **levels, "steps": ends}


def spans(setting: Setting, shape: Boosting) -> dict[tuple[str, ...], Cost]:
    """Return the cost of the innermost spans of a training, in order."""
    base = sequence(residuals(setting, shape), steps(setting, shape, 1))
    found: dict[tuple[str, ...], Cost] = {("bins",): bins(setting, shape), ("base",): base}
    each = tree(setting, shape)
    for number in range(shape.count):
        found |= {(f"tree{number}", name): cost for name, cost in each.items()}
    return found


def grow(setting: Setting, shape: Boosting) -> Cost:
    """Whole training."""
    return sequence(*spans(setting, shape).values())


def raw_scores(setting: Setting, rows: int, shape: Boosting) -> Cost:
    """Secret rows walk all trees side by side, and read the step of their leaf in each."""
    walked = trees.walk(setting, rows, shape.height, shape.value_bits)
    return together(*[sequence(walked, trees.leaves_of(setting, rows, 1))] * shape.count)
