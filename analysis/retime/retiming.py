"""Retiming: what a run would take over another network, without running its protocol again.

A `Retiming` holds a run's causal structure and replays it over any network that the engine knows. With
`compute = "none"` the result equals a run over that network exactly: makespan, spans, every message. With
`compute = "measured"` the recorded segments of compute are replayed: the result is exact given these.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.critical import Walker
from analysis.critical import halving as critical_halving
from analysis.critical import path as critical
from analysis.replay import NotRetimable, Occurrence, Structure, Timing, phase_times, read_structure, replay
from mpcsim import InputError, Network
from mpcsim.paths import in_text
from mpcsim.record import Record, read_record
from mpcsim.scenario import Scenario
from mpcsim.units import NANOSECONDS

__all__ = ["NotRetimable", "Retiming", "load", "load_once", "retime_point"]

_SPAN_KEYS = ("name", "parent", "op", "count", "rounds", "makespan_s")


@dataclass(frozen=True)
class Retiming:
    """A run that can be replayed over other networks.

    Attributes:
        record: of the run.
        structure: what it does.
        spans: rows of the record's spans; `occurrences` are theirs.
    """

    record: Record
    structure: Structure
    spans: list[dict[str, Any]]
    occurrences: list[list[Occurrence]]

    @property
    def network(self) -> Network:
        """The network of the run."""
        return self.record.scenario.network

    def over(self, network: Network) -> Timing:
        """Replay the run over a network.

        Raises:
            NotRetimable: over this network the run would do something else.
            InputError: the network does not fit the parties.
        """
        scenario = self.record.scenario
        return replay(self.structure, network, scenario.seed, scenario.faults)

    def span_ns(self, timing: Timing) -> list[int]:
        """Return the makespan of each row of `spans`: over its occurrences, last exit minus last entry."""
        at = timing.times.__getitem__
        return [
            sum(max(map(at, one.leaves)) - max(map(at, one.enters)) for one in occurrences if one.leaves)
            for occurrences in self.occurrences
        ]

    def phases(self, timing: Timing) -> dict[str, dict[str, Any]]:
        """Return the record's `phases` at the times of a replay."""
        rows = self.record.summary.get("phases", {})
        times = phase_times(self.structure, timing, len(rows))
        return {
            name: row
            | dict(zip(("makespan_s", "begin_s", "end_s"), (ns / NANOSECONDS for ns in found), strict=True))
            for (name, row), found in zip(rows.items(), times, strict=True)
        }

    def order(self, timing: Timing) -> list[int]:
        """Return the rows of `spans` as a run would list them: parents first, by when they are entered."""
        entered = [max(map(timing.times.__getitem__, one.enters), default=0) for one in self._all]
        children: dict[int, list[int]] = {}
        for number in range(1, len(entered)):
            children.setdefault(self._all[number].parent, []).append(number)
        row_of = {id(one): row for row, ones in enumerate(self.occurrences) for one in ones}
        found: dict[int, None] = {}
        todo = [0]
        while todo:
            number = todo.pop()
            if number:
                found.setdefault(row_of[id(self._all[number])])
            inner = sorted(children.get(number, ()), key=lambda one: (entered[one], one))
            todo += reversed(inner)
        return list(found)

    @property
    def _all(self) -> list[Occurrence]:
        return self.structure.occurrences

    def describe(self, network: Network) -> dict[str, Any]:
        """Return what `mpcsim retime --json` prints: makespan, spans and critical path over a network."""
        timing = self.over(network)
        walker = Walker(self.structure, timing, network)
        scenario, summary = self.record.scenario, self.record.summary
        halved = critical_halving.halvings(self.structure, network, scenario.seed, scenario.faults)
        path = walker.run()
        bound = critical_halving.textbook(
            self.structure, network, summary["rounds"], critical_halving.all_sends(self.structure)
        )
        return {
            "run": str(self.record.folder),
            "name": summary["name"],
            "seed": scenario.seed,
            "compute": summary.get("compute"),
            "network": network.describe(),
            "rounds": summary["rounds"],
            "makespan_s": timing.makespan_ns / NANOSECONDS,
            "makespan_ns": timing.makespan_ns,
            "recorded_makespan_s": summary["makespan_s"],
            "resent_segments": timing.resent,
            "phases": self.phases(timing),
            "spans": self._span_rows(timing, walker, halved, network),
            "critical_path": path.describe()
            | {
                "halved": {
                    name: _gain(timing.makespan_ns, other.makespan_ns) for name, other in halved.items()
                },
                "lower_bound": bound,
                "messages": [self._message(walker, timing, send) for send in path.messages],
            },
        }

    def _span_rows(
        self, timing: Timing, walker: Walker, halved: Mapping[str, Timing], network: Network
    ) -> list[dict[str, Any]]:
        whole = self.span_ns(timing)
        others = {name: self.span_ns(other) for name, other in halved.items()}
        rows = []
        for place in self.order(timing):
            row, occurrences = self.spans[place], self.occurrences[place]
            path = walker.span(occurrences)
            sends = critical.sends_within(self.structure, occurrences)
            bound = critical_halving.textbook(self.structure, network, row["rounds"], sends)
            rows.append(
                row
                | {"makespan_s": whole[place] / NANOSECONDS, "recorded_makespan_s": row["makespan_s"]}
                | {
                    "critical_path": path.describe()
                    | {
                        "messages": len(path.messages),
                        "halved": {
                            name: _gain(whole[place], spans[place]) for name, spans in others.items()
                        },
                        "lower_bound": bound,
                    }
                }
            )
        return rows

    def _message(self, walker: Walker, timing: Timing, send: int) -> dict[str, Any]:
        structure = self.structure
        _, _, to, wire_bytes, _ = structure.ops[send]
        parts = {f"{part}_s": ns / NANOSECONDS for part, ns in walker.message(send).items()}
        return {
            "from": structure.party_of(send),
            "to": to,
            "span": in_text(structure.occurrences[structure.spans[send]].path),
            "depth": structure.depths[send],
            "wire_bytes": wire_bytes,
            "sent_s": timing.times[send] / NANOSECONDS,
            "arrival_s": timing.arrivals[send] / NANOSECONDS,
        } | parts


def _gain(before: int, after: int) -> dict[str, float]:
    return {"makespan_s": after / NANOSECONDS, "gain_s": (before - after) / NANOSECONDS}


def load(source: Path | Record) -> Retiming:
    """Read a record and its events, once for any number of networks.

    Raises:
        NotRetimable: the network decides what the run does.
        InputError: the record is missing, damaged, of another format, or has no events.
    """
    record = read_record(source) if isinstance(source, Path) else source
    structure = read_structure(record)
    spans = record.summary["spans"]
    for place, row in enumerate(spans):
        missing = [key for key in _SPAN_KEYS if not isinstance(row, dict) or key not in row]
        if missing:
            raise InputError(f"{record.folder}: damaged record: spans.{place} has no {', '.join(missing)}")
    try:
        return Retiming(record, structure, spans, structure.rows_of(spans))
    except InputError as error:
        raise InputError(f"{record.folder}: damaged record: {error}") from None


# Sweeps

_loaded: tuple[Path, float, Retiming] | None = None
"""The record that this process retimed last: a sweep asks for many points of one, a run's screen twice."""


def retime_point(record: Record, scenario: Scenario) -> dict[str, Any]:
    """Return what `summary.json` of a run of `scenario` would hold, from a record of another network.

    The digest is None: it is a hash over payloads, which only a run has.

    Args:
        record: of a run of a scenario that differs in `network` alone.
        scenario: the point of a sweep.

    Raises:
        NotRetimable: the run does something else over this network, or reports times of its own.
        InputError: the record has no events, or they are damaged.
    """
    started = time.perf_counter()
    retiming = load_once(record)
    summary = record.summary
    if _tells_time(summary["output"], _times(summary)):
        raise NotRetimable(
            f"{record.folder}: cannot be retimed: the workload's output tells times, which a run alone can"
        )
    timing = retiming.over(scenario.network)
    sizes = retiming.span_ns(timing)
    spans = [
        retiming.spans[row] | {"makespan_s": sizes[row] / NANOSECONDS} for row in retiming.order(timing)
    ]
    return summary | {
        "name": scenario.name,
        "digest": None,
        "makespan_s": timing.makespan_ns / NANOSECONDS,
        "makespan_ns": timing.makespan_ns,
        "network": scenario.network.describe(),
        "spans": spans,
        "phases": retiming.phases(timing),
        "faults": timing.acts,
        "resent_segments": timing.resent,
        "wall_s": time.perf_counter() - started,
    }


def load_once(record: Record) -> Retiming:
    """Return what `load` does; of the record that this process loaded last, without reading it again."""
    global _loaded
    changed = (record.folder / "summary.json").stat().st_mtime
    if _loaded is None or _loaded[:2] != (record.folder, changed):
        _loaded = (record.folder, changed, load(record))
    return _loaded[2]


def _times(summary: Mapping[str, Any]) -> set[float]:
    """Return the times of a run that its workload could have put into its output."""
    spans = [row["makespan_s"] for row in summary["spans"]]
    found = {summary["makespan_s"], summary.get("makespan_ns"), *spans}
    return {value for value in found if value}


def _tells_time(output: Any, times: set[float]) -> bool:
    """Whether some number of a workload's output is one of these times."""
    if isinstance(output, Mapping):
        return any(_tells_time(value, times) for value in output.values())
    if isinstance(output, Sequence) and not isinstance(output, str):
        return any(_tells_time(value, times) for value in output)
    return isinstance(output, int | float) and not isinstance(output, bool) and output in times
