"""One connection a pair: a party dials those before it and accepts those after it, and who collects.

Every new connection is seen to in a thread of its own, with an end in time: TLS, then a hello each way.
Who does not get so far is dropped, and the run goes on; who does, and does not fit, ends the run.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mpcsim import log
from mpcsim.errors import InputError, RunError
from mpcsim.sockets.wire import certificates
from mpcsim.sockets.wire.certificates import COLLECTOR
from mpcsim.sockets.wire.frames import ABORT, HELLO, REFUSE, Control, control
from mpcsim.sockets.wire.hello import Hello, Refused
from mpcsim.sockets.wire.hosts import Limits
from mpcsim.sockets.wire.link import Link, LinkLost

_HANDSHAKE = 5.0  # seconds that a new connection has for TLS and its hello
_AT_ONCE = 64  # new connections that are seen to at a time
_AGAIN = 0.1  # seconds between two attempts to reach a peer
_SHORT = 4096  # bytes of a message before the handshake, and characters of an error


@dataclass(frozen=True)
class End:
    """This end of all connections: who it is, what the others must be, and how they are encrypted."""

    hello: Hello
    roles: Sequence[str]
    limits: Limits
    contexts: tuple[ssl.SSLContext, ssl.SSLContext] | None

    def id_of(self, role: str) -> int:
        """Return the id of a role, -1 of who collects the record."""
        return -1 if role == COLLECTOR else self.roles.index(role)


def listen(address: tuple[str, int]) -> socket.socket:
    """Return a socket that listens.

    Raises:
        InputError: the address cannot be had.
    """
    try:
        family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server(address, family=family, backlog=256)
    except OSError as error:
        raise InputError(f"{address[0]}:{address[1]}: cannot listen there: {error.strerror}") from None


def dial(end: End, role: str, address: tuple[str, int], until: float) -> Link:
    """Open a connection to a peer, again and again until it listens, and shake hands.

    Raises:
        RunError: it did not answer in time, or does not fit.
    """
    why = "it does not answer"
    while True:
        left = until - time.monotonic()
        if left <= 0:
            who = f"{role} at {address[0]}:{address[1]}"
            raise RunError(f"{who} did not come within {end.limits.wait:g} s: {why}")
        try:
            stream = socket.create_connection(address, timeout=min(left, _HANDSHAKE))
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            time.sleep(_AGAIN)
            continue
        try:
            return _dialled(end, role, stream, min(left, _HANDSHAKE))
        except Refused:
            stream.close()
            raise
        except ssl.SSLCertVerificationError as error:
            stream.close()
            raise Refused(f"{role}: its certificate is refused: {error.verify_message}") from None
        except (OSError, LinkLost) as error:  # nobody there yet, as after a reset; or it refused
            stream.close()
            why = str(error)
            if isinstance(error, ssl.SSLError) and "ALERT" in str(error).upper():
                raise Refused(f"{role} refused the certificate of {end.hello.role}: {why}") from None
            time.sleep(_AGAIN)


def _dialled(end: End, role: str, stream: socket.socket, seconds: float) -> Link:
    until = time.monotonic() + seconds
    certified = None
    if end.contexts is not None:
        stream = end.contexts[1].wrap_socket(stream)
        certified = certificates.role_of(stream)
        if certified != role:
            stream.close()
            raise Refused(f"{role}: who answers there has the certificate of {certified or 'no role'}")
    link = Link(stream, role, end.id_of(role), _SHORT)
    try:
        hello = replace(end.hello, to=role)
        link.put([control(HELLO, hello.said())])
        answer = _answer(link, until)
        if answer.kind == REFUSE:
            raise Refused(f"{role} refuses {end.hello.role}: {answer.said}")
        problem = hello.refuse(answer.said, role, certified)
        if problem:
            raise Refused(f"refused: {problem}")
    except BaseException:  # raised on, with nothing left open
        link.close()
        raise
    link.reader.largest = end.limits.largest
    return link


def _answer(link: Link, until: float) -> Control:
    frame = link.await_frame(until)
    if not isinstance(frame, Control) or frame.kind not in (HELLO, REFUSE):
        raise link.lost("it answers with something else than a hello")
    return frame


class Acceptor:
    """Accepts connections in threads; what came of each goes to `take`, in one of those threads."""

    def __init__(self, end: End, listener: socket.socket, take: Callable[[Link | Refused], None]) -> None:
        self._end = end
        self._listener = listener
        self.take = take
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        self._over = False
        self.dropped = 0
        self.latest = ""
        threading.Thread(target=self._accept, name="mpcsim-acceptor", daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        self._over = True
        with contextlib.suppress(OSError):  # where it is shut already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._over:
            self._free.acquire()
            try:
                stream, _ = self._listener.accept()
            except OSError:
                self._free.release()
                if self._over:
                    return
                time.sleep(_AGAIN)  # too many open files, say
                continue
            threading.Thread(target=self._greet, args=(stream,), daemon=True).start()

    def _greet(self, stream: socket.socket) -> None:
        try:
            self._greeted(stream)
        except (OSError, ValueError, LinkLost) as error:  # garbage, or nothing in time: the run goes on
            self.dropped += 1
            self.latest = f"the last connection that was dropped: {error}"
            stream.close()
        finally:
            self._free.release()

    def _greeted(self, stream: socket.socket) -> None:
        until = time.monotonic() + _HANDSHAKE
        stream.settimeout(_HANDSHAKE)
        certified = None
        if self._end.contexts is not None:
            stream = self._end.contexts[0].wrap_socket(stream, server_side=True)
            certified = certificates.role_of(stream)
        link = Link(stream, "a peer", -1, _SHORT)
        try:
            found = _answer(link, until).said
            hello = self._end.hello
            problem = hello.refuse(found, None, certified)
            role = found["role"] if not problem else ""
            if (
                not problem
                and role != COLLECTOR
                and role not in self._end.roles[self._end.id_of(hello.role) + 1 :]
            ):
                problem = f"{role}: no role that connects to {hello.role}"
            if problem == "it sent no hello of mpcsim":
                raise link.lost(problem)
            if problem:
                link.put([control(REFUSE, problem)])
                link.drain(until)
                self.take(Refused(f"refused: {problem}"))
                link.close()
                return
            link.put([control(HELLO, replace(hello, to=role).said())])
        except (OSError, LinkLost):
            link.close()
            raise
        link.role, link.peer = role, self._end.id_of(role)
        link.reader.largest = self._end.limits.largest
        self.take(link)


def connect(
    end: End,
    acceptor_of: Callable[[Callable[[Any], None]], Acceptor],
    addresses: dict[str, tuple[str, int]],
) -> tuple[dict[int, Link], Acceptor, queue.SimpleQueue[Any]]:
    """Return a link for each other party once all are there.

    Args:
        end: this end.
        acceptor_of: starts accepting, with what takes the links.
        addresses: of the parties.

    Returns:
        Links by id; who accepts; and what it accepted beside these.

    Raises:
        RunError: somebody does not come in time, does not fit, or comes twice.
    """
    came: queue.SimpleQueue[Any] = queue.SimpleQueue()
    own = end.id_of(end.hello.role)
    until = time.monotonic() + end.limits.wait
    acceptor = acceptor_of(came.put)

    over = threading.Event()

    def reach(role: str) -> None:
        try:
            came.put(dial(end, role, addresses[role], until))
        except Exception as error:  # whatever it is, it is raised where the links are wanted
            came.put(error)
        if over.is_set():
            part(_links_in(came), None)

    for role in end.roles[:own]:
        threading.Thread(target=reach, args=(role,), daemon=True).start()
    links: dict[int, Link] = {}
    beside: queue.SimpleQueue[Any] = queue.SimpleQueue()
    try:
        while len(links) < len(end.roles) - 1:
            missing = [role for id, role in enumerate(end.roles) if id != own and id not in links]
            try:
                one = came.get(timeout=max(until - time.monotonic(), 0) + 0.5)
            except queue.Empty:
                said = f"; {acceptor.latest}" if acceptor.latest else ""
                raise RunError(
                    f"{', '.join(missing)} did not come within {end.limits.wait:g} s{said}"
                ) from None
            if isinstance(one, Exception):
                raise one
            if one.peer < 0:
                beside.put(one)
            elif one.peer in links:
                raise Refused(f"{one} connected twice")
            else:
                links[one.peer] = one
                log.debug("connected", role=one.role)
    except BaseException as error:  # raised on, once all know
        acceptor.close()
        over.set()
        everybody = [*links.values(), *_links_in(came), *_links_in(beside)]
        part(everybody, describe(error, end.hello.role))
        raise
    while not came.empty():
        beside.put(came.get())
    acceptor.take = beside.put
    return links, acceptor, beside


def _links_in(came: queue.SimpleQueue[Any]) -> list[Link]:
    """Take what is in a queue, and return the links."""
    found: list[Link] = []
    while True:
        try:
            one = came.get_nowait()
        except queue.Empty:
            return found
        found += [one] if isinstance(one, Link) else []


def describe(error: BaseException, role: str) -> dict[str, Any]:
    """Return an error as it travels to the others."""
    notes = [str(note) for note in getattr(error, "__notes__", [])]
    kind, status = type(error).__name__, getattr(error, "exit_status", 3)
    return {"role": role, "kind": kind, "text": str(error)[:_SHORT], "notes": notes[:8], "status": status}


def part(links: Iterable[Link], why: dict[str, Any] | None, seconds: float = 2.0) -> None:
    """Close connections; say why first, where a run does not go on."""
    until = time.monotonic() + seconds
    for link in links:
        try:
            if why is not None:
                link.put([control(ABORT, why)])
            link.drain(until)
        except LinkLost:  # it knows, or is gone
            pass
        link.close()
