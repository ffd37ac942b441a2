"""Steady states by arithmetic: a connection that is alone does the same again and again, to the end.

Once a round trip the whole state of such a connection is set beside those of the last few, with times
counted from now and places counted from what is acknowledged. Where it is equal to one of them, what
happened in between happens again, to the nanosecond: as many of these periods as the message has left are
gone through at once, by adding to times and places. (Where a buffer limits, a period takes several round
trips, as it is filled by thirds.) If something else is sent meanwhile, the periods that have not passed
yet are taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from mpcsim.tcp.connection import Burst, Connection

LEAST = 2**20  # bytes that a message must have left
MOST_TRIPS = 6  # round trips that a period may take
Event = tuple[int, int, Callable[..., None], tuple[Any, ...]]


class Round(NamedTuple):
    """The state after a round trip.

    Attributes:
        held: whether the send buffer may have held something back.
    """

    signature: tuple[Any, ...]
    held: bool
    now: int
    una: int
    lost_time: tuple[int, int]


class Jump(NamedTuple):
    """Periods that are gone through at once.

    Attributes:
        start: when they begin.
        period, size: of one of them, in time and bytes.
        trips: the round trips in one.
        lost_time: what windows and restarts cost in one.
        variation: of the round-trip time, at the start.
        periods: how many.
    """

    connection: Connection
    start: int
    period: int
    size: int
    trips: int
    lost_time: tuple[int, int]
    variation: int
    periods: int


def look(now: int, connection: Connection, events: list[Event]) -> Round | None:
    """Return the state of a connection, None where it is not alone or has little left."""
    if not connection.queue or connection.lossy:
        return None
    rest = connection.queue[0].size - connection.begun
    if rest < LEAST or len(connection.queue) > 1 or connection.window.state(now, connection.una) is None:
        return None
    if not _is_alone(connection, events):
        return None
    lost = (connection.lost_time[0], connection.lost_time[1])
    held = connection.holds_back()
    return Round(_signature(now, connection, events, held), held, now, connection.una, lost)


def _is_alone(connection: Connection, events: list[Event]) -> bool:
    """Whether all events are about this connection, and no message ends in what they are about."""
    for _, _, _, args in events:
        if args[0] is not connection or (len(args) > 1 and not isinstance(args[1], Burst | list)):
            return False
        if any(burst.ends for burst in _bursts(args)):
            return False
    return True


def _bursts(args: tuple[Any, ...]) -> list[Burst]:
    what: Burst | list[Burst] = args[1] if len(args) > 1 else []
    return [what] if isinstance(what, Burst) else what


def _signature(now: int, connection: Connection, events: list[Event], held: bool) -> tuple[Any, ...]:
    una = connection.una
    due = [
        (
            when - now,
            callback.__name__,
            [(b.size, b.sent - now, b.first - una) for b in _bursts(args)],
            args[2:],
        )
        for when, _, callback, args in sorted(events, key=lambda event: event[:2])
    ]
    return (
        due, connection.taken - una if held else None, connection.following - una,
        connection.under_way, connection.offered, connection.woken,
        connection.line.free - now, max(connection.back.free - now, 0), connection.leaving_bytes,
        [(when - now, size) for when, size in connection.leaving],
        None if connection.blocked is None else (connection.blocked[0] - now, connection.blocked[1]),
        len(connection.pending), connection.window.state(now, una), connection.round_trip.state(una),
        connection.offer.state(now),
    )  # fmt: skip


def periods(earlier: Round, later: Round, trips: int, connection: Connection) -> Jump | None:
    """Return the periods that are left, where one ends now that began so many trips before.

    But for two, so that what is under way at their end is no end of the message; for one where what the
    send buffer has taken, which is ahead of all that, is what is counted.
    """
    variation = connection.round_trip.variation
    if earlier.signature != later.signature or variation is None:
        return None
    size, period = later.una - earlier.una, later.now - earlier.now
    rest = connection.written - (connection.taken if later.held else connection.following)
    count = rest // size - (1 if later.held else 2) if size > 0 and period > 0 else 0
    if count <= 0:
        return None
    lost = (later.lost_time[0] - earlier.lost_time[0], later.lost_time[1] - earlier.lost_time[1])
    return Jump(connection, later.now, period, size, trips, lost, variation, count)


def shift(jump: Jump, passed: int, count: int, events: list[Event]) -> list[Event]:
    """Bring a connection from after `passed` of its periods to after `count`; return its events."""
    more, connection = count - passed, jump.connection
    time, place = more * jump.period, more * jump.size
    moved: set[int] = set()
    for _, _, _, args in events:
        for burst in _bursts(args):
            if id(burst) not in moved:
                moved.add(id(burst))
                _move(burst, time, place)
    for burst in connection.pending:
        if id(burst) not in moved:
            moved.add(id(burst))
            _move(burst, time, place)
    connection.begun += place
    if connection.full:
        connection.taken = min(connection.taken + place, connection.written)
    connection.following += place
    connection.una += place
    connection.line.free += time
    connection.back.free += time
    connection.leaving = type(connection.leaving)((when + time, size) for when, size in connection.leaving)
    for line in (connection.line, connection.back):
        line.acks = type(line.acks)((end + time, length) for end, length in line.acks)
    if connection.last_sent is not None:
        connection.last_sent += time
    if connection.blocked is not None:
        connection.blocked = (connection.blocked[0] + time, connection.blocked[1])
    for kind in (0, 1):
        connection.lost_time[kind] += more * jump.lost_time[kind]
    connection.window.shift(time, place)
    connection.round_trip.shift(place, jump.variation, count * jump.trips)
    connection.offer.shift(time)
    return [(when + time, serial, callback, args) for when, serial, callback, args in events]


def _move(burst: Burst, time: int, place: int) -> None:
    burst.sent += time
    burst.first += place
