"""What hospitals and owners of trees hold: rows as integers, and the tree of the clear."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError
from mpcsim.scenario import Scenario
from protocols.domains import Words
from protocols.trees import GAIN_BITS, Statistics
from scenarios.clear import trees as clear
from scenarios.data import Table, load_table
from scenarios.trees.settings import PrivateTreesSettings

TARGET_BITS = 12
"""Bits of a target, which is scaled so that the largest fits them."""
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
        return load_table(self._settings.data, self._folder, self._seed)

    @property
    def rows(self) -> int:
        """Rows for training."""
        data = self._settings.data
        if data.source == "random":  # a dry run of any size reads nothing
            return data.train if data.train is not None else max(1, data.rows * 3 // 4)
        return len(self._tables[0])

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
        return self._tables[0].classes

    @cached_property
    def statistics(self) -> Statistics:
        """What a node adds up."""
        data = self._settings.data
        count = data.classes if data.source == "random" else len(self.classes)
        return Statistics(count) if count else Statistics(1, classes=False, bits=TARGET_BITS)

    @cached_property
    def scale(self) -> float:
        """Target integers for one unit; 1 of classes."""
        if self.statistics.classes:
            return 1.0
        largest = max(float(np.abs(table.targets).max()) for table in self._tables if len(table))
        return (2**TARGET_BITS - 1) / largest if largest else 1.0

    def sample(self, tree: int) -> Sample:
        """Return the rows and attributes of a tree, which are drawn in public."""
        trees, rng = self._settings.trees, np.random.default_rng([self._seed, 23, tree])
        rows, attributes = np.arange(self.rows), np.arange(self.attributes)
        if trees.bootstrap:
            rows = np.sort(rng.integers(0, self.rows, self.rows))
        if trees.attributes is not None:
            attributes = np.sort(rng.permutation(self.attributes)[: trees.attributes])
        return Sample(rows, attributes)

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
    def asked(self) -> tuple[Integers, Integers]:
        """Values (m, q) of the rows that are asked about, and their class numbers."""
        table = self._tables[1].take(np.arange(self._settings.output.queries))
        return self._values(table), np.asarray(table.targets).astype(np.int64)

    def _values(self, table: Table) -> Integers:
        return self._ring.signed(self._ring.encode(table.values.T, "row"))

    def _sums(self, table: Table) -> Integers:
        if self.statistics.classes:
            numbers = np.arange(self.statistics.columns).reshape(-1, 1)
            hot: Integers = (np.asarray(table.targets).reshape(1, -1) == numbers).astype(np.int64)
            return hot
        return np.rint(np.asarray(table.targets) * self.scale).astype(np.int64).reshape(1, -1)

    @cached_property
    def forest(self) -> list[clear.ClearTree]:
        """The trees of the rows for training, grown in the clear."""
        trees, (values, statistics) = self._settings.trees, self.integers
        unit = self.rows << (GAIN_BITS + 2 * self.statistics.bits)  # the least gain is one of its multiples
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
            self._words(kernels, (self.statistics.columns, len(mine)), lambda: self.integers[1][:, mine]),
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
        """Return the sums of the leaves of a tree of the owner's."""
        shape = (1 << self._settings.trees.height, self.statistics.columns)
        return self._words(kernels, shape, lambda: self.forest[number].leaves)
