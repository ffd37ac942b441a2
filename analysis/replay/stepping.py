"""The replay: ghosts of a run's strands, stepped over another network by the engine's own parts.

Clock, links, jitter, loss, downlinks and faults are those of the engine's room (`mpcsim.engine.clock`,
`mpcsim.tcp`, `mpcsim.faults`): what is here stands for the scheduler, and does what it does in the
same order, so that equal times are broken alike (order of creation) and the network's seeded streams give
equal draws. A replay is therefore equal to a run over that network, to the nanosecond, where compute takes
no time; where it was measured, it is equal to a run whose segments of compute take what they took here.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from analysis.replay.ghosts import Timing, step_ghosts
from analysis.replay.shared import Entangled
from analysis.replay.structure import Structure
from mpcsim import Network
from mpcsim.engine import VirtualClock
from mpcsim.faults import Duplicate, Injector
from mpcsim.metering import Digest, SpanRun
from mpcsim.tcp import AnyEmulator, Held, TcpEmulator, emulate

__all__ = ["Timing", "replay"]


def replay(
    structure: Structure, network: Network, seed: int | None = None, faults: Sequence[Any] = ()
) -> Timing:
    """Run a structure over a network.

    Args:
        structure: what the run does.
        network: the other network.
        seed: of the run, for what the network draws.
        faults: rules of the run: delays and duplicates that hold at all times.

    Raises:
        NotRetimable: over this network, messages on a shared channel change their order, an error comes
            before the ends of the sub-protocols that it would cancel, or sub-protocols that share something
            that changes get to it in another order.
        InputError: the network does not fit the parties.
    """
    clock = VirtualClock()
    try:
        emulator = emulate(network, structure.roles, clock, seed)
        injector = None
        if faults:
            injector = Injector(faults, structure.roles, emulator, Digest(), seed)
        held: dict[int, Held] = {}
        if isinstance(emulator, TcpEmulator):
            emulator.explain = lambda parcel, what: held.__setitem__(parcel[1], what)
        order: list[int] = []
        send = _sender(structure, emulator, injector, order)
        pieces: list[int] = []
        entangled = _entangled(structure, faults) if structure.shared else None
        tracked = None if entangled is None else entangled.tracked
        timing = step_ghosts(structure, clock, emulator.transmit, send, tracked, pieces)
        if entangled is not None:
            entangled.check(pieces)
        timing.order, timing.resent, timing.held = order, emulator.resent, held
        if injector is not None:
            timing.acts = injector.acts
        return timing
    finally:
        clock.close()


def _entangled(structure: Structure, faults: Sequence[Any]) -> Entangled:
    """Return the strands that share something; the order of the run is that of a replay of its arrivals."""
    entangled = Entangled(structure)
    if structure.order is not None:
        return entangled
    if any(isinstance(rule, Duplicate) for rule in faults):
        entangled.refuse()  # when the second copies came is not recorded
    clock, pieces = VirtualClock(), list[int]()

    def put(now: int, position: int, deliver: Any) -> None:
        clock.at(max(structure.arrivals[position], now), deliver, structure.ops[position][4], position)

    try:
        timing = step_ghosts(structure, clock, None, put, entangled.tracked, pieces)
    finally:
        clock.close()
    if timing.times != structure.times:
        entangled.refuse()
    structure.order = pieces
    return entangled


def _sender(
    structure: Structure, emulator: AnyEmulator, injector: Injector | None, order: list[int]
) -> Any:
    """Return what puts a message on a link that does not tell its arrival at once; None for plain links.

    It takes (time, position of the send, deliver) and adds the position to `order`.
    """
    if injector is None and emulator.plain:
        return None
    ops, strands, party = structure.ops, structure.strands, structure.party
    if injector is None:
        submit = emulator.submit

        def put(now: int, position: int, deliver: Any) -> None:
            _, _, to, wire_bytes, box = ops[position]
            order.append(position)
            submit(now, party[strands[position]], to, wire_bytes, deliver, (box, position))

        return put
    ends = [SimpleNamespace(id=id, crashed=False) for id in range(len(structure.roles))]
    spans = _span_runs(structure)

    def put_with_faults(now: int, position: int, deliver: Any) -> None:
        _, _, to, wire_bytes, box = ops[position]
        ghost: Any = SimpleNamespace(
            party=ends[party[strands[position]]], span=spans[structure.spans[position]]
        )
        parcel = (box, position, (0, None, len(order)))
        order.append(position)
        injector.send(now, ghost, to, wire_bytes, lambda box, at, _: deliver(box, at), parcel, -1)

    return put_with_faults


def _span_runs(structure: Structure) -> list[SpanRun]:
    """Return the spans as rules of faults look at them."""
    runs: list[SpanRun | None] = [None] * len(structure.occurrences)

    def run(number: int) -> SpanRun:
        found = runs[number]
        if found is None:
            one = structure.occurrences[number]
            outer = run(one.parent) if number else None
            name = one.path[-1] if one.path else ""
            found = runs[number] = SpanRun(name, None, outer, number)
        return found

    return [run(number) for number in range(len(runs))]
