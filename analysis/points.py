"""The points of a sweep: values of `--set` read as lists and ranges, and put together.

`KEY=V1,V2,…` is a list; commas inside quotes or brackets do not split. An entry can be a range:

- `1..8`: whole numbers, both ends included;
- `10..100:10`: with a step; `8..1:-1` counts down; `0.1..0.5:0.1` is exact;
- `1..1000:*10`: with a factor; what is not whole is rounded to four digits;
- `10..50:10 ms`: with a unit behind, which every value gets.
"""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from mpcsim import InputError
from mpcsim.record import version
from mpcsim.scenario import Scenario, load_scenario

MOST_POINTS = 10_000
_DIGITS = 4
_NUMBER = r"[+-]?[0-9]+(?:\.[0-9]+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::(\*?)({_NUMBER}))?\s*([A-Za-zµ][A-Za-zµ/]*)?")
_MEANT_AS_RANGE = re.compile(r"[+-]?(?:[0-9].*\.\.|\.\.[0-9])")
_ACCEPTED = "accepted: 1..8, 10..100:10, 1..1000:*10, each with a unit behind if need be (10..50:10 ms)"


@dataclass(frozen=True)
class Axis:
    """A key of the scenario and the values that it takes, as text for `--set`."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Point:
    """One scenario of a sweep.

    Attributes:
        values: what `--set` gives, by key.
        scenario: the resolved scenario.
    """

    values: Mapping[str, str]
    scenario: Scenario

    @property
    def name(self) -> str:
        """How messages call the point."""
        return ", ".join(f"{key}={value}" for key, value in self.values.items()) or "the only point"

    @cached_property
    def key(self) -> str:
        """A hash of the resolved scenario, the workload's own file and the version of mpcsim."""
        return _hash(self.scenario, self.scenario.document)

    @cached_property
    def structure(self) -> str:
        """The same hash without the network: equal where points differ in network alone."""
        document = self.scenario.document
        return _hash(self.scenario, {key: document[key] for key in document if key != "network"})


def read_axis(override: str) -> Axis:
    """Read the KEY=VALUES of one `--set`.

    Raises:
        InputError: no key, an empty entry, a range that cannot be read, a value twice.
    """
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key:
        raise InputError(f"--set {override}: accepted: KEY=V1,V2,…, as in network.latency=1 ms,10 ms")
    values: list[str] = []
    try:
        for entry in _split(text):
            values += _entry(entry)
    except InputError as error:
        raise InputError(f"--set {override}: {error}") from None
    for place, value in enumerate(values):
        if value in values[:place]:
            raise InputError(f"--set {override}: the value {value} is there twice")
    return Axis(key, tuple(values))


def _split(text: str) -> list[str]:
    """Split at the commas that are outside quotes and brackets."""
    entries, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        if letter == "," and not quote and depth <= 0:
            entries.append("")
        else:
            entries[-1] += letter
    stripped = [entry.strip() for entry in entries]
    if not all(stripped):
        raise InputError("an empty value; accepted: values between commas, as in 1,2,4")
    return stripped


def _entry(text: str) -> list[str]:
    """Return the values of one entry: itself, or those of a range."""
    if not _MEANT_AS_RANGE.match(text):
        return [text]
    match = _RANGE.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is no range; {_ACCEPTED}")
    first, last, step = Decimal(match[1]), Decimal(match[2]), Decimal(match[4] or 1)
    if match[3]:
        fits = first > 0 and last > 0 and step > 0 and step != 1 and (step > 1) == (last >= first)
        if not fits:
            raise InputError(f"{text!r}: the factor does not lead from {first} to {last}; {_ACCEPTED}")
    elif step == 0 or (last - first) * step < 0:
        raise InputError(f"{text!r}: the step does not lead from {first} to {last} (8..1:-1 counts down)")
    unit = f" {match[5]}" if match[5] else ""
    found: list[str] = []
    for value in _steps(first, last, step, bool(match[3])):
        found.append(f"{value:f}{unit}")
        if len(found) > MOST_POINTS:
            raise InputError(f"{text!r}: more than {MOST_POINTS:,} values")
    return found


def _steps(first: Decimal, last: Decimal, step: Decimal, factor: bool) -> Iterator[Decimal]:
    value = first
    growing = last >= first
    while (value <= last) if growing else (value >= last):
        yield _short(value) if factor else value
        value = value * step if factor else value + step


def _short(value: Decimal) -> Decimal:
    """Return a value to four digits, whole numbers as they are."""
    if value == value.to_integral_value():
        return value.to_integral_value()
    return value.quantize(Decimal(1).scaleb(value.adjusted() - _DIGITS + 1))


def read_axes(overrides: Sequence[str], *, zipped: bool) -> list[Axis]:
    """Read every `--set` of a sweep.

    Raises:
        InputError: nothing varies, a key is there twice, or zipped lists differ in length.
    """
    axes = [read_axis(override) for override in overrides]
    keys = [axis.key for axis in axes]
    for key in keys:
        if keys.count(key) > 1:
            raise InputError(f"--set {key}: there twice; accepted: one --set for each key")
    lengths = {len(axis.values) for axis in axes if len(axis.values) > 1}
    if not lengths:
        raise InputError(
            "an empty sweep: no key varies; accepted: at least one --set KEY=V1,V2,… or KEY=1..8"
        )
    if zipped and len(lengths) > 1:
        counts = ", ".join(f"{axis.key} has {len(axis.values)}" for axis in axes)
        raise InputError(f"--zip: lists of one length are needed: {counts} values")
    return axes


def combine(axes: Sequence[Axis], *, zipped: bool) -> list[dict[str, str]]:
    """Return the values of each point: the product of the axes, or their lists side by side."""
    keys = [axis.key for axis in axes]
    if zipped:
        count = max(len(axis.values) for axis in axes)
        columns = [axis.values if len(axis.values) > 1 else axis.values * count for axis in axes]
        rows: list[tuple[str, ...]] = list(zip(*columns, strict=True))
    else:
        total = 1
        for axis in axes:
            total *= len(axis.values)
        if total > MOST_POINTS:
            raise InputError(f"{total:,} points; accepted: at most {MOST_POINTS:,}")
        rows = list(itertools.product(*(axis.values for axis in axes)))
    return [dict(zip(keys, row, strict=True)) for row in rows]


def resolve(
    scenario: str, axes: Sequence[Axis], shipped: Sequence[Path], *, zipped: bool, seed: int | None = None
) -> list[Point]:
    """Return the points of a sweep, each with its resolved scenario.

    Raises:
        ScenarioError: naming the first point whose scenario the engine refuses.
    """
    points = []
    for values in combine(axes, zipped=zipped):
        overrides = [f"{key}={value}" for key, value in values.items()]
        points.append(Point(values, load_scenario(scenario, overrides, seed, shipped)))
    return points


def typed(text: str) -> Any:
    """Return a value of `--set` as TOML reads it, as plain text where it is none."""
    try:
        read = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return read["value"] if len(read) == 1 else text


def _hash(scenario: Scenario, document: Mapping[str, Any]) -> str:
    file, _, _ = scenario.workload.rpartition(":")
    path = scenario.folder / file
    own = path.read_bytes() if file.endswith(".py") and path.is_file() else b""
    text = json.dumps([version(), document], sort_keys=True, default=str)
    return blake2b(text.encode() + b"\0" + own, digest_size=8).hexdigest()
