"""The keys of `[network]` beyond plain texts: effects on every link, and tables for single links."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mpcsim.network.jitter import Jitter
from mpcsim.network.tcp_keys import TcpTable

ANY = "*"
TransportName = Literal["ideal", "tcp"]
_LARGEST = 2**20  # bytes of overhead, or of a segment
_MOST_LOSS = 0.95


class LinkTable(BaseModel):
    """One entry of `[[network.links]]`: what it sets for the links from `source` to `to`.

    Ends are ids or roles, or "*" for every party; an entry that names both ends goes before one that
    names one, and that before one that names none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: str | Annotated[int, Field(ge=0)] = ANY
    to: str | Annotated[int, Field(ge=0)] = ANY
    latency: str | None = None
    bandwidth: str | None = None
    jitter: Jitter | None = None
    loss: Annotated[float, Field(ge=0, le=_MOST_LOSS)] | None = None


class Effects(BaseModel):
    """The keys of `[network]` beyond plain texts, as pydantic validates them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    jitter: Jitter | None = None
    loss: Annotated[float, Field(ge=0, le=_MOST_LOSS)] = 0.0
    overhead_bytes: Annotated[int, Field(ge=0, le=_LARGEST)] = 0
    segment_bytes: Annotated[int, Field(ge=1, le=_LARGEST)] | None = None
    links: list[LinkTable] = []
    transport: TransportName = "ideal"
    tcp: TcpTable = TcpTable()
