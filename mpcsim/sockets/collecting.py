"""Who collects the record: it connects to every party, waits for their parts, and merges them."""

from __future__ import annotations

import contextlib
import queue
import select
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mpcsim import errors
from mpcsim.errors import Interrupted, MpcsimError, RunError
from mpcsim.sockets.wire import (
    ABORT,
    BEAT,
    BYE,
    PART,
    End,
    Hosts,
    Link,
    LinkLost,
    Message,
    control,
    describe,
    dial,
)

_ALIVE = control(BEAT)
_FOLLOW = 5.0  # seconds in which parties hand over what they have, once one of them failed
_RANK = ("LinkLost", "PeerFailed")


class Collected:
    """What came of all parties.

    Attributes:
        parts: by id.
        problems: errors of parties, and of connections, in the order of their coming.
    """

    def __init__(self, end: End, hosts: Hosts) -> None:
        self.parts: dict[int, dict[str, Any]] = {}
        self.problems: list[dict[str, Any]] = []
        self._end, self._hosts = end, hosts
        self._links: dict[int, Link] = {}
        self._until = float("inf")
        self._beaten = 0.0

    def collect(self, dead: Callable[[], Mapping[int, dict[str, Any]]] = dict) -> None:
        """Wait for all parts.

        Args:
            dead: returns what became of processes that ended without a part, by id.

        Raises:
            Interrupted: Ctrl-C; the parties are told, and what they hand over is kept.
        """
        came: queue.SimpleQueue[Any] = queue.SimpleQueue()
        until = time.monotonic() + self._hosts.limits.wait + 5

        def reach(id: int, role: str) -> None:
            try:
                came.put(dial(self._end, role, self._hosts.parties[role], until))
            except Exception as error:  # whatever it is, it is told where the parts are wanted
                came.put((id, error))

        for id, role in enumerate(self._end.roles):
            threading.Thread(target=reach, args=(id, role), daemon=True).start()
        try:
            self._wait(came, dead)
        except KeyboardInterrupt as stop:
            kind = type(stop) if isinstance(stop, Interrupted) else Interrupted
            self._abort({"role": "the user", "kind": kind.__name__, "text": "interrupted", "notes": []})
            self._until = time.monotonic() + _FOLLOW
            self._wait(came, dead)
            raise kind("ended by SIGTERM" if kind is errors.Terminated else "interrupted") from None

    def _wait(self, came: queue.SimpleQueue[Any], dead: Callable[[], Mapping[int, dict[str, Any]]]) -> None:
        over: set[int] = set()
        everybody = range(len(self._end.roles))
        while len(over | self.parts.keys()) < len(everybody):
            if time.monotonic() > self._until and not any(
                link.reader.growing for link in self._links.values() if not link.closed
            ):
                break
            while not came.empty():
                one = came.get()
                if isinstance(one, Link):
                    self._links[one.peer] = one
                    if self.problems:
                        self._tell(one)
                elif one[0] not in over:
                    over.add(one[0])
                    self._fail(describe(one[1], self._end.roles[one[0]]))
            for id, problem in dead().items():
                if id not in over and id not in self.parts and not self._reads(id):
                    over.add(id)
                    self._fail(problem)
            self._beat()
            poll = select.poll()
            links = {link.number: link for link in self._links.values() if not link.closed}
            for number in links:
                poll.register(number, select.POLLIN)
            for number, _ in poll.poll(20 if len(links) < len(everybody) else 200):
                self._read(links[number])

    def _beat(self) -> None:
        """Say now and then that somebody collects, as parties end where nobody does; look who is silent."""
        now, limits = time.monotonic(), self._hosts.limits
        if now - self._beaten <= limits.beat:
            return
        self._beaten = now
        for link in self._links.values():
            if link.closed:
                continue
            link.beat(_ALIVE)
            if now - link.heard > 2 * limits.silence and link.peer not in self.parts:
                self._lose(link, link.lost(f"nothing came from it for {2 * limits.silence:g} s"))

    def _reads(self, id: int) -> bool:
        """Read what a party that ended has left; return whether its connection is still open."""
        link = self._links.get(id)
        if link is not None and not link.closed:
            self._read(link)
        return link is not None and not link.closed

    def _read(self, link: Link) -> None:
        try:
            link.read()
        except LinkLost as error:
            self._take(link)
            self._lose(link, error)
            return
        self._take(link)

    def _lose(self, link: Link, error: LinkLost) -> None:
        link.close()
        if link.peer not in self.parts:
            self._fail(describe(error, link.role))
            self.parts.setdefault(link.peer, {})

    def _take(self, link: Link) -> None:
        came = link.reader.came
        while came:
            frame = came.popleft()
            if isinstance(frame, Message):
                fits = isinstance(frame.payload, dict) and frame.payload.get("id") == link.peer
                if frame.kind == PART and fits:
                    self.parts[link.peer] = frame.payload
                    if frame.payload["error"] is not None:
                        self._fail(frame.payload["error"])
                continue
            if frame.kind == BYE:
                with contextlib.suppress(LinkLost):  # it did not wait
                    link.put([control(BYE)])
                link.close()
            elif frame.kind not in (BEAT, ABORT):
                self._fail(describe(link.lost("it sent what is no part of a record"), link.role))

    def _fail(self, problem: dict[str, Any]) -> None:
        if not self.problems:
            self._until = min(self._until, time.monotonic() + _FOLLOW)
        self.problems.append(problem)
        self._abort(problem)

    def _abort(self, why: dict[str, Any]) -> None:
        for link in self._links.values():
            if not link.closed and link.peer not in self.parts:
                self._tell(link, why)

    def _tell(self, link: Link, why: dict[str, Any] | None = None) -> None:
        with contextlib.suppress(LinkLost):  # it is read, and noticed, there
            link.put([control(ABORT, why or self.problems[0])])

    def close(self) -> None:
        """Close all connections."""
        for link in self._links.values():
            if not link.closed:
                link.close()

    def error(self) -> MpcsimError | None:
        """Return the one error of the run: a party's own before those that only followed."""
        if not self.problems:
            missing = [role for id, role in enumerate(self._end.roles) if not self.parts.get(id)]
            return RunError(f"{', '.join(missing)} handed nothing over") if missing else None

        def rank(problem: Mapping[str, Any]) -> int:
            return _RANK.index(problem["kind"]) + 1 if problem["kind"] in _RANK else 0

        return as_error(min(self.problems, key=rank))


def as_error(problem: Mapping[str, Any]) -> MpcsimError:
    """Return an error of another process, of the class it had there where that is one of ours."""
    found = getattr(errors, str(problem["kind"]), RunError)
    if not (isinstance(found, type) and issubclass(found, MpcsimError)):
        found = RunError
    error: MpcsimError = found(str(problem["text"]))
    if problem.get("status") in (1, 2, 3):
        error.exit_status = problem["status"]
    for note in problem.get("notes") or []:
        error.add_note(str(note))
    if problem["kind"] in _RANK and problem.get("role"):
        error.add_note(f"noticed by {problem['role']}")
    return error


def timings(parts: Mapping[int, Mapping[str, Any]], roles: Sequence[str]) -> dict[str, Any]:
    """Return how long start-up and job took, the longest of all parties, in seconds."""
    there = [part for part in parts.values() if part.get("startup_s") is not None]
    return {
        "startup_s": max((part["startup_s"] for part in there), default=0.0),
        "job_s": max((part["finished_at"] / 1e9 for part in there), default=0.0),
        "peak_memory_mb": {
            roles[id]: part["peak_memory_mb"] for id, part in parts.items() if "peak_memory_mb" in part
        },
    }
