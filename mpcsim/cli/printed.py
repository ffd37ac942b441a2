"""A run as `mpcsim run` prints it for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mpcsim import plugins
from mpcsim.causes import guarded
from mpcsim.cli.tables import party_table, phase_table, span_table
from mpcsim.errors import InputError
from mpcsim.record import Record, unfinished
from mpcsim.terminal import console
from mpcsim.texts import SENTENCE, plural, shown, to_json
from mpcsim.units import format_bytes, format_time

Render = Callable[[dict[str, Any]], Iterable[Any]]


_LISTED = 6  # variables that a line names
_OVER = {
    "ideal": "by the link law alone, without TCP",
    "tcp": "over TCP (network.tcp, by default Linux's on new connections)",
}


def _other(network: dict[str, Any], makespans: dict[str, Any]) -> str:
    """Say what the run takes under the other transport."""
    own = network.get("transport", "ideal")
    found = [
        f"{_OVER[name]}: {format_time(round(seconds * 1e9))}"
        for name, seconds in makespans.items()
        if name in _OVER and name != own and seconds is not None
    ]
    return "".join(found)


def _on_sockets(found: dict[str, Any]) -> str:
    """Say how parties that ran apart were connected, and what the start and the job took."""
    return (
        f"on sockets ({found['where']}), {'mutual TLS 1.3' if found['tls'] else 'PLAINTEXT'}; keys and "
        f"masks from {found['keys']}{': NO SECRETS' if found['reproducible'] else ''}; start-up "
        f"{format_time(round(found['startup_s'] * 1e9))}, job {format_time(round(found['job_s'] * 1e9))}"
    )


def print_run(record: Record, render: Render | None) -> None:
    """Print a run.

    Args:
        record: of the run.
        render: what the workload makes of its output: lines, or renderables of rich; None: as JSON.
    """
    summary, folder = record.summary, record.folder
    out = console()
    line = out.say
    measured = summary["compute"] == "measured"
    network, parties = summary["network"], summary["per_party"]
    line(
        f"{summary['name']}: workload {summary['workload']}, {plural(len(parties), 'party')}, "
        f"seed {'none' if summary['seed'] is None else summary['seed']}, "
        f"clock {summary['clock']}, compute {summary['compute']}"
    )
    if "sockets" in summary:
        line(_on_sockets(summary["sockets"]))
    what = "network that a prediction is for" if "sockets" in summary else "network"
    line(
        f"{what}: latency {network['latency']}, bandwidth {network['bandwidth']} for each "
        f"{network['sharing']}; {network['note']}"
    )
    if not summary["finished"]:
        line(f"UNFINISHED: {unfinished(summary)}")
    line(
        f"{plural(summary['rounds'], 'round')}, {format_time(summary['makespan_ns'])} of "
        f"{summary['clock']} time; all parties together sent {plural(summary['messages'], 'message')} with "
        f"{format_bytes(summary['payload_bytes'])} of payload, "
        f"{format_bytes(summary['wire_bytes'])} on the wire"
    )
    for entry in plugins.entries(plugins.MAKESPANS):
        other = _other(network, summary.get("makespans") or plugins.load(entry)(record) or {})
        if other:
            line(other)
    out.show(party_table(parties, measured=measured))
    if phases := summary.get("phases"):
        out.show(phase_table(phases, measured=measured))
    if corrupted := summary.get("adversaries"):
        line(f"adversaries: {', '.join(map(shown, corrupted))}")
    for role, reason in summary.get("aborts", {}).items():
        line(f"{shown(role)} aborted: {shown(reason, SENTENCE)}")
    for act in summary["faults"]:
        where = act.get("party") or f"{act['from']} to {act['to']}, message {act['message']}"
        line(f"fault {act['rule']} ({act['kind']}): {where}, at {format_time(act['t'])}")
    if shared := summary.get("shared"):
        found = dict.fromkeys(f"{one['name']} of {one['party']}" for one in shared)
        listed = ", ".join(list(found)[:_LISTED]) + (", …" if len(found) > _LISTED else "")
        line(
            f"concurrent sub-protocols share and change {listed}: rounds count a change as heard by all "
            "who share it, and what they do may depend on the network"
        )
    if "determinism" in summary:
        line(f"deterministic: {plural(summary['determinism']['events'], 'event')} equal in two processes")
    if summary["spans"]:
        more = {entry.name: plugins.load(entry)(record) for entry in plugins.entries(plugins.COLUMNS)}
        out.show(span_table(summary["spans"], measured=measured, more=more))
    line("")
    if summary.get("aborts") and not summary["output"]:
        line("nothing came out: parties aborted before there was a result")
    elif render is None:
        line(to_json(summary["output"]))
    else:
        with guarded(f"the workload cannot print what came out; record: {folder}", InputError):
            for part in render(summary["output"]):
                out.show(part)
    if "profile" in summary:
        from mpcsim.cli.profiling import tables

        for table in tables(summary["profile"]):
            out.show(table)
    line(
        f"took {summary['wall_s']:.3g} s of real time and at most "
        f"{summary['peak_memory_mb']:.0f} MB; record: {folder}"
    )
