"""The network as the user describes it, and the law of each directed link that follows from it.

The laws themselves are in `mpcsim.network.emulator` and, for people, in docs/emulator.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from dataclasses import Field as Argument
from typing import Annotated, Any, Literal, get_args

import numpy as np

from mpcsim.errors import InputError
from mpcsim.network.laws import Law, Laws
from mpcsim.network.link_tables import ANY, Effects, LinkTable, TransportName
from mpcsim.network.profiles import PROFILES, Profile
from mpcsim.network.tcp_keys import TcpTable, effective
from mpcsim.schema import shown, unknown, validate
from mpcsim.units import RATE, TIME, format_time, parse_bandwidth, parse_time

__all__ = ["Law", "Laws", "LinkTable", "Matrix", "Network", "Sharing"]

Sharing = Literal["uplink", "link"]
Matrix = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Network:
    """A network between all parties.

    Args:
        latency: one-way propagation delay, as text with a unit ("88.5 ms"), or a matrix of such
            texts (lists, or a NumPy array), row by sender and column by receiver; the diagonal is not
            used, and may be "" or "-".
        bandwidth: rate of an uplink (or of a link) as text ("220 Mbit/s") or "unlimited", or a matrix.
        sharing: "uplink": all links of a party share its uplink; "link": each directed link has
            the full bandwidth.
        profile: a ready-made network ("lan", "pomic-wan", "ibm-cloud"); other arguments replace
            what it says.
        regions: where the profile has regions: each party's, as a list by id or a table by role.
        downlink: limit of what a party receives, shared fairly among the links into it; text, or
            a table by role.
        jitter: a table with `distribution` ("none", "uniform", "normal", "exponential", "pareto")
            and its parameters.
        loss: probability that a segment is lost on one attempt.
        retransmission_timeout: how long after an attempt the lost segments are sent again.
        overhead_bytes: added to every segment on the wire, for headers below the framing.
        segment_bytes: the most that one segment carries; without it a message is one segment.
        links: tables that change single links, see `LinkTable`.
        transport: "ideal": the link law alone; "tcp": each directed link is a TCP connection. Then
            `overhead_bytes`, `segment_bytes` and `retransmission_timeout` are not used: `tcp` has its own.
        tcp: the keys of `[network.tcp]`, see `TcpTable` in `tcp_keys`; by default Linux as shipped.

    Raises:
        InputError: an unknown unit, a value out of range, contradictory links.
    """

    latency: Annotated[str | Matrix, TIME] = ""
    bandwidth: Annotated[str | Matrix, RATE] = ""
    sharing: Sharing = "uplink"
    profile: str | None = None
    regions: Sequence[str] | Mapping[str, str] = ()
    downlink: Annotated[str | Mapping[str, str], RATE] = "unlimited"
    jitter: Mapping[str, Any] | None = None
    loss: float = 0.0
    retransmission_timeout: Annotated[str, TIME] | None = None
    overhead_bytes: int = 0
    segment_bytes: int | None = None
    links: Sequence[Mapping[str, Any]] = ()
    transport: TransportName = "ideal"
    tcp: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        profile = self._profile()
        if isinstance(self.latency, str) and not self.latency and not profile.regions:
            object.__setattr__(self, "latency", profile.latency)
        if isinstance(self.bandwidth, str) and not self.bandwidth:
            if profile.bandwidth is None:
                raise InputError(
                    f"network.bandwidth: missing: profile {self.profile!r} gives latencies alone; "
                    'accepted: text such as "1 Gbit/s", or "unlimited"'
                )
            object.__setattr__(self, "bandwidth", profile.bandwidth)
        for key, unused in (("latency", "0 s"), ("bandwidth", "unlimited")):
            object.__setattr__(self, key, _plain_matrix(getattr(self, key), unused))
        for key, parse in (("latency", parse_time), ("bandwidth", parse_bandwidth)):
            if getattr(self, key) != "":
                _check(getattr(self, key), parse, f"network.{key}")
        if self.sharing not in get_args(Sharing):
            raise InputError(
                f"network.sharing: {self.sharing!r} is not known; accepted: " + ", ".join(get_args(Sharing))
            )
        limits = self.downlink.items() if isinstance(self.downlink, Mapping) else [("", self.downlink)]
        for role, limit in limits:
            _check_text(limit, parse_bandwidth, f"network.downlink.{role}".rstrip("."))
        self._check_effects(profile)

    def _profile(self) -> Profile:
        if self.profile is None:
            return Profile("", "0 ms", "unlimited")
        if not isinstance(self.profile, str) or self.profile not in PROFILES:
            raise InputError(f"network.profile: {unknown(str(self.profile), list(PROFILES), 'profile')}")
        return PROFILES[self.profile]

    def _check_effects(self, profile: Profile) -> None:
        if isinstance(self.links, str) or not isinstance(self.links, Sequence):
            raise InputError(f"network.links: found {shown(self.links)}; accepted: an array of tables")
        effects = self._effects()
        lossy = bool(self.loss) or any(table.loss for table in effects.links)
        if self.retransmission_timeout is not None:
            _check_text(self.retransmission_timeout, parse_time, "network.retransmission_timeout")
            if parse_time(self.retransmission_timeout) == 0:
                raise InputError("network.retransmission_timeout: '0' is out of range: more than 0 s")
        elif lossy and self.transport == "ideal":
            raise InputError(
                "network.retransmission_timeout: missing: a network with loss needs one, such as '200 ms'"
            )
        for number, table in enumerate(effects.links):
            for key, parse in (("latency", parse_time), ("bandwidth", parse_bandwidth)):
                if getattr(table, key) is not None:
                    _check_text(getattr(table, key), parse, f"network.links.{number}.{key}")
            if table.source == table.to != ANY:
                raise InputError(f"network.links.{number}: a party has no link to itself ({table.to!r})")
        if isinstance(self.regions, str) or not isinstance(self.regions, Sequence | Mapping):
            raise InputError(f"network.regions: found {shown(self.regions)}; accepted: a list or a table")
        if self.regions and not profile.regions:
            raise InputError(f"network.regions: profile {self.profile!r} has no regions")
        named = self.regions.items() if isinstance(self.regions, Mapping) else enumerate(self.regions)
        for place, region in named:
            if region not in profile.regions:
                problem = unknown(str(region), profile.regions, "region")
                raise InputError(f"network.regions.{place}: {problem}")

    def _effects(self) -> Effects:
        given = {key: getattr(self, key) for key in Effects.model_fields}
        given["links"] = [dict(table) if isinstance(table, Mapping) else table for table in self.links]
        for key in ("jitter", "loss", "tcp"):
            if isinstance(given[key], Mapping):
                given[key] = dict(given[key])
        try:
            return validate(Effects, given)
        except InputError as error:
            lines = [f"network.{line.strip()}" for line in str(error).split("\n")]
            raise InputError("\n  ".join(lines)) from None

    @property
    def tcp_table(self) -> TcpTable:
        """The validated keys of `[network.tcp]`."""
        return self._effects().tcp

    @property
    def uniform(self) -> bool:
        """Whether all links are alike, and a message takes L + 8w/B exactly when nothing is queued."""
        plain = {"latency", "bandwidth", "sharing", "profile"}
        others = [part for part in fields(self) if part.name not in plain]
        changed = any(self._is_set(part) for part in others)
        return not changed and isinstance(self.latency, str) and isinstance(self.bandwidth, str)

    @property
    def latency_ns(self) -> int:
        """One-way latency in nanoseconds, where all links have the same.

        Raises:
            InputError: links differ.
        """
        return parse_time(_one(self.latency, "latency"))

    @property
    def bits_per_second(self) -> int | None:
        """Bandwidth in bits per second, None where unlimited, where all links have the same.

        Raises:
            InputError: links differ.
        """
        return parse_bandwidth(_one(self.bandwidth, "bandwidth"))

    def describe(self) -> dict[str, Any]:
        """Return what the run record keeps of this network."""
        found: dict[str, Any] = {
            "latency": self.latency if isinstance(self.latency, str) else "by link",
            "bandwidth": self.bandwidth if isinstance(self.bandwidth, str) else "by link",
            "sharing": self.sharing,
            "note": "latencies are one way",
        }
        if self.latency == "":
            found["latency"] = "by region"
        elif isinstance(self.latency, str):
            found["note"] = f"{format_time(self.latency_ns)} is the one-way latency"
        more = [part.name for part in fields(self)[3:] if self._is_set(part)]
        for name in more:
            value = getattr(self, name)
            found[name] = [dict(table) for table in value] if name == "links" else value
        if self.transport == "tcp" or self.tcp:
            found["tcp"] = effective(self.tcp_table)
        if set(more) - {"tcp"}:
            words = {"transport": "TCP", "profile": f"profile {self.profile}"}
            names = [words.get(name, name.replace("_", " ")) for name in more]
            found["note"] += f"; with {', '.join(name for name in names if name != 'tcp')}"
        if self.profile is not None:
            found["source"] = PROFILES[self.profile].source
        return found

    def _is_set(self, part: Argument[Any]) -> bool:
        """Whether an argument is not its default."""
        value = getattr(self, part.name)
        return bool(value) if part.default is MISSING else bool(value != part.default)

    def resolve(self, roles: Sequence[str]) -> Laws:
        """Return the laws of all links between parties with these roles.

        Raises:
            InputError: a matrix, a list of regions or an end of a link that does not fit them.
        """
        return Laws(self, self._effects(), roles)


def _one(value: str | Matrix, key: str) -> str:
    if isinstance(value, str) and value:
        return value
    raise InputError(f"network.{key}: this network has one for each link, not one for all")


def _plain_matrix(value: Any, unused: str) -> Any:
    """Return a matrix as lists, with `unused` where its diagonal is blank; else the value as it is."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(value, str) or not isinstance(value, Sequence):
        return value
    rows = [row.tolist() if isinstance(row, np.ndarray) else row for row in value]
    for number, row in enumerate(rows):
        if not isinstance(row, list | tuple) or number >= len(row):
            continue  # refused by `_check`
        blank = row[number] is None or (isinstance(row[number], str) and row[number].strip() in ("", "-"))
        if blank:
            rows[number] = [*row[:number], unused, *row[number + 1 :]]
    return rows


def _check(value: Any, parse: Any, key: str) -> None:
    """Check a text, or a square matrix of texts."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        _check_text(value, parse, key)
        return
    for row, line in enumerate(value):
        if isinstance(line, str) or not isinstance(line, Sequence) or len(line) != len(value):
            raise InputError(
                f"{key}.{row}: found {shown(line)}; accepted: a row of {len(value)} texts (the matrix is "
                "square)"
            )
        for column, text in enumerate(line):
            _check_text(text, parse, f"{key}.{row}.{column}")


def _check_text(value: Any, parse: Any, key: str) -> None:
    try:
        parse(value)
    except InputError as error:
        raise InputError(f"{key}: {error}") from None
