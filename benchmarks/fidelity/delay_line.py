"""An exact delay line: it holds what TUN devices send for a one-way latency.

It runs as a process of its own, whose loop is compiled, in real time (SCHED_FIFO) where that is allowed.
Each ordered pair of devices is a queue, first in first out, with a latency of its own; nothing is lost or
reordered. A device's packets pass one after the other at a rate, before that latency: the token bucket in
front lets the first ones go at once, and this makes the link's law exact again. Latencies and counts lie in
memory that is shared with who started it, so that they can be changed between runs and lateness be read.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

SLOTS = 1 << 17  # packets that may be under way
LARGEST = 2048  # bytes of a packet
_RUNNING, _PACKETS, _LATE, _WORST, _DROPPED, _RATE, _LATENCIES = range(7)
_PRIORITY = 50
_SIZE = 4096


class Lateness(NamedTuple):
    """How late packets left the line.

    Attributes:
        packets: how many there were.
        mean_ms, worst_ms: later than their latency after they were read.
        dropped: packets for nobody, or more than may be under way.
    """

    packets: int
    mean_ms: float
    worst_ms: float
    dropped: int


class DelayLine:
    """The process that forwards between devices.

    Args:
        devices: file descriptors of TUN devices; the last byte of a packet's destination, less one, is the
            position of the device that it leaves by.
    """

    def __init__(self, devices: Sequence[int]) -> None:
        self._shared = os.memfd_create("delay_line")
        os.ftruncate(self._shared, _SIZE)
        self._memory = mmap.mmap(self._shared, _SIZE)
        self._words = np.frombuffer(self._memory, np.int64)
        self._count = len(devices)
        self._words[_RUNNING] = 1
        arguments = [str(self._shared), *map(str, devices)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *arguments],
            pass_fds=(self._shared, *devices),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._process.stdout.read(1)  # the loop is compiled

    def set_latency(self, nanoseconds: int) -> None:
        """Set the one-way latency of every pair."""
        self._words[_LATENCIES : _LATENCIES + self._count**2] = nanoseconds

    def set_rate(self, bits_per_second: int) -> None:
        """Set how fast each device's packets pass, one after the other; 0: at once."""
        self._words[_RATE] = bits_per_second

    def lateness(self) -> Lateness:
        """Return how late packets were since the last call."""
        packets, late, worst, dropped = (int(word) for word in self._words[_PACKETS:_RATE])
        self._words[_PACKETS:_RATE] = 0
        return Lateness(packets, late / max(packets, 1) / 1e6, worst / 1e6, dropped)

    def close(self) -> None:
        """End the process."""
        self._words[_RUNNING] = 0
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        os.close(self._shared)


def _compiled() -> Any:
    """Return the loop, compiled: system calls by way of ctypes, whose results alone are looked at."""
    from numba import njit

    libc = ctypes.CDLL(None)
    read, write, poll, clock = libc.read, libc.write, libc.ppoll, libc.clock_gettime
    read.argtypes = write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
    read.restype = write.restype = ctypes.c_ssize_t
    poll.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_void_p]
    clock.argtypes = [ctypes.c_int, ctypes.c_void_p]

    @njit
    def now(times: Any) -> int:
        clock(1, times.ctypes.data)
        return times[0] * 1_000_000_000 + times[1]

    @njit
    def forward(words: Any, fds: Any, polls: Any) -> None:
        count = len(fds)
        pairs = count * count
        store = np.empty((SLOTS, LARGEST), np.uint8)
        sizes, following, due = (
            np.empty(SLOTS, np.int64),
            np.empty(SLOTS, np.int64),
            np.empty(SLOTS, np.int64),
        )
        head, tail = np.full(pairs, -1), np.full(pairs, -1)
        passed = np.zeros(count, np.int64)
        for slot in range(SLOTS):
            following[slot] = slot + 1
        free = 0
        times, wait = np.zeros(2, np.int64), np.zeros(2, np.int64)
        base = store.ctypes.data
        while words[_RUNNING]:
            moment = now(times)
            busy = True
            while busy:  # what is due, in the order of its time
                busy = False
                first, pair = np.int64(1 << 62), -1
                for one in range(pairs):
                    if head[one] >= 0 and due[head[one]] < first:
                        first, pair = due[head[one]], one
                if pair >= 0 and first <= moment:
                    slot = head[pair]
                    write(fds[pair % count], base + slot * LARGEST, sizes[slot])
                    head[pair] = following[slot]
                    following[slot] = free
                    free = slot
                    late = moment - first
                    words[_PACKETS] += 1
                    words[_LATE] += late
                    words[_WORST] = max(words[_WORST], late)
                    moment = now(times)
                    busy = True
            got = False
            for source in range(count):
                for _ in range(16):
                    if free >= SLOTS:
                        break
                    slot = free
                    size = read(fds[source], base + slot * LARGEST, LARGEST)
                    if size <= 0:
                        break
                    got = True
                    to = np.int64(store[slot, 19]) - 1
                    if size < 20 or store[slot, 0] >> 4 != 4 or to < 0 or to >= count or to == source:
                        words[_DROPPED] += 1
                        continue
                    free = following[slot]
                    pair = source * count + to
                    sizes[slot], following[slot] = size, -1
                    passed[source] = max(passed[source], now(times))
                    if words[_RATE]:
                        passed[source] += size * 8_000_000_000 // words[_RATE]
                    due[slot] = passed[source] + words[_LATENCIES + pair]
                    if head[pair] < 0:
                        head[pair] = slot
                    else:
                        following[tail[pair]] = slot
                    tail[pair] = slot
            if got:
                continue
            sleep = np.int64(100_000_000)
            moment = now(times)
            for one in range(pairs):
                if head[one] >= 0:
                    sleep = min(sleep, due[head[one]] - moment)
            if sleep > 0:
                wait[0], wait[1] = sleep // 1_000_000_000, sleep % 1_000_000_000
                poll(polls.ctypes.data, count, wait.ctypes.data, 0)

    return forward


def _main(shared: int, devices: Sequence[int]) -> None:
    words = np.frombuffer(mmap.mmap(shared, _SIZE), np.int64)
    fds = np.array(devices, np.int64)
    for fd in devices:
        os.set_blocking(fd, False)
    polls = np.zeros(len(devices), [("fd", np.int32), ("events", np.int16), ("revents", np.int16)])
    polls["fd"], polls["events"] = fds, 1
    forward = _compiled()
    words[_RUNNING] = 0
    forward(words, fds, polls.view(np.uint8))  # compiles, and ends at once
    words[_RUNNING] = 1
    ctypes.CDLL(None).prctl(29, 1, 0, 0, 0)  # PR_SET_TIMERSLACK: wake within a nanosecond
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    except PermissionError:
        os.nice(-20)
    os.write(1, b".")
    forward(words, fds, polls.view(np.uint8))


if __name__ == "__main__":
    _main(int(sys.argv[1]), [int(text) for text in sys.argv[2:]])
