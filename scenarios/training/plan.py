"""What a private training is given, as all its actors know it: batches, examples, where to begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from protocols.domains import Words
from scenarios.checkpoints import Store

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """One step, of which everything is public: counted from 0, with its images and learning rate."""

    step: int
    epoch: int
    indices: NDArray[np.int64]
    rate: float
    ends_epoch: bool


@dataclass(frozen=True)
class Examples:
    """Images (n, h, w, c) as ring elements and targets (n, outputs) as integers 0 or 1."""

    images: Words
    targets: Words

    def __len__(self) -> int:
        return len(self.images)


class Later(Generic[T]):
    """An input that its owner reads when it wants it, and nobody else; how many rows it has is public."""

    def __init__(self, count: int, read: Callable[[], T]) -> None:
        self._count, self._read = count, read

    def __len__(self) -> int:
        return self._count

    @cached_property
    def value(self) -> T:
        """The input; read once."""
        return self._read()


@dataclass(frozen=True)
class Start:
    """Where a run begins: after so many steps, of which a checkpoint kept the state, or at none.

    Attributes:
        asked: digest of all that decides what the run sends: settings, data, seed, who asks and what.
    """

    step: int = 0
    store: Store | None = None
    asked: str = ""

    def begin(self) -> str:
        """Return what sets this run's keys and seeds apart from those of all others in its folder.

        The first run in a folder has stored shares of nobody to go on from, and draws as a run without
        checkpoints does. The number alone would do, but for folders that were copied.
        """
        if self.store is None:
            return ""
        run = self.store.begin(self.step)
        return "" if run == 1 and self.step == 0 else f"run {run}: {self.asked}"
