"""Decision trees on shares: every step of a level, from the constructions' mathematics.

A table has n rows, m attributes and some statistics; a level has G = 2^d slots. Source of all:
constructions.md#trees, and where a step has one of its own, that. In one file: steps of one level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.costs.algebra import (
    LOCAL,
    SERVERS,
    Cost,
    exchange,
    messages,
    repeated,
    rotated,
    sequence,
    together,
)
from analysis.costs.numbers import packed
from analysis.costs.replicated3 import halves, tables
from analysis.costs.replicated3.conversions import equal, zero
from analysis.costs.replicated3.operations import is_negative, multiply
from analysis.costs.replicated3.setting import Setting
from analysis.costs.replicated3.signs import sign, wide_sign

WORD = halves.WORD
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
        """Bits of a score: n³, times the square of a target; a place in the longest list of places too."""
        return max(3 * self.count + 2 * self.target_bits, self.listed)

    @property
    def listed(self) -> int:
        """Bits of a place in the last level's list of rows and of a header for each of its slots."""
        return int(tables.rank_bits(self.n + (1 << self.height - 1)))

    @property
    def cross(self) -> int:
        """Bits of 2^name·(N·D′ − N′·D) with a tie and a sign: N ≤ n³/4, D ≤ n²/4; a score's at least."""
        return max(5 * self.count - 4 + 2 * self.target_bits + 2 + self.name, self.score)

    @property
    def fraction(self) -> tuple[int, int, int]:
        """Bits of N, D and an attribute: those of cross products; above a word those of each, then lifted.

        What is lifted by one word has no more than a word to go.
        """
        if self.cross <= WORD:
            return self.cross, self.cross, self.cross
        least = self.cross - WORD
        return self.score, max(2 * self.count, least), max(self.name + 2, least)

    @property
    def sum(self) -> int:
        """Bits of what rows add up to, with two to spare."""
        return self.count + self.target_bits + 2

    @property
    def cut(self) -> int:
        """Bits of a difference of places, with two to spare; of a header's place in its list at least."""
        return max(self.count + 2, self.listed)

    @property
    def candidate(self) -> list[tuple[int, int]]:
        """A candidate's numbers and their bits: N, D, attribute; threshold; whether it is one, its cut."""
        together = [(3, self.cross)]
        fraction = together if self.cross <= WORD else [(1, bits) for bits in self.fraction]
        return [*fraction, (1, self.twice), (2, self.cut)]

    @property
    def border(self) -> int:
        """Bits of a flag that masks a candidate's numbers: the widest of them."""
        return max(bits for _, bits in self.candidate)

    @property
    def wanted(self) -> list[int]:
        """Bits of what slots learn of their best: attribute, threshold, flag, cut; N, D for gains."""
        asked = self.gains or not self.classes
        return [max(2, self.name), self.twice, FLAG, self.cut, *self.fraction[: 2 * asked]]

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
    def along(self) -> list[int]:
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
        tables.apply_order(n, m, shape.along),
    )


# Slots and places


def opened(n: int, orders: int = 1) -> Cost:
    """Orders revealed under fresh shuffles."""
    return tables.move(0, packed(n * orders, int(tables.rank_bits(n))))


def opened_lots(setting: Setting, n: int, slots: int) -> Cost:
    """Open the list of n places and their slots; the roles rotate over levels."""
    return turned(setting, opened(n + slots), slots)


def turned(setting: Setting, cost: Cost, slots: int) -> Cost:
    """Have the level of so many slots' own server play role 0."""
    return cost.cast(slots.bit_length() % SERVERS) if setting.rotate else cost


def carried(setting: Setting, shape: Growth, depth: int, widths: Sequence[int]) -> Cost:
    """Columns between slots and places, by their list, whose order is open: shuffled, then un-shuffled.

    At the root there is one slot, and nothing to send.
    """
    rows = shape.n + (1 << depth)
    if depth == 0 or not widths:
        return LOCAL
    moves = tables.move(sum(packed(rows, bits) for bits in widths)), tables.unshuffle(rows, widths)
    return turned(setting, sequence(*moves), 1 << depth)


def alike(setting: Setting, shape: Growth, pairs: int, depth: int) -> Cost:
    """Compare the slots of two places; at the root there is one."""
    return equality(within(setting, shape.border), pairs, depth) if depth and pairs else LOCAL


def widened(setting: Setting, n: int, bits: int) -> Cost:
    """Shares of n numbers brought to a wider ring, by halves; the roles are not rotated."""
    return (
        LOCAL if bits == setting.l else sequence(halves.lift(setting, n, bits), halves.to_share(setting, n))
    )


def ties(setting: Setting, shape: Growth) -> Cost:
    """Neighbours' values compared, in the ring of scores; a single row has no neighbour."""
    if shape.n == 1:
        return LOCAL
    return equality(within(setting, shape.score), shape.m * (shape.n - 1), shape.value_bits)


def at_places(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Size, start, Σ T² and, of statistics that travel, totals and what is before."""
    return carried(setting, shape, depth, [shape.score] * (3 + 2 * shape.travelling))


def enough_rows(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Whether the places `least_rows` apart are of one slot, on either side; one row is itself there."""
    inner, sides = max(0, shape.n - 2 * shape.least_rows + 1), min(2, shape.least_rows)
    both = multiply(within(setting, shape.border), inner) if sides == 2 and inner and depth else LOCAL
    return sequence(alike(setting, shape, sides * inner, depth), both)


def borders(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Five comparisons of slots at every node of a binary tree over places, n − 1, and one of its ends."""
    return alike(setting, shape, 5 * (shape.n - 1) + 1, depth) if shape.n > 1 else LOCAL


# Scores


def scores(setting: Setting, shape: Growth) -> Cost:
    """Σ l² and Σ T l of every candidate, then N = |G| Σ l² − 2|l| Σ T l + |l| Σ T², and D of a place."""
    small, every = within(setting, shape.score), shape.m * shape.n
    second = together(multiply(small, every), multiply(small, shape.n))
    return sequence(multiply(small, 2 * every), second)


def best_attributes(setting: Setting, shape: Growth) -> Cost:
    """Tournament at each place that score, attribute, threshold and flag follow; they and D are lifted."""
    widths = [shape.score, shape.name + 2, shape.twice, FLAG]

    def step(size: int) -> Cost:
        stages, left = [], shape.m
        while left > 1:
            pairs = left // 2 * size
            left -= left // 2
            chosen = together(*(halves.select(setting, pairs, bits) for bits in widths))
            stages += [sign(setting, pairs, shape.score), chosen]
        score, sides, name = shape.fraction
        lifted = [
            sequence(
                halves.lift(within(setting, bits), size, own), halves.to_share(within(setting, bits), size)
            )
            for own, bits in zip(widths, [score, name, shape.twice, shape.border], strict=True)
        ]
        lifted.append(LOCAL if sides <= shape.score else widened(within(setting, sides), size, shape.score))
        return sequence(*stages, together(*lifted))

    return rotated(step, shape.n, setting.rotate)


def masked(setting: Setting, shape: Growth) -> Cost:
    """Whether there is a candidate; then N + 1, D − 1 and the cut by it."""
    widths = [*shape.fraction[:2], shape.cut]
    kept = together(*(multiply(within(setting, bits), shape.n) for bits in widths))
    return sequence(multiply(within(setting, shape.border), shape.n), kept)


# The best place of each slot


def compared(setting: Setting, shape: Growth, pairs: int) -> Cost:
    """Compare by the sign of a cross product, whose summands go straight into halves."""
    if shape.cross > WORD:
        return halves.wide_order(setting, pairs, shape.cross, shape.fraction)
    return sequence(exchange(packed(pairs, shape.cross)), sign(setting, pairs, shape.cross))


def climb(setting: Setting, shape: Growth) -> Cost:
    """One comparison a node.

    Beside it what the first and the last of the joined range may gain is masked; these two and the winner
    are selected, a candidate each.
    """

    def step(pairs: int) -> Cost:
        ended, chosen = [], []
        for numbers, bits in shape.candidate:
            ring = within(setting, bits)
            ended.append(multiply(ring, 2 * numbers * pairs))
            select = halves.select(setting, numbers * pairs, bits)
            chosen += [sequence(select, halves.to_share(ring, numbers * pairs))] * 3
        return sequence(together(*ended, compared(setting, shape, pairs)), together(*chosen))

    return sequence(*(rotated(step, pairs, setting.rotate) for pairs in pairings(shape.n)))


def finished(setting: Setting, shape: Growth) -> Cost:
    """Which candidates are finished at each node: over the border, before it, behind it."""
    nodes, ring = shape.n - 1, within(setting, shape.border)
    return sequence(multiply(ring, 3 * nodes), multiply(ring, nodes))


def best_of_slots(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Climb, and beside it what is finished, which is left at places; a slot's is the sum of its places."""
    to_slots = carried(setting, shape, depth, shape.wanted)
    if shape.n == 1:
        return to_slots
    left = together(*(multiply(within(setting, bits), shape.n) for bits in shape.wanted))
    return sequence(together(finished(setting, shape), climb(setting, shape)), left, to_slots)


# The tests of a level


def pure(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Of classes: |G|² = Σ T² for each slot."""
    if not shape.classes:
        return LOCAL
    count = 1 << depth
    return sequence(multiply(setting, count), equality(setting, count, 2 * shape.count))


def allowed(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Whether slots may test: one product for each reason not to, but the first.

    Of targets the gain N·|G| − D·Σ T² must not be 0; where a least gain is asked, it must not be below.
    """
    count, asked = 1 << depth, (not shape.classes) + shape.gains
    reasons = [multiply(setting, count)] * (asked + shape.classes - 1)
    if not asked:
        return sequence(*reasons)
    to_ring = together(*(widened(setting, count, bits) for bits in shape.fraction[:2]))
    if shape.gain > setting.l:
        gains = rotated(lambda n: wide_gains(setting, n, shape), count, setting.rotate)
        return sequence(to_ring, gains, *reasons)
    checks = []
    if not shape.classes:
        checks.append(equality(setting, count, int(setting.l)))
    if shape.gains:
        checks.append(negative(setting, count, int(setting.l)))
    return sequence(to_ring, multiply(setting, 3 * count), together(*checks), *reasons)


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
    return sequence(
        halves.wide_lift(4 * n, WORD, bits), halves.wide_to_share(4 * n, bits), together(*asked)
    )


def tests(setting: Setting, shape: Growth, depth: int) -> Cost:
    """The tests as they are kept: one-hot attributes by equalities, threshold and flag widened; masked."""
    count = 1 << depth
    parts = together(
        equality(setting, count * shape.m, shape.name),
        widened(setting, count, shape.twice),
        widened(setting, count, FLAG),
    )
    return sequence(parts, multiply(setting, count), multiply(setting, count * (shape.m + 1)))


def parted(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Attributes to places, and their one-hot vectors there; beside it cuts to places, and their signs."""
    attribute = sequence(
        carried(setting, shape, depth, [max(2, shape.name)]),
        equality(within(setting, shape.sum), shape.m * shape.n, shape.name),
    )
    cut = sequence(
        multiply(within(setting, shape.cut), 1 << depth),
        carried(setting, shape, depth, [shape.cut] * 2),
        sign(setting, shape.n, shape.cut),
    )
    return together(attribute, cut)


def split(setting: Setting, shape: Growth, depth: int, last: bool) -> Cost:
    """Find the tests of a level, and how their rows part; the attributes' orders are opened beside."""
    scored = sequence(at_places(setting, shape, depth), scores(setting, shape))
    first = together(
        scored,
        ties(setting, shape),
        enough_rows(setting, shape, depth),
        borders(setting, shape, depth),
    )
    best = sequence(
        first, best_attributes(setting, shape), masked(setting, shape), best_of_slots(setting, shape, depth)
    )
    found = sequence(together(best, pure(setting, shape, depth)), allowed(setting, shape, depth))
    return sequence(
        together(found, LOCAL if last else opened(shape.n, shape.m)),
        together(tests(setting, shape, depth), parted(setting, shape, depth)),
    )


# Where rows go


def partition(setting: Setting, shape: Growth) -> Cost:
    """Bit to a number of b bits, a place by one product, which role 2 completes at role 1; the move."""
    small = within(setting, max(2, shape.rank))

    def step(orders: int) -> Cost:
        rows = orders * shape.n
        ranks = packed(rows, shape.rank)
        kept = ranks + sum(packed(rows, bits) for bits in shape.along)
        return sequence(
            halves.bit_to_share(small, rows),
            messages((2, 1, packed(rows, small.l))),
            tables.move(kept, ranks),
        )

    return rotated(step, shape.m, setting.rotate)


def moved(setting: Setting, shape: Growth) -> Cost:
    """Rows of slots' attributes, by place, that say where bits go; to every order; then the partition."""
    return sequence(
        multiply(within(setting, max(2, shape.rank)), shape.n),
        tables.apply_inverse(shape.n, 1, [1]),
        tables.unshuffle(shape.n * shape.m, [1]),
        partition(setting, shape),
    )


# One level down


def lefts(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Add up rows on the left: of the slot's attribute at places, by the bit, to slots, widened."""
    if not shape.travelling:
        return LOCAL
    ring, every = within(setting, shape.sum), shape.travelling * shape.n
    return sequence(
        together(multiply(ring, every), halves.bit_to_share(ring, shape.n)),
        multiply(ring, every),
        carried(setting, shape, depth, [shape.sum] * shape.travelling),
        widened(setting, shape.travelling << depth, shape.sum),
    )


def below_sums(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Add up the slots one level down."""
    return together(widened(setting, 1 << depth, shape.cut), lefts(setting, shape, depth))


def below(setting: Setting, shape: Growth, depth: int) -> Cost:
    """Slots one level down: sums and their squares; beside them the numbers of places, and their list."""
    count = 2 << depth
    numbers = halves.bit_to_share(within(setting, shape.score), shape.n)
    return together(
        sequence(below_sums(setting, shape, depth), multiply(setting, count)),
        sequence(numbers, opened_lots(setting, shape.n, count)),
    )


# Whole


def level(setting: Setting, shape: Growth, depth: int) -> Cost:
    """One level of 2^depth slots; after the last one no row is moved."""
    last = depth + 1 == shape.height
    further = LOCAL if last else together(moved(setting, shape), below(setting, shape, depth))
    return sequence(split(setting, shape, depth, last), further)


def spans(setting: Setting, shape: Growth) -> dict[str, Cost]:
    """Return the cost of every span of a training, in order: "sort", "level0", …, "leaves"."""
    levels = {f"level{depth}": level(setting, shape, depth) for depth in range(shape.height)}
    start = together(sorted_table(setting, shape), multiply(setting, 1))
    return {"sort": start, **levels, "leaves": below_sums(setting, shape, shape.height - 1)}


def grow(setting: Setting, shape: Growth) -> Cost:
    """Whole training."""
    return sequence(*spans(setting, shape).values())


# Rows that are asked about


def goes_right(setting: Setting, rows: int, depth: int, value_bits: int) -> Cost:
    """Each slot's gap at every row, that of the row's own slot, and its sign: 2x − 2t has 3 bits more."""
    return sequence(
        multiply(setting, rows << depth), multiply(setting, rows), negative(setting, rows, value_bits + 3)
    )


def descend(setting: Setting, rows: int, depth: int) -> Cost:
    """One-hot slots times the row's bit."""
    return multiply(setting, rows << depth)


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
