"""What is run: shipped scenarios, lone messages, exchanges; each as the operations of a recorded run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from analysis.replay import FORK, RECV, SEND, SLEEP, STAGE, START, Structure, build, replay
from benchmarks.scenario import prepare
from mpcsim import Network, Party, simulate
from mpcsim.units import NANOSECONDS

SCENARIOS = ("pomic_inference", "training_step", "pomic_paper")
PATTERNS = ("message", "exchange", "all-to-all")
MODES = ("fresh", "again", "warm")
_END = 5  # of analysis.replay.structure
PARTIES = 3


def structure(name: str, size: int = 0, *, compute: bool = False) -> Structure:
    """Return what a scenario, or a pattern of so many bytes, does, and what its code takes where asked."""
    if name in PATTERNS:
        run = simulate(_pattern(name, size), parties=PARTIES, seed=1, trace=True)
    else:
        more = ("engine.compute=measured",) if compute else ()
        run = prepare(name, "engine.trace=true", *more)()
    return build(run.events or (), [party.role for party in run.per_party], measured=compute)


def _pattern(name: str, size: int) -> Callable[[Party], Any]:
    pairs = {
        "message": [(0, 1)],
        "exchange": [(0, 1), (1, 0)],
        "all-to-all": [(i, j) for i in range(PARTIES) for j in range(PARTIES) if i != j],
    }[name]

    async def program(party: Party) -> None:
        for sender, to in pairs:
            if sender == party.id:
                party.send(to, np.zeros(size, np.uint8))
        for sender, to in pairs:
            if to == party.id:
                await party.recv(sender)

    return program


def twice(one: Structure, ends: list[int], start: int) -> Structure:
    """Return a structure done twice on the same connections, for the second time from `start` on.

    Args:
        one: what is done.
        ends: when each party ends for the first time, in nanoseconds.
        start: of the second time.
    """
    parties, strands = len(one.roles), len(one.first)
    both = Structure(roles=one.roles, measured=False)
    both.mailboxes = one.mailboxes * 2
    for party, end in enumerate(ends):
        both.first.append(len(both.ops))
        both.party.append(party)
        both.parent.append(-1)
        first, second = parties + party, parties + strands + party
        both.ops += [
            (START, 0, 0, 0, 0), (FORK, 0, first, 1, 0), (SLEEP, 0, start - end, 0, 0),
            (FORK, 0, second, 1, 0), (_END, 0, 0, 0, 0),
        ]  # fmt: skip
    for copy in range(2):
        base, child = len(both.ops), parties + copy * strands
        boxes = copy * len(one.mailboxes)
        both.first += [place + base for place in one.first]
        both.party += one.party
        both.parent += [
            parent + child if parent >= 0 else one.party[i] for i, parent in enumerate(one.parent)
        ]
        for kind, cost, x, y, z in one.ops:
            if kind == SEND:
                z += boxes
            elif kind == RECV:
                x, y = x + boxes, y + base
            elif kind == FORK:
                x += child
            elif kind == STAGE and y >= 0:
                y += base
            both.ops.append((kind, cost, x, y, z))
    borders = [*both.first, len(both.ops)]
    for strand in range(len(both.first)):
        both.strands += [strand] * (borders[strand + 1] - borders[strand])
    both.spans = both.depths = both.times = [0] * len(both.ops)
    return both


def predict(one: Structure, latency: str, bandwidth: str, mode: str, pause_ns: int) -> tuple[float, float]:
    """Return seconds by the link law, and over the emulator's TCP."""
    plain = Network(latency=latency, bandwidth=bandwidth)
    profile = "warm" if mode == "warm" else "linux"
    tcp = Network(latency=latency, bandwidth=bandwidth, transport="tcp", tcp={"profile": profile})
    ideal = replay(one, plain).makespan_ns / NANOSECONDS
    first = replay(one, tcp)
    if mode != "again":
        return ideal, first.makespan_ns / NANOSECONDS
    borders = [*one.first, len(one.ops)]
    ends = [first.times[borders[party + 1] - 1] for party in range(len(one.roles))]
    start = first.makespan_ns + pause_ns
    return ideal, (replay(twice(one, ends, start), tcp).makespan_ns - start) / NANOSECONDS
