"""The keys of `[network]` beyond plain texts: effects on every link, and tables for single links."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mpcsim.network.jitter import Jitter
from mpcsim.network.tcp_keys import TcpTable
from mpcsim.units import BYTES, RATE, TIME

ANY = "*"
TransportName = Literal["ideal", "tcp"]
_LARGEST = 2**20  # bytes of overhead, or of a segment
_MOST_LOSS = 0.95


class LinkTable(BaseModel):
    """One entry of `[[network.links]]`: what it sets for the links from `source` to `to`.

    An entry that names both ends goes before one that names one, and that before one that names none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: str | Annotated[int, Field(ge=0)] = Field(
        default=ANY, description='id or role of the sender; "*": every party'
    )
    to: str | Annotated[int, Field(ge=0)] = Field(
        default=ANY, description='id or role of the receiver; "*": every party'
    )
    latency: Annotated[str, TIME] | None = Field(default=None, description="one-way propagation delay")
    bandwidth: Annotated[str, RATE] | None = Field(default=None, description='rate, or "unlimited"')
    jitter: Jitter | None = None
    loss: Annotated[float, Field(ge=0, le=_MOST_LOSS)] | None = Field(
        default=None, description="probability that a segment is lost on one attempt"
    )


class Effects(BaseModel):
    """The keys of `[network]` beyond plain texts, as pydantic validates them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    jitter: Jitter | None = None
    loss: Annotated[float, Field(ge=0, le=_MOST_LOSS)] = 0.0
    overhead_bytes: Annotated[int, Field(ge=0, le=_LARGEST), BYTES] = 0
    segment_bytes: Annotated[int, Field(ge=1, le=_LARGEST), BYTES] | None = None
    links: list[LinkTable] = []
    transport: TransportName = "ideal"
    tcp: TcpTable = TcpTable()
