"""Decision trees on shares: every step of a level, from the constructions' mathematics.

A table has n rows, m attributes and some statistics; a level has G = 2^d slots. Source of all:
constructions.md#trees, and where a step has one of its own, that. In one file: steps of one level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from analysis.costs.algebra import LOCAL, Cost, exchange, messages, repeated, rotated, sequence, together
from analysis.costs.numbers import packed
from analysis.costs.replicated3 import halves, tables
from analysis.costs.replicated3.conversions import equal, zero
from analysis.costs.replicated3.operations import is_negative, multiply
from analysis.costs.replicated3.setting import Setting
from analysis.costs.replicated3.signs import sign, wide_sign

CANDIDATE = 5
"""Numbers of a candidate: N, D, attribute, twice the threshold, whether there is one."""
GAIN = 16
"""Fraction bits of a least gain."""
FLAG = 3
"""Bits of a flag that a selection carries and a lift widens: 0 or 1, below 2^(3 − 2)."""

QUOTIENT = 5
"""Bits of a digit of a quotient."""
MEAN = 19
"""Bits of a mean without its sign."""


@dataclass(frozen=True)
class Growth:
    """What is public of a tree that is grown.

    Attributes:
        n, m: rows and attributes.
        columns: statistics of a node: one for each class, or sums of targets.
        height: levels that test.
        value_bits: k, signed bits of a value.
        classes: whether the statistics are counts of classes, of which every row has one.
        target_bits: of a target without its sign.
        least_rows: of either side of a test.
        gains: whether a test must lower the impurity by something.
        digit: bits of a digit of the sort.
    """

    n: int
    m: int
    columns: int
    height: int
    value_bits: int
    classes: bool = True
    target_bits: int = 0
    least_rows: int = 1
    gains: bool = False
    digit: int = 3

    @property
    def travelling(self) -> int:
        """Statistics that travel with an order: the last class has the rows that no other has."""
        return self.columns - 1 if self.classes else self.columns

    @property
    def rank(self) -> int:
        """Bits of a row number."""
        return int(tables.rank_bits(self.n))

    @property
    def count(self) -> int:
        """Bits of a number of rows, n among them."""
        return self.n.bit_length()

    @property
    def score(self) -> int:
        """Bits of a score: n³, times the square of a target."""
        return 3 * self.count + 2 * self.target_bits

    @property
    def cross(self) -> int:
        """Bits of 2^name·(N·D′ − N′·D) with a tie and a sign: N ≤ n³/4, D ≤ n²/4."""
        return 5 * self.count - 4 + 2 * self.target_bits + 2 + self.name

    @property
    def gain(self) -> int:
        """Bits of 2^16 (N·|G| − D·Σ T²) less what is asked, and a sign; without 2^16 where no gain is."""
        return 4 * self.count + 2 * self.target_bits + (GAIN if self.gains else 0) + 2

    @property
    def name(self) -> int:
        """Bits of an attribute's number."""
        return max(1, (self.m - 1).bit_length())

    @property
    def twice(self) -> int:
        """Bits of a sum of two values, with one to spare for its lift."""
        return self.value_bits + 2

    @property
    def carried(self) -> list[int]:
        """Bits of what travels with an order."""
        return [self.twice, *[self.score] * self.travelling]


def within(setting: Setting, bits: int) -> Setting:
    """Return the setting of integers mod 2^bits."""
    return replace(setting, l=bits)


def equality(setting: Setting, n: int, bits: int) -> Cost:
    """N equalities mod 2^bits, as numbers of the setting's ring."""
    return equal(replace(setting, V=bits), n)


def negative(setting: Setting, n: int, bits: int) -> Cost:
    """N signs of numbers of so many bits, as numbers of the setting's ring."""
    return is_negative(replace(setting, V=bits), n)


def pairings(n: int) -> list[int]:
    """Return the pairs of each stage of a binary tree over n places."""
    found = []
    while n > 1:
        found.append(n // 2)
        n -= n // 2
    return found


# Before the first level


def sorted_table(setting: Setting, shape: Growth) -> Cost:
    """Every attribute sorted once, all side by side; its values and statistics are brought along."""
    n, m, bits = shape.n, shape.m, shape.value_bits
    return sequence(
        tables.key_of(setting, n * m, bits),
        tables.order_by(setting, n, m, [bits], shape.digit),
        tables.apply_order(n, m, shape.carried),
    )


# What slots hold, and what places know of them


def slots(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Slots: sums of their rows, and squares; beside them, one-hot slots in the order of an attribute.

    At the root all rows are alike in any order.
    """
    count = 1 << depth
    totals = sequence(multiply(setting, count * shape.columns), multiply(setting, count))
    return together(totals, tables.apply_order(shape.n, 1, [int(setting.l)] * count) if depth else LOCAL)


def ties(setting: Setting, shape: Growth) -> Cost:
    """Neighbours' values compared, in the ring of scores; a single row has no neighbour."""
    if shape.n == 1:
        return LOCAL
    return equality(within(setting, shape.score), shape.m * (shape.n - 1), shape.value_bits)


def at_places(setting: Setting, shape: Growth) -> Cost:
    """Size, start, Σ T² and, for each statistic, totals and what is before: dot products with slots."""
    return multiply(setting, (3 + 2 * shape.columns) * shape.n)


def enough_rows(setting: Setting, shape: Growth) -> Cost:
    """Whether the places `least_rows` apart are of one slot, on either side, and both."""
    inner = max(0, shape.n - 2 * shape.least_rows + 1)
    return sequence(multiply(setting, 2 * inner), multiply(setting, inner)) if inner else LOCAL


def borders(setting: Setting, shape: Growth) -> Cost:
    """Five comparisons of slots at every node of a binary tree over places, which has n − 1."""
    return multiply(setting, 5 * (shape.n - 1)) if shape.n > 1 else LOCAL


# Scores


def scores(setting: Setting, shape: Growth) -> Cost:
    """Σ l² and Σ T l of every candidate, then N = |G| Σ l² − 2|l| Σ T l + |l| Σ T²."""
    small, every = within(setting, shape.score), shape.m * shape.n
    return sequence(multiply(small, 2 * every), multiply(small, every))


def best_attributes(setting: Setting, shape: Growth) -> Cost:
    """Tournament at each place that score, attribute, threshold and flag follow; then all are lifted."""
    widths = [shape.score, shape.name + 2, shape.twice, FLAG]

    def step(size: int) -> Cost:
        stages, left = [], shape.m
        while left > 1:
            pairs = left // 2 * size
            left -= left // 2
            chosen = together(*(halves.select(setting, pairs, bits) for bits in widths))
            stages += [sign(setting, pairs, shape.score), chosen]
        back = halves.to_share(setting, size)
        lifted = (sequence(halves.lift(setting, size, bits), back) for bits in widths)
        return sequence(*stages, together(*lifted))

    return rotated(step, shape.n, setting.rotate)


def masked(setting: Setting, shape: Growth) -> Cost:
    """D and whether there is a candidate; then both N + 1 and D − 1 by it."""
    return sequence(multiply(setting, 2 * shape.n), multiply(setting, 2 * shape.n))


# The best place of each slot


def compared(setting: Setting, shape: Growth, pairs: int) -> Cost:
    """Compare by the sign of a cross product, whose summands go straight into halves."""
    if shape.cross > setting.l:
        return halves.wide_order(setting, pairs, shape.cross)
    return sequence(exchange(packed(pairs, setting.l)), sign(setting, pairs, setting.l))


def climb(setting: Setting, shape: Growth) -> Cost:
    """One comparison a node.

    Beside it what the first and the last of the joined range may gain is masked; these two and the winner
    are selected, a candidate each.
    """

    def step(pairs: int) -> Cost:
        gain = CANDIDATE * pairs
        chosen = sequence(halves.select(setting, gain, setting.l), halves.to_share(setting, gain))
        return sequence(
            together(multiply(setting, 2 * gain), compared(setting, shape, pairs)),
            together(chosen, chosen, chosen),
        )

    return sequence(*(rotated(step, pairs, setting.rotate) for pairs in pairings(shape.n)))


def weights(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Which candidates are finished at each node, in which slot; and whether one slot has all places."""
    nodes, count = shape.n - 1, 1 << depth
    return sequence(
        multiply(setting, 3 * nodes),
        multiply(setting, nodes),
        multiply(setting, 3 * nodes * count),
        multiply(setting, 1),
        multiply(setting, count),
    )


def best_of_slots(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Climb, and beside it the weights; then each slot's sum. A single place has won already."""
    both = together(weights(setting, shape, depth), climb(setting, shape)) if shape.n > 1 else LOCAL
    return sequence(both, multiply(setting, CANDIDATE << depth))


# The tests of a level


def pure(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Of classes: |G|² = Σ T² for each slot."""
    if not shape.classes:
        return LOCAL
    count = 1 << depth
    return sequence(multiply(setting, count), equality(setting, count, 2 * shape.count))


def allowed(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Whether slots test: a candidate, less one product for each reason not to.

    Of targets the gain N·|G| − D·Σ T² must not be 0; where a least gain is asked, it must not be below.
    """
    count, asked = 1 << depth, (not shape.classes) + shape.gains
    reasons = [multiply(setting, count)] * (asked + shape.classes)
    if not asked:
        return sequence(*reasons)
    if shape.gain > setting.l:
        return sequence(
            rotated(
                lambda n: wide_gains(setting, n, shape),
                count,
                setting.rotate,
            ),
            *reasons,
        )
    checks = []
    if not shape.classes:
        checks.append(equality(setting, count, int(setting.l)))
    if shape.gains:
        checks.append(negative(setting, count, int(setting.l)))
    return sequence(multiply(setting, 3 * count), together(*checks), *reasons)


def wide_gains(setting: Setting, n: int, shape: Growth) -> Cost:
    """N, D, |G| and Σ T² lifted; for each question a sum of products, and its zero or its sign."""
    bits, checks = shape.gain, []
    if not shape.classes:
        checks.append(zero(setting, n, bits))
    if shape.gains:
        checks.append(wide_sign(setting, n, bits))
    asked = (
        sequence(exchange(halves.wide_words(n, bits)), check, halves.bit_to_share(setting, n))
        for check in checks
    )
    return sequence(halves.wide_lift(4 * n, bits), halves.wide_to_share(4 * n, bits), together(*asked))


def split(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Find the tests of a level: best candidates, pure slots; one-hot attributes, by equalities."""
    count = 1 << depth
    best = sequence(
        together(at_places(setting, shape), enough_rows(setting, shape), borders(setting, shape)),
        scores(setting, shape),
        best_attributes(setting, shape),
        masked(setting, shape),
        best_of_slots(setting, shape, depth),
    )
    return sequence(
        together(best, pure(setting, shape, depth)),
        together(equality(setting, count * shape.m, shape.name), allowed(setting, shape, depth)),
        multiply(setting, count * (shape.m + 1)),
    )


# Where rows go


def goes_right(setting: Setting, rows: int, depth: int, value_bits: int) -> Cost:
    """Each slot's gap at every row, that of the row's own slot, and its sign: 2x − 2t has 3 bits more."""
    return sequence(
        multiply(setting, rows << depth), multiply(setting, rows), negative(setting, rows, value_bits + 3)
    )


def descend(setting: Setting, rows: int, depth: int) -> Cost:
    """One-hot slots times the row's bit."""
    return multiply(setting, rows << depth)


def route(shape: Growth) -> Cost:
    """Route a bit of each row to every order."""
    return tables.apply_order(shape.n, shape.m, [1])


def partition(setting: Setting, shape: Growth) -> Cost:
    """Bit to a number of b bits, a place by one product, which role 2 completes at role 1; the move."""
    small = within(setting, max(2, shape.rank))

    def step(orders: int) -> Cost:
        rows = orders * shape.n
        ranks = packed(rows, shape.rank)
        kept = ranks + sum(packed(rows, bits) for bits in shape.carried)
        return sequence(
            halves.bit_to_share(small, rows),
            messages((2, 1, packed(rows, small.l))),
            tables.move(kept, ranks),
        )

    return rotated(step, shape.m, setting.rotate)


def moved(setting: Setting, shape: Growth) -> Cost:
    """Two numbers of each place's slot, and beside them the route; then the partition."""
    small = within(setting, max(2, shape.rank))
    return sequence(together(multiply(small, 2 * shape.n), route(shape)), partition(setting, shape))


# Whole


def level(setting: Setting, shape: Growth, depth: int) -> Cost:
    """One level of 2^depth slots; after the last one no row is moved."""
    return sequence(
        together(slots(setting, shape, depth), ties(setting, shape)),
        split(setting, shape, depth),
        goes_right(setting, shape.n, depth, shape.value_bits),
        descend(setting, shape.n, depth),
        moved(setting, shape) if depth + 1 < shape.height else LOCAL,
    )


def leaves(setting: Setting, shape: Growth) -> Cost:
    """Leaves: what they add up of their rows."""
    return multiply(setting, shape.columns << shape.height)


def spans(setting: Setting, shape: Growth) -> dict[str, Cost]:
    """Return the cost of every span of a training, in order: "sort", "level0", …, "leaves"."""
    levels = {f"level{depth}": level(setting, shape, depth) for depth in range(shape.height)}
    return {"sort": sorted_table(setting, shape), **levels, "leaves": leaves(setting, shape)}


def grow(setting: Setting, shape: Growth) -> Cost:
    """Whole training."""
    return sequence(*spans(setting, shape).values())


def walk(setting: Setting, rows: int, height: int, value_bits: int) -> Cost:
    """Secret rows go down a secret tree, level by level."""
    steps = []
    for depth in range(height):
        steps += [goes_right(setting, rows, depth, value_bits), descend(setting, rows, depth)]
    return sequence(*steps)


def leaves_of(setting: Setting, rows: int, columns: int) -> Cost:
    """Leaves of rows, what they have added up: dot products with its one-hot vector."""
    return multiply(setting, rows * columns)


def quotients(setting: Setting, n: int, digits: int, bits: int) -> Cost:
    """Long divisions: for each digit all its 31 multiples at once; then what is left, by a product."""
    digit = negative(setting, ((1 << QUOTIENT) - 1) * n, bits)
    return sequence(repeated(sequence(digit, multiply(setting, n)), digits - 1), digit)


def means(setting: Setting, shape: Growth) -> Cost:
    """Means of leaves' targets: quotients of 20 bits, where up to 2^20 · n rows are compared."""
    digits = (MEAN + 1) // QUOTIENT
    return quotients(setting, 1 << shape.height, digits, MEAN + shape.count + 3)
