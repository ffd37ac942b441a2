"""A connection to another party: what waits to be sent, what came, and when something last moved."""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections import deque
from typing import Any

from mpcsim.errors import InputError, RunError
from mpcsim.sockets.wire.frames import Control, Message, Reader

_AT_ONCE = 16  # buffers that one call hands to the kernel
_TURNS = 64  # reads of one connection before another has its turn


class LinkLost(RunError):
    """A connection ended, stalled, or brought what is no frame."""


class Link:
    """One connection, non-blocking; `lock` is held while bytes move, as another thread sends heartbeats.

    Attributes:
        role: the peer's.
        peer: its id, -1 for who collects the record.
        queued: bytes that wait to be sent.
        heard: when something last came, in seconds of `time.monotonic`.
    """

    def __init__(self, stream: socket.socket, role: str, peer: int, largest: int) -> None:
        stream.setblocking(False)
        if stream.family != socket.AF_UNIX:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = stream
        self.role, self.peer = role, peer
        self.number = stream.fileno()
        self.reader = Reader(largest)
        self.lock = threading.Lock()
        self.queued = 0
        self.heard = time.monotonic()
        self.closed = False
        self._out: deque[Any] = deque()
        self._gathers = not isinstance(stream, ssl.SSLSocket)
        self._wants: tuple[type[Exception], ...] = (
            BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError,
        )  # fmt: skip

    def __str__(self) -> str:
        return self.role if self.peer < 0 else f"party {self.peer} ({self.role})"

    def lost(self, why: object) -> LinkLost:
        """Return the error that says that the connection is of no use any more."""
        return LinkLost(f"the connection to {self} is lost: {why}")

    def put(self, buffers: list[Any]) -> None:
        """Queue bytes, and send what the kernel takes.

        Raises:
            LinkLost: the peer is gone.
        """
        with self.lock:
            self._out.extend(buffers)
            self.queued += sum(map(len, buffers))
            self._flush()

    def flush(self) -> None:
        """Send what the kernel takes.

        Raises:
            LinkLost: the peer is gone.
        """
        with self.lock:
            self._flush()

    def _flush(self) -> None:
        out = self._out
        try:
            while out:
                if self._gathers and len(out) > 1:
                    done = self.stream.sendmsg([out[place] for place in range(min(len(out), _AT_ONCE))])
                else:
                    done = self.stream.send(out[0])
                self.queued -= done
                while done:
                    first = len(out[0])
                    if done < first:
                        out[0] = memoryview(out[0])[done:]
                        break
                    out.popleft()
                    done -= first
        except self._wants:
            return
        except (OSError, ValueError) as error:
            raise self.lost(_said(error)) from None

    def read(self) -> bool:
        """Read what is there into `reader.came`; return whether more may be waiting.

        Raises:
            LinkLost: the peer closed the connection, or sent what is no frame.
        """
        stream = self.stream
        try:
            for _ in range(_TURNS):
                with self.lock:
                    count = self.reader.read(stream.recv_into)
                if not count:
                    raise self.lost("the peer closed it")
                self.heard = time.monotonic()
            return True
        except self._wants:
            return False
        except InputError as error:
            raise self.lost(f"the peer sent {error}") from None
        except (OSError, ValueError) as error:
            raise self.lost(_said(error)) from None
        except MemoryError:
            raise self.lost("there is no memory for the message that the peer sends") from None

    def await_frame(self, until: float) -> Message | Control:
        """Return the next frame, waiting for it.

        Args:
            until: when to give up, in seconds of `time.monotonic`.

        Raises:
            LinkLost: it did not come in time, or the peer is gone.
        """
        came = self.reader.came
        poll = select.poll()
        poll.register(self.number, select.POLLIN)
        while not came:
            try:
                self.read()
            except LinkLost:
                if not came:  # else it said something before it went
                    raise
            if came:
                break
            left = until - time.monotonic()
            if left <= 0:
                raise self.lost("nothing came in time")
            poll.poll(min(left, 0.5) * 1000)
        return came.popleft()

    def beat(self, frame: bytes) -> None:
        """Send a heartbeat from another thread, where nothing waits that is a sign of life itself."""
        if self.lock.acquire(blocking=False):
            try:
                if not self.queued and not self.closed:
                    self._out.append(frame)
                    self.queued += len(frame)
                    self._flush()
            except LinkLost:  # who reads from it will notice
                pass
            finally:
                self.lock.release()

    def drain(self, until: float) -> None:
        """Send all that waits, or as much as goes in time."""
        poll = select.poll()
        poll.register(self.number, select.POLLOUT)
        self.flush()
        while self.queued and time.monotonic() < until:
            poll.poll(50)
            self.flush()

    def close(self) -> None:
        """Close the connection."""
        with self.lock:
            self.closed = True
            self.stream.close()


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
