"""Network namespaces, one a party, joined by a delay line, behind the kernel's token bucket.

Each namespace has one TUN device of MTU 1500 with an address of its own; its queueing discipline is the
kernel's token bucket (tbf), which is the party's uplink. All is Linux as shipped with cubic, which a route
asks for; nothing outside the namespaces is changed.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from benchmarks.fidelity.delay_line import DelayLine, Lateness

MTU = 1500
_SET_INTERFACE, _TUN, _NO_HEADER = 0x400454CA, 0x0001, 0x1000
_SUBNET = "10.199.0"
_QUEUE = 20_000  # packets between the token bucket and the delay line
_LIMIT = 400_000_000  # bytes that may wait for the token bucket: a host's own queue drops nothing
_BURST_NS = 100_000  # the token bucket's depth in time, and at least two packets
_SHIPPED = {
    "tcp_rmem": "4096 131072 6291456",
    "tcp_wmem": "4096 16384 4194304",
    "tcp_no_metrics_save": "1",
    "tcp_slow_start_after_idle": "1",
}
_TUNED = {
    "tcp_rmem": "4096 131072 134217728",
    "tcp_wmem": "4096 16384 134217728",
    "tcp_slow_start_after_idle": "0",
}


class NotPossible(Exception):
    """The rig cannot run here; the text says what is needed."""


def refusal() -> str | None:
    """Return why the rig cannot run here, None where it can."""
    if not Path("/dev/net/tun").exists():
        return "no /dev/net/tun: the rig needs Linux with TUN devices"
    if os.geteuid() != 0:
        return "not root: network namespaces and TUN devices need it (try sudo)"
    for command in (["ip", "netns", "list"], ["tc", "-Version"]):
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return f"`{' '.join(command)}` does not work ({error}): it takes iproute2 and CAP_NET_ADMIN"
    return None


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotPossible(f"`{' '.join(command)}` failed: {done.stderr.strip()}")


class Namespaces:
    """So many parties, each in a namespace.

    Attributes:
        names: of the namespaces.
        addresses: of the parties, in them.
        rate: of each uplink, in bits per second.
    """

    def __init__(self, parties: int) -> None:
        why = refusal()
        if why is not None:
            raise NotPossible(why)
        self.names = [f"fidelity{os.getpid()}-{party}" for party in range(parties)]
        self.addresses = [f"{_SUBNET}.{party + 1}" for party in range(parties)]
        self.rate = 0
        self._devices: list[int] = []
        self._line: DelayLine | None = None
        try:
            for party in range(parties):
                self._add(party)
            self._line = DelayLine(self._devices)
        except BaseException:  # whatever ended it, what was made goes
            self.close()
            raise

    def __enter__(self) -> Namespaces:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _add(self, party: int) -> None:
        name, device = self.names[party], self._device(party)
        _run("ip", "netns", "add", name)
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        self._devices.append(fd)
        try:
            fcntl.ioctl(fd, _SET_INTERFACE, struct.pack("16sH22x", device.encode(), _TUN | _NO_HEADER))
        except OSError as error:
            raise NotPossible(f"no TUN device can be made: {error}") from None
        _run("ip", "link", "set", device, "netns", name)
        inside = ("ip", "-n", name)
        _run(*inside, "link", "set", "lo", "up")
        _run("ip", "netns", "exec", name, "sysctl", "-qw", f"net.ipv6.conf.{device}.disable_ipv6=1")
        _run(*inside, "link", "set", device, "mtu", str(MTU), "txqueuelen", str(_QUEUE), "up")
        _run(*inside, "addr", "add", f"{self.addresses[party]}/32", "dev", device)
        _run(*inside, "route", "add", f"{_SUBNET}.0/24", "dev", device, "congctl", "cubic")
        self.settings(party, _SHIPPED)

    def _device(self, party: int) -> str:
        return f"fid{os.getpid() % 10**7}-{party}"

    def settings(self, party: int, keys: dict[str, str]) -> None:
        """Set keys of net.ipv4 in a party's namespace."""
        _run("ip", "netns", "exec", self.names[party],
             "sysctl", "-qw", *(f"net.ipv4.{key}={value}" for key, value in keys.items()))  # fmt: skip

    def tune(self, tuned: bool) -> None:
        """Let windows never fall back and buffers never limit; or set all as Linux is shipped."""
        for party in range(len(self.names)):
            self.settings(party, _TUNED if tuned else _SHIPPED)

    def shape(self, latency_ns: int, bits_per_second: int) -> None:
        """Set the one-way latency and every party's uplink."""
        assert self._line is not None
        self._line.set_latency(latency_ns)
        self._line.set_rate(bits_per_second)
        self.rate = bits_per_second
        burst = max(2 * MTU + 80, bits_per_second * _BURST_NS // (8 * 10**9))
        for party, name in enumerate(self.names):
            _run("tc", "-n", name, "qdisc", "replace", "dev", self._device(party), "root", "tbf",
                 "rate", f"{bits_per_second}bit", "burst", str(burst), "limit", str(_LIMIT))  # fmt: skip

    def lateness(self) -> Lateness:
        """Return how late the delay line was since the last call."""
        assert self._line is not None
        return self._line.lateness()

    def enter(self, party: int, command: Sequence[str]) -> list[str]:
        """Return the command that runs another in a party's namespace."""
        return ["ip", "netns", "exec", self.names[party], *command]

    def close(self) -> None:
        """Take all down."""
        if self._line is not None:
            self._line.close()
            self._line = None
        for fd in self._devices:
            os.close(fd)
        self._devices = []
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def enter_here(name: str) -> None:
    """Move this process into a namespace (setns(2))."""
    with Path(f"/var/run/netns/{name}").open("rb") as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), 0x40000000):
            raise NotPossible(f"cannot enter {name}: {os.strerror(ctypes.get_errno())}")
