"""How many tokens follow a text, and who learns them when."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mpcsim import InputError
from scenarios.inference.batches import BatchSettings
from scenarios.inference.output import OutputSettings
from scenarios.networks import LayerPlan, ModelSettings, generation, shapes


class GenerationSettings(BaseModel):
    """The `[generation]` table: greedy decoding, from the second token on with a cache."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: Annotated[int, Field(strict=True, ge=1)] = Field(
        default=1, description="that follow the text; each is the word of the largest output"
    )

    reveal: Literal["no", "client"] = Field(
        default="no",
        description="no: tokens stay secret, and the client learns all at the end; client: it learns each "
        "at once, and gives its one-hot row back, shared",
    )

    @property
    def several(self) -> bool:
        """Whether a token is found from one before."""
        return self.tokens > 1

    @property
    def told(self) -> bool:
        """Whether the client is told each token but the last at once."""
        return self.several and self.reveal == "client"

    def plans(
        self, model: ModelSettings, asked: OutputSettings, batches: BatchSettings
    ) -> tuple[LayerPlan, ...]:
        """Return the nodes of a network, and of the tokens that it generates.

        Raises:
            InputError: it generates none, or the other tables do not go with it.
        """
        if not self.several:
            return shapes(model)
        if asked.reveal != "class":
            raise InputError(
                f"generation.tokens = {self.tokens} with output.reveal = {asked.reveal!r}; accepted: "
                "'class', the tokens"
            )
        if batches != BatchSettings():
            raise InputError(f"generation.tokens = {self.tokens}: inference; accepted: all texts at once")
        return generation(model, self.tokens, asked.few_rounds, self.told)
