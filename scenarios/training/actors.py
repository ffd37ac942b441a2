"""The actors of private training (POMIC figure 5): servers that train, hospitals that share and ask.

Every step runs on a channel of its own, `step/N`. A run that goes on from a checkpoint draws its randomness
from keys and seeds of its own (`Start.begin`): what masked a message once masks no other. Clients and
servers stand in one file: what one sends the other awaits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim import Party
from mpcsim.engine import aside
from protocols.domains import Ring, Words
from protocols.family import Family, Terms, Value
from protocols.replicated3.sharings import Share
from protocols.training import Descent, Scales, limit, trainer_of
from scenarios.checkpoints import GOES_ON, Halted
from scenarios.networks import LayerPlan
from scenarios.training.plan import Batch, Examples, Later, Start
from scenarios.training.step import Metrics, Model, Pass
from scenarios.training.watch import Progress, RangeWatch

OWNER = "owner"
EVALUATED = 256
"""Images of one forward pass when a test set is evaluated on shares: it bounds memory."""


@dataclass(frozen=True)
class Job:
    """What the actors do. Only hospital i reads `shared[i]`, only the owner `weights`.

    Attributes:
        descents: the public numbers of each batch's step.
        shared: the training examples of each hospital, in the order in which batches count them.
        test: examples of the first hospital, evaluated on shares after every epoch.
        queries: images that the asker asks about after training.
        weights: an owner's first weights at the weights' scale; None where servers draw them.
        keep: what the asker does with the trained weights, in real numbers; None where nobody learns them.
        reveal: when the first hospital learns loss and accuracy.
        stop_after: halt after so many steps of the whole training; 0: never.
    """

    family: type[Family]
    terms: Terms
    scales: Scales
    plans: Sequence[LayerPlan]
    loss: str
    initial: str
    batches: Sequence[Batch]
    descents: Sequence[Descent]
    shared: Sequence[Later[Examples]]
    test: Later[Examples] | None
    queries: Later[Words] | None
    asker: str
    weights: Later[dict[str, Words]] | None
    keep: Callable[[dict[str, NDArray[np.float64]]], None] | None
    reveal: str
    follow: int
    start: Start
    every: int
    stop_after: int
    watch: RangeWatch | None

    @property
    def ring(self) -> Ring:
        """The domain of the values."""
        return self.terms.ring

    @property
    def hospitals(self) -> list[str]:
        """Roles of the hospitals."""
        return [f"hospital{i}" for i in range(len(self.shared))]

    @property
    def outputs(self) -> int:
        """Outputs of the network."""
        return self.plans[-1].output[0]

    def shapes(self) -> dict[str, tuple[tuple[int, ...], LayerPlan]]:
        """Return the shape of every weight, and its layer."""
        return {
            f"{plan.name}/{part}": (shape, plan)
            for plan in self.plans
            for part, shape in plan.parts.items()
        }

    def read(self, readers: Collection[str]) -> None:
        """Read the inputs of these roles, so that what is wrong with them shows before the run.

        Raises:
            InputError: they are missing, damaged, or do not fit the model.
        """
        for number, role in enumerate(self.hospitals):
            if role in readers:
                _ = self.shared[number].value
        first = self.test if self.hospitals[0] in readers else None
        asked = self.queries if self.asker in readers else None
        owned = self.weights if OWNER in readers else None
        for later in (first, asked, owned):
            if later is not None:
                _ = later.value

    # Clients

    async def owner(self, party: Party) -> None:
        """Share first weights."""
        assert self.weights is not None
        with party.span("setup"):
            for name, words in self.weights.value.items():
                with party.channel(f"weights/{name}"):
                    self.family.give(party, self.terms, words)

    async def hospital(self, party: Party) -> dict[str, Any]:
        """Share examples; the first hospital learns what training gave, the asker the classes it asked for.

        Returns:
            The hospital's own: `history`, rows as they were revealed, and `answers`.
        """
        number = self.hospitals.index(party.role)
        with party.span("setup"):
            self._share(party, f"examples/{number}", self.shared[number].value)
            if number == 0 and self.test is not None:
                self._share(party, "test", self.test.value)
        history: list[dict[str, Any]] = []
        if number == 0 and self.reveal != "never":
            self._begin(party)
            history = await self._learn(party)
        answers = None
        if party.role == self.asker and self.queries is not None:
            with party.span("inference"):
                with party.channel("queries"):
                    self.family.give(party, self.terms, self.queries.value)
                with party.channel("answers"):
                    words = await self.family.learn(party, self.terms, (len(self.queries),))
            answers = self.ring.signed(words).tolist()
        if party.role == self.asker and self.keep is not None:
            await self._learn_model(party)
        return {"history": history, "answers": answers}

    async def _learn_model(self, party: Party) -> None:
        """Learn the trained weights, in one array, and keep them."""
        shapes = {name: shape for name, (shape, _) in self.shapes().items()}
        sizes = [math.prod(shape) for shape in shapes.values()]
        with party.span("model"), party.channel("model"):
            words = await self.family.learn(party, self.terms, (sum(sizes),))
        if self.terms.dry:
            return
        parts = np.split(self.ring.signed(words) / 2.0**self.scales.weight, np.cumsum(sizes)[:-1])
        found = {name: part.reshape(shapes[name]) for name, part in zip(shapes, parts, strict=True)}
        assert self.keep is not None
        aside(party, partial(self.keep, found))

    def _share(self, party: Party, name: str, examples: Examples) -> None:
        for part, words in (("images", examples.images), ("targets", examples.targets)):
            with party.channel(f"{name}/{part}"):
                self.family.give(party, self.terms, words)

    async def _learn(self, party: Party) -> list[dict[str, Any]]:
        history: list[dict[str, Any]] = []
        if self.start.step and self.start.store is not None:
            _, history = self.start.store.load(party.role, self.start.step)
        seen = 0
        for batch in self.batches:
            seen = len(batch.indices) + (seen if self._continues(batch) else 0)
            if batch.step < self.start.step:
                continue
            if self._reveals(batch):
                with party.span("reveal"), party.channel(f"metrics/{batch.step}"):
                    parts = 4 if batch.ends_epoch and self.test is not None else 2
                    words = await self.family.learn(party, self.terms, (parts,))
                history.append(self._row(batch, words, seen))
                aside(party, lambda: party.log.info("training", **history[-1]))
            self._keep(party, batch, {}, history)
        return history

    def _continues(self, batch: Batch) -> bool:
        """Return whether a batch's metrics are added to those before it."""
        first = batch.step == 0 or self.batches[batch.step - 1].ends_epoch
        return self.reveal == "epoch" and not first

    def _reveals(self, batch: Batch) -> bool:
        return self.reveal == "batch" or (self.reveal == "epoch" and batch.ends_epoch)

    def _shows(self, batch: Batch) -> bool:
        """Return whether something is shown after a batch, before the servers compute again."""
        last = batch.step + 1 == len(self.batches) and self.queries is None
        return self._reveals(batch) or (last and self.keep is not None)

    def _row(self, batch: Batch, words: Words, seen: int) -> dict[str, Any]:
        numbers = self.ring.signed(words).tolist()
        one = 2.0**self.ring.fraction_bits
        row: dict[str, Any] = {"epoch": batch.epoch + 1, "step": batch.step + 1}
        row |= {"loss": numbers[0] / one / seen, "accuracy": numbers[1] / seen}
        if len(numbers) == 4 and self.test is not None:
            images = len(self.test)
            row |= {"test_loss": numbers[2] / one / images, "test_accuracy": numbers[3] / images}
        return row

    # Servers

    async def server(self, party: Party) -> None:
        """Train on shares, then answer the asker."""
        with party.span("setup"):
            me = await self.family.join(party, self.terms)
            x, targets = await self._receive_examples(me)
            test = await self._receive(me, "test", self.hospitals[0], len(self.test)) if self.test else None
            model, metrics = await self._first_model(me)
        self._begin(party)
        party.observe(f"model/{self.start.step}", model)
        progress = Progress(party, self.batches, self.start.step)
        for batch in self.batches[self.start.step :]:
            with party.span("step", "step"):
                with party.channel(f"step/{batch.step}"):
                    images, wanted = (_rows(me, each, batch.indices) for each in (x, targets))
                    done = await self._pass(me, model, batch).train(images, wanted)
                await me.settle(shows=self._shows(batch) and not (batch.ends_epoch and test))
            model, metrics = done[0], self._accumulated(me, batch, metrics, done[1])
            await self._after(me, batch, model, metrics, test)
            progress.report(batch)
        party.observe("final", model)
        if self.queries is not None:
            await self._answer(me, model)
        if self.keep is not None:
            await self._give_model(me, model)

    async def _receive_examples(self, me: Family) -> tuple[Value, Value]:
        """Return all training images and targets, hospital after hospital."""
        found = [
            await self._receive(me, f"examples/{number}", role, len(self.shared[number]))
            for number, role in enumerate(self.hospitals)
        ]
        return (
            me.concatenate([images for images, _ in found]),
            me.concatenate([targets for _, targets in found]),
        )

    async def _receive(self, me: Family, name: str, role: str, count: int) -> tuple[Value, Value]:
        values = []
        shapes = {"images": self.plans[0].input, "targets": (self.outputs,)}
        for part, shape in shapes.items():
            with me.party.channel(f"{name}/{part}"):
                values.append(await me.take(role, (count, *shape)))
        return values[0], values[1]

    async def _first_model(self, me: Family) -> tuple[Model, Metrics | None]:
        """Return the model to go on from: a checkpoint's, the owner's, or random weights."""
        if self.start.step and self.start.store is not None:
            return self._loaded(me)
        k, dtype = me.kernels, self.ring.dtype
        weights: dict[str, Value] = {}
        for name, (shape, _) in self.shapes().items():
            if self.weights is not None:
                with me.party.channel(f"weights/{name}"):
                    weights[name] = await me.take(OWNER, shape)
            else:
                whole = name.endswith("/variance") or (name.endswith("/kernel") and len(shape) == 1)
                first = 1 << self.scales.weight if whole else 0
                weights[name] = me.public(k.full(shape, first, dtype))
        if self.weights is None:
            weights |= await self._random_kernels(me)
        velocities = {name: me.public(k.zeros(shape, dtype)) for name, (shape, _) in self.shapes().items()}
        return Model(weights, velocities), None

    async def _random_kernels(self, me: Family) -> dict[str, Value]:
        """Return random kernels, all drawn at once; biases begin with zero."""
        kernels = [
            (name, *rest)
            for name, rest in self.shapes().items()
            if name.endswith("/kernel") and len(rest[0]) > 1
        ]
        drawn, trainer = [], trainer_of(me)
        for _, shape, plan in kernels:
            taps = int(np.prod(shape[:-1]))
            fan_out = int(np.prod(shape)) // (plan.input[-1] if len(shape) == 4 else shape[0])
            width = limit(self.initial, taps, fan_out)
            drawn.append(trainer.uniform(shape, width, self.scales.weight))
        with me.party.channel("initial"):
            return dict(zip((name for name, *_ in kernels), await me.party.gather(*drawn), strict=True))

    def _pass(self, me: Family, model: Model, batch: Batch | None = None) -> Pass:
        if batch is None:
            return Pass(me, self.plans, self.scales, model, self.loss)
        kernels = self.descents[batch.step]
        descent = (kernels, replace(kernels, decay=0))
        watch = self.watch.at(me.party, batch) if self.watch else None
        reveals = self.reveal != "never"
        return Pass(me, self.plans, self.scales, model, self.loss, descent, reveals, watch)

    def _accumulated(
        self, me: Family, batch: Batch, before: Metrics | None, new: Metrics | None
    ) -> Metrics | None:
        if before is None or new is None or not self._continues(batch):
            return new
        return Metrics(me.add(before.loss, new.loss), me.add(before.right, new.right))

    async def _after(
        self,
        me: Family,
        batch: Batch,
        model: Model,
        metrics: Metrics | None,
        test: tuple[Value, Value] | None,
    ) -> None:
        """Evaluate, reveal, observe and keep what is due after a step."""
        party = me.party
        parts = [metrics] if metrics is not None and self._reveals(batch) else []
        if parts and batch.ends_epoch and test is not None:
            with party.span("test", "test"):
                with party.channel(f"test/{batch.epoch}"):
                    parts.append(await self._evaluate(me, model, *test))
                await me.settle()
        if parts:
            found = me.concatenate([each for part in parts for each in (part.loss, part.right)])
            with party.span("reveal"), party.channel(f"metrics/{batch.step}"):
                me.show(found, self.hospitals[0])
        if batch.step < self.follow or batch.ends_epoch:
            self._observe(party, batch.step + 1, model)
        self._keep(party, batch, _arrays(model, metrics), None)
        if batch.step + 1 == self.stop_after:
            raise Halted(f"stopped after step {batch.step + 1}, as checkpoint.halt_after says; {GOES_ON}")

    async def _evaluate(self, me: Family, model: Model, x: Value, targets: Value) -> Metrics:
        total: Metrics | None = None
        for first in range(0, x.shape[0], EVALUATED):
            part = slice(first, first + EVALUATED)
            found = await self._pass(me, model).measure(x[part], targets[part])
            total = found if total is None else Metrics(
                me.add(total.loss, found.loss), me.add(total.right, found.right)
            )  # fmt: skip
        assert total is not None
        return total

    async def _answer(self, me: Family, model: Model) -> None:
        assert self.queries is not None
        with me.party.span("inference"):
            with me.party.channel("queries"):
                x = await me.take(self.asker, (len(self.queries), *self.plans[0].input))
            with me.party.channel("inference"):
                logits = await self._pass(me, model).answer(x)
                found = await trainer_of(me).classes(logits)
            await me.settle()
            with me.party.channel("answers"):
                me.show(found, self.asker)

    async def _give_model(self, me: Family, model: Model) -> None:
        """Show the asker all weights, in one array."""
        with me.party.span("model"):
            await me.settle()  # of a run that goes on from its last step, what clients shared
            flat = [me.reshape(model.weights[name], (-1,)) for name in self.shapes()]
            with me.party.channel("model"):
                me.show(me.concatenate(flat), self.asker)

    # State

    def _observe(self, party: Party, step: int, model: Model) -> None:
        """Hand over what it takes to see the weights, and no more: two servers hold all of a share."""
        if party.id < 2:
            party.observe(f"model/{step}", Model(model.weights, {}))

    def _begin(self, party: Party) -> None:
        """Leave a mark that this actor takes part."""
        store = self.start.store
        if store is not None and self.start.step == 0:
            aside(party, lambda: store.save(party.role, 0, {}))

    def _keep(self, party: Party, batch: Batch, arrays: dict[str, Words], note: Any) -> None:
        """Write a checkpoint where one is due; it takes no time of the run."""
        store, done = self.start.store, batch.step + 1
        if store is None or (done % self.every and done != len(self.batches)):
            return
        aside(party, lambda: store.save(party.role, done, arrays, note))

    def _loaded(self, me: Family) -> tuple[Model, Metrics | None]:
        assert self.start.store is not None
        arrays, _ = self.start.store.load(me.party.role, self.start.step)

        def share(name: str) -> Share:
            return Share(arrays[f"{name}/a"], arrays[f"{name}/b"])

        names = list(self.shapes())
        metrics = Metrics(share("loss"), share("right")) if "loss/a" in arrays else None
        return Model(
            {name: share(f"weight/{name}") for name in names},
            {name: share(f"velocity/{name}") for name in names},
        ), metrics


def _rows(me: Family, x: Value, indices: NDArray[np.int64]) -> Value:
    return me.local(lambda part: me.kernels.take(part, indices, 0), x)


def _arrays(model: Model, metrics: Metrics | None) -> dict[str, Words]:
    """Return one server's state by name, as its checkpoint holds it."""
    shares = {f"weight/{name}": share for name, share in model.weights.items()}
    shares |= {f"velocity/{name}": share for name, share in model.velocities.items()}
    if metrics is not None:
        shares |= {"loss": metrics.loss, "right": metrics.right}
    return {f"{name}/{part}": getattr(share, part) for name, share in shares.items() for part in "ab"}
