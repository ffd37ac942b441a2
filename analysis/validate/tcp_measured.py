"""What real TCP took, and what the emulator says: the table of `mpcsim validate --tcp`.

The measurements replayed the sends and receives of run records, without computing, between three processes
in three network namespaces of one machine, joined by an exact delay line and a token bucket: 88.5 ms one
way and 220 Mbit/s, Linux 6.18 with cubic, on new connections whose handshakes are not counted. Seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from analysis.predict import SHIPPED
from analysis.replay import Structure, build, replay
from mpcsim import Network, Party, simulate
from mpcsim.scenario import build_program, load_scenario, run_program
from mpcsim.terminal import Column, Sheet
from mpcsim.units import NANOSECONDS

LATENCY, BANDWIDTH = "88.5 ms", "220 Mbit/s"
ROUND_TRIP = 0.177
_OF_MEDIAN, _OF_MESSAGE, _POINTS = 0.03, 0.02, 25.0
_OPEN = {"send_buffer": "unlimited", "receive_buffer": "unlimited"}
"""Single messages were measured with buffers that do not limit: 100 MB ran at the link's rate."""
_TENTH, _WHOLE = "487 kB", "4868 kB"
"""A tenth of 177 ms at 220 Mbit/s, and all of it."""


@dataclass(frozen=True)
class Reference:
    """One measurement.

    Attributes:
        name: how the table calls it.
        scenario: what ran, and its overrides; or the payload of a single message.
        low, high: seconds; or, of a message, how much longer than by the link law (1.5: +150 %); or, behind
            a router, percent.
        kind: "run", "message", "router" (percent over fresh connections without loss), or "router over
            ideal" (percent over the link law).
        tcp: keys of the network.
        ideal: of a run, what the link law gave for what was measured. Where the program is another today, a
            run's measurement is compared in proportion.
    """

    name: str
    scenario: tuple[str, ...] | int
    low: float
    high: float
    kind: Literal["run", "message", "router", "router over ideal"] = "run"
    tcp: Mapping[str, Any] = field(default_factory=dict)
    ideal: float | None = None


_RELU = ("microbench", "workload.op=relu", "workload.size=100000")
_STEP = ("training_step",)
REFERENCES = (
    Reference("flagship, one image", ("pomic_inference",), 8.14, 8.20, ideal=6.144),
    Reference("training step", _STEP, 7.25, 7.53, ideal=5.776),
    Reference("relu of 100 000", _RELU, 3.77, 4.02, ideal=0.775),
    Reference("the paper's choices", ("pomic_paper",), 53.71, 53.71, ideal=48.41),
    Reference("message of 10 B", 10, 0.0, 0.01, "message", _OPEN),
    Reference("message of 10 kB", 10**4, 0.0, 0.01, "message", _OPEN),
    Reference("message of 100 kB", 10**5, 3.84, 3.84, "message", _OPEN),
    Reference("message of 1 MB", 10**6, 8.26, 8.26, "message", _OPEN),
    Reference("message of 10 MB", 10**7, 2.97, 2.97, "message", _OPEN),
    Reference("message of 100 MB", 10**8, 0.40, 0.40, "message", _OPEN),
    Reference("training step, router of a tenth", _STEP, 120, 120, "router", {"router_buffer": _TENTH}),
    Reference("the same, of the whole", _STEP, 30, 30, "router over ideal", {"router_buffer": _WHOLE}),
    Reference("the same, warm", _STEP, 0.5, 0.5, "router over ideal",
              {"router_buffer": _WHOLE, "profile": "warm"}),
)  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """A measurement beside the emulator's.

    Attributes:
        ideal_s, ours_s: seconds by the link law, and over the emulator's TCP.
        ours: what to compare, in the unit of the measurement.
        tolerance: in that unit.
    """

    reference: Reference
    ideal_s: float
    ours_s: float
    ours: float
    tolerance: float

    @property
    def median(self) -> float:
        """The middle of what was measured."""
        return (self.reference.low + self.reference.high) / 2

    @property
    def within(self) -> bool:
        """Whether ours is as near as it should be."""
        return abs(self.ours - self.median) <= self.tolerance

    def describe(self) -> dict[str, Any]:
        """Return the row of a table."""
        one = self.reference
        return {
            "what": one.name,
            "kind": one.kind,
            "tcp": dict(one.tcp),
            "ideal_s": self.ideal_s,
            "ours_s": self.ours_s,
            "measured": [one.low, one.high],
            "ours": self.ours,
            "difference": self.ours - self.median,
            "tolerance": self.tolerance,
            "within": self.within,
        }


def compare(references: Sequence[Reference] = REFERENCES) -> list[Compared]:
    """Run what was measured and set ours beside it.

    Tolerances: of a run, 3 % of the median, a round trip or the spread of the measurement, whichever is
    largest; of a message, 2 % of what it took; behind a router, 25 points.
    """
    return [_compare(one) for one in references]


def _compare(one: Reference) -> Compared:
    structure, seed = _structure(one.scenario)

    def seconds(**more: Any) -> float:
        network = Network(latency=LATENCY, bandwidth=BANDWIDTH, **more)
        return replay(structure, network, seed).makespan_ns / NANOSECONDS

    ideal, ours = seconds(), seconds(transport="tcp", tcp=one.tcp)
    median = (one.low + one.high) / 2
    if one.kind == "run":
        then = ours * (one.ideal or ideal) / ideal
        return Compared(one, ideal, ours, then, max(_OF_MEDIAN * median, ROUND_TRIP, one.high - one.low))
    if one.kind == "message":
        return Compared(one, ideal, ours, ours / ideal - 1, _OF_MESSAGE * (1 + median))
    base = seconds(transport="tcp") if one.kind == "router" else ideal
    return Compared(one, ideal, ours, 100 * (ours / base - 1), _POINTS)


_UNITS = {"run": "{:.3f} s", "message": "{:+.1%}"}
_PERCENT = "{:+.1f} %"


def screen(rows: Sequence[Compared]) -> Iterator[Sheet | str]:
    """Yield what to print."""
    title = f"Over TCP, {LATENCY} one way and {BANDWIDTH}"
    names = ("link law", "over TCP", "compared", "measured", "tolerance")
    numbers = [Column(name, number=True, leaves=int(name == "link law")) for name in names]
    table = Sheet([Column("what"), *numbers, Column("within")], title)
    for row in rows:
        one = row.reference
        unit = _UNITS.get(one.kind, _PERCENT)
        measured = "–".join(dict.fromkeys(map(unit.format, (one.low, one.high))))
        tolerance = unit.format(row.tolerance).lstrip("+")
        times = (f"{row.ideal_s:.3f} s", f"{row.ours_s:.3f} s")
        table.add(
            one.name,
            *times,
            unit.format(row.ours),
            measured,
            f"± {tolerance}",
            "yes" if row.within else "NO",
        )
    yield table
    yield (
        "compared: a run's seconds (in proportion to the link law's, where the program was another), how "
        "much longer a message takes than by the link law, what a router costs: over fresh connections "
        "without loss, with a buffer of the whole bandwidth-delay product over the link law"
    )


@lru_cache(maxsize=8)
def _structure(what: tuple[str, ...] | int) -> tuple[Structure, int | None]:
    """Return what a scenario or a message does, and the seed of the run."""
    if isinstance(what, int):
        run = simulate(_message(what), parties=2, seed=1, trace=True)
    else:
        import scenarios

        name, *overrides = what
        scenario = load_scenario(name, [*overrides, "engine.trace=true"], None, SHIPPED)
        run = run_program(build_program(scenario, scenarios.WORKLOADS), scenario)
    roles = [party.role for party in run.per_party]
    return build(run.events or (), roles, measured=False), run.seed


def _message(size: int) -> Any:
    async def program(party: Party) -> None:
        if party.id == 0:
            party.send(1, np.zeros(size, np.uint8))
        else:
            await party.recv(0)

    return program
