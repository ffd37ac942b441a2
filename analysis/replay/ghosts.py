"""Ghosts of a run's strands: they do at other times what the strands did, in the scheduler's order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.replay.choices import Choices
from analysis.replay.structure import ANY, END, FORK, RECV, SEND, SLEEP, STAGE, NotRetimable, Structure
from mpcsim import InputError
from mpcsim.engine import VirtualClock
from mpcsim.tcp import Held

_NOBODY = -1


@dataclass
class Timing:
    """When everything happens over a network. All times are nanoseconds, by position.

    Attributes:
        makespan_ns: when the last party finishes.
        times: when an operation happens.
        ready: when its strand got to it, where that is earlier: a receive that had to wait.
        arrivals: of the message of a send.
        segments: (end, position of the operation that ended it) of each party's segments of compute,
            in order; empty where compute takes no time.
        order: positions of all sends in order, where a message's arrival is not known when it is sent.
        resent: segments of messages that were sent again.
        acts: what rules of faults did.
        held: what held a message up over TCP, by position of its send.
    """

    makespan_ns: int
    times: list[int]
    ready: dict[int, int]
    arrivals: list[int]
    segments: list[list[tuple[int, int]]] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    resent: int = 0
    acts: list[dict[str, Any]] = field(default_factory=list)
    held: dict[int, Held] = field(default_factory=dict)


def step_ghosts(
    structure: Structure,
    clock: VirtualClock,
    transmit: Any,
    send: Any,
    tracked: Sequence[bool] | None,
    pieces: list[int],
) -> Timing:
    """Step the ghosts; `pieces` takes the operations that tracked strands come to."""
    ghosts = _measured if structure.measured else _instant
    return ghosts(structure, clock, transmit, send, tracked, pieces)


# `_instant` and `_measured` are two loops on purpose: a grid runs one of them hundreds of times, so that
# what they share (queues, stages, ends) is in functions, and their state is in local names.


def _instant(
    structure: Structure,
    clock: VirtualClock,
    transmit: Any,
    send: Any,
    tracked: Sequence[bool] | None,
    pieces: list[int],
) -> Timing:
    """Step the ghosts of a run whose compute takes no time."""
    ops, party, parent = structure.ops, structure.party, structure.parent
    times, arrivals = [0] * len(ops), [_NOBODY] * len(ops)
    ready: dict[int, int] = {}
    place = [start + 1 for start in structure.first]
    missing = [0] * len(place)
    waiting = [_NOBODY] * len(structure.mailboxes)
    mail: list[deque[int] | None] = [None] * len(waiting)
    soon, at = clock.soon, clock.at
    finished = 0
    choices = Choices(structure, waiting, mail)
    queue = _Queue(structure, place, times, ready, lambda strand: soon(step, strand))

    def deliver(box: int, message: int) -> None:
        strand = waiting[box]
        if strand < 0:
            choices.came(message)
            kept = mail[box]
            if kept is None:
                mail[box] = deque((message,))
            else:
                kept.append(message)
            return
        waiting[box] = _NOBODY
        position = place[strand]
        choices.end(strand, position, message)
        if ops[position][3] != message:
            _refuse(structure, box)
        times[position] = clock.now
        place[strand] = position + 1
        step(strand)

    def deliver_late(box: int, message: int) -> None:
        if arrivals[message] == _NOBODY:  # else it is the copy of a fault
            arrivals[message] = clock.now
        deliver(box, message)

    def step(strand: int) -> None:
        nonlocal finished
        now, sender, position = clock.now, party[strand], place[strand]
        while True:
            kind, _, x, y, z = ops[position]
            if tracked is not None and tracked[strand]:
                pieces.append(position)
            times[position] = now
            if kind == SEND:
                if send is None:
                    arrivals[position] = arrival = transmit(now, sender, x, y)
                    at(arrival, deliver, z, position)
                else:
                    send(now, position, deliver_late)
            elif kind == RECV:
                kept = mail[x]
                if not kept:
                    waiting[x] = strand
                    ready[position] = now
                    break
                if kept.popleft() != y:
                    _refuse(structure, x)
            elif kind == ANY:
                if not choices.made(strand, position):
                    position += 1
                    ready[position] = now
                    break
            elif kind == FORK:
                missing[strand] = y
                for child in range(x, x + y):
                    times[structure.first[child]] = now
                    soon(step, child)
                position += 1
                break
            elif kind == END:
                outer = parent[strand]
                if outer < 0:
                    finished += 1
                    if finished == len(structure.roles):
                        clock.stop()  # as a run does: what connections do afterwards is no part of it
                else:
                    missing[outer] -= 1
                    if missing[outer] == 0:
                        soon(step, outer)
                    elif x:
                        _refuse_error(structure, strand)
                position += 1
                break
            elif kind == SLEEP:
                at(now + x, step, strand)
                position += 1
                break
            elif kind == STAGE:
                place[strand] = position
                queue.arrive(strand, now)
                return
            position += 1
        place[strand] = position
        if kind == END:
            queue.pass_on(position - 1, now)

    for strand in range(len(structure.roles)):
        soon(step, strand)
    clock.run()
    _check_end(structure, finished)
    ends = [times[_end(structure, strand)] for strand in range(len(structure.roles))]
    return Timing(max(ends), times, ready, arrivals)


def _measured(
    structure: Structure,
    clock: VirtualClock,
    transmit: Any,
    send: Any,
    tracked: Sequence[bool] | None,
    pieces: list[int],
) -> Timing:
    """Step the ghosts of a run whose segments of compute take the time that they took."""
    ops, party, parent = structure.ops, structure.party, structure.parent
    times, arrivals = [0] * len(ops), [_NOBODY] * len(ops)
    ready: dict[int, int] = {}
    place = [start + 1 for start in structure.first]
    missing = [0] * len(place)
    busy = [0] * len(structure.roles)
    segments: list[list[tuple[int, int]]] = [[] for _ in busy]
    waiting = [_NOBODY] * len(structure.mailboxes)
    mail: list[deque[int]] = [deque() for _ in waiting]
    soon, at = clock.soon, clock.at
    finished = 0
    choices = Choices(structure, waiting, mail)
    queue = _Queue(structure, place, times, ready, lambda strand: soon(resume, strand, 0))

    def deliver(box: int, message: int) -> None:
        strand = waiting[box]
        if strand < 0:
            choices.came(message)
            mail[box].append(message)
            return
        waiting[box] = _NOBODY
        choices.end(strand, place[strand], message)
        if ops[place[strand]][3] != message:
            _refuse(structure, box)
        resume(strand, 1)

    def deliver_late(box: int, message: int) -> None:
        if arrivals[message] == _NOBODY:  # else it is the copy of a fault
            arrivals[message] = clock.now
        deliver(box, message)

    def resume(strand: int, received: int) -> None:
        """Start a segment when the party is free; `received`: the operation at hand was a receive."""
        now, sender = clock.now, party[strand]
        if busy[sender] > now:
            at(busy[sender], resume, strand, received)
            return
        if received:
            times[place[strand]] = now
            place[strand] += 1
        segment(strand, sender, now)

    def segment(strand: int, sender: int, now: int) -> None:
        nonlocal finished
        position = place[strand]
        while True:
            kind, cost, x, y, z = ops[position]
            if tracked is not None and tracked[strand]:
                pieces.append(position)
            now += cost
            times[position] = now
            if kind == SEND:
                if send is None:
                    arrivals[position] = arrival = transmit(now, sender, x, y)
                    at(arrival, deliver, z, position)
                else:
                    send(now, position, deliver_late)
            elif kind == RECV:
                if not mail[x]:
                    break
                if mail[x].popleft() != y:
                    _refuse(structure, x)
            elif kind == ANY:
                if not choices.made(strand, position):
                    break
            elif kind in (FORK, END, SLEEP, STAGE):
                break
            position += 1
        busy[sender] = now
        segments[sender].append((now, position))
        if kind == RECV:
            waiting[x] = strand
            ready[position] = now
            place[strand] = position
            return
        if kind == STAGE:
            place[strand] = position
            queue.arrive(strand, now)
            return
        place[strand] = position + 1
        if kind == ANY:
            ready[position + 1] = now
            return
        if kind == FORK:
            missing[strand] = y
            for child in range(x, x + y):
                times[structure.first[child]] = now
                soon(resume, child, 0)
        elif kind == SLEEP:
            at(now + x, resume, strand, 0)
        elif parent[strand] < 0:
            finished += 1
            if finished == len(structure.roles):
                clock.stop()
        else:
            outer = parent[strand]
            missing[outer] -= 1
            if missing[outer] == 0:
                soon(resume, outer, 0)
            elif x:
                _refuse_error(structure, strand)
            queue.pass_on(position, now)

    for strand in range(len(structure.roles)):
        soon(resume, strand, 0)
    clock.run()
    _check_end(structure, finished)
    ends = [times[_end(structure, strand)] for strand in range(len(structure.roles))]
    return Timing(max(ends), times, ready, arrivals, segments)


class _Queue:
    """Ghosts of siblings that follow each other through their stages.

    Args:
        structure: what the run does.
        place: of each strand, the position that it has got to; an operation before it is done.
        times: when an operation happened.
        ready: when a strand began to wait for its stage.
        go_on: makes a strand ready again.
    """

    def __init__(
        self,
        structure: Structure,
        place: list[int],
        times: list[int],
        ready: dict[int, int],
        go_on: Callable[[int], None],
    ) -> None:
        self._structure, self._place, self._times, self._ready = structure, place, times, ready
        self._go_on = go_on
        self._waiting: dict[int, int] = {}

    def arrive(self, strand: int, now: int) -> None:
        """Let a strand into its next stage, or have it wait until the one before leaves it."""
        position = self._place[strand]
        free = self._structure.ops[position][3]
        if free < 0 or self._place[self._structure.strands[free]] > free:
            self._waiting[free] = strand
            self.pass_on(free, now)
        else:
            self._ready[position] = now
            self._waiting[free] = strand

    def pass_on(self, position: int, now: int) -> None:
        """Let in who waited for an operation that is done, and those behind."""
        while (strand := self._waiting.pop(position, None)) is not None:
            position = self._place[strand]
            self._times[position] = now
            self._place[strand] = position + 1
            self._go_on(strand)


def _end(structure: Structure, strand: int) -> int:
    """Return the position of a strand's end."""
    following = structure.first[strand + 1] if strand + 1 < len(structure.first) else len(structure.ops)
    return following - 1


def _refuse(structure: Structure, box: int) -> None:
    to, source, channel = structure.mailboxes[box]
    raise NotRetimable(
        f"cannot be retimed: over this network, messages from {structure.roles[source]} to "
        f"{structure.roles[to]} on channel {channel or '(root)'!r}, which concurrent sub-protocols share, "
        "come in another order than in the run; run it"
    )


def _refuse_error(structure: Structure, strand: int) -> None:
    raise NotRetimable(
        "cannot be retimed: over this network, an error that a concurrent sub-protocol of "
        f"{structure.roles[structure.party[strand]]} raises would cancel others, which in the run had "
        "ended before; run it"
    )


def _check_end(structure: Structure, finished: int) -> None:
    if finished != len(structure.roles):
        raise InputError(
            f"the events are damaged: replayed, {len(structure.roles) - finished} of "
            f"{len(structure.roles)} parties never finish"
        )
