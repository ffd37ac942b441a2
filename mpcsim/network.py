"""The network emulator's model: what a link does to a message, as exact integer arithmetic.

A message of w wire bytes sent at time t starts at s = max(t, when the sender's uplink is free),
occupies the uplink for d = 8w/B, and arrives at s + d + L. Transmission (d) and propagation (L) are
different things: messages in flight overlap, and only their transmissions queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from mpcsim.errors import InputError
from mpcsim.units import NANOSECONDS, format_time, parse_bandwidth, parse_time

Sharing = Literal["uplink", "link"]


@dataclass(frozen=True)
class Network:
    """A uniform network between all parties.

    Args:
        latency: one-way propagation delay of every link, as text with a unit ("88.5 ms").
        bandwidth: rate of an uplink (or of a link) as text ("220 Mbit/s") or "unlimited".
        sharing: "uplink": all links of a party share its uplink; "link": each directed link has
            the full bandwidth.

    Raises:
        InputError: an unknown unit, a value out of range, an unknown sharing.
    """

    latency: str = "0 ms"
    bandwidth: str = "unlimited"
    sharing: Sharing = "uplink"

    def __post_init__(self) -> None:
        for key, parse in (("latency", parse_time), ("bandwidth", parse_bandwidth)):
            try:
                parse(getattr(self, key))
            except InputError as error:
                raise InputError(f"network.{key}: {error}") from None
        if self.sharing not in get_args(Sharing):
            raise InputError(
                f"network.sharing: {self.sharing!r} is not known; accepted: " + ", ".join(get_args(Sharing))
            )

    @property
    def latency_ns(self) -> int:
        """One-way latency in nanoseconds."""
        return parse_time(self.latency)

    @property
    def bits_per_second(self) -> int | None:
        """Bandwidth in bits per second, None where unlimited."""
        return parse_bandwidth(self.bandwidth)

    def describe(self) -> dict[str, str]:
        """Return what the run record keeps of this network."""
        return {
            "latency": self.latency,
            "bandwidth": self.bandwidth,
            "sharing": self.sharing,
            "note": f"{format_time(self.latency_ns)} is the one-way latency",
        }


class Links:
    """The state of all links during one run: when each uplink is free, when each link last arrived."""

    def __init__(self, network: Network) -> None:
        self._latency = network.latency_ns
        self._bits_per_second = network.bits_per_second
        self._shared = network.sharing == "uplink"
        self._free: dict[object, int] = {}

    def transmit(self, now: int, sender: int, receiver: int, wire_bytes: int) -> int:
        """Send a message into the network at `now` and return when it arrives (nanoseconds).

        The transmission time 8w/B is rounded to the nearest nanosecond. Links are FIFO because
        transmissions queue and the latency of a link is constant.
        """
        if self._bits_per_second is None:
            return now + self._latency
        line = sender if self._shared else (sender, receiver)
        start = max(now, self._free.get(line, 0))
        done = start + transmission_ns(wire_bytes, self._bits_per_second)
        self._free[line] = done
        return done + self._latency


def transmission_ns(wire_bytes: int, bits_per_second: int) -> int:
    """Return 8w/B in nanoseconds, rounded to the nearest (halves up)."""
    return (8 * wire_bytes * NANOSECONDS + bits_per_second // 2) // bits_per_second
