"""What hospitals and owners of trees hold: rows as integers, and the tree of the clear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError
from mpcsim.scenario import Scenario
from protocols.boosting import FINE, STEP, Boosting
from protocols.domains import Words
from protocols.trees import GAIN_BITS, MEAN, Statistics
from scenarios.clear import boosted as clear_boosted
from scenarios.clear import trees as clear
from scenarios.data import Table, Vertical, load_table, load_vertical
from scenarios.trees.settings import PrivateTreesSettings
from scenarios.trees.shapes import boosting_of, scaled_bits

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """What one tree is grown from, by number.

    Attributes:
        rows: of the rows for training.
        attributes: of all attributes, ascending.
    """

    rows: NDArray[np.intp]
    attributes: NDArray[np.intp]


class Inputs:
    """Tables, read when somebody needs more than their sizes; in a dry run only sizes are asked for."""

    def __init__(self, settings: PrivateTreesSettings, scenario: Scenario) -> None:
        self._settings, self._folder, self._seed = settings, scenario.folder, scenario.seed or 0
        self._ring = settings.ring.ring()
        self.boosted, self.value_bits = settings.trees.model == "boosted", settings.ring.value_bits
        hospitals, queries = settings.hospitals.count, settings.output.queries
        if hospitals > self.rows:
            raise InputError(
                f"hospitals.count = {hospitals}: accepted are 1 to the {self.rows} rows for training"
            )
        asked = settings.trees.attributes
        if asked is not None and asked > self.attributes:
            raise InputError(f"trees.attributes = {asked}: accepted are 1 to the table's {self.attributes}")
        if queries > self._asked_rows:
            raise InputError(
                f"output.queries = {queries}: accepted are 0 to the {self._asked_rows} rows that are not "
                "for training"
            )

    @cached_property
    def _tables(self) -> tuple[Table, Table]:
        """The rows for training and others; of columns in two halves, those for training that both have."""
        if not self._settings.data.vertical:
            return load_table(self._settings.data, self._folder, self._seed)
        (table, found), train = self.halves.joined(), self.halves.train
        rows, dry = np.arange(len(table)), self._settings.dry_run
        return table.take(rows[:train][found[:train] | dry]), table.take(rows[train:])

    @cached_property
    def halves(self) -> Vertical:
        """What two hospitals hold of the same patients."""
        return load_vertical(self._settings.data, self._folder, self._seed)

    @property
    def second_rows(self) -> int:
        """Rows of the second hospital, where the hospitals hold columns."""
        data = self._settings.data
        return data.rows - data.absent if data.source == "random" else len(self.halves.second.keys)

    @property
    def widths(self) -> tuple[int, int]:
        """Attributes of each hospital, where the hospitals hold columns."""
        if self._settings.data.source == "random":
            return -(-self.attributes // 2), self.attributes // 2
        return len(self.halves.first.names), len(self.halves.second.names)

    @property
    def trained(self) -> int:
        """Rows that trees are grown from: those for training that both hospitals have."""
        drops = self._settings.data.vertical and not self._settings.dry_run
        return len(self._tables[0]) if drops else self.rows

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Which of the rows that are asked about both hospitals have."""
        queries = self._settings.output.queries
        if not self._settings.data.vertical:
            return np.ones(queries, np.bool_)
        return self.halves.joined()[1][self.halves.train :][:queries]

    @property
    def rows(self) -> int:
        """Rows for training that hospitals share."""
        data = self._settings.data
        if data.source == "random":  # a dry run of any size reads nothing
            return data.train if data.train is not None else max(1, data.rows * 3 // 4)
        return self.halves.train if data.vertical else len(self._tables[0])

    @property
    def _asked_rows(self) -> int:
        data = self._settings.data
        return data.rows - self.rows if data.source == "random" else len(self._tables[1])

    @property
    def attributes(self) -> int:
        """How many there are."""
        data = self._settings.data
        return data.attributes if data.source == "random" else len(self._tables[0].names)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the attributes."""
        return self._tables[0].names

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, none of targets."""
        return self.halves.classes if self._settings.data.vertical else self._tables[0].classes

    @cached_property
    def statistics(self) -> Statistics:
        """What a node adds up."""
        data = self._settings.data
        count = data.classes if data.source == "random" else len(self.classes)
        if count:
            return Statistics(count)
        mine = self._settings.trees.attributes or self.attributes
        return Statistics(1, classes=False, bits=scaled_bits(self._settings, self.rows, mine))

    @property
    def columns(self) -> int:
        """Numbers that a hospital shares of a row beside its values, and those of a leaf."""
        return 1 if self.boosted else self.statistics.columns

    @property
    def boosting(self) -> Boosting:
        """Public sizes of boosted trees."""
        return boosting_of(self._settings, self.trained, self.attributes, self.statistics.classes)

    @cached_property
    def scale(self) -> float:
        """Target integers for one unit, the largest's as many bits as they have; 1 of classes.

        The largest target is public by it.
        """
        if self.statistics.classes:
            return 1.0
        tables = (
            [self.halves] if self._settings.data.vertical else [one for one in self._tables if len(one)]
        )
        largest = max(float(np.abs(table.targets).max()) for table in tables)
        most = 2 ** (FINE - 1) if self.boosted else 2**self.statistics.bits - 1
        return most / largest if largest else 1.0

    def sample(self, tree: int, rows: int | None = None) -> Sample:
        """Return rows (of so many, else of those trained on) and attributes of a tree, drawn in public."""
        trees, rng = self._settings.trees, np.random.default_rng([self._seed, 23, tree])
        count = self.trained if rows is None else rows
        drawn, attributes = np.arange(count), np.arange(self.attributes)
        if trees.bootstrap:
            drawn = np.sort(rng.integers(0, count, count))
        if trees.attributes is not None:
            attributes = np.sort(rng.permutation(self.attributes)[: trees.attributes])
        return Sample(drawn, attributes)

    def read(self) -> None:
        """Read all, so that what is wrong shows before the run.

        Raises:
            InputError, EncodingError: rows that cannot be used.
        """
        _ = self.integers, self.asked

    @cached_property
    def integers(self) -> tuple[Integers, Integers]:
        """Values (m, n) and statistics (columns, n) of the rows for training."""
        return self._values(self._tables[0]), self._sums(self._tables[0])

    @cached_property
    def asked(self) -> tuple[Integers, NDArray[Any]]:
        """Values (m, q) of the rows that are asked about, and their class numbers or targets."""
        table = self._tables[1].take(np.arange(self._settings.output.queries))
        targets: NDArray[Any] = np.asarray(table.targets)
        return self._values(table), targets.astype(np.int64) if self.statistics.classes else targets

    def _values(self, table: Table) -> Integers:
        return self._ring.signed(self._ring.encode(table.values.T, "row"))

    def _sums(self, table: Table) -> Integers:
        if self.statistics.classes and self.boosted:
            return (np.asarray(table.targets).astype(np.int64) << FINE).reshape(1, -1)
        if self.statistics.classes:
            numbers = np.arange(self.statistics.columns).reshape(-1, 1)
            hot: Integers = (np.asarray(table.targets).reshape(1, -1) == numbers).astype(np.int64)
            return hot
        return np.rint(np.asarray(table.targets) * self.scale).astype(np.int64).reshape(1, -1)

    @cached_property
    def steps(self) -> clear_boosted.ClearBoosted:
        """The boosted trees of the rows for training, grown in the clear."""
        values, targets = self.integers
        bits = self.boosting.residual_bits(self._ring)
        return clear_boosted.boost(values, targets[0], self.boosting, bits)

    @cached_property
    def forest(self) -> list[clear.ClearTree]:
        """The trees of the rows for training, grown in the clear."""
        if self.boosted:
            return self.steps.trees
        trees, (values, statistics) = self._settings.trees, self.integers
        unit = self.trained << (
            GAIN_BITS + 2 * self.statistics.bits
        )  # the least gain is one of its multiples
        found = []
        for number in range(trees.count):
            sample = self.sample(number)
            tree = clear.grow(
                values[sample.attributes][:, sample.rows],
                statistics[:, sample.rows],
                trees.height,
                classes=self.statistics.classes,
                least_rows=trees.least_rows,
                least_gain=Fraction(round(trees.least_gain * unit), unit),
                scale=1 << self.statistics.bits,
            )
            found.append(tree)
        return found

    # Answers

    def means(self, number: int) -> Integers:
        """Return what the leaves of a tree of targets answer, (2^height,), 0 of a leaf without a row."""
        tree, sample, values = self.forest[number], self.sample(number), self.integers[0]
        leaf = tree.leaf_of(values[sample.attributes][:, sample.rows])
        sizes = np.bincount(leaf, minlength=len(tree.leaves))
        found: Integers = (tree.leaves[:, 0] << (MEAN - self.statistics.bits)) // np.maximum(sizes, 1)
        return found

    def expected(self, values: Integers) -> Integers:
        """Return what the trees of the clear answer to the rows of a table (m, n), as it is revealed."""
        if self.boosted:
            raw = self.steps.raw_scores(values)
            return (raw >= 0).astype(np.int64) if self.statistics.classes else raw
        if self.statistics.classes:
            return self.voted(self.forest, values)
        each = enumerate(self.forest)
        mine = (self.means(i)[tree.leaf_of(values[self.sample(i).attributes])] for i, tree in each)
        total: Integers = np.sum(list(mine), 0)
        return total

    def voted(self, forest: Sequence[clear.ClearTree], values: Integers) -> Integers:
        """Return the class that most trees give each row of a table (m, n), the first among equals."""
        votes: Any = 0
        for number, tree in enumerate(forest):
            mine = tree.predict(values[self.sample(number).attributes]).argmax(0)
            votes = votes + (mine == np.arange(len(tree.leaves[0])).reshape(-1, 1))
        most: Integers = votes.argmax(0)
        return most

    def answered(self, found: Sequence[int]) -> list[str] | list[float]:
        """Return what was revealed as classes' names, or as targets."""
        if self.statistics.classes:
            return [self.classes[one] for one in found]
        unit = (
            2.0 ** (STEP - FINE)
            if self.boosted
            else self._settings.trees.count * 2.0 ** (MEAN - self.statistics.bits)
        )
        return [one / unit / self.scale for one in found]

    # As ring elements; shapes alone in a dry run

    def _words(self, kernels: ModuleType, shape: tuple[int, ...], values: Any) -> Words:
        if self._settings.dry_run:
            empty: Words = kernels.zeros(shape, self._ring.dtype)
            return empty
        return self._ring.encode_integers(values())

    def part(self, hospital: int, kernels: ModuleType) -> tuple[Words, Words]:
        """Return a hospital's values and statistics."""
        parts = np.array_split(np.arange(self.rows), self._settings.hospitals.count)
        mine = parts[hospital]
        return (
            self._words(kernels, (self.attributes, len(mine)), lambda: self.integers[0][:, mine]),
            self._words(kernels, (self.columns, len(mine)), lambda: self.integers[1][:, mine]),
        )

    def keys(self, hospital: int, kernels: ModuleType) -> Words:
        """Return a hospital's keys: the first one's of the rows for training, and of those asked about."""
        if hospital:
            return self._words(kernels, (self.second_rows,), lambda: self.halves.second.keys)
        count = self.rows + self._settings.output.queries
        return self._words(kernels, (count,), lambda: self.halves.first.keys[:count])

    def half(self, hospital: int, kernels: ModuleType) -> tuple[Words, Words]:
        """Return a hospital's columns of the rows whose keys it shares; and the first one's statistics."""
        count = self.second_rows if hospital else self.rows + self._settings.output.queries

        def values() -> Integers:
            mine = self.halves.second if hospital else self.halves.first
            return self._ring.signed(self._ring.encode(mine.values[:count].T, "row"))

        def sums() -> Integers:
            rows = Table(
                self.halves.first.values[: self.rows], self.halves.targets[: self.rows],
                self.halves.first.names, self.halves.classes,
            )  # fmt: skip
            return self._sums(rows)

        return (
            self._words(kernels, (self.widths[hospital], count), values),
            self._words(kernels, (self.columns, 0 if hospital else self.rows), sums),
        )

    def queries(self, kernels: ModuleType) -> Words:
        """Return the values of the rows that are asked about."""
        return self._words(kernels, (self.attributes, self._settings.output.queries), lambda: self.asked[0])

    def grown(self, number: int, kernels: ModuleType) -> list[tuple[Words, Words, Words]]:
        """Return the levels of a tree of the owner's: tests, one-hot attributes, twice the thresholds."""
        found, many = [], len(self.sample(number).attributes)
        for depth in range(self._settings.trees.height):
            part = slice((1 << depth) - 1, (2 << depth) - 1)
            found.append(
                (
                    self._words(kernels, (1 << depth,), lambda part=part: self.forest[number].tests[part]),
                    self._words(kernels, (1 << depth, many), lambda part=part: self._one_hot(number, part)),
                    self._words(kernels, (1 << depth,), lambda part=part: self.forest[number].twice[part]),
                )
            )
        return found

    def _one_hot(self, number: int, part: slice) -> Integers:
        tree = self.forest[number]
        found = tree.attributes[part].reshape(-1, 1) == np.arange(len(self.sample(number).attributes))
        hot: Integers = (found & tree.tests[part].reshape(-1, 1)).astype(np.int64)
        return hot

    def leaves(self, number: int, kernels: ModuleType) -> Words:
        """Return what the leaves of a tree of the owner's hold: sums of classes, means, or steps."""
        shape = (1 << self._settings.trees.height, self.columns)
        if self.boosted or self.statistics.classes:
            return self._words(kernels, shape, lambda: self.forest[number].leaves)
        return self._words(kernels, shape, lambda: self.means(number).reshape(shape))

    def planted_shapes(self, number: int) -> list[tuple[int, ...]]:
        """Return the shapes of `planted`."""
        trees, nodes = self._settings.trees, (1 << self._settings.trees.height) - 1
        voting = not self.boosted and self.statistics.classes and trees.count > 1
        columns = self.statistics.columns if voting else 1
        return [(nodes, len(self.sample(number).attributes)), (nodes,), (nodes + 1, columns)]

    def planted(self, number: int, kernels: ModuleType) -> list[Words]:
        """Return a tree of the owner's whole: one-hot attributes, twice the thresholds, what leaves answer.

        These are steps or means; of classes their numbers, or of several trees a vote for each.
        """
        shapes = self.planted_shapes(number)

        def leaves() -> Any:
            tree = self.forest[number]
            if self.boosted:
                return tree.leaves
            if not self.statistics.classes:
                return self.means(number).reshape(-1, 1)
            most = tree.leaves.argmax(1).reshape(-1, 1)
            return most if shapes[2][1] == 1 else most == np.arange(shapes[2][1])

        parts: list[Callable[[], Any]] = [
            lambda: self._one_hot(number, slice(None)), lambda: self.forest[number].twice, leaves
        ]  # fmt: skip
        return [self._words(kernels, shape, one) for shape, one in zip(shapes, parts, strict=True)]

    def base(self, kernels: ModuleType) -> Words:
        """Return the raw score that boosted trees of the owner's begin with."""
        return self._words(kernels, (1,), lambda: np.array([self.steps.base]))
