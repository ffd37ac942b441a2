"""What scenarios of secure computation share: the key `dry_run`, the tables `[ring]` and `[protocol]`."""

from __future__ import annotations

from types import ModuleType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mpcsim import InputError
from mpcsim.scenario import Scenario
from protocols import kernels
from protocols.domains import Ring
from protocols.kernels import shapes
from protocols.replicated3.sharings import Choices

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
    layers: Literal["blocks", "separate"] = Field(
        default="blocks",
        description="blocks: pooling and ReLU on a layer's sums, pooling first; separate: as declared",
    )
    rotate: bool = Field(default=True, description="share the dealer's work among the servers")
    accuracy: Literal["full", "best"] = Field(
        default="full",
        description="full: a ring in which a function is not within 2^(2 − fraction_bits) of "
        "max(1, |result|) is refused; best: it is accepted, with the error that it leaves",
    )

    def choices(self) -> Choices:
        """Return the constructions that the servers use."""
        return Choices(**self.model_dump())


class SecureSettings(BaseModel):
    """What every workload of secure computation accepts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dry_run: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="shapes alone, no data: the same rounds, bytes and time, no values"
    )
    ring: RingSettings = RingSettings()
    protocol: ProtocolSettings = ProtocolSettings()

    def kernels(self, scenario: Scenario) -> ModuleType:
        """Return the array operations of all actors: the kernels, or their twin in a dry run.

        Raises:
            InputError: a dry run would measure compute, of which there is none.
        """
        if self.dry_run and scenario.engine.compute != "none":
            raise InputError(
                f"engine.compute = {scenario.engine.compute!r}: a dry run computes nothing that could be "
                'measured; accepted with dry_run: "none"'
            )
        return shapes if self.dry_run else kernels

    def describe(self) -> dict[str, Any]:
        """Return the blocks `dry_run`, `ring` and `protocol` of the run record."""
        return {
            "dry_run": self.dry_run,
            "ring": self.ring.model_dump(),
            "protocol": self.protocol.model_dump(),
        }
