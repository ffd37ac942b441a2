"""How many images go through the network together: more cost fewer rounds, fewer take less memory."""

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
_AT_ONCE = 5
"""Words that a server holds for each of a block's sums at the worst moment: measured, and a fifth more."""
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kMG]?)B\s*")


class BatchSettings(BaseModel):
    """The `[inference]` table: how images are cut into batches; without it, all go at once.

    Batches follow each other through the network, one in each block at a time: the first takes the
    network's rounds, each of the others as many more as the longest block has.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None, description="images in a batch, at most"
    )
    memory: str | None = Field(
        default=None, description='batches that fit into memory, such as "500 MB", imports left out'
    )

    def sizes(self, plans: Sequence[LayerPlan], count: int) -> list[int]:
        """Return the number of images of each batch.

        Raises:
            InputError: the memory does not suffice for batches of one image.
        """
        batch = min(self.batch or count, count)
        if self.memory is not None:
            batch = min(batch, self._fitting(plans, count))
        return [min(batch, count - first) for first in range(0, count, batch)]

    def _fitting(self, plans: Sequence[LayerPlan], count: int) -> int:
        """Return the greatest batch that fits: all images at once, or several batches on their way."""
        assert self.memory is not None
        room = _bytes(self.memory) - _fixed(plans, count)
        sums = [_SERVERS * _WORD * _AT_ONCE * _size(plan.output) for plan in plans if plan.kernel]
        widest, all_blocks = max(sums, default=1), sum(sums)
        if room >= count * widest:
            return count
        if room < all_blocks:
            least = math.ceil((_fixed(plans, count) + all_blocks) / 1e6)
            raise InputError(
                f"inference.memory = {self.memory!r}: {count} images, one in a batch, take about {least} MB"
            )
        return int(room // all_blocks)


def _bytes(text: str) -> float:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise InputError(f'inference.memory = {text!r}: accepted is a size such as "500 MB" or "2 GB"')
    return float(found[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[found[2]]


def _size(shape: Sequence[Any] | None) -> int:
    return math.prod(shape) if shape else 0


def _fixed(plans: Sequence[LayerPlan], count: int) -> int:
    """Return what batches do not change: weights, images on their way, outputs kept for the report."""
    weights = sum(_size(plan.kernel) + _size(plan.bias) for plan in plans)
    outputs = sum(_size(block.last.output) for block in blocks(plans, True))
    kept = count * (4 * _WORD * _size(plans[0].input) + _WORD // 2 * outputs)
    return _SERVERS * 2 * _WORD * weights + kept
