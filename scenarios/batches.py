"""How many images the servers classify at once: more cost fewer rounds, fewer take less memory."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from mpcsim import InputError
from scenarios.model import LayerPlan
from scenarios.private_model import blocks

_WORD = 8
_SERVERS = 3
_AT_ONCE = 7
"""Words that a server holds for each of a block's sums at the worst moment; measured, see the tests."""
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kMG]?)B\s*")


class BatchSettings(BaseModel):
    """The `[inference]` table. Each batch costs the network's rounds again; without one, all go at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None, description="images that are classified at once"
    )
    memory: str | None = Field(
        default=None, description='as many images at once as fit, such as "500 MB", imports left out'
    )

    def sizes(self, plans: Sequence[LayerPlan], count: int) -> list[int]:
        """Return the number of images of each batch.

        Raises:
            InputError: both keys are given, or the memory does not suffice for one image.
        """
        if self.batch is not None and self.memory is not None:
            raise InputError("inference: batch and memory are both given; accepted is one of them")
        batch = self.batch or count
        if self.memory is not None:
            limit, fixed, each = _bytes(self.memory), _fixed(plans, count), _per_image(plans)
            batch = int((limit - fixed) // each)
            if batch < 1:
                raise InputError(
                    f"inference.memory = {self.memory!r}: one image at a time takes about "
                    f"{math.ceil((fixed + each) / 1e6)} MB"
                )
        return [min(batch, count - first) for first in range(0, count, batch)]


def _bytes(text: str) -> float:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise InputError(f'inference.memory = {text!r}: accepted is a size such as "500 MB" or "2 GB"')
    return float(found[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[found[2]]


def _size(shape: Sequence[Any] | None) -> int:
    return math.prod(shape) if shape else 0


def _fixed(plans: Sequence[LayerPlan], count: int) -> int:
    """Return what does not grow with a batch: weights, shared images, layers kept for the observer."""
    weights = sum(_size(plan.kernel) + _size(plan.bias) for plan in plans)
    outputs = sum(_size(block.last.output) for block in blocks(plans, True))
    kept = count * (_size(plans[0].input) + outputs)
    return _SERVERS * 2 * _WORD * (weights + kept)


def _per_image(plans: Sequence[LayerPlan]) -> int:
    """Return what one more image of a batch takes in the widest layer."""
    return _SERVERS * _WORD * _AT_ONCE * max(_size(plan.output) for plan in plans)
