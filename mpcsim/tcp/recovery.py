"""Loss: which segments a link or a router loses, and how a connection finds out and sends them again.

Fast retransmit and recovery follow RFC 6675: a segment is lost when three segments that were sent after it
have come. Transmissions are compared by when they were sent (RFC 8985, as Linux does), so that a segment
that is lost twice is found too. What nothing was sent after is found by a probe after two round trips
(RFC 8985), or by the retransmission timeout, which doubles each time (RFC 6298). A window falls once for
all that is lost of it.
"""

from __future__ import annotations

from mpcsim.engine import NONE
from mpcsim.tcp.connection import Burst, Connection, Host
from mpcsim.tcp.window import FLOOR

THRESHOLD = 3  # segments sent later that must have come
MOST_TIMEOUTS = 15  # then a connection breaks (Linux's tcp_retries2)
_LONGEST = 120 * 10**9  # ns: the most that a timeout doubles to


def launch(host: Host, now: int, connection: Connection, burst: Burst) -> None:
    """Send a burst for the first time."""
    connection.flying.append(burst)
    _transmit(host, now, connection, burst)
    _arm(host, now, connection)


def _transmit(host: Host, now: int, connection: Connection, burst: Burst) -> None:
    """Send a burst; what is lost of it becomes a burst of its own."""
    while True:
        fits = _fitting(host, now, connection, burst)
        kept, cut = burst.segments, False
        if fits == 0:
            _forget(now, connection, burst)
            return
        kept = min(kept, fits)
        if burst.why is not None and burst.why(now):
            cut = True
        elif connection.law.loss:
            kept, cut = _draw(connection, kept)
        rest = None
        if kept < burst.segments:
            rest = burst.split(kept, host.rules.segment)
            connection.flying.insert(connection.flying.index(burst) + 1, rest)
        _number(connection, burst)
        done = host.transmitted(now, connection, burst)
        if not cut:
            host.travel(connection, burst, done)
        if rest is None:
            return
        burst = rest


def _fitting(host: Host, now: int, connection: Connection, burst: Burst) -> int:
    """Return how many segments the router's buffer takes."""
    rules, rate = host.rules, connection.law.bits_per_second
    if rules.router is None or rate is None:
        return burst.segments
    waiting = max(connection.line.free - now, 0) * rate // (8 * 10**9)
    return max(rules.router - waiting, 0) // rules.wire(min(rules.segment, burst.size))


def _draw(connection: Connection, segments: int) -> tuple[int, bool]:
    """Draw what a lossy link does: return how many segments have the fate of the first, and that fate."""
    stream, bound = connection.stream, int(connection.law.loss * 2**64)
    assert stream is not None
    if connection.drawn is None:
        connection.drawn = stream.draw() < bound
    first, count = connection.drawn, 1
    connection.drawn = None
    while count < segments:
        following = stream.draw() < bound
        if following != first:
            connection.drawn = following
            break
        count += 1
    return count, first


def _number(connection: Connection, burst: Burst) -> None:
    connection.serial += 1
    burst.serial, burst.passed, burst.lost = connection.serial, 0, False
    burst.times += 1
    connection.order.append((burst.serial, burst))


def _forget(now: int, connection: Connection, burst: Burst) -> None:
    """Drop a burst at the router: its sender takes it for sent."""
    _number(connection, burst)
    burst.sent = connection.last_sent = now
    connection.under_way += burst.segments
    for message in burst.ends:
        message.left = now if message.left == NONE else message.left


def received(now: int, host: Host, connection: Connection, burst: Burst) -> None:
    """Take a burst at the receiver; hand over what is in order. A gap is acknowledged at once."""
    held = connection.held
    if burst.first != connection.expected:
        if burst.first > connection.expected:
            held[burst.first] = burst
        host.arrived(now, connection, burst, at_once=True)
        return
    filling = bool(held)
    following: Burst | None = burst
    while following is not None:
        host.hand_over(connection, following, now, late=True)
        following.ends = []
        connection.expected += following.size
        following = held.pop(connection.expected, None)
    host.arrived(now, connection, burst, at_once=filling)


def acknowledged(host: Host, now: int, connection: Connection, got: list[Burst]) -> None:
    """Take acknowledgements, of what is in order and of what is not (SACK), and find what is lost."""
    before = connection.una
    fresh = []
    for burst in got:
        if burst.known:
            continue  # it came twice
        burst.known = True
        fresh.append(burst)
        if not burst.lost:
            connection.under_way -= burst.segments
    flying = connection.flying
    while flying and flying[0].known:
        connection.una += flying.popleft().size
    if connection.una > before:
        connection.tries = 0
        connection.probed = False
        if connection.recover != NONE and connection.una >= connection.recover:
            connection.recover = NONE
            connection.quick = False
    for burst in fresh:
        if burst.times == 1:
            host.learn(now, connection, burst, growing=not connection.quick)
        _pass(connection, burst)
    if flying:
        _arm(host, now, connection)


def _pass(connection: Connection, burst: Burst) -> None:
    """Count a burst that has come against those sent before it; after three segments they are lost."""
    order, kept = connection.order, []
    while order and order[0][0] <= burst.serial:
        serial, earlier = order.popleft()
        if earlier.known or earlier.lost or earlier.serial != serial:
            continue
        earlier.passed += burst.segments
        if earlier.passed >= THRESHOLD:
            _lose(connection, earlier)
            if connection.recover == NONE:
                connection.recover, connection.quick = connection.following, True
                connection.window.loss()
        else:
            kept.append((serial, earlier))
    order.extendleft(reversed(kept))


def _lose(connection: Connection, burst: Burst) -> None:
    burst.lost = True
    connection.under_way -= burst.segments
    connection.again.append(burst)


def resend(host: Host, now: int, connection: Connection) -> None:
    """Send again what is lost, as far as the window allows."""
    again = connection.again
    while again:
        burst = again[0]
        if burst.known or not burst.lost:
            again.popleft()
            continue
        size = connection.window.size
        left = burst.segments if size is None else size - connection.under_way
        if left <= 0:
            return
        again.popleft()
        if left < burst.segments:
            rest = burst.split(left, host.rules.segment)
            rest.lost = True
            connection.flying.insert(connection.flying.index(burst) + 1, rest)
            again.appendleft(rest)
        host.resent += burst.segments
        _transmit(host, now, connection, burst)
        _arm(host, now, connection)


# The timer


def _arm(host: Host, now: int, connection: Connection) -> None:
    """Set the timer anew: for a probe while nothing is known to be lost, else for a timeout."""
    timeout = min(connection.round_trip.timeout << connection.tries, _LONGEST)
    if _may_probe(connection):
        lone = FLOOR if connection.under_way == 1 else 0
        timeout = min(2 * connection.round_trip.smoothed + lone, timeout)
    connection.deadline = now + max(timeout, 1)
    if not connection.timed:
        connection.timed = True
        host.at(connection.deadline, _expire, host, connection)


def _may_probe(connection: Connection) -> bool:
    return not connection.probed and connection.recover == NONE and connection.tries == 0


def _expire(now: int, host: Host, connection: Connection) -> None:
    connection.timed = False
    if not connection.flying or connection.broken:
        return
    if now < connection.deadline:
        connection.timed = True
        host.at(connection.deadline, _expire, host, connection)
    elif _may_probe(connection):
        connection.probed = True
        _probe(host, now, connection)
    else:
        _time_out(host, now, connection)


def _probe(host: Host, now: int, connection: Connection) -> None:
    """Send the last segment again: its acknowledgement tells what is missing before it."""
    last = next(burst for burst in reversed(connection.flying) if not burst.known)
    if last.segments > 1:
        rest = last.split(last.segments - 1, host.rules.segment)
        rest.serial, rest.times, rest.sent = last.serial, last.times, last.sent
        connection.flying.insert(connection.flying.index(last) + 1, rest)
        last = rest
    connection.under_way -= last.segments
    host.resent += last.segments
    _transmit(host, now, connection, last)
    _arm(host, now, connection)


def _time_out(host: Host, now: int, connection: Connection) -> None:
    """Take all for lost that is not known to have come, and begin with one segment."""
    connection.tries += 1
    if connection.tries > MOST_TIMEOUTS:
        connection.broken = True
        for lost in (connection.queue, connection.flying, connection.order, connection.again):
            lost.clear()
        return
    if connection.tries == 1:
        connection.window.loss(timeout=True)
    connection.recover, connection.quick = connection.following, False
    for serial, burst in connection.order:
        if not (burst.known or burst.lost) and burst.serial == serial:
            _lose(connection, burst)
    connection.order.clear()
    host.push(now, connection)
    _arm(host, now, connection)
