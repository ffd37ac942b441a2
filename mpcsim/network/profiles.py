"""Ready-made networks: named profiles, each with the source of its numbers.

A table of round-trip times gives one-way latencies of half of each entry: nobody publishes one-way
times, and the two directions of a path need not be equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

_IBM_REGIONS = (
    "dallas", "toronto", "washington-dc", "frankfurt", "london", "madrid", "osaka", "sydney", "tokyo",
    "sao-paulo",
)  # fmt: skip
# Average round-trip times in milliseconds, row to column, 27 July to 25 August 2024. The diagonal is
# the time within one zone, which the source gives as 0.08 to 0.09 ms.
_IBM_RTT = """
0.09  34   31  123  113  119  150  186  143  146
34  0.09   19   93   82  108  168  215  162  129
31    19 0.09   91   75   87  172  214  164  118
123   93   91 0.09   13   29  232  250  233  198
113   83   75   13 0.09   27  244  261  243  188
122  106   88   29   27 0.09  257  275  258  209
150  169  172  231  243  257 0.09  122    9  293
186  214  214  249  261  275  122 0.09  115  328
143  162  166  233  244  256    9  115 0.09  284
144  128  119  196  187  208  291  328  283 0.09
"""


@dataclass(frozen=True)
class Profile:
    """A named network.

    Attributes:
        source: where the numbers come from.
        latency: one-way latency of all links, where there are no regions.
        bandwidth: what it says of bandwidth; None where the scenario must.
        regions: names of the regions of `round_trips_ms`.
        round_trips_ms: round-trip times, from row to column.
    """

    source: str
    latency: str | None = None
    bandwidth: str | None = None
    regions: tuple[str, ...] = ()
    round_trips_ms: tuple[tuple[Decimal, ...], ...] = ()

    @property
    def decides(self) -> tuple[str, ...]:
        """The keys of a network that a profile leaves no room for."""
        bandwidth = () if self.bandwidth is None else ("bandwidth",)
        return ("latency", *bandwidth) if self.regions else ("latency", *bandwidth, "regions")

    def one_way(self, region: str, other: str) -> str:
        """Return half the round-trip time between two regions."""
        row, column = self.regions.index(region), self.regions.index(other)
        return f"{self.round_trips_ms[row][column] / 2} ms"


def _table(text: str) -> tuple[tuple[Decimal, ...], ...]:
    return tuple(tuple(map(Decimal, line.split())) for line in text.split("\n") if line)


PROFILES = {
    "lan": Profile(
        source="round figures of the MPC literature for one data centre: 10 Gbit/s, 0.2 ms round trip",
        latency="0.1 ms",
        bandwidth="10 Gbit/s",
    ),
    "pomic-wan": Profile(
        source="POMIC (Appl. Sci. 2023): 88.5 ms, read as one way, and 220 Mbit/s",
        latency="88.5 ms",
        bandwidth="220 Mbit/s",
    ),
    "ibm-cloud": Profile(
        source=(
            "IBM Cloud documentation, VPC network latency, average round-trip times between regions "
            "from 27 July to 25 August 2024 (github.com/ibm-cloud-docs/vpc); one way is half of it"
        ),
        regions=_IBM_REGIONS,
        round_trips_ms=_table(_IBM_RTT),
    ),
}
