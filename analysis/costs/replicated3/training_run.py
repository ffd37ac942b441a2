"""A whole private training: hospitals share, servers train, evaluate and reveal, a hospital asks.

Depths are followed by party from the first message to the last, so that rounds are right where a server
begins a step ahead of the others. What each step costs is in `training`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.costs.algebra import SERVERS, Cost, together
from analysis.costs.replicated3 import operations
from analysis.costs.replicated3.layers import Span
from analysis.costs.replicated3.setting import Setting
from analysis.costs.replicated3.training import Depths, Meter, Pass, classes, initial, join
from scenarios.networks import LayerPlan
from scenarios.training import PrivateTrainingSettings

EVALUATED = 256
"""Test images of one forward pass."""


@dataclass(frozen=True)
class Batch:
    """A step: how many images, and whether it ends an epoch (or the training)."""

    images: int
    ends_epoch: bool


def batches(images: int, batch: int, epochs: int, max_steps: int) -> list[Batch]:
    """Return every step; the last of an epoch takes what is left."""
    sizes = [min(batch, images - first) for first in range(0, images, batch)]
    epoch = [Batch(size, place == len(sizes) - 1) for place, size in enumerate(sizes)]
    steps = epoch * epochs
    steps = steps[:max_steps] if max_steps else steps
    return [*steps[:-1], Batch(steps[-1].images, ends_epoch=True)]


@dataclass
class Training:
    """What a training costs, span by span.

    Attributes:
        setting: ring and choices, of the family that trains.
        settings: the tables of the scenario.
        plans: its network.
        resumed: steps that a checkpoint already had.
        clients: what each hospital, and the owner of first weights, has sent so far.
    """

    setting: Any
    settings: PrivateTrainingSettings
    plans: Sequence[LayerPlan]
    resumed: int = 0
    meter: Meter = field(default_factory=Meter)
    clients: list[int] = field(default_factory=list)
    whole: Span = field(default_factory=Span)

    def __post_init__(self) -> None:
        """Follow the run."""
        self._passes: dict[int, Pass] = {}
        count = self.settings.hospitals.count
        owned = self.settings.model.weights is not None and not self.resumed
        self.clients = [0] * (count + owned)
        self._hospitals = [0] * count  # depths
        servers = self._setup(owned)
        tables = self.settings.training
        steps = batches(self.settings.data.count, tables.batch, tables.epochs, tables.max_steps)
        for place, batch in enumerate(steps[self.resumed :], self.resumed + 1):
            servers = self._step(batch, servers, place == len(steps))
        if self.settings.hospitals.queries:
            servers = self._answer(servers)
        if self.settings.hospitals.model is not None:
            servers = self._give(servers, bool(steps[self.resumed :]))
        top = [span.sent for (outer, _), span in self.meter.spans.items() if not outer]
        sent = [sum(row[i] for row in top if i < len(row)) for i in range(SERVERS + len(self.clients))]
        self.whole = Span(max(*servers, *self._hospitals), sent)

    def _pass(self, images: int) -> Pass:
        if images not in self._passes:
            self._passes[images] = self._pass_of(images)
        return self._passes[images]

    # What a family prices its own way

    def _pass_of(self, images: int) -> Pass:
        return Pass(self.setting, self.plans, self.settings.training.loss, images)

    @property
    def _plain(self) -> Setting:
        """The setting by which keys and clients' inputs are priced."""
        return self.setting  # type: ignore[no-any-return]  # of this family

    def _drawn(self, kernels: Sequence[Sequence[int]]) -> Cost:
        """Return what first weights cost."""
        return together(*(initial(self.setting, math.prod(shape)) for shape in kernels))

    def _classes(self, images: int) -> Cost:
        """Return what the classes of images cost, given their logits."""
        return classes(self.setting, images, self.plans[-1].output[0])

    def _shown(self, n: int) -> Sequence[int]:
        """Return what each server sends to show a client n numbers."""
        return operations.client_output(self.setting, n)

    def _joined(self) -> Cost:
        """Return what it costs the servers to agree on keys."""
        return operations.keys(self._plain)

    def _settled(self, outer: str, meter: Meter, servers: Depths, shows: bool) -> Depths:
        """Return the servers' depths when all that ran is verified; where servers are honest, at once.

        Args:
            shows: whether something is shown next.
        """
        return servers

    # The run

    def _setup(self, owned: bool) -> Depths:
        """Follow keys, hospitals' images and targets, first weights; clients wait for nobody."""
        outputs, tables = self.plans[-1].output[0], self.settings.training
        image = self.plans[0].input
        total, hospitals = self.settings.data.count, self.settings.hospitals.count
        sizes = [total // hospitals + (i < total % hospitals) for i in range(hospitals)]

        def examples(count: int) -> int:
            shared = ((count, *image), (count, outputs))
            return sum(sum(operations.client_input(self._plain, shape)) for shape in shared)

        clients = [examples(size) for size in sizes]
        clients[0] += examples(tables.test) if tables.test else 0
        kernels = [plan.kernel for plan in self.plans if plan.kernel and len(plan.kernel) > 1]
        if owned:
            arrays = [shape for plan in self.plans for shape in plan.parts.values()]
            clients.append(sum(sum(operations.client_input(self._plain, shape)) for shape in arrays))
        keys = self._joined()
        servers = join(keys.after((0,) * SERVERS), (1,) * SERVERS)
        sent = list(keys.sent)
        if not owned and not self.resumed:
            drawn = self._drawn(kernels)
            self.meter.note(drawn)
            servers = drawn.after(servers)
            sent = [a + b for a, b in zip(sent, drawn.sent, strict=True)]
        self.meter.add("", "setup", max(servers), [*sent, *clients])
        return servers

    def _step(self, batch: Batch, servers: Depths, last: bool) -> Depths:
        tables = self.settings.training
        before = max(servers)
        inside = self.meter.inside("step")
        servers = self._pass(batch.images).train(self.meter, "step", servers, tables.reveal != "never")
        reveals = tables.reveal == "batch" or (tables.reveal == "epoch" and batch.ends_epoch)
        tested = reveals and batch.ends_epoch and tables.test > 0
        hospitals = self.settings.hospitals
        given = last and hospitals.model is not None and not hospitals.queries
        servers = self._settled("step", self.meter, servers, shows=(reveals or given) and not tested)
        self.meter.add("", "step", max(servers) - before, _less(self.meter.inside("step"), inside))
        if reveals:
            if tested:
                servers = self._test(servers)
            sent = self._shown(4 if tested else 2)
            learnt = max(*servers, self._hospitals[0] - 1) + 1
            self.meter.add("", "reveal", learnt - max(*servers, self._hospitals[0]), sent)
            self._hospitals[0] = learnt
        return servers

    def _test(self, servers: Depths) -> Depths:
        before, inside = max(servers), self.meter.inside("test")
        images = self.settings.training.test
        for first in range(0, images, EVALUATED):
            part = self._pass(min(EVALUATED, images - first))
            servers = part.measure(self.meter, "test", servers)
        servers = self._settled("test", self.meter, servers, shows=True)
        self.meter.add("", "test", max(servers) - before, _less(self.meter.inside("test"), inside))
        return servers

    def _answer(self, servers: Depths) -> Depths:
        """Follow queries, forward pass, class, answers."""
        asker, queries = self.settings.hospitals.asker, self.settings.hospitals.queries
        asked = sum(operations.client_input(self._plain, (queries, *self.plans[0].input)))
        entered = max(*servers, self._hospitals[asker])
        servers = join(servers, (self._hospitals[asker] + 1,) * SERVERS)
        servers = self._pass(queries).answer(self.meter, "inference", servers)
        found = self._classes(queries)
        self.meter.note(found)
        servers = self._settled("inference", self.meter, found.after(servers), shows=True)
        self._hospitals[asker] = max(servers) + 1
        rows = (self.meter.inside("inference"), found.sent, self._shown(queries))
        sent = [sum(each) for each in zip(*rows, strict=True)]
        clients = [0] * len(self.clients)
        clients[asker] = asked
        self.meter.add("", "inference", max(servers) + 1 - entered, [*sent, *clients])
        return servers

    def _give(self, servers: Depths, ran: bool) -> Depths:
        """Follow all weights to the asker, in one array; what is not verified is before."""
        asker, hospitals = self.settings.hospitals.asker, self._hospitals
        entered = max(*servers, hospitals[asker])
        if not ran and not self.settings.hospitals.queries:
            servers = self._settled("model", self.meter, servers, shows=True)
        count = sum(math.prod(shape) for plan in self.plans for shape in plan.parts.values())
        hospitals[asker] = max(*servers, hospitals[asker] - 1) + 1
        rows = (self.meter.inside("model"), self._shown(count))
        sent = [sum(each) for each in zip(*rows, strict=True)]
        self.meter.add("", "model", hospitals[asker] - entered, sent)
        return servers


def _less(after: Sequence[int], before: Sequence[int]) -> list[int]:
    return [a - b for a, b in zip(after, before, strict=True)]
