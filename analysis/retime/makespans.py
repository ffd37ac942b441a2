"""The makespan of a run under the other transport: what the link law says, and what TCP will."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from analysis.retime.retiming import load_once
from mpcsim import MpcsimError
from mpcsim.network import TransportName
from mpcsim.record import Record
from mpcsim.units import NANOSECONDS

MOST_EVENTS = 50_000
"""Events of a run, and bursts of TCP, up to which the other makespan costs little: about half a second."""
_BURST = 20_000  # bytes: about what a burst of 16 segments carries


def makespans(record: Record, *, always: bool = False) -> dict[str, Any] | None:
    """Return the makespan under each transport, in seconds, by retiming a record.

    Args:
        record: of the run.
        always: whatever it costs; else None for a run of more than `MOST_EVENTS`.

    Where there is no other makespan, it is None, and `note` says why.
    """
    if not always and not _is_cheap(record):
        return None
    if record.summary["clock"] == "sockets":
        return None  # its own makespan is of neither transport; `mpcsim retime` gives both
    own = record.scenario.network.transport
    other: TransportName = "ideal" if own == "tcp" else "tcp"
    found: dict[str, Any] = {own: record.summary["makespan_s"], other: None}
    try:
        network = dataclasses.replace(record.scenario.network, transport=other)
        found[other] = load_once(record).over(network).makespan_ns / NANOSECONDS
    except MpcsimError as error:
        found["note"] = str(error)
    return {key: found[key] for key in ("ideal", "tcp", "note") if key in found}


def _is_cheap(record: Record) -> bool:
    lines = record.folder / "events.jsonl"
    if not lines.is_file():
        return False
    bursts: int = record.summary["wire_bytes"] // _BURST
    return bursts + _count(record, lines) <= MOST_EVENTS


def _count(record: Record, lines: Path) -> int:
    """Return how many events a run has."""
    if record.run_events is not None:
        return len(record.run_events)
    with lines.open("rb") as found:
        return sum(1 for _ in found)
