"""What an inference reveals."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class OutputSettings(BaseModel):
    """The `[output]` table: what the hospital learns of each image, or of each pixel of a map."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reveal: Literal["class", "logits"] = Field(
        default="class", description="the class alone, or every output of the network"
    )
    few_rounds: bool = Field(
        default=False, description="find the class by the constructions of fewest rounds, for more bytes"
    )
