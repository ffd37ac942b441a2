"""Is the rig what it is set to: a round trip and a rate of UDP, before any TCP is measured."""

from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks.fidelity.namespaces import Namespaces, enter_here

_PORT = 7432
_SEND_BUFFER, _RECEIVE_BUFFER = 32, 33  # SO_SNDBUFFORCE, SO_RCVBUFFORCE: beyond the machine's limits
_PINGS = 9
_PAYLOAD = 1472  # bytes: 1500 on the wire
_BURST_NS = 300_000_000  # of transmission that is sent
_MOST = 2000  # datagrams


def calibrate(space: Namespaces) -> dict[str, float]:
    """Return a round trip in ms and the rate of the first party's uplink in Mbit/s."""
    found: dict[str, float] = {}
    sockets = [_inside(space.names[party], _bound(space.addresses[party])) for party in (0, 1)]
    here, there = sockets
    try:
        for end in sockets:
            end.settimeout(3)
        target = (space.addresses[1], _PORT)
        trips = []
        for _ in range(_PINGS):
            started = time.perf_counter()
            here.sendto(b"?", target)
            there.sendto(*there.recvfrom(2048))
            here.recv(2048)
            trips.append(time.perf_counter() - started)
        found["round_trip_ms"] = 1e3 * statistics.median(trips)
        count = max(min(space.rate * _BURST_NS // (8 * 1500 * 10**9), _MOST), 10)
        began = time.perf_counter()
        for _ in range(count):
            here.sendto(bytes(_PAYLOAD), target)
        for _ in range(count):
            there.recv(2048)
        took = time.perf_counter() - began - statistics.median(trips) / 2
        found["rate_mbit"] = 8 * 1500 * count / took / 1e6
    finally:
        for end in sockets:
            end.close()
    return found


def _bound(address: str) -> Callable[[], socket.socket]:
    def make() -> socket.socket:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER, 1 << 24)
        end.setsockopt(socket.SOL_SOCKET, _SEND_BUFFER, 1 << 24)
        end.bind((address, _PORT))
        return end

    return make


def _inside(name: str, make: Callable[[], Any]) -> Any:
    """Call in a namespace: a thread enters it, and a socket stays in the one where it was made."""
    made: list[Any] = []

    def work() -> None:
        enter_here(name)
        made.append(make())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return made[0]
