"""Tables in two halves: two hospitals that hold different attributes of the same patients, by a key.

Each knows its own keys, and looks whether one repeats before anybody computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mpcsim.errors import InputError
from scenarios.data.tables import Table, TableSettings, in_order, load_whole, read_csv

KEY_BITS = 31
"""Signed bits of a key."""
_Whole = Annotated[int, Field(strict=True)]


class VerticalSettings(TableSettings):
    """The `[data]` table of trees: a table whose rows, or whose columns, hospitals hold."""

    partition: Literal["horizontal", "vertical"] = Field(
        default="horizontal",
        description="vertical: two hospitals hold different attributes, joined by a key",
    )
    unmatched: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="vertical: patients whom the second hospital lacks end the run, or are left out",
    )
    key: str | None = Field(default=None, description="vertical, csv: the column of keys in both files")
    other: str | None = Field(default=None, description="vertical, csv: the second hospital's file")
    absent: Annotated[_Whole, Field(ge=0)] = Field(
        default=0, description="vertical, no csv: patients of the first hospital whom the second lacks"
    )

    @property
    def vertical(self) -> bool:
        """Whether hospitals hold columns."""
        return self.partition == "vertical"


@dataclass(frozen=True)
class Columns:
    """What one hospital holds.

    Attributes:
        keys: (n,) whole numbers, each once.
        values: (n, m) attributes.
        names: of the attributes.
    """

    keys: NDArray[np.int64]
    values: NDArray[np.float64]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Vertical:
    """Both hospitals' columns.

    Attributes:
        first: of the hospital that has classes or targets: rows to train on, then others.
        second: of the other one, in an order of its own.
        targets: (n,), of the first's rows.
        classes: names of the classes; empty of targets.
        train: how many of the first's rows are for training.
    """

    first: Columns
    second: Columns
    targets: NDArray[Any]
    classes: tuple[str, ...]
    train: int

    def __len__(self) -> int:
        return len(self.first.keys)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all attributes, the first hospital's before the second's."""
        return self.first.names + self.second.names

    def joined(self) -> tuple[Table, NDArray[np.bool_]]:
        """Return the first hospital's rows with the second's attributes, else 0, and which rows it has."""
        places = {int(key): place for place, key in enumerate(self.second.keys)}
        at = np.array([places.get(int(key), -1) for key in self.first.keys])
        rest = np.where((at >= 0).reshape(-1, 1), self.second.values[at], 0.0)
        values = np.concatenate([self.first.values, rest], 1)
        return Table(values, self.targets, self.names, self.classes), at >= 0


def load_vertical(settings: VerticalSettings, folder: Path | None = None, seed: int = 0) -> Vertical:
    """Return a table in two halves, of which the first has the order that the seed gives.

    A table that is no CSV file is cut in the middle of its attributes, and its keys are drawn.

    Raises:
        InputError: a file that is missing or no table, keys that repeat or are no whole numbers, one
            attribute to cut, more rows than there are.
    """
    if settings.source == "csv":
        return _from_files(settings, folder or Path(), seed)
    table = load_whole(settings, folder, seed)
    width = len(table.names)
    if width < 2:
        raise InputError(f"data.partition = 'vertical': the table has {width} attribute; accepted: two")
    rng = np.random.default_rng([seed, 29])
    keys = rng.choice(2 ** (KEY_BITS - 1), len(table), replace=False).astype(np.int64)
    half = -(-width // 2)
    train, rest = in_order(len(table), settings, seed)
    if settings.absent >= len(train):
        raise InputError(f"data.absent = {settings.absent}: accepted are 0 to {len(train) - 1} rows")
    held = np.setdiff1d(np.arange(len(table)), rng.permutation(train)[: settings.absent])
    rows, other = np.concatenate([train, rest]), rng.permutation(held)
    return Vertical(
        Columns(keys[rows], table.values[rows, :half], table.names[:half]),
        Columns(keys[other], table.values[other, half:], table.names[half:]),
        table.targets[rows],
        table.classes,
        len(train),
    )


def _from_files(settings: VerticalSettings, folder: Path, seed: int) -> Vertical:
    for name in ("path", "other", "key"):
        if getattr(settings, name) is None:
            raise InputError(
                f"data.{name}: missing: source = 'csv' in two halves reads path and other by key"
            )
    if settings.absent:
        raise InputError(f"data.absent = {settings.absent}: files say whom they lack; accepted: 0")
    paths = [folder / str(settings.path), folder / str(settings.other)]
    table = read_csv(paths[0], settings.target, settings.missing, settings.key)
    first = _keyed(table, settings, paths[0])
    other = read_csv(paths[1], None, settings.missing, settings.key, labelled=False)
    second = _keyed(other, settings, paths[1])
    train, rest = in_order(len(table), settings, seed)
    rows = np.concatenate([train, rest])
    twice = sorted(set(first.names) & set(second.names))
    if twice:
        raise InputError(
            f"data.other: {paths[1]}: {twice[0]!r} is an attribute of both files; accepted: one"
        )
    ordered = Columns(first.keys[rows], first.values[rows], first.names)
    return Vertical(ordered, second, table.targets[rows], table.classes, len(train))


def _keyed(table: Table, settings: VerticalSettings, path: Path) -> Columns:
    """Take the column of keys out of a file's table."""
    if settings.key not in table.names:
        raise InputError(f"data.key: {settings.key!r}: {path} has the columns {', '.join(table.names)}")
    column = table.names.index(settings.key)
    found = table.values[:, column]
    wrong = (found != np.rint(found)) | (np.abs(found) >= 2 ** (KEY_BITS - 1))
    if wrong.any():
        raise InputError(
            f"{path}: column {settings.key!r}: found the key {found[wrong][0]:g}; accepted: whole numbers "
            f"below 2^{KEY_BITS - 1}"
        )
    keys = found.astype(np.int64)
    values, counts = np.unique(keys, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"{path}: column {settings.key!r}: the key {values[counts > 1][0]} stands twice")
    kept = [place for place in range(len(table.names)) if place != column]
    if not kept:
        raise InputError(f"{path}: no attribute beside the key {settings.key!r}")
    return Columns(keys, table.values[:, kept], tuple(table.names[place] for place in kept))
