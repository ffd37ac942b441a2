"""What looks on while a private training runs: the range of its sums, and how far it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from mpcsim import Party
from mpcsim.engine import aside
from mpcsim.errors import RunError
from mpcsim.units import format_time
from protocols.domains import Ring, Words
from scenarios.checkpoints import Store
from scenarios.training.plan import Batch
from scenarios.training.step import Watch

_QUIET = 5.0  # seconds of real time between two lines of progress


class OutOfRange(RunError):
    """A layer's sums left the fixed-point range."""


@dataclass
class RangeWatch:
    """Looks at what no server sees, the sums themselves, and stops the run where one does not fit.

    Servers cannot notice a number that wrapped. In the simulator their masked summands meet here, at no
    cost to the run: no message, no compute.
    """

    looks_on: ClassVar[bool] = True  # no server's own: `mpcsim.engine.sharing` passes over it

    ring: Ring
    store: Store | None
    _waiting: dict[tuple[int, str], list[Words]] = field(default_factory=dict)

    def at(self, party: Party, batch: Batch) -> Watch:
        """Return what one server calls with its summands during a step."""

        def watch(name: str, z: Words, shift: int) -> None:
            if party.apart:  # what the others have is in other processes
                return
            aside(party, lambda: self._look(batch, name, z, shift))

        return watch

    def _look(self, batch: Batch, name: str, z: Words, shift: int) -> None:
        parts = self._waiting.setdefault((batch.step, name), [])
        parts.append(z)
        if len(parts) < 3:
            return
        total = self.ring.signed(parts[0] + parts[1] + parts[2])
        del self._waiting[batch.step, name]
        largest = max(abs(int(total.max())), abs(int(total.min())))
        if largest < 1 << (self.ring.value_bits - 1 + shift):
            return
        kept = self.store.newest() if self.store else 0
        raise OutOfRange(
            f"step {batch.step + 1} (epoch {batch.epoch + 1}): {name}: a sum is "
            f"{largest / 2.0 ** (self.ring.value_bits - 1 + shift):.3g} times what value_bits = "
            f"{self.ring.value_bits} holds: the loss has left the fixed-point range; a smaller "
            "training.rate helps; the last checkpoint is "
            + (f"that of step {kept} in {self.store.folder}" if kept and self.store else "none")
        )


class Progress:
    """Lines of progress of one run, from its first server: epoch, batch, time, and what is left of it."""

    def __init__(self, party: Party, batches: Sequence[Batch], first: int) -> None:
        self.party = party
        self.batches = batches
        self.first = first
        self.began = 0.0
        aside(party, self._begin)
        self.real = self.quiet_since = time.monotonic()

    def _begin(self) -> None:
        self.began = self.party.now

    def report(self, batch: Batch) -> None:
        """Say how far training is, at most every few seconds of real time."""
        if self.party.id == 0:
            self.party.progress(batch.step + 1, len(self.batches))
            aside(self.party, lambda: self._report(batch))

    def _report(self, batch: Batch) -> None:
        now, done, steps = time.monotonic(), batch.step + 1, len(self.batches)
        if now - self.quiet_since < _QUIET and done < steps:
            return
        self.quiet_since = now
        left = (steps - done) / (done - self.first)
        self.party.log.info(
            "progress",
            epoch=batch.epoch + 1,
            batch=sum(one.epoch == batch.epoch for one in self.batches[:done]),
            step=done,
            steps=steps,
            virtual_time=format_time(int((self.party.now - self.began) * 1e9)),
            virtual_time_left=format_time(int((self.party.now - self.began) * left * 1e9)),
            real_time_left=format_time(int((now - self.real) * left * 1e9)),
        )
