"""A run: what came of it, as Python sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mpcsim.engine import Compute, Outcome
from mpcsim.errors import Interrupted, MpcsimError, UsageError
from mpcsim.metering import PartyCost, PhaseCost, SpanCost, Traffic
from mpcsim.network import Network
from mpcsim.record.notebook import Shown
from mpcsim.texts import shown

ClockName = Literal["virtual", "wall"]
TimeName = Literal["virtual", "wall", "sockets"]


@dataclass
class Run(Shown):
    """A run: its results and costs; of one that did not finish, as far as it went.

    Attributes:
        outputs: what the programs returned: a list by party, or a dict by role where roles were given.
        rounds: length of the longest chain of causally dependent messages.
        makespan_ns: virtual (or wall) nanoseconds until the last party finished, or the run stopped.
        digest: hash over all messages (time, from, to, channel, wire bytes, payload).
        payload_digest: hash over payloads, of each (from, to, channel) in order, whatever the times; empty
            where it was not asked for.
        per_party: bytes and messages sent, and compute, by party.
        links: what was sent, by (from, to).
        spans: cost by span, parents first.
        phases: cost by phase, in order of appearance.
        observed: values handed to `party.observe`, by name and party, where no observer took them.
        events: the trace, where one was asked for.
        faults: what the rules of faults did, in order (the first thousand).
        timeouts: how many waits had a timeout; where there is one, a run cannot be retimed.
        resent: segments that were sent again after loss.
        shared: what concurrent sub-protocols of a party shared and changed, by party and variable: what
            they do may depend on the network, and `rounds` count a change as heard by all who share it.
        clock_reads: how often protocols looked at `party.now`: what they did then, the network decides.
        error: what ended the run, where it did not finish.
        outcomes: what became of each party, by role: "finished"; "failed": it raised, or had not come to
            its end when the run stopped; "crashed": a fault stopped it; "aborted": see `aborts`.
        aborts: why parties aborted, by role.
        adversaries: roles whose honest program an adversary replaced.
        sockets: of a run on real sockets: encryption, keys, start-up and job (`mpcsim.sockets`).
    """

    outputs: Any
    rounds: int
    makespan_ns: int
    digest: str
    per_party: list[PartyCost]
    links: Mapping[tuple[int, int], Traffic]
    spans: list[SpanCost]
    observed: dict[str, dict[int, list[Any]]]
    network: Network
    seed: int | None
    compute: Compute
    clock: TimeName
    wall_s: float
    events: Sequence[dict[str, Any]] | None = field(default=None, repr=False)
    faults: list[dict[str, Any]] = field(default_factory=list, repr=False)
    timeouts: int = 0
    resent: int = 0
    shared: list[dict[str, str]] = field(default_factory=list, repr=False)
    clock_reads: int = 0
    error: MpcsimError | Interrupted | None = field(default=None, repr=False)
    outcomes: dict[str, Outcome] = field(default_factory=dict, repr=False)
    aborts: dict[str, str] = field(default_factory=dict)
    adversaries: list[str] = field(default_factory=list)
    phases: dict[str, PhaseCost] = field(default_factory=dict)
    audit: list[tuple[Any, ...]] | None = field(default=None, repr=False)
    payload_digest: str = ""
    sockets: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def finished(self) -> bool:
        """Whether the run came to its end; parties that crashed or aborted do not keep it from that."""
        return self.error is None

    @property
    def makespan(self) -> float:
        """Seconds until the last party finished, or the run stopped."""
        return self.makespan_ns / 1e9

    @property
    def messages(self) -> int:
        """Messages, summed over parties."""
        return sum(party.sent.messages for party in self.per_party)

    @property
    def payload_bytes(self) -> int:
        """Payload bytes, summed over parties."""
        return sum(party.sent.payload_bytes for party in self.per_party)

    @property
    def wire_bytes(self) -> int:
        """Wire bytes, summed over parties."""
        return sum(party.sent.wire_bytes for party in self.per_party)

    def span(self, name: str | Sequence[str]) -> SpanCost:
        """Return the first span of that name, or the span of a path: a list of names.

        Raises:
            UsageError: there is no such span.
        """
        for span in self.spans:
            if span.name == name or (not isinstance(name, str) and span.path == tuple(name)):
                return span
        names = ", ".join(dict.fromkeys(shown(span.name) for span in self.spans)) or "none"
        raise UsageError(f"the run has no span {name!r}; its spans: {names}")
