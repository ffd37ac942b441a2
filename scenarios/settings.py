"""The tables that scenarios of secure computation share: `[ring]`, `[protocol]`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from protocols.ring import Ring
from protocols.server import Choices

_Whole = Annotated[int, Field(strict=True)]


class RingSettings(BaseModel):
    """The `[ring]` table: integers mod 2^bits as fixed-point numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bits: Literal[32, 64] = 64
    fraction_bits: Annotated[_Whole, Field(ge=0, le=48)] = 16
    value_bits: Annotated[_Whole, Field(ge=2, le=62)] = 31

    def ring(self) -> Ring:
        """Return the ring, or raise `InputError` naming the rule that the sizes break."""
        return Ring(self.bits, self.fraction_bits, self.value_bits)


class ProtocolSettings(BaseModel):
    """The `[protocol]` table: which construction each operation uses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    comparison: Literal["table", "masked", "tree", "prefix", "ripple"] = Field(
        default="table",
        description="table and masked are ours: few bytes, few rounds; the others are the classical adders",
    )
    radix: Annotated[_Whole, Field(ge=1, le=8)] | None = Field(
        default=None, description="bits of a digit in a comparison; 4 for table, 2 for masked"
    )
    truncation: Literal["safe", "fused"] = "safe"
    select: Literal["two_rounds", "one_round"] = "two_rounds"
    rotate: bool = Field(default=True, description="share the dealer's work among the servers")

    def choices(self) -> Choices:
        """Return the constructions that the servers use."""
        return Choices(**self.model_dump())


class SecureSettings(BaseModel):
    """What every workload of secure computation accepts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ring: RingSettings = RingSettings()
    protocol: ProtocolSettings = ProtocolSettings()

    def describe(self) -> dict[str, Any]:
        """Return the blocks `ring` and `protocol` of the run record."""
        return {"ring": self.ring.model_dump(), "protocol": self.protocol.model_dump()}
