"""Tables: rows of numbers with a class or a target each, from scikit-learn's own tables or CSV files."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from mpcsim.errors import InputError

_Whole = Annotated[int, Field(strict=True)]
_MOST_CLASSES = 20


class TableSettings(BaseModel):
    """The `[data]` table of a scenario on tables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["breast_cancer", "iris", "wine", "digits", "diabetes", "csv", "random"] = Field(
        default="breast_cancer", description="a table of scikit-learn's, a CSV file, or random numbers"
    )
    train: Annotated[_Whole, Field(ge=1)] | None = Field(
        default=None, description="rows to train on; three quarters if absent"
    )
    seed: Annotated[_Whole, Field(ge=0)] | None = Field(
        default=None, description="order of the rows; the scenario's seed if absent"
    )
    path: str | None = Field(default=None, description="csv: the file")
    target: str | None = Field(default=None, description="csv: the column to predict, or the last")
    missing: Literal["refuse", "mean", "zero"] = Field(
        default="refuse", description="csv: what an empty field of an attribute becomes"
    )
    rows: Annotated[_Whole, Field(ge=1)] = Field(default=100, description="random: rows in all")
    attributes: Annotated[_Whole, Field(ge=1)] = Field(default=4, description="random: attributes")
    classes: Annotated[_Whole, Field(ge=1)] = Field(default=2, description="random: classes")


@dataclass(frozen=True)
class Table:
    """Rows of numbers.

    Attributes:
        values: (n, m) attributes.
        targets: (n,) class numbers, or real targets.
        names: of the attributes.
        classes: names of the classes; empty of targets.
    """

    values: NDArray[np.float64]
    targets: NDArray[Any]
    names: tuple[str, ...]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[np.intp]) -> Table:
        """Return some rows, in an order."""
        return Table(self.values[rows], self.targets[rows], self.names, self.classes)


def in_order(length: int, settings: TableSettings, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows to train on and the others of a table, by number, in the order that the seed gives.

    Raises:
        InputError: more rows than there are.
    """
    train = settings.train if settings.train is not None else max(1, length * 3 // 4)
    if train > length:
        raise InputError(f"data.train = {train}: accepted are 1 to the {length} rows of the table")
    order = np.random.default_rng(seed if settings.seed is None else settings.seed).permutation(length)
    return order[:train], order[train:]


def load_table(settings: TableSettings, folder: Path | None = None, seed: int = 0) -> tuple[Table, Table]:
    """Return the rows to train on and the others, in the order that the seed gives.

    Raises:
        InputError: a file that is missing or no table, or more rows than there are.
    """
    table = load_whole(settings, folder, seed)
    train, rest = in_order(len(table), settings, seed)
    return table.take(train), table.take(rest)


def load_whole(settings: TableSettings, folder: Path | None, seed: int) -> Table:
    """Return a table as it is.

    Raises:
        InputError: a file that is missing or no table.
    """
    if settings.source == "random":
        rng = np.random.default_rng([seed, 17])
        values = np.round(rng.normal(size=(settings.rows, settings.attributes)), 3)
        targets = rng.integers(0, settings.classes, settings.rows)
        names = tuple(f"x{i}" for i in range(settings.attributes))
        return Table(values, targets, names, tuple(map(str, range(settings.classes))))
    if settings.source == "csv":
        if settings.path is None:
            raise InputError("data.path: missing: source = 'csv' reads a file")
        return read_csv((folder or Path()) / settings.path, settings.target, settings.missing)
    from sklearn import datasets  # an extra, which only its tables need

    found: Any = getattr(datasets, f"load_{settings.source}")()
    named = getattr(found, "feature_names", [f"x{i}" for i in range(found.data.shape[1])])
    classes = () if settings.source == "diabetes" else tuple(map(str, found.target_names))
    return Table(np.asarray(found.data, np.float64), found.target, tuple(map(str, named)), classes)


def read_csv(
    path: Path, target: str | None, missing: str = "refuse", key: str | None = None, labelled: bool = True
) -> Table:
    """Return the table of a CSV file with a header.

    Args:
        path: of the file, in UTF-8; empty lines are left out.
        target: name of the column to predict, the last by default. Where all its fields are numbers with
            more than 20 different values, or one of them is no whole number, it is a target; else a class.
        missing: what an empty field of an attribute becomes: "refuse", "mean" of the column's, "zero".
        key: a column whose fields nothing fills in.
        labelled: whether there is a column to predict; else targets are zeros.

    Raises:
        InputError: no such file, or what is wrong, by line and column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin with a mark
            reader = csv.reader(file, strict=True)
            read = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"data.path: {path}: {getattr(error, 'strerror', None) or error}") from None
    if len(read) < 2:
        raise InputError(f"data.path: {path}: a header and at least one row are needed, it has {len(read)}")
    lines, rows = [line for line, _ in read], [row for _, row in read]
    header = [name.strip() for name in rows[0]]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice or len(header) < 2:
        found = f"{twice[0]!r} twice" if twice else f"{len(header)} column"
        raise InputError(f"data.path: {path}: line 1: {found}; accepted: at least two columns of own names")
    if target is not None and target not in header:
        raise InputError(f"data.target: {target!r}: the file has the columns {', '.join(header)}")
    column = header.index(target) if target is not None else len(header) - 1
    column = column if labelled else -1
    names = [name for place, name in enumerate(header) if place != column]
    values = np.empty((len(rows) - 1, len(names)))
    labels: list[str] = []
    for index, (number, row) in enumerate(zip(lines[1:], rows[1:], strict=True)):
        if len(row) != len(header):
            raise InputError(f"{path}: line {number}: {len(row)} fields, the header has {len(header)}")
        labels.append(row[column].strip() if labelled else "0")
        if not labels[-1]:
            raise InputError(f"{path}: line {number}, column {header[column]!r}: the target is missing")
        fields = [field for place, field in enumerate(row) if place != column]
        values[index] = [
            _number(field, path, number, names[place], "refuse" if names[place] == key else missing)
            for place, field in enumerate(fields)
        ]
    if missing == "mean":
        empty = np.isnan(values)
        if empty.all(0).any():
            raise InputError(f"{path}: column {names[int(empty.all(0).argmax())]!r} has no value at all")
        values = np.where(empty, np.nanmean(values, 0), values)
    targets, classes = _targets(labels)
    return Table(values, targets, tuple(names), classes)


def _targets(labels: list[str]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return class numbers and the classes' names, in order; or numbers and no class."""
    try:
        numbers = np.array([float(label) for label in labels])
    except ValueError:
        numbers = None
    if numbers is not None and (len(set(labels)) > _MOST_CLASSES or (numbers != np.rint(numbers)).any()):
        return numbers, ()
    classes = sorted(set(labels), key=lambda label: (0.0 if numbers is None else float(label), label))
    return np.array([classes.index(label) for label in labels]), tuple(classes)


def _number(field: str, path: Path, line: int, name: str, missing: str) -> float:
    text = field.strip()
    if not text and missing != "refuse":
        return 0.0 if missing == "zero" else float("nan")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        accepted = "a number" if text else 'a number; data.missing = "mean" or "zero" fills what is missing'
        raise InputError(f"{path}: line {line}, column {name!r}: found {text!r}; accepted: {accepted}")
    return value
