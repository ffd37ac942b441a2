"""The barrier before time zero: all are there, and all start at one moment, however their clocks are set.

The first party asks each other one for its clock a few times; half the shortest round trip is how old the
answer was (Cristian, 1989), so that starts differ by no more than what the two ways differ, halved.
"""

from __future__ import annotations

import time
from typing import Any

from mpcsim.errors import RunError
from mpcsim.sockets.wire.frames import ABORT, PING, PONG, READY, START, Control, control
from mpcsim.sockets.wire.link import Link

_ASKED = 4
_MARGIN = 3_000_000  # nanoseconds from the announcement to the start, beyond the longest round trip


class PeerFailed(RunError):
    """Another party ended the run; the message says which, and why."""


def of_peer(said: Any) -> PeerFailed:
    """Return the error that another party sent."""
    if not isinstance(said, dict) or not isinstance(said.get("role"), str):
        return PeerFailed("a party ended the run, and did not say why")
    error = PeerFailed(f"{said['role']} ended the run: {said.get('text')}")
    for note in said.get("notes") or []:
        error.add_note(str(note))
    return error


def _await(link: Link, kinds: tuple[int, ...], until: float) -> Control:
    frame = link.await_frame(until)
    if isinstance(frame, Control) and frame.kind == ABORT:
        raise of_peer(frame.said)
    if not isinstance(frame, Control) or frame.kind not in kinds:
        raise link.lost("before the start it sent what does not belong there")
    return frame


def start_together(links: dict[int, Link], own: int, until: float) -> int:
    """Return the time of the start, of `time.perf_counter_ns` of this process, a moment from now.

    Raises:
        RunError: a party is gone, or not ready in time.
    """
    if own:
        leader = links[0]
        leader.put([control(READY)])
        while True:
            frame = _await(leader, (PING, START), until)
            if frame.kind == START:
                if type(frame.said) is not int:
                    raise leader.lost("it sent no time to start at")
                return frame.said
            leader.put([control(PONG, time.perf_counter_ns())])
    for link in links.values():
        _await(link, (READY,), until)
    best = dict.fromkeys(links, (2**62, 0))
    for _ in range(_ASKED):
        for id, link in links.items():
            asked = time.perf_counter_ns()
            link.put([control(PING)])
            told = _await(link, (PONG,), until).said
            took = time.perf_counter_ns() - asked
            if type(told) is not int:
                raise link.lost("it sent no time")
            best[id] = min(best[id], (took, told - asked - took // 2))
    begin = time.perf_counter_ns() + max((took for took, _ in best.values()), default=0) + _MARGIN
    for id, link in links.items():
        link.put([control(START, begin + best[id][1])])
    return begin
