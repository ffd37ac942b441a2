"""One party of a recorded run, played over real TCP: it sends and receives, and computes nothing.

A process in the party's namespace, told what to do by lines of JSON on its standard input, so that barriers
cost no traffic. There is one connection a pair, with TCP_NODELAY. A message has as many bytes as in the
run; its first eight say which mailbox it is for and how long it is.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import pickle
import select
import socket
import struct
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from analysis.replay import FORK, RECV, SEND, SLEEP, STAGE, Structure

PORT = 7431
_HEAD = struct.Struct("<II")
_END = 5  # of analysis.replay.structure
_CHUNK = 1 << 20
_ZEROS = memoryview(bytes(_CHUNK))
_PRIORITY = 20


class Wire:
    """One connection: what waits to be sent, and what has come of a message."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.out: deque[memoryview] = deque()
        self.head = bytearray()
        self.box = -1
        self.left = 0
        self.sent = self.got = 0

    def put(self, box: int, size: int) -> None:
        """Queue a message of so many bytes, head included."""
        self.out.append(memoryview(_HEAD.pack(box, size) + bytes(min(size, 65536) - _HEAD.size)))
        left = size - min(size, 65536)
        while left > 0:
            self.out.append(_ZEROS[: min(left, _CHUNK)])
            left -= _CHUNK

    def flush(self) -> bool:
        """Send what the kernel takes; return whether something is left."""
        out = self.out
        while out:
            piece = out.popleft()
            try:
                done = self.stream.send(piece)
            except BlockingIOError:
                done = 0
            self.sent += done
            if done < len(piece):
                out.appendleft(piece[done:])
                return True
        return False

    def take(self, buffer: bytearray) -> list[int]:
        """Read what is there; return the mailboxes of messages that are whole."""
        whole: list[int] = []
        while True:
            try:
                count = self.stream.recv_into(buffer)
            except BlockingIOError:
                return whole
            if count == 0:
                raise EOFError("a peer closed its connection")
            self.got += count
            at = 0
            while at < count:
                if self.left == 0:
                    need = _HEAD.size - len(self.head)
                    self.head += buffer[at : min(at + need, count)]
                    at = min(at + need, count)
                    if len(self.head) < _HEAD.size:
                        break
                    self.box, self.left = _HEAD.unpack(self.head)
                    self.left -= _HEAD.size
                    self.head = bytearray()
                step = min(self.left, count - at)
                self.left -= step
                at += step
                if self.left == 0:
                    whole.append(self.box)
            if count < len(buffer):
                return whole


class Player:
    """A party: its connections, and what it plays."""

    def __init__(self, party: int, addresses: list[str]) -> None:
        self.party, self.addresses = party, addresses
        self.wires: dict[int, Wire] = {}
        self.poll = select.epoll()
        self.by_number: dict[int, Wire] = {}
        self.listener: socket.socket | None = None
        self.buffer = bytearray(_CHUNK)

    def listen(self) -> None:
        """Close all connections, and wait for new ones."""
        for wire in self.wires.values():
            self.poll.unregister(wire.stream)
            wire.stream.close()
        self.wires, self.by_number = {}, {}
        if self.listener is not None:
            self.listener.close()
        self.listener = socket.create_server((self.addresses[self.party], PORT))

    def connect(self) -> None:
        """Open a connection to each party before this one, and take those of the parties after it."""
        assert self.listener is not None
        for peer in range(self.party):
            self._add(peer, socket.create_connection((self.addresses[peer], PORT)))
        for _ in range(self.party + 1, len(self.addresses)):
            stream, address = self.listener.accept()
            self._add(self.addresses.index(address[0]), stream)

    def _add(self, peer: int, stream: socket.socket) -> None:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.setblocking(False)
        self.wires[peer] = wire = Wire(stream)
        self.by_number[stream.fileno()] = wire
        self.poll.register(stream, select.EPOLLIN)

    def pump(self, timeout: float) -> list[int]:
        """Let data move for at most so many seconds; return the mailboxes of messages that came."""
        came: list[int] = []
        for number, event in self.poll.poll(timeout):
            wire = self.by_number[number]
            if event & select.EPOLLOUT and not wire.flush():
                self.poll.modify(number, select.EPOLLIN)
            if event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                came += wire.take(self.buffer)
        return came

    def send(self, to: int, box: int, size: int) -> None:
        """Send a message."""
        wire = self.wires[to]
        waiting = bool(wire.out)
        wire.put(box, max(size, _HEAD.size))
        if not waiting and wire.flush():
            self.poll.modify(wire.stream.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def open_windows(self, size: int) -> None:
        """Send so much to everyone and take as much from each, so that windows open."""
        for peer in self.wires:
            self.send(peer, 0, size)
        wanted = {peer: wire.got + size for peer, wire in self.wires.items()}
        while any(wire.out or wire.got < wanted[peer] for peer, wire in self.wires.items()):
            self.pump(1)

    def play(self, structure: Structure, start: int) -> int:
        """Play the party's strands from a time on (CLOCK_MONOTONIC); return nanoseconds to their end."""
        if self.party >= len(structure.roles):
            return 0  # a run of fewer parties
        game = _Game(structure, self.party, self.send, start)
        spin = 0.002
        while (left := (start - time.monotonic_ns()) / 1e9) > 0:
            if left > spin:
                time.sleep(left - spin)
        game.run()
        while not game.finished:
            for box in self.pump(game.patience()):
                game.deliver(box)
            game.run()
        end = time.monotonic_ns() - start
        while any(wire.out for wire in self.wires.values()):
            self.pump(1)
        return end

    def settled(self) -> dict[str, Any]:
        """Return what the kernel says of the connections, by peer."""
        return {str(peer): _information(wire.stream) for peer, wire in self.wires.items()}


class _Game:
    """The strands of one party: which may go on."""

    def __init__(self, structure: Structure, party: int, send: Any, start: int) -> None:
        self._structure, self._send, self._start = structure, send, start
        self._place = [first + 1 for first in structure.first]
        self._missing = [0] * len(self._place)
        self._mail = [0] * len(structure.mailboxes)
        self._waiting: dict[int, int] = {}
        self._staged: dict[int, int] = {}
        self._sleeping: list[tuple[int, int]] = []
        self._ready = deque([party])
        self.finished = False

    def patience(self) -> float:
        """Return how many seconds may pass before a strand that sleeps goes on; -1: any."""
        if not self._sleeping:
            return -1
        return max(self._sleeping[0][0] - time.monotonic_ns(), 0) / 1e9

    def deliver(self, box: int) -> None:
        """Take a message."""
        strand = self._waiting.pop(box, None)
        if strand is None:
            self._mail[box] += 1
        else:
            self._place[strand] += 1
            self._ready.append(strand)

    def run(self) -> None:
        """Go on with all strands that can."""
        while self._sleeping and self._sleeping[0][0] <= time.monotonic_ns():
            self._ready.append(heapq.heappop(self._sleeping)[1])
        while self._ready:
            self._step(self._ready.popleft())

    def _step(self, strand: int) -> None:
        ops, place = self._structure.ops, self._place
        while True:
            kind, _, x, y, z = ops[place[strand]]
            if kind == SEND:
                self._send(x, z, y)
            elif kind == RECV:
                if not self._mail[x]:
                    self._waiting[x] = strand
                    return
                self._mail[x] -= 1
            elif kind == STAGE:
                if y >= 0 and place[self._structure.strands[y]] <= y:
                    self._staged[y] = strand
                    return
                self._pass(strand)
                continue
            elif kind in (FORK, SLEEP, _END):
                place[strand] += 1
                if kind == FORK:
                    self._missing[strand] = y
                    self._ready.extend(range(x, x + y))
                elif kind == SLEEP:
                    heapq.heappush(self._sleeping, (time.monotonic_ns() + x, strand))
                else:
                    self._end(strand)
                return
            place[strand] += 1

    def _pass(self, strand: int) -> None:
        position = self._place[strand]
        self._place[strand] += 1
        self._release(position)

    def _release(self, position: int) -> None:
        after = self._staged.pop(position, None)
        if after is not None:
            self._ready.append(after)

    def _end(self, strand: int) -> None:
        outer = self._structure.parent[strand]
        if outer < 0:
            self.finished = True
        else:
            self._missing[outer] -= 1
            if not self._missing[outer]:
                self._ready.append(outer)
        self._release(self._place[strand] - 1)


def _information(stream: socket.socket) -> dict[str, int]:
    """Return some of tcp_info (linux/tcp.h): times in microseconds, windows in segments."""
    raw = stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
    words = struct.unpack_from("8B24I", raw)
    names = {"rto": 8, "lost": 14, "retrans": 15, "rtt": 23, "rttvar": 24, "ssthresh": 25, "cwnd": 26}
    known = {name: words[place] for name, place in names.items()}
    known["total_retrans"] = words[31]
    return known


def main() -> None:
    """Obey."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    player: Player | None = None
    structures: dict[str, Structure] = {}
    for line in sys.stdin:
        order = json.loads(line)
        answer: Any = None
        if order["do"] == "be":
            player = Player(order["party"], order["addresses"])
        elif order["do"] == "load":
            with Path(order["path"]).open("rb") as handle:
                structures[order["name"]] = pickle.load(handle)
        else:
            assert player is not None
            if order["do"] == "play":
                answer = player.play(structures[order["name"]], order["start"])
            else:
                arguments = {key: value for key, value in order.items() if key != "do"}
                answer = getattr(player, order["do"])(**arguments)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
