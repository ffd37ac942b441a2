"""`mpcsim compare`: run records side by side, with ratios to the first of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from analysis import frames
from mpcsim import InputError
from mpcsim.paths import Path, in_short, in_text, span_paths
from mpcsim.record import Record, read_record, unfinished
from mpcsim.terminal import Column, Sheet
from mpcsim.texts import shown
from mpcsim.units import format_bytes, format_time

Number = float | int
_NONE = "–"


@dataclass(frozen=True)
class Quantity:
    """Something that records are compared by.

    Attributes:
        key: its name in the JSON.
        unit: "rounds", "messages", "bytes" or "s".
        about: what it counts, and over which parties.
        show: how people read it.
    """

    key: str
    unit: str
    about: str
    show: Callable[[float], str]


def _time(seconds: float) -> str:
    return format_time(round(seconds * 1e9))


def _count(value: float) -> str:
    return f"{value:,.0f}"


TOTALS = (
    Quantity("rounds", "rounds", "rounds", _count),
    Quantity("makespan_s", "s", "makespan", _time),
    Quantity("messages", "messages", "messages, all parties together", _count),
    Quantity("payload_bytes", "bytes", "payload, all parties together", format_bytes),
    Quantity("busiest_payload_bytes", "bytes", "payload, busiest party", format_bytes),
    Quantity("wire_bytes", "bytes", "wire, all parties together", format_bytes),
    Quantity("compute_s", "s", "compute, all parties together", _time),
    Quantity("wall_s", "s", "real time of the simulation", _time),
)
PHASE_QUANTITIES = tuple(one for one in TOTALS if not one.key.startswith(("busiest", "wall")))
SPAN_QUANTITIES = tuple(one for one in TOTALS if one.key in ("rounds", "payload_bytes", "makespan_s"))


@dataclass(frozen=True)
class Line:
    """One quantity in every record, None where a record has no such span.

    Attributes:
        quantity: what is compared.
        values: by record.
        finished: by record, whether its run finished.
        path: the span, or None for a total.
    """

    quantity: Quantity
    values: list[Number | None]
    finished: list[bool]
    path: Path | None = None

    @property
    def ratios(self) -> list[float | None]:
        """Value over the first record's value.

        None where one is missing, the first is zero, or one of both runs did not finish: what a run
        had cost when it stopped says nothing of what it costs.
        """
        first = self.values[0]
        if not first or not self.finished[0]:
            return [None] * len(self.values)
        pairs = zip(self.values, self.finished, strict=True)
        return [value / first if value is not None and finished else None for value, finished in pairs]

    def describe(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "quantity": self.quantity.key,
            "unit": self.quantity.unit,
            "values": self.values,
            "ratios": self.ratios,
        }


@dataclass(frozen=True)
class Comparison:
    """Records side by side.

    Attributes:
        records: what was compared; the first is what ratios refer to.
        labels: a short text for each.
        differences: the settings that differ, by dotted key.
        totals: one line for each quantity.
        spans: by path, one line for each quantity of a span.
    """

    records: list[Record]
    labels: list[str]
    differences: dict[str, list[Any]]
    totals: list[Line]
    spans: dict[Path, list[Line]]

    def describe(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "runs": [
                {
                    "label": label,
                    "folder": str(record.folder),
                    "name": record.summary["name"],
                    "digest": record.summary["digest"],
                    "finished": record.finished,
                    "family": record.summary.get("family"),
                    "security": frames.security(record) or None,
                }
                for label, record in zip(self.labels, self.records, strict=True)
            ],
            "differences": self.differences,
            "totals": [line.describe() for line in self.totals],
            "spans": [
                {
                    "path": in_text(path),
                    "names": list(path),
                    **{line.quantity.key: line.describe() for line in lines},
                }
                for path, lines in self.spans.items()
            ],
        }

    def screen(self) -> list[Sheet | str]:
        """Return what to print."""
        notes = [
            f"{shown(label)}: {unfinished(record.summary)}\n(no ratios with what it cost)"
            for label, record in zip(self.labels, self.records, strict=True)
            if not record.finished
        ]
        if len({record.summary.get("family") for record in self.records}) > 1:
            notes += [
                f"{shown(frames.family(record))}: {frames.security(record)}"
                for record in self.records
                if "family" in record.summary
            ]
        return [*notes, *self._settings(), self._table("Totals", self.totals), *self._span_tables()]

    def _settings(self) -> list[Sheet | str]:
        if not self.differences:
            return ["The scenarios are the same."]
        table = _table("What differs", ["key", *self.labels], numbers=False)
        for key, values in self.differences.items():
            table.add(
                shown(key), *("" if value is None else shown(frames.setting(value)) for value in values)
            )
        return [table]

    def _table(self, title: str, lines: Sequence[Line]) -> Sheet:
        table = _table(title, ["", *self.labels])
        for line in lines:
            table.add(in_short(line.path) if line.path else line.quantity.about, *_cells(line))
        if any(value is None for line in lines for value in line.values):
            table.notes.append(f"{_NONE}: no such {'span' if lines[0].path else 'phase'} in that run")
        return table

    def _span_tables(self) -> list[Sheet | str]:
        return [
            self._table(
                f"Spans: {quantity.about}",
                [line for lines in self.spans.values() for line in lines if line.quantity is quantity],
            )
            for quantity in SPAN_QUANTITIES
            if self.spans
        ]


def compare(folders: Sequence[FilePath]) -> Comparison:
    """Compare two or more run records.

    Raises:
        InputError: fewer than two, or a record that cannot be read.
    """
    if len(folders) < 2:
        raise InputError(f"compare: found {len(folders)} run record; accepted: two or more")
    return compare_records([read_record(folder) for folder in folders])


def compare_records(records: list[Record]) -> Comparison:
    """Compare records that were read."""
    finished = [record.finished for record in records]
    totals = [Line(one, [_total(record, one.key) for record in records], finished) for one in TOTALS]
    totals += _phase_lines(records, finished)
    tables = [
        dict(zip(span_paths(record.summary["spans"]), record.summary["spans"], strict=True))
        for record in records
    ]
    paths = dict.fromkeys(path for table in tables for path in table)
    spans = {
        path: [
            Line(one, [table[path][one.key] if path in table else None for table in tables], finished, path)
            for one in SPAN_QUANTITIES
        ]
        for path in paths
    }
    kept = [line for line in totals if any(line.values)]
    return Comparison(records, frames.labels(records), frames.differences(records), kept, spans)


def _phase_lines(records: list[Record], finished: list[bool]) -> list[Line]:
    """Return lines for each phase of any record."""
    tables = [record.summary.get("phases", {}) for record in records]
    return [
        Line(
            Quantity(f"phases.{name}.{one.key}", one.unit, f"phase {shown(name)}: {one.about}", one.show),
            [table[name][one.key] if name in table else None for table in tables],
            finished,
        )
        for name in dict.fromkeys(name for table in tables for name in table)
        for one in PHASE_QUANTITIES
    ]


def _total(record: Record, key: str) -> Number | None:
    parties = record.summary["per_party"]
    if key == "busiest_payload_bytes":
        return max((party["payload_bytes"] for party in parties), default=0)
    if key == "compute_s":
        return float(sum(party["compute_s"] for party in parties))
    found: Number | None = record.summary.get(key)
    return found


def _table(title: str, columns: Sequence[str], *, numbers: bool = True) -> Sheet:
    return Sheet(
        [
            Column(shown(column) if column else "", number=numbers and place > 0)
            for place, column in enumerate(columns)
        ],
        title,
    )


def _cells(line: Line) -> list[str]:
    cells = []
    for place, (value, ratio) in enumerate(zip(line.values, line.ratios, strict=True)):
        if value is None:
            cells.append(_NONE)
        elif place == 0 or ratio is None:
            cells.append(line.quantity.show(value))
        else:
            cells.append(f"{line.quantity.show(value)} (×{ratio:.3g})")
    return cells
