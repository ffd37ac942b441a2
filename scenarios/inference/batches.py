"""How many images go through the network together: more cost fewer rounds, fewer take less memory."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from mpcsim import InputError
from scenarios.networks import LayerPlan, blocks

_WORD = 8
_SERVERS = 3
_AT_ONCE = 5
"""Words that a server holds for each of a block's sums at the worst moment: measured, and a fifth more."""
_BASE = 15_000_000
_EVENTS = 65_000
"""Bytes of what a trace keeps of a batch in a block; measured."""
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
            InputError: no size of batches fits into the memory.
        """
        batch = min(self.batch or count, count)
        if self.memory is not None:
            batch = min(batch, self._fitting(plans, count))
        return [min(batch, count - first) for first in range(0, count, batch)]

    def _fitting(self, plans: Sequence[LayerPlan], count: int) -> int:
        """Return the greatest batch that fits."""
        assert self.memory is not None
        limit, needed = _bytes(self.memory), _needed(plans, count)
        fitting = [batch for batch, size in needed.items() if size <= limit]
        if not fitting:
            least = min(needed, key=lambda batch: needed[batch])
            raise InputError(
                f"inference.memory = {self.memory!r}: {count} images, {least} in a batch, take about "
                f"{math.ceil(needed[least] / 1e6)} MB"
            )
        return fitting[0]


def _bytes(text: str) -> float:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise InputError(f'inference.memory = {text!r}: accepted is a size such as "500 MB" or "2 GB"')
    return float(found[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[found[2]]


def _size(shape: Sequence[Any] | None) -> int:
    return math.prod(shape) if shape else 0


def _needed(plans: Sequence[LayerPlan], count: int) -> dict[int, int]:
    """Return the bytes of a run by the images in a batch, the most first.

    All at once they take what the widest block does, several batches what all blocks do together.
    """
    chain = blocks(plans, True)
    weights = _SERVERS * 2 * _WORD * sum(_size(plan.kernel) + _size(plan.bias) for plan in plans)
    kept = _WORD // 2 * sum(_size(block.last.output) for block in chain)  # for the report
    fixed = _BASE + weights + count * (5 * _WORD * _size(plans[0].input) + kept)
    sums = [_SERVERS * _WORD * _AT_ONCE * _size(block.head.output) for block in chain]
    events = len(chain) * _EVENTS
    found = {count: fixed + count * max(sums) + events}
    for batch in range(count - 1, 0, -1):
        found[batch] = fixed + batch * sum(sums) + -(-count // batch) * events
    return found
