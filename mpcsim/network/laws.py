"""The law of every directed link of a run: the network's description, worked out for its parties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from mpcsim.errors import InputError
from mpcsim.network.jitter import Jitter, Moving, Steady
from mpcsim.network.link_tables import ANY, Effects, LinkTable
from mpcsim.network.profiles import PROFILES
from mpcsim.units import parse_bandwidth, parse_time


class Described(Protocol):
    """What the laws need of a network's description; see `mpcsim.network.description`."""

    @property
    def latency(self) -> str | Sequence[Sequence[str]]:
        """One way, as text, or a matrix of texts."""

    @property
    def bandwidth(self) -> str | Sequence[Sequence[str]]:
        """As text, or a matrix of texts."""

    @property
    def sharing(self) -> str:
        """How a party's links share: "uplink" or "link"."""

    @property
    def profile(self) -> str | None:
        """The name of a ready-made network."""

    @property
    def regions(self) -> Sequence[str] | Mapping[str, str]:
        """Each party's region, by id or by role."""

    @property
    def downlink(self) -> str | Mapping[str, str]:
        """Limit of what a party receives; or by role."""

    @property
    def loss(self) -> float:
        """The probability that a segment is lost."""


class Law(NamedTuple):
    """What one directed link does to a message.

    Attributes:
        latency_ns: one-way propagation, without jitter.
        bits_per_second: its rate, None where unlimited.
        jitter: what is drawn on top of the latency, None for nothing.
        loss: the probability that a segment is lost on one attempt.
    """

    latency_ns: int
    bits_per_second: int | None
    jitter: Moving | None
    loss: float

    @property
    def constant(self) -> bool:
        """Whether nothing is drawn for a message."""
        return self.jitter is None and not self.loss


class Laws:
    """The law of every directed link of a run.

    Attributes:
        uniform: the law of all links where they are alike, else None.
        shared: whether the links of a party share its uplink.
        downlinks: limit by party in bits per second, None where there is none.
        constant: whether no link draws anything and no party has a downlink limit.
    """

    def __init__(self, network: Described, effects: Effects, roles: Sequence[str]) -> None:
        self._network = network
        self._roles = roles
        self._tables = [_ends(table, roles, number) for number, table in enumerate(effects.links)]
        self._jitter = _moving(effects.jitter)
        self._regions = _regions(network, roles)
        for key in ("latency", "bandwidth"):
            value = getattr(network, key)
            if not isinstance(value, str) and len(value) != len(roles):
                raise InputError(
                    f"network.{key}: found a matrix of {len(value)} rows; accepted: one row and one "
                    f"column for each of the {len(roles)} parties"
                )
        self.shared = network.sharing == "uplink"
        self.downlinks = _downlinks(network, roles)
        alike = not self._tables and not self._regions
        alike = alike and isinstance(network.latency, str) and isinstance(network.bandwidth, str)
        self.uniform = self._law(0, 0) if alike else None
        self._check_contradictions()
        drawn = self._jitter is not None or bool(network.loss)
        drawn = drawn or any(table.jitter is not None or table.loss for table, _, _ in self._tables)
        self.constant = not drawn and not any(self.downlinks)

    def law(self, sender: int, to: int) -> Law:
        """Return the law of one directed link."""
        return self.uniform or self._law(sender, to)

    def _law(self, sender: int, to: int) -> Law:
        network = self._network
        latency, bandwidth, jitter, loss = network.latency, network.bandwidth, self._jitter, network.loss
        if self._regions and latency == "":
            profile = PROFILES[network.profile or ""]
            latency = profile.one_way(self._regions[sender], self._regions[to])
        latency = latency if isinstance(latency, str) else latency[sender][to]
        bandwidth = bandwidth if isinstance(bandwidth, str) else bandwidth[sender][to]
        fitting = [
            (sources is not None, receivers is not None, table)
            for table, sources, receivers in self._tables
            if sources in (None, sender) and receivers in (None, to)
        ]
        for _, _, table in sorted(fitting, key=lambda entry: entry[0] + entry[1]):
            latency = latency if table.latency is None else table.latency
            bandwidth = bandwidth if table.bandwidth is None else table.bandwidth
            jitter = jitter if table.jitter is None else _moving(table.jitter)
            loss = loss if table.loss is None else table.loss
        return Law(parse_time(latency), parse_bandwidth(bandwidth), jitter, loss)

    def _check_contradictions(self) -> None:
        """Refuse two entries of equal rank that set one key of one link to different values."""
        for second, (table, source, to) in enumerate(self._tables):
            for first, (earlier, other_source, other_to) in enumerate(self._tables[:second]):
                rank = (source is not None) + (to is not None)
                overlap = (source is None or other_source in (None, source)) and (
                    to is None or other_to in (None, to)
                )
                if rank != (other_source is not None) + (other_to is not None) or not overlap:
                    continue
                for key in ("latency", "bandwidth", "jitter", "loss"):
                    one, two = getattr(earlier, key), getattr(table, key)
                    if one is not None and two is not None and one != two:
                        raise InputError(
                            f"network.links.{second}.{key}: contradicts network.links.{first}.{key}: "
                            "both apply to one link, and neither names more of its ends"
                        )


def party_id(end: str | int, roles: Sequence[str], key: str) -> int:
    """Return the id of a party that is named by id or role.

    Raises:
        InputError: there is no such party.
    """
    if isinstance(end, int) and end < len(roles):
        return end
    if isinstance(end, str) and end in roles:
        return list(roles).index(end)
    known = ", ".join(roles[:12]) + (", …" if len(roles) > 12 else "")
    raise InputError(f"{key}: there is no party {end!r}; accepted: 0 to {len(roles) - 1}, or {known}")


def _ends(table: LinkTable, roles: Sequence[str], number: int) -> tuple[LinkTable, int | None, int | None]:
    key = f"network.links.{number}"
    source = None if table.source == ANY else party_id(table.source, roles, f"{key}.source")
    to = None if table.to == ANY else party_id(table.to, roles, f"{key}.to")
    if source is not None and source == to:
        raise InputError(f"network.links.{number}: a party has no link to itself ({table.to!r})")
    return table, source, to


def _regions(network: Described, roles: Sequence[str]) -> list[str]:
    if network.profile is None or not PROFILES[network.profile].regions:
        return []
    named = network.regions
    if isinstance(named, Mapping):
        for role in named:
            party_id(role, roles, f"network.regions.{role}")
        missing = [role for role in roles if role not in named]
        if missing:
            raise InputError(f"network.regions.{missing[0]}: missing: every party has a region")
        return [named[role] for role in roles]
    if len(named) != len(roles):
        raise InputError(
            f"network.regions: found {len(named)} regions; accepted: one for each of the "
            f"{len(roles)} parties ({', '.join(roles[:12])})"
        )
    return list(named)


def _downlinks(network: Described, roles: Sequence[str]) -> list[int | None]:
    if not isinstance(network.downlink, Mapping):
        return [parse_bandwidth(network.downlink)] * len(roles)
    limits: list[int | None] = [None] * len(roles)
    for role, limit in network.downlink.items():
        limits[party_id(role, roles, f"network.downlink.{role}")] = parse_bandwidth(limit)
    return limits


def _moving(jitter: Jitter | None) -> Moving | None:
    return None if jitter is None or isinstance(jitter, Steady) else jitter
