"""What halving latency, transmission or compute would gain, by retiming; and the textbook's bound."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

from analysis.replay import SEND, NotRetimable, Structure, Timing, replay
from mpcsim import Network
from mpcsim.network import Law, Laws
from mpcsim.units import NANOSECONDS

LATENCY, BANDWIDTH, COMPUTE = "latency", "bandwidth", "compute"
_Change = Callable[[Law], Law]


class _Changed:
    """A network whose every law is changed; to the emulator it is a `Network`."""

    def __init__(self, network: Network, change: _Change, faster: int) -> None:
        self._network = network
        self._change = change
        self._faster = faster

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def resolve(self, roles: Sequence[str]) -> Any:
        """Return the changed laws."""
        return _ChangedLaws(self._network.resolve(roles), self._change, self._faster)


class _ChangedLaws:
    def __init__(self, laws: Laws, change: _Change, faster: int) -> None:
        self._laws = laws
        self._change = change
        self.shared, self.constant = laws.shared, laws.constant
        self.uniform = None if laws.uniform is None else change(laws.uniform)
        self.downlinks = [None if limit is None else limit * faster for limit in laws.downlinks]

    def law(self, sender: int, to: int) -> Law:
        """Return the law of one directed link."""
        return self._change(self._laws.law(sender, to))


def halved_latency(network: Network) -> Network:
    """Return a network of half the latency on every link; jitter stays."""
    return cast(Network, _Changed(network, lambda law: law._replace(latency_ns=law.latency_ns // 2), 1))


def doubled_bandwidth(network: Network) -> Network:
    """Return a network of twice the bandwidth on every link and downlink: transmission is halved."""

    def change(law: Law) -> Law:
        rate = law.bits_per_second
        return law._replace(bits_per_second=None if rate is None else 2 * rate)

    return cast(Network, _Changed(network, change, 2))


def halvings(
    structure: Structure, network: Network, seed: int | None, faults: Sequence[Any]
) -> dict[str, Timing]:
    """Return the timing with latency, transmission (bandwidth doubled) and compute halved.

    What would change the order of messages on a shared channel is left out.
    """
    found = {}
    for name, other in ((LATENCY, halved_latency(network)), (BANDWIDTH, doubled_bandwidth(network))):
        with suppress(NotRetimable):
            found[name] = replay(structure, other, seed, faults)
    if structure.measured:
        ops = [(kind, cost // 2, x, y, z) for kind, cost, x, y, z in structure.ops]
        with suppress(NotRetimable):
            found[COMPUTE] = replay(dataclasses.replace(structure, ops=ops), network, seed, faults)
    return found


def textbook(structure: Structure, network: Network, rounds: int, sends: Sequence[int]) -> dict[str, Any]:
    """Return rounds·L + bytes·8/B for some sends: the usual estimate from below.

    L is the least latency of a link and B the greatest bandwidth; bytes are what the busiest party
    sends on the wire (over one link where links do not share the uplink). Both terms are bounds for
    certain. Their sum is one where a party does not transmit while it waits; a protocol that does
    both at once can be faster than the sum.
    """
    laws = network.resolve(structure.roles)
    lines: dict[object, int] = {}
    links = set()
    for send in sends:
        sender, to, size = structure.party_of(send), structure.ops[send][2], structure.ops[send][3]
        links.add((sender, to))
        line: object = sender if laws.shared else (sender, to)
        lines[line] = lines.get(line, 0) + size
    found = [laws.law(*link) for link in sorted(links)]
    latency = min((law.latency_ns for law in found), default=0)
    rates = [law.bits_per_second for law in found]
    known = [rate for rate in rates if rate is not None]
    rate = max(known) if known and len(known) == len(rates) else None
    busiest = max(lines.values(), default=0)
    by_rounds = rounds * latency / NANOSECONDS
    by_bytes = 0.0 if rate is None else 8 * busiest / rate
    return {
        "rounds": rounds,
        "latency_s": latency / NANOSECONDS,
        "busiest_wire_bytes": busiest,
        "bandwidth_bit_s": rate,
        "rounds_latency_s": by_rounds,
        "bytes_bandwidth_s": by_bytes,
        "sum_s": by_rounds + by_bytes,
        "certain_s": max(by_rounds, by_bytes),
    }


def all_sends(structure: Structure) -> list[int]:
    """Return the positions of all sends."""
    return [position for position, op in enumerate(structure.ops) if op[0] == SEND]
