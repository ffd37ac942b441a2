"""A whole run of trees: hospitals share rows, servers grow a tree or take one, answer, reveal.

Depths are followed by server from span to span, so that rounds are right where one is a step ahead of the
others. What each span costs is in `analysis.costs.replicated3.trees`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from analysis.costs import Cost, boosting, sequence, together
from analysis.costs.replicated3 import Setting, layers, operations, tables, trees
from analysis.costs.written import Asked, Thirds
from analysis.costs.written import walk as in_two

SERVERS = 3
_UNCUT = 5
"""Levels of trees that rows go down in one piece."""
KEY_BITS = 31
"""Of the keys by which rows meet."""
Path = tuple[str, ...]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Halves:
    """What is public of columns that two hospitals hold.

    Attributes:
        rows: of the first to train on, and of the second.
        widths: attributes of each.
        drops: whether rows without a partner are left out; else they end the run.
    """

    rows: tuple[int, int]
    widths: tuple[int, int]
    drops: bool


@dataclass
class Forest:
    """What a run costs, span by span: `spans` by path, and the `whole`.

    Attributes:
        setting: ring and choices.
        shape: of each tree.
        count: trees, side by side.
        attributes: of the table, of which each tree has `shape.m`.
        hospitals: how many share rows.
        queries: rows that are asked about.
        grown: whether the servers grow the tree; else its owner shares it.
        owner: whether there is an owner: who learns the tree, or shares it.
        boosted: what is public of boosted trees; None of trees side by side.
        halves: of hospitals that hold columns; None of those that hold rows.
        resumed: levels of trees, or boosted trees, that a checkpoint already had.
        binned: whether it had the bins of boosted trees.
    """

    setting: Setting
    shape: trees.Growth
    count: int
    attributes: int
    hospitals: int
    queries: int
    grown: bool
    owner: bool
    boosted: boosting.Boosting | None = None
    halves: Halves | None = None
    resumed: int = 0
    binned: bool = False
    spans: dict[Path, layers.Span] = field(default_factory=dict)
    whole: layers.Span = field(default_factory=layers.Span)

    def __post_init__(self) -> None:
        """Follow the run; everybody's first message is the servers' first round."""
        keys = operations.keys(self.setting)
        depths = tuple(max(1, depth) for depth in keys.after((0,) * SERVERS))
        self.spans["sharing",] = layers.Span(max(depths), [*keys.sent, *self._clients()])
        if self.halves is not None:
            before, cost = max(depths), self._joining(self.halves)
            depths = cost.after(depths)
            self.spans["joining",] = layers.Span(max(depths) - before, [int(size) for size in cost.sent])
        if self.grown:
            depths = self._inside("growth", depths, self._growth())
        if self.queries:
            steps = self._answers()
            if self.halves is not None and self.halves.drops:
                steps["known",] = operations.multiply(self.setting, self.queries)
            depths = self._inside("answers", depths, steps)
        revealed = self._revealed()
        sent = [sum(part) for part in zip(*revealed, strict=True)] if revealed else [0] * SERVERS
        self.spans["reveal",] = layers.Span(int(bool(revealed)), sent)
        parties = SERVERS + self.hospitals + self.owner
        top = [span.sent for path, span in self.spans.items() if len(path) == 1]
        total = [sum(int(row[party]) for row in top if party < len(row)) for party in range(parties)]
        self.whole = layers.Span(max(depths) + int(bool(revealed)), total)

    def _inside(self, outer: str, depths: tuple[int, ...], steps: dict[Path, Cost]) -> tuple[int, ...]:
        """Follow the innermost spans one after the other; those around them add up what is in them."""
        for path, cost in steps.items():
            before, depths = max(depths), cost.after(depths)
            for around in range(len(path) + 1):
                span = self.spans.get((outer, *path[:around]), layers.Span(0, [0] * SERVERS))
                sent = [total + int(size) for total, size in zip(span.sent, cost.sent, strict=True)]
                self.spans[outer, *path[:around]] = layers.Span(span.rounds + max(depths) - before, sent)
        return depths

    def _joining(self, halves: Halves) -> Cost:
        """Return what it costs that rows meet: a join by key; then whether all have met, or a stable pass.

        Of those that have met the number is opened, and all columns move.
        """
        setting, (first, second) = self.setting, halves.rows
        rows = first + self.queries + second
        met = tables.join(setting, rows, 1, halves.widths[1], KEY_BITS, self.shape.digit)
        if not halves.drops:
            asked = trees.equality(setting, 1, (first + self.queries).bit_length())
            return sequence(met, asked, operations.reveal(setting, 1))
        moved = [int(setting.l)] * (sum(halves.widths) + self._columns)
        return sequence(
            met,
            operations.reveal(setting, 1),
            tables.order_by(setting, first, 1, [1], 1),
            tables.apply_order(first, 1, moved),
        )

    def _growth(self) -> dict[Path, Cost]:
        """Return what growing costs, by the innermost spans."""
        if self.boosted is not None:
            kept = {f"tree{number}" for number in range(self.resumed)}
            kept |= {"bins", "base"} if self.binned else set()
            every = boosting.spans(self.setting, self.boosted)
            return {path: cost for path, cost in every.items() if path[0] not in kept}
        if self.resumed == self.shape.height:
            return {}
        kept = {f"level{depth}" for depth in range(self.resumed)} | ({"sort"} if self.resumed else set())
        steps: dict[Path, Cost] = {}
        for name, cost in trees.spans(self.setting, self.shape).items():
            if name not in kept:
                steps[name,] = self._each(cost)
        return steps

    def _each(self, cost: Cost) -> Cost:
        """Return the cost of a step of every tree, side by side."""
        return together(*[cost] * self.count)

    @property
    def _columns(self) -> int:
        """Numbers of a leaf, and of a row beside its values."""
        return 1 if self.boosted is not None else self.shape.columns

    def _answers(self) -> dict[Path, Cost]:
        """Return what every leaf answers, the rows' way down, and a dot product a row.

        Of several trees with classes votes: an equality for each class, and the class with most of them the
        largest. Of boosted ones the sum of steps, and its sign of classes.
        """
        setting, shape, queries = self.setting, self.shape, self.queries
        steps: dict[Path, Cost] = {}
        asked = Asked(queries, shape.m, 1, shape.height, self.count)
        cut = shape.height > _UNCUT and asked.cut < shape.height
        walked = in_two(Thirds(), setting, asked) if cut else None
        if self.boosted is not None:
            raw = boosting.raw_scores(setting, queries, self.boosted)
            steps["scores",] = raw if walked is None else self._each(walked)
            if self.boosted.classes:
                steps["classes",] = trees.negative(setting, queries, self.boosted.raw)
            return steps
        if shape.classes:
            leaves = operations.argmax(setting, 1 << shape.height, shape.columns)
            steps["classes",] = self._each(leaves)
        elif self.grown:
            steps["means",] = self._each(trees.means(setting, shape))
        if walked is not None:
            steps["walk",] = self._each(walked)
        else:
            steps["walk",] = self._each(trees.walk(setting, queries, shape.height, shape.value_bits))
            steps["read",] = self._each(trees.leaves_of(setting, queries, 1))
        if self.count > 1 and shape.classes:
            bits = max(1, (shape.columns - 1).bit_length())
            voted = trees.equality(setting, self.count * queries * shape.columns, bits)
            steps["votes",] = sequence(voted, operations.argmax(setting, queries, shape.columns))
        return steps

    def _trees(self) -> list[Shape]:
        """Return the shapes of trees: tests, one-hot attributes, thresholds by level; leaves; a base."""
        shape = self.shape
        levels = [((1 << d,), (1 << d, shape.m), (1 << d,)) for d in range(shape.height)]
        one: list[Shape] = [
            *(each for level in levels for each in level),
            (1 << shape.height, self._columns),
        ]
        return one * self.count + ([(1,)] if self.boosted is not None else [])

    def _clients(self) -> list[int]:
        """Return what each hospital shares, and the owner: values, statistics, queries; or a tree."""
        if self.halves is not None:
            return [*self._columns_shared(self.halves), *[0] * self.owner]
        n, m, count = self.shape.n, self.attributes, self.hospitals
        found = []
        for number in range(count):
            rows = n // count + (number < n % count)
            shared: list[Shape] = [(m, rows), (self._columns, rows)] if self.grown else []
            shared += [(m, self.queries)] if self.queries and number == 0 else []
            found.append(self._shared(shared))
        if self.owner:
            found.append(0 if self.grown else self._shared(self._trees()))
        return found

    def _columns_shared(self, halves: Halves) -> list[int]:
        """Return what hospitals share of columns: keys and values; and the first its statistics."""
        (first, second), (wide, other) = halves.rows, halves.widths
        held = first + self.queries
        return [
            self._shared([(held,), (wide, held), (self._columns, first)]),
            self._shared([(second,), (other, second)]),
        ]

    def _shared(self, shapes: Iterable[Shape]) -> int:
        return sum(int(sum(operations.client_input(self.setting, shape))) for shape in shapes)

    def _revealed(self) -> list[tuple[int, ...]]:
        """Return what servers send for each array that a client learns."""
        asked = 1 + (self.halves is not None and self.halves.drops)
        shapes: list[Shape] = [(self.queries,)] * asked if self.queries else []
        shapes += self._trees() if self.grown and self.owner else []
        counts = [shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in shapes]
        return [tuple(map(int, operations.client_output(self.setting, count))) for count in counts]
