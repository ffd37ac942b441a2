"""What `summary.json` must be: keys, types and ranges, and what has to fit together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mpcsim.errors import InputError
from mpcsim.paths import span_paths
from mpcsim.record.summaries import FORMAT
from mpcsim.scenario_file import Scenario
from mpcsim.schema import shown, validate
from mpcsim.units import NANOSECONDS

_Count = Annotated[int, Field(ge=0)]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_SENT = ("messages", "payload_bytes", "wire_bytes")


class _Table(BaseModel):
    """A table of the summary: further keys are a workload's, or of a later version."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


class _Sent(_Table):
    messages: _Count
    payload_bytes: _Count
    wire_bytes: _Count


class _PartyRow(_Sent):
    role: str
    compute_s: _Amount


class _LinkRow(_Sent):
    source: Annotated[_Count, Field(alias="from")]
    to: _Count


class _SpanRow(_Sent):
    name: str
    parent: str | None
    op: str | None
    phase: str | None = None
    count: Annotated[int, Field(ge=1)]
    rounds: _Count
    makespan_s: _Amount
    compute_s: _Amount
    payload_bytes_per_party: dict[str, _Count]


class _PhaseRow(_Sent):
    rounds: _Count
    begin_s: _Amount
    end_s: _Amount
    makespan_s: _Amount
    compute_s: _Amount
    payload_bytes_per_party: dict[str, _Count]


class _Act(_Table):
    rule: _Count
    kind: str
    t: _Count
    span: str


class _Shared(_Table):
    party: str
    name: str


class _Error(_Table):
    kind: str
    text: str
    notes: list[str]


class _Network(_Table):
    latency: str
    bandwidth: str
    sharing: Literal["uplink", "link"]
    note: str


class _Summary(_Sent):
    format: int
    mpcsim: str
    name: str
    finished: bool
    error: _Error | None
    outcomes: dict[str, Literal["finished", "failed", "crashed", "aborted"]]
    workload: str
    seed: _Count | None
    clock: Literal["virtual", "wall", "sockets"]
    compute: Literal["none", "measured"]
    digest: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None
    payload_digest: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None
    rounds: _Count
    makespan_s: _Amount
    makespan_ns: _Count
    per_party: Annotated[list[_PartyRow], Field(min_length=1)]
    links: list[_LinkRow]
    wall_s: _Amount
    peak_memory_mb: _Amount
    network: _Network
    ring: dict[str, Any]
    protocol: dict[str, Any]
    spans: list[_SpanRow]
    faults: list[_Act]
    timeouts: _Count
    resent_segments: _Count
    output: dict[str, Any]
    output_error: _Error | None
    shared: list[_Shared] = []
    phases: dict[str, _PhaseRow] = {}
    aborts: dict[str, str] = {}
    adversaries: list[str] = []
    retimed_from: str | None = None


def check_summary(found: Any, scenario: Scenario, path: Path) -> dict[str, Any]:
    """Return a summary that was read, once it is known to be whole.

    Records of before `finished`, `outcomes` and `output_error` get them from `error`.

    Raises:
        InputError: with the file, the key path, what was found and what is accepted.
    """
    if not isinstance(found, dict):
        raise InputError(f"{path}: damaged: found {shown(found)}; accepted: an object")
    given: dict[str, Any] = found
    form = found.get("format")
    if type(form) is int and form != FORMAT:
        raise InputError(f"{path}: found format {form!r}; accepted: {FORMAT}")
    if not found.keys() & {"finished", "outcomes", "output_error"}:
        given = _completed(found)
    try:
        validate(_Summary, given)
        _fits_together(given, scenario)
    except InputError as error:
        raise InputError(f"{path}: damaged: {error}") from None
    return given


def _completed(found: dict[str, Any]) -> dict[str, Any]:
    """Return an older record's summary with the keys that it lacks."""
    failed = found.get("error") is not None
    rows = found.get("per_party")
    roles = [row.get("role") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    outcomes = {role: "failed" if failed else "finished" for role in roles if isinstance(role, str)}
    return found | {"finished": not failed, "outcomes": outcomes, "output_error": None}


def _fits_together(found: Mapping[str, Any], scenario: Scenario) -> None:
    parties = found["per_party"]
    roles = [party["role"] for party in parties]
    _same("finished", found["finished"], found["error"] is None, "what `error` says")
    _same("outcomes", list(found["outcomes"]), list(dict.fromkeys(roles)), "the roles of `per_party`")
    if found["finished"] and "failed" in found["outcomes"].values():
        raise InputError("outcomes: found a party that failed; accepted in a run that finished: none")
    aborted = [role for role, outcome in found["outcomes"].items() if outcome == "aborted"]
    _same("aborts", sorted(found.get("aborts", {})), sorted(aborted), "`outcomes`")
    _same("makespan_s", found["makespan_s"], found["makespan_ns"] / NANOSECONDS, "makespan_ns")
    if (found["digest"] is None) != ("retimed_from" in found):
        raise InputError(
            "digest: found none; accepted: 32 hexadecimal digits, or none where `retimed_from` is"
        )
    for key in _SENT:
        _same(key, found[key], sum(party[key] for party in parties), "the sum over `per_party`")
    _check_links(found["links"], parties)
    _check_spans(found["spans"], parties)
    _check_phases(found)
    own = {"name": scenario.name, "seed": scenario.seed, "workload": scenario.workload}
    own |= {"compute": scenario.engine.compute}
    if found["clock"] != "sockets":  # which is said on the command line, not in a scenario
        own |= {"clock": scenario.engine.clock}
    for key, value in own.items():
        _same(key, found[key], value, "scenario.toml beside it")
    for place, act in enumerate(found["faults"]):
        if act["rule"] >= len(scenario.faults):
            raise InputError(
                f"faults.{place}.rule: found {act['rule']}; accepted: 0 to {len(scenario.faults) - 1}, the "
                "rules of scenario.toml"
            )


def _same(key: str, found: object, accepted: object, why: str) -> None:
    if found != accepted:
        raise InputError(f"{key}: found {shown(found)}; accepted: {shown(accepted)}, by {why}")


def _check_links(links: Sequence[Mapping[str, Any]], parties: Sequence[Mapping[str, Any]]) -> None:
    sent: dict[str, Counter[int]] = {key: Counter() for key in _SENT}
    seen = set()
    for place, link in enumerate(links):
        ends = (link["from"], link["to"])
        if ends[0] == ends[1] or max(ends) >= len(parties) or ends in seen:
            raise InputError(
                f"links.{place}: found {ends[0]} to {ends[1]}; accepted: two parties of 0 to "
                f"{len(parties) - 1}, each link once"
            )
        seen.add(ends)
        for key in _SENT:
            sent[key][ends[0]] += link[key]
    for id, party in enumerate(parties):
        for key in _SENT:
            _same(f"per_party.{id}.{key}", party[key], sent[key][id], "the sum over its `links`")


def _check_spans(rows: Sequence[Mapping[str, Any]], parties: Sequence[Mapping[str, Any]]) -> None:
    span_paths(rows)
    for place, row in enumerate(rows):
        sent = row["payload_bytes_per_party"]
        known = {str(id): party["payload_bytes"] for id, party in enumerate(parties)}
        for id, count in sent.items():
            if count > known.get(id, -1):
                raise InputError(
                    f"spans.{place}.payload_bytes_per_party.{id}: found {count}; accepted: a party, and at "
                    "most what it sent"
                )
        _same(
            f"spans.{place}.payload_bytes",
            row["payload_bytes"],
            sum(sent.values()),
            "the sum over the parties",
        )


def _check_phases(found: Mapping[str, Any]) -> None:
    phases = found.get("phases", {})
    for key in _SENT:
        within = sum(phase[key] for phase in phases.values())
        if within > found[key]:
            raise InputError(f"phases: found {within} {key}; accepted: at most {found[key]}, the run's")
    for name, phase in phases.items():
        sent = sum(phase["payload_bytes_per_party"].values())
        _same(f"phases.{name}.payload_bytes", phase["payload_bytes"], sent, "the sum over the parties")
    for place, row in enumerate(found["spans"]):
        if row.get("phase") is not None and row["phase"] not in phases:
            raise InputError(
                f"spans.{place}.phase: found {shown(row['phase'])}; accepted: null, or one of `phases`"
            )
