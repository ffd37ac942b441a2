"""One `Run` of what all parties handed over: the same accounts as of a run in one process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, cast

from mpcsim.engine import Outcome
from mpcsim.errors import MpcsimError
from mpcsim.metering import LinkAccounts, PartyCost, Traffic, collect_spans, payload_digest
from mpcsim.record import Run
from mpcsim.scenario import Scenario
from mpcsim.sockets.parts import merged_phases, merged_spans
from mpcsim.sockets.timeline import merged_events

Part = Mapping[str, Any]


def nothing(id: int) -> dict[str, Any]:
    """Return the part of a party that handed nothing over."""
    return {
        "id": id, "outcome": "failed", "output": None, "output_error": "", "depth": 0, "finished_at": 0,
        "links": {}, "spans": [], "compute_ns": 0, "observed": [], "payloads": 0, "digest": "",
        "events": None, "arrivals": {}, "phases": [], "phased": [], "timeouts": 0, "shared": [],
        "clock_reads": 0, "peak_memory_mb": 0.0,
    }  # fmt: skip


def merged(
    parts: Mapping[int, Part],
    roles: Sequence[str],
    scenario: Scenario,
    sockets: dict[str, Any],
    wall_s: float,
    observe: Any = None,
    error: MpcsimError | None = None,
) -> Run:
    """Return the run.

    Args:
        parts: what parties handed over, by id; where one is missing, the run did not finish.
        roles: of all.
        scenario: what was run.
        sockets: what the record says of the connections.
        wall_s: from the first process to the last part.
        observe: takes (name, party, value) of what parties observed, in the order of its times.
        error: what ended the run, where it did not finish.
    """
    every = [parts.get(id) or nothing(id) for id in range(len(roles))]
    phases, own_phases = merged_phases(every)
    root, occurrences = merged_spans(every, own_phases)
    links = LinkAccounts(len(roles))
    for part in every:
        for to, row in part["links"].items():
            links.open(part["id"], int(to)).add(Traffic(*row))
    observed: dict[str, dict[int, list[Any]]] = {}
    seen = [(time, part["id"], name, value) for part in every for time, name, value in part["observed"]]
    for _, id, name, value in sorted(seen, key=lambda one: one[:2]):
        if observe is None:
            observed.setdefault(name, {}).setdefault(id, []).append(value)
        else:
            observe(name, id, value)
    digests = blake2b(digest_size=16)
    for part in every:
        digests.update(str(part["digest"]).encode())
    return Run(
        outputs={role: part["output"] for role, part in zip(roles, every, strict=True)},
        rounds=max(part["depth"] for part in every),
        makespan_ns=max(part["finished_at"] for part in every),
        digest=digests.hexdigest(),
        per_party=[
            PartyCost(role, links.of_sender(id), every[id]["compute_ns"]) for id, role in enumerate(roles)
        ],
        links=links,
        spans=collect_spans(root),
        aborts={roles[part["id"]]: part["abort"] for part in every if part.get("abort") is not None},
        adversaries=[role for role, _ in scenario.adversaries],
        phases={name: phase.cost() for name, phase in phases.items()},
        observed=observed,
        network=scenario.network,
        seed=scenario.seed,
        compute=scenario.engine.compute,
        clock="sockets",
        wall_s=wall_s,
        events=merged_events(every, occurrences, own_phases),
        timeouts=sum(part["timeouts"] for part in every),
        shared=[row for part in every for row in part["shared"]],
        clock_reads=sum(part["clock_reads"] for part in every),
        error=error,
        outcomes=cast(
            "dict[str, Outcome]", {role: part["outcome"] for role, part in zip(roles, every, strict=True)}
        ),
        payload_digest=payload_digest(part["payloads"] for part in every),
        sockets=sockets,
    )
