"""Runs in a notebook: their tables as pandas data frames, and the HTML that Jupyter shows.

Times are seconds and sizes are bytes, as in the run record; the HTML has units beside each number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from mpcsim.errors import UsageError
from mpcsim.paths import Path, in_text, span_paths
from mpcsim.texts import plural, shown
from mpcsim.units import format_bytes, format_time

if TYPE_CHECKING:
    import pandas as pd

    from mpcsim.metering import PartyCost, PhaseCost, SpanCost, Traffic
    from mpcsim.network import Network

Row = Mapping[str, Any]
TableName = Literal["spans", "phases", "parties", "links"]

_SPAN_COLUMNS = (
    "name", "op", "depth", "count", "rounds", "messages", "payload_bytes", "wire_bytes",
    "busiest_payload_bytes", "makespan_s", "compute_s", "phase",
)  # fmt: skip
_PHASE_COLUMNS = (
    "rounds", "messages", "payload_bytes", "wire_bytes", "begin_s", "end_s", "makespan_s", "compute_s",
)  # fmt: skip
_STYLE = (
    "<style scoped>.mpcsim td,.mpcsim th{text-align:right;padding:0.15em 0.8em}"
    ".mpcsim td:first-child,.mpcsim th:first-child{text-align:left}"
    ".mpcsim caption{text-align:left;font-weight:bold;white-space:nowrap}</style>"
)


def span_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the spans of a run, one a row; nested spans are inside their parents.

    The index is the text of each span's path ("inference/conv1", see `mpcsim.paths`), which no two share.
    """
    paths = span_paths(rows)
    return row_frame(rows, paths, list(map(in_text, paths)))


def row_frame(rows: Sequence[Row], paths: Sequence[Path], index: Sequence[str]) -> pd.DataFrame:
    """Return the costs of spans, or of parts of them, whose paths these are."""
    import pandas as pd

    table = [
        dict(row)
        | {
            "op": row.get("op") or "",
            "depth": len(path) - 1,
            "busiest_payload_bytes": max(row.get("payload_bytes_per_party", {}).values(), default=0),
        }
        for path, row in zip(paths, rows, strict=True)
    ]
    keys = pd.Index(list(index), name="path", dtype=object)
    return _frame(table, _SPAN_COLUMNS).set_index(keys)


def party_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return what each party sent, indexed by party id."""
    columns = ["role", "messages", "payload_bytes", "wire_bytes", "compute_s"]
    return _frame(rows, columns).rename_axis("party")


def phase_frame(phases: Mapping[str, Row]) -> pd.DataFrame:
    """Return what each phase cost, indexed by its name."""
    import pandas as pd

    rows = list(phases.values())
    return _frame(rows, _PHASE_COLUMNS).set_index(pd.Index(list(phases), name="phase", dtype=object))


def link_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return what was sent over each directed link."""
    return _frame(rows, ["from", "to", "messages", "payload_bytes", "wire_bytes"])


def _frame(rows: Sequence[Row], columns: Sequence[str]) -> pd.DataFrame:
    """Return rows as a frame; names are objects, as text of pandas cannot be any text."""
    import pandas as pd

    named = {"name", "op", "role", "phase"}
    return pd.DataFrame(
        {
            column: pd.Series([row.get(column) for row in rows], dtype=object if column in named else None)
            for column in columns
        }
    )


class Shown:
    """What a `Run` has for notebooks, and what it takes from the run."""

    if TYPE_CHECKING:
        rounds: int
        makespan_ns: int
        digest: str
        per_party: list[PartyCost]
        links: Mapping[tuple[int, int], Traffic]
        spans: list[SpanCost]
        phases: dict[str, PhaseCost]
        network: Network
        seed: int | None
        compute: Any
        clock: Any
        error: BaseException | None

        @property
        def messages(self) -> int: ...  # noqa: D102  # see `Run`
        @property
        def payload_bytes(self) -> int: ...  # noqa: D102
        @property
        def wire_bytes(self) -> int: ...  # noqa: D102

    def frame(self, table: TableName = "spans") -> pd.DataFrame:
        """Return a table of the run ("spans", "parties", "links" or "phases") as a pandas data frame.

        Raises:
            UsageError: there is no table of that name.
        """
        if table == "spans":
            return span_frame([span.describe() for span in self.spans])
        if table == "phases":
            return phase_frame({name: phase.describe() for name, phase in self.phases.items()})
        if table == "parties":
            return party_frame([party.describe() for party in self.per_party])
        if table == "links":
            links = sorted(self.links.items())
            return link_frame([{"from": ends[0], "to": ends[1]} | asdict(sent) for ends, sent in links])
        raise UsageError(f"a run has no table {table!r}; its tables: spans, parties, links, phases")

    def _repr_html_(self) -> str:
        return run_html(self)


# HTML


def run_html(run: Shown) -> str:
    """Return what Jupyter shows for a run: the summary and the table of spans."""
    network = run.network.describe()
    seed = "no seed" if run.seed is None else f"seed {run.seed}"
    head = (
        f"{plural(run.rounds, 'round')} · {format_time(run.makespan_ns)} of {run.clock} time · "
        f"{plural(run.messages, 'message')} · {format_bytes(run.payload_bytes)} of payload, "
        f"{format_bytes(run.wire_bytes)} on the wire (all parties together)"
    )
    where = (
        f"{len(run.per_party)} parties · latency {network['latency']} one way, bandwidth "
        f"{network['bandwidth']} for each {network['sharing']} · {seed} · compute {run.compute} · "
        f"digest {run.digest[:12]}"
    )
    tables = [_party_html(run)]
    if run.phases:
        tables.append(_phase_html(run))
    if run.spans:
        tables.append(_span_html(run))
    if run.error is not None:
        head = (
            f"UNFINISHED ({type(run.error).__name__}: {shown(str(run.error))}); as far as it went: {head}"
        )
    from html import escape  # seen in notebooks alone

    return (
        f'<div class="mpcsim">{_STYLE}<p><strong>{escape(head)}</strong><br>{escape(where)}</p>'
        f"{''.join(tables)}</div>"
    )


def _party_html(run: Shown) -> str:
    measured = run.compute == "measured"
    rows = [
        [
            f"{id} {shown(party.role)}",
            f"{party.sent.messages:,}",
            format_bytes(party.sent.payload_bytes),
            format_bytes(party.sent.wire_bytes),
            *([format_time(party.compute_ns)] if measured else []),
        ]
        for id, party in enumerate(run.per_party)
    ]
    columns = ["party", "messages", "payload", "wire", *(["compute"] if measured else [])]
    return _table("Sent by each party", columns, rows)


def _phase_html(run: Shown) -> str:
    rows = [
        [
            shown(name),
            str(phase.rounds),
            f"{phase.messages:,}",
            format_bytes(phase.payload_bytes),
            format_time(phase.begin_ns),
            format_time(phase.end_ns),
            format_time(phase.makespan_ns),
        ]
        for name, phase in run.phases.items()
    ]
    return _table("Phases", ["phase", "rounds", "messages", "payload, sum", "begin", "end", "time"], rows)


def _span_html(run: Shown) -> str:
    measured = run.compute == "measured"
    described = [span.describe() for span in run.spans]
    rows = []
    for span, row in zip(run.spans, described, strict=True):
        times = "" if span.count == 1 else f" ×{span.count}"
        busiest = max(row["payload_bytes_per_party"].values(), default=0)
        rows.append(
            [
                "\u2003" * (len(span.path) - 1) + shown(span.name) + times,
                shown(span.op) if span.op else "",
                str(span.rounds),
                format_bytes(span.payload_bytes),
                format_bytes(busiest),
                format_time(span.makespan_ns),
                *([format_time(sum(span.compute_ns.values()))] if measured else []),
            ]
        )
    columns = ["span", "op", "rounds", "payload, sum", "payload, busiest party", "time"]
    return _table("Spans", [*columns, *(["compute, sum"] if measured else [])], rows)


def _table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from html import escape

    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )
