"""What a report says, as plain data: gathered from the record, from retiming, and from the formulas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis import frames
from analysis.critical import PARTS
from analysis.predict import Measured, Row, params_text
from analysis.predict import run as predict
from analysis.report.networks import Choices, choices
from analysis.retime import Messages, Retiming, load, messages_of
from analysis.span_parts import Part, parts
from mpcsim import InputError, MpcsimError
from mpcsim.paths import distinct, span_paths
from mpcsim.record import Record
from mpcsim.texts import escaped, shown

MOST_MESSAGES = 2000
"""A timeline draws so many messages one by one; beyond, it shows bytes by party and interval."""

INTERVALS = 200
MOST_BARS = 40
"""A chart by layer has at most so many bars: the shortest layers beyond become one that says how many."""


@dataclass
class Content:
    """All that a report shows.

    Attributes:
        record: of the run.
        spans: rows of the record; with `path`, and where the run can be retimed with `critical_path`.
        retimed: what `mpcsim retime RUN --json` prints, or None.
        choices: what the sliders step through, or None.
        timeline: the messages, or bytes by interval, or None.
        validation: rows of formulas, or None.
        training: curves of a training that revealed its epochs: title, and points of each series.
        notes: why a part is not there, by part.
    """

    record: Record
    spans: list[dict[str, Any]]
    retimed: dict[str, Any] | None = None
    choices: Choices | None = None
    timeline: dict[str, Any] | None = None
    validation: list[Row] | None = None
    training: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)


def gather(record: Record) -> Content:
    """Gather what there is about a run; what is not there has a note that says why."""
    rows = record.summary["spans"]
    content = Content(
        record, [dict(row) | {"path": path} for row, path in zip(rows, span_paths(rows), strict=True)]
    )
    retiming = _retiming(record, content)
    if retiming is not None:
        content.retimed = retiming.describe(retiming.network)
        order = retiming.order(retiming.over(retiming.network))
        for place, found in zip(order, content.retimed["spans"], strict=True):
            content.spans[place]["critical_path"] = found["critical_path"]
        content.choices = choices(retiming)
    try:
        content.timeline = timeline(messages_of(record))
    except InputError as error:
        content.notes["timeline"] = str(error)
    _validate(record, content)
    content.training = training(record.summary)
    return content


def _retiming(record: Record, content: Content) -> Retiming | None:
    try:
        return load(record)
    except InputError as error:
        content.notes["retiming"] = str(error)
    return None


# The timeline


def timeline(messages: Messages) -> dict[str, Any]:
    """Return messages one by one, or where there are many, wire bytes by party and interval."""
    lanes = [f"{shown(role)} ({party})" for party, role in enumerate(messages.roles)]
    found: dict[str, Any] = {"lanes": lanes, "count": len(messages.rows), "end_s": messages.end / 1e9}
    if len(messages.rows) <= MOST_MESSAGES:
        found["messages"] = [
            [
                row.source, row.to, row.sent / 1e9, row.starts / 1e9, row.leaves / 1e9,
                None if row.arrival is None else row.arrival / 1e9, row.wire_bytes, row.span,
                int(row.critical),
            ]
            for row in messages.rows
        ]  # fmt: skip
        return found
    sent = [[0] * INTERVALS for _ in lanes]
    counts = [[0] * INTERVALS for _ in lanes]
    length = max(messages.end, *(row.sent for row in messages.rows)) + 1
    for row in messages.rows:
        place = row.sent * INTERVALS // length
        sent[row.source][place] += row.wire_bytes
        counts[row.source][place] += 1
    return found | {"interval_s": length / INTERVALS / 1e9, "bytes": sent, "messages_sent": counts}


# A training

_SERIES = {"history": "on shares", "fixed": "in the clear, fixed point", "float": "in the clear, float64"}


def training(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return curves by epoch: each quantity that was revealed, beside its twins in the clear."""
    output = summary.get("output")
    if summary.get("workload") != "private_training" or not isinstance(output, Mapping):
        return []
    history = {row["epoch"]: row for row in output.get("history") or []}
    rows = {"history": [history[epoch] for epoch in sorted(history)], **output.get("twins", {})}
    epochs = sorted(history)
    found = []
    for key in [key for key, value in (rows["history"] or [{}])[-1].items() if isinstance(value, float)]:
        series = [
            {
                "name": name,
                "points": [
                    [e, row[key]] for e, row in zip(epochs[-len(rows[of]) :], rows[of], strict=False)
                ],
            }
            for of, name in _SERIES.items()
            if rows.get(of) and all(key in row for row in rows[of])
        ]
        found.append({"title": key.replace("_", " "), "series": series})
    return found


# Formulas


def _validate(record: Record, content: Content) -> None:
    if not record.finished:
        content.notes["validation"] = "the run did not finish: formulas are of whole runs"
        return
    try:
        content.validation = predict.rows(Measured.of_record(record))
    except MpcsimError as error:
        content.notes["validation"] = str(error)


def validation_rows(rows: list[Row]) -> list[dict[str, Any]]:
    """Return rows of formulas as people read them."""
    return [
        {
            "op": row.op,
            "params": params_text(row.params),
            "formula": "no formula yet" if row.formula is None else str(row.formula),
            "predicted": row.predicted,
            "measured": row.measured,
            "equal": row.equal,
        }
        for row in rows
    ]


# Charts


def bars(content: Content) -> list[dict[str, Any]]:
    """Return the parts of the run for charts; the shortest are put together: bars add up to the run."""
    found = parts(content.record.summary, layers=False)
    kept = found
    if len(found) > MOST_BARS:
        longest = sorted(range(len(found)), key=lambda place: -found[place].row["makespan_s"])
        kept = [found[place] for place in sorted(longest[: MOST_BARS - 1])]
    keys = {one.key for one in kept}
    rest = [one for one in found if one.key not in keys]
    others = [(f"{len(rest)} others, together",)] if rest else []
    names = distinct([*(one.path for one in kept), *others])
    charts = [_bar(content, one, name) for one, name in zip(kept, names, strict=False)]
    if rest:
        together = _bar(content, rest[0], names[-1])
        for one in rest[1:]:
            for key, value in _bar(content, one, "").items():
                if isinstance(value, int | float):
                    together[key] += value
        charts.append(together)
    return charts


def _bar(content: Content, part: Part, name: str) -> dict[str, Any]:
    own = {} if part.place is None else content.spans[part.place].get("critical_path", {})
    sent = part.row["payload_bytes_per_party"]
    return {
        "name": name,
        "rounds": part.row["rounds"],
        "payload_bytes": part.row["payload_bytes"],
        "busiest_bytes": max(sent.values(), default=0),
        "makespan_s": part.row["makespan_s"],
        **{one: own.get(f"{one}_s", 0.0) for one in PARTS},
    }


def configuration(record: Record) -> list[tuple[str, str]]:
    """Return what was run, by dotted key."""
    found = frames.configuration(record)
    return [
        (escaped(key), "none" if value is None else escaped(frames.setting(value)))
        for key, value in sorted(found.items())
    ]
