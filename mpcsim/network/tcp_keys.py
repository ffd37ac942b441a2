"""The keys of `[network.tcp]`: which of TCP's effects there are, and how large each is.

Each key is one effect and switches it off at the value that its docstring names; with all off the law is
the ideal one, to the nanosecond. `initial_window = "unlimited"` switches off everything that a congestion
window does: slow start, the restart after idling, the decay of what is unused, HyStart, recovery.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mpcsim.errors import InputError
from mpcsim.network.jitter import Time
from mpcsim.units import BYTES, SIZE, Unit, parse_size, parse_time

UNLIMITED: Literal["unlimited"] = "unlimited"
_RECEIVED, _WHOLE = 65, 100
"""The share of tcp_rmem that holds payload, as measured on Linux 6.18; the rest is overhead."""
_LEAST_BUFFER = 4096  # bytes: Linux's own least


def _size(text: str) -> str:
    try:
        size = parse_size(text)
    except InputError as error:
        raise ValueError(str(error)) from None
    if size is not None and size < _LEAST_BUFFER:
        raise ValueError(f"{text!r} is out of range: at least {_LEAST_BUFFER} B, or 'unlimited'")
    return text


Size = Annotated[str, AfterValidator(_size), SIZE]
Segments = Annotated[int, Field(ge=1, le=2**20), Unit("segments")]


class TcpTable(BaseModel):
    """The `[network.tcp]` table; its defaults are the profile `linux`.

    Attributes:
        profile: "linux": Linux as shipped, on new connections; "linux-tuned": no restart after idling, and
            buffers that do not limit; "warm": tuned, with windows that are open from the start.
        initial_window: segments that a new connection may have under way (RFC 6928); "unlimited": no
            congestion window.
        segment_bytes: payload of a segment; 1448 is Ethernet's 1500 less headers and time stamps.
        header_bytes: IPv4 20, TCP 20, time stamps 12; 0: none.
        restart: the window falls back after idling (RFC 2861; Linux's tcp_slow_start_after_idle).
        unused_window: the part of a window that nobody uses decays (RFC 2861).
        hystart: slow start ends where acknowledgements tell of a queue (Linux's cubic, RFC 9406).
        send_buffer: tcp_wmem, which holds payload and what describes each burst; "unlimited": no limit.
        receive_buffer: tcp_rmem, of which 65 % hold payload; "unlimited": no limit.
        receive_growth: the receive window starts at 64 KiB and grows with what is received.
        delayed_ack: how long a lone segment's acknowledgement waits; "0 ms": not at all.
        ack_bytes: of an acknowledgement on the uplink, one for two segments; 0: they take no room there.
        burst: segments that a connection puts on a shared uplink at a turn; "unlimited": whole messages.
        host_cost: what every hop costs the receiving host; "0 us": nothing.
        router_buffer: what may wait for the uplink in a router before segments are dropped from its tail;
            "unlimited": the uplink is the host's own, which waits and drops nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    profile: Literal["linux", "linux-tuned", "warm"] = "linux"
    initial_window: Segments | Literal["unlimited"] = 10
    segment_bytes: Annotated[int, Field(ge=1, le=2**20), BYTES] = 1448
    header_bytes: Annotated[int, Field(ge=0, le=2**16), BYTES] = 52
    restart: bool = True
    unused_window: bool = True
    hystart: bool = True
    send_buffer: Size = "4.194304 MB"
    receive_buffer: Size = "6.291456 MB"
    receive_growth: bool = True
    delayed_ack: Time = "40 ms"
    ack_bytes: Annotated[int, Field(ge=0, le=2**16), BYTES] = 52
    burst: Segments | Literal["unlimited"] = 16
    host_cost: Time = "0 us"
    router_buffer: Size = UNLIMITED


_TUNED: dict[str, Any] = {
    "restart": False,
    "unused_window": False,
    "send_buffer": UNLIMITED,
    "receive_buffer": UNLIMITED,
    "receive_growth": False,
}
PROFILES: dict[str, dict[str, Any]] = {
    "linux": {},
    "linux-tuned": _TUNED,
    "warm": _TUNED | {"initial_window": 2**15},
}
"""What a profile sets where the table does not."""

OFF: dict[str, Any] = _TUNED | {
    "initial_window": UNLIMITED,
    "header_bytes": 0,
    "hystart": False,
    "delayed_ack": "0 ms",
    "ack_bytes": 0,
    "burst": UNLIMITED,
    "host_cost": "0 us",
    "router_buffer": UNLIMITED,
}
"""Every effect switched off: the ideal law."""


class Rules(NamedTuple):
    """The keys as whole numbers: bytes, segments and nanoseconds; None stands for unlimited."""

    segment: int
    header: int
    initial: int | None
    restart: bool
    unused: bool
    hystart: bool
    send_buffer: int | None
    receive_window: int | None
    receive_growth: bool
    delayed_ack: int
    ack_bytes: int
    burst: int | None
    host_cost: int
    router: int | None

    @property
    def clocked(self) -> bool:
        """Whether acknowledgements have an effect."""
        limits = (self.initial, self.send_buffer, self.receive_window)
        return bool(self.ack_bytes) or any(limit is not None for limit in limits)

    def segments(self, size: int) -> int:
        """Return how many segments carry so many bytes: at least one."""
        return max(-(-size // self.segment), 1)

    def wire(self, size: int) -> int:
        """Return what so many bytes are on the wire, headers included."""
        return size + self.header * max(-(-size // self.segment), 1)


def effective(table: TcpTable) -> dict[str, Any]:
    """Return every key of a table with its value, its profile applied."""
    given = {key: getattr(table, key) for key in TcpTable.model_fields}
    profile = PROFILES[table.profile].items()
    return given | {key: value for key, value in profile if key not in table.model_fields_set}


def rules(table: TcpTable) -> Rules:
    """Return the rules of a table, its profile applied."""
    given = effective(table)
    return Rules(
        segment=given["segment_bytes"],
        header=given["header_bytes"],
        initial=_limit(given["initial_window"]),
        restart=given["restart"],
        unused=given["unused_window"],
        hystart=given["hystart"],
        send_buffer=parse_size(given["send_buffer"]),
        receive_window=_received(given["receive_buffer"]),
        receive_growth=given["receive_growth"],
        delayed_ack=parse_time(given["delayed_ack"]),
        ack_bytes=given["ack_bytes"],
        burst=_limit(given["burst"]),
        host_cost=parse_time(given["host_cost"]),
        router=parse_size(given["router_buffer"]),
    )


def _limit(value: int | str) -> int | None:
    return None if isinstance(value, str) else value


def _received(buffer: str) -> int | None:
    size = parse_size(buffer)
    return None if size is None else size * _RECEIVED // _WHOLE
