"""Trees grown where every message is proven: every step of a level, and one verification before it parts.

A table has n rows, m attributes and some statistics; a level has S = 2^d slots. What slots, places and
candidates hold has `wide` bits. Sizes and widths are those of `analysis.costs.replicated3.trees.Growth`.
Source: malicious.md#trees.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.costs.algebra import LOCAL, Cost, rotated, sequence, together
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number
from analysis.costs.replicated3 import trees as honest
from analysis.costs.replicated3_malicious import steps, tables
from analysis.costs.replicated3_malicious.tables import Course

FLAG = honest.FLAG
GAP = 3
"""Bits of 2x − 2t, more than a value's."""


# Steps on flat vectors, whose roles rotate over thirds


def mul(n: Number, bits: Number, products: int = 1) -> Cost:
    """N sums of so many products."""
    return steps.product(n, bits, 2 * products) if n else LOCAL


def matmul(n: Number, bits: Number, inner: Number) -> Cost:
    """N entries of a product of matrices."""
    return steps.mapped(n, bits, [2 * inner]) if n else LOCAL


def zero(n: int, bits: int, out: int) -> Cost:
    """N equalities with 0, as numbers, each third from end to end in its rotation."""
    return tables.equal(n, bits, out)


def negative(n: int, bits: int, out: int) -> Cost:
    """N signs as numbers, likewise."""
    return rotated(lambda part: sequence(steps.sign(part, bits), steps.number(part, out)), n)


def number(n: int, bits: int) -> Cost:
    """N bits as numbers."""
    return rotated(lambda part: steps.number(part, bits), n)


def lift(n: int, bits: int, out: int) -> Cost:
    """N numbers in a wider ring."""
    if out <= bits or not n:
        return LOCAL
    return rotated(lambda part: steps.wraps(part, bits, out - bits), n)


@dataclass(frozen=True)
class Level:
    """One level: the tree, its ring, and how deep it is."""

    shape: honest.Growth
    ring: int
    depth: int

    @property
    def slots(self) -> int:
        """S."""
        return 1 << self.depth

    @property
    def last(self) -> bool:
        """Whether no row moves any more."""
        return self.depth + 1 == self.shape.height

    @property
    def wide(self) -> int:
        """Bits of what slots, places and candidates hold."""
        return wide(self.shape)

    def among(self, cost: Cost) -> Cost:
        """Return what it costs to reach slots; at the root there is one, and nothing to send."""
        return cost if self.depth else LOCAL

    # Slots and places

    def totals(self) -> Cost:
        """Statistics of slots, then their squares."""
        columns = self.shape.columns
        sums = self.among(matmul(self.slots * columns, self.wide, self.shape.n))
        return sequence(sums, mul(self.slots, self.wide, columns))

    def at_places(self) -> Cost:
        """Size, start, squares, totals and what is before."""
        rows = 3 + 2 * self.shape.travelling
        return self.among(matmul(rows * self.shape.n, self.wide, self.slots))

    def ties(self) -> Cost:
        """Neighbours' values compared."""
        shape = self.shape
        return zero(shape.m * (shape.n - 1), shape.value_bits, shape.score)

    def pairs(self) -> tuple[int, int]:
        """Return the places that are asked for enough rows, and all pairs of places that are compared."""
        shape = self.shape
        inner = max(0, shape.n - 2 * shape.least_rows + 1)
        here = inner * min(2, shape.least_rows)
        return inner, here + (5 * (shape.n - 1) + 1 if shape.n > 1 else 0)

    def compared(self) -> Cost:
        """Price whether places are of one slot, enough rows on both sides, and which slots are finished."""
        inner, pairs = self.pairs()
        nodes = self.shape.n - 1
        both = mul(inner, self.wide) if self.shape.least_rows > 1 else LOCAL
        alike = self.among(sequence(mul(pairs, self.wide, self.slots), both))
        return sequence(alike, mul(3 * nodes, self.wide), mul(nodes, self.wide))

    def pure(self) -> Cost:
        """Of classes: |G|² = Σ T²."""
        if not self.shape.classes:
            return LOCAL
        return sequence(mul(self.slots, self.wide), zero(self.slots, 2 * self.shape.count, self.ring))

    # Candidates

    def scores(self) -> Cost:
        """Squares and mixed sums of every candidate; then N less what is common, that, and D."""
        shape = self.shape
        every = mul(shape.m * shape.n, shape.score, shape.columns)
        ends = (mul(shape.m * shape.n, shape.score, 2), mul(shape.n, shape.score), mul(shape.n, self.wide))
        return sequence(together(every, every), together(*ends))

    def tournament(self) -> Cost:
        """Attributes compete at each place, places in thirds from end to end; the best ones are lifted."""
        shape = self.shape
        widths = [shape.score, shape.name + 2, shape.twice, FLAG]

        def third(places: Number) -> Cost:
            stages, left = [], shape.m
            while left > 1:
                pairs = left // 2 * places
                left -= left // 2
                chosen = together(*(steps.select(pairs, bits) for bits in widths))
                stages += [steps.sign(pairs, shape.score), chosen]
            narrow = [bits for bits in widths if bits < self.wide]
            lifted = (steps.wraps(places, bits, self.wide - bits) for bits in narrow)
            return sequence(*stages, together(*lifted))

        return rotated(third, shape.n)

    def candidates(self) -> Cost:
        """Whether there is one; then N and D by it."""
        return sequence(mul(self.shape.n, self.wide), mul(2 * self.shape.n, self.wide))

    def climb(self) -> Cost:
        """Stages of pairs of ranges: a comparison beside masked ends, then three products a number."""
        cross, stages = self.shape.cross, []
        for pairs in honest.pairings(self.shape.n):
            compared = sequence(mul(pairs, cross, 2), negative(pairs, cross, self.wide))
            masked = mul(10 * pairs, self.wide)
            stages += [together(masked, compared), mul(15 * pairs, self.wide)]
        return sequence(*stages)

    def best(self) -> Cost:
        """Price the best candidate of each slot, beside whether slots are pure."""
        found = [self.tournament(), self.candidates()]
        if self.shape.n > 1:
            found += [self.climb(), mul(5 * self.shape.n, self.wide, 3)]
        to_slots = self.among(matmul(5 * self.slots, self.wide, self.shape.n))
        return together(sequence(*found, to_slots), self.pure())

    # Tests

    def allowed(self) -> Cost:
        """Whether slots may test: by a gain where one is asked; a product for each reason but the first."""
        shape, slots, checks = self.shape, self.slots, []
        reasons = shape.classes + (not shape.classes) + shape.gains
        if not shape.classes:
            checks.append(sequence(mul(slots, shape.gain, 2), zero(slots, shape.gain, self.ring)))
        if shape.gains:
            checks.append(sequence(mul(slots, shape.gain, 3), negative(slots, shape.gain, self.ring)))
        lifted = lift(4 * slots, self.wide, self.ring) if checks else LOCAL
        return sequence(lifted, together(*checks), *[mul(slots, self.ring)] * (reasons - 1))

    def tests(self) -> Cost:
        """What is read of slots' best, beside whether they may test; then masked."""
        shape, slots = self.shape, self.slots
        read = together(zero(slots * shape.m, shape.name, self.ring), lift(2 * slots, self.wide, self.ring))
        kept = sequence(mul(slots, self.ring), mul(slots * (shape.m + 1), self.ring))
        return sequence(together(self.allowed(), read), kept)

    # Rows

    def goes_right(self) -> Cost:
        """Gaps of all nodes at all rows, that of a row's own, its sign as a number."""
        shape = self.shape
        bits = shape.value_bits + GAP
        own = self.among(mul(shape.n, bits, self.slots))
        signed = negative(shape.n, bits, self.wide)
        return sequence(matmul(self.slots * shape.n, bits, shape.m), own, signed)

    def descend(self) -> Cost:
        """One-hot slots by the bit."""
        return self.among(mul(self.slots * self.shape.n, self.wide))

    def routed(self) -> Cost:
        """Bits of rows to every order: by the sort's opening, then by those of partitions; as numbers."""
        shape = self.shape
        rows = shape.n * shape.m
        back, *forth = (tables.shuffle(rows, [], [1], back=place == 0) for place in range(self.depth + 1))
        return sequence(back, *forth, number(rows, shape.rank))

    def below(self) -> Cost:
        """One-hot slots by row; then where slots' left rows end, at places, and one-hot slots by place."""
        shape = self.shape
        ends = self.among(matmul(2 * shape.n, shape.cut, self.slots))
        right = negative(shape.n, shape.cut, self.wide)
        return sequence(self.descend(), ends, right, self.descend())

    def cost(self) -> Cost:
        """All of the level but what is opened with its new places."""
        scored = sequence(self.totals(), self.at_places(), self.scores())
        found = together(scored, self.ties(), self.compared())
        tested = sequence(found, self.best(), self.tests(), self.goes_right())
        if self.last:
            return sequence(tested, self.descend())
        shape = self.shape
        return sequence(tested, together(self.routed(), self.below()), mul(shape.m * shape.n, shape.rank))


def wide(shape: honest.Growth) -> int:
    """Return the bits of what slots, places and candidates hold."""
    return max(shape.border, shape.value_bits + GAP)


def leaves(shape: honest.Growth, ring: int) -> Cost:
    """Price what leaves add up, and their sizes, in the ring."""
    count, bits = 1 << shape.height, wide(shape)
    sums = matmul(count * shape.columns, bits, shape.n)
    return sequence(sums, lift(count * (shape.columns + 1), bits, ring))


def growth(
    setting: FamilySetting, shape: honest.Growth, count: int = 1, start: int = 0, kept: bool = False
) -> Course:
    """Return the whole growth, span by span: "sort", "level0", …, "leaves", of several trees in "tree0", ….

    Args:
        setting: ring and choices.
        shape: of a tree.
        count: trees, one after the other: what one leaves to verify is verified in the next one's sort.
        start: levels that a checkpoint already had; of the whole tree nothing is left.
        kept: whether the tree is verified as soon as it is grown, so that a checkpoint may have it.
    """
    course = tables.course_of(setting)
    if start < shape.height:
        for number in range(count):
            _grown(course, shape, int(setting.l), (f"tree{number}",) if count > 1 else (), start)
    if kept and start < shape.height:
        course.verified("verified")
    return course


def _grown(course: Course, shape: honest.Growth, ring: int, outer: tuple[str, ...], start: int) -> None:
    n, m = shape.n, shape.m
    along = [shape.twice, *[shape.score] * shape.travelling]
    if start == 0:
        course.span = (*outer, "sort")
        course.then(tables.key_of(n * m, shape.value_bits))
        tables.order_by(course, n, m, [shape.value_bits], shape.digit)
        tables.apply_order(course, n, m, along)
    for depth in range(start, shape.height):
        level = Level(shape, ring, depth)
        course.span = (*outer, f"level{depth}")
        course.then(level.cost())
        if not level.last:
            tables.opened(course, n, m, along)
    course.span = (*outer, "leaves")
    course.then(leaves(shape, ring))
