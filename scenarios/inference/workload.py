"""Private inference (POMIC figures 2 and 5): three servers classify images that none of them can see.

Five actors: the servers, the hospital, which shares images and alone learns the classes, and the owner
of the model, who shares its weights. A file with several inputs has a client more for each but the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mpcsim import InputError, Party
from mpcsim.scenario import Program, Scenario
from protocols.domains import Ring
from protocols.family import Family, Terms, Value
from protocols.functions import argmax
from scenarios.clear import windows
from scenarios.data import DataSettings
from scenarios.inference.batches import BatchSettings
from scenarios.inference.calibration import calibrate, lines
from scenarios.inference.generation import GenerationSettings
from scenarios.inference.inputs import Held, Inputs
from scenarios.inference.network import check_room, forward, needed, next_stage
from scenarios.inference.output import OutputSettings
from scenarios.inference.report import HOSPITAL, DryRun, Report
from scenarios.networks import LayerPlan, ModelSettings, located, refuse_batches
from scenarios.settings import SecureSettings
from scenarios.table3 import with_items

OWNER = "owner"


class InferenceSettings(SecureSettings):
    """The tables of an inference scenario."""

    data: DataSettings = DataSettings()
    inputs: dict[str, DataSettings] = Field(
        default={}, description="of a file with several inputs: data of each but the first, by name"
    )
    model: ModelSettings
    output: OutputSettings = OutputSettings()
    inference: BatchSettings = BatchSettings()
    generation: GenerationSettings = GenerationSettings()


def private_inference(settings: InferenceSettings, scenario: Scenario) -> Program:
    """Return the program of a private inference; of a dry run, without data and weights."""
    secured, kernels = settings.secured(scenario), settings.kernels(scenario)
    terms, ring = secured.terms, secured.terms.ring
    model = located(settings.model, scenario.folder)
    plans = settings.generation.plans(model, settings.output, settings.inference)
    refuse_batches(plans)
    if plans[-1].channels == 1 and settings.output.reveal == "class":
        raise InputError(
            f"output.reveal = 'class': {plans[-1]} has one output, and the largest of one is always the "
            "first; accepted: 'logits' (class 1 where the logit is ≥ 0), or an output for each class"
        )
    if settings.output.few_rounds and settings.output.reveal != "class":
        raise InputError("output.few_rounds = true: accepted with reveal = 'class', which takes an argmax")

    in_class = settings.output.reveal == "class" and not settings.generation.several

    def check(terms: Terms) -> None:
        for function, arguments in _functions(plans, in_class):
            secured.family.check(terms, function, **arguments)
        for counts, places in windows.means(plans):
            secured.family.check(terms, "average_pool", counts=counts, places=places)
        for plan in plans:
            check_room(plan, terms.ring)

    check(terms)
    inputs = Inputs(
        settings.data,
        model,
        ring,
        scenario.folder,
        scenario.seed or 0,
        settings.inputs,
        kernels if settings.dry_run else None,
    )
    report: Report | DryRun
    if settings.dry_run:
        report = DryRun(
            inputs.count, sum(map(math.prod, inputs.wanted.values())), settings.generation.tokens
        )
    else:
        report = Report(plans, secured.family, terms, inputs)
    batches = settings.inference.sizes(plans, inputs.count)
    job = _Job(secured.family, terms, plans, settings, inputs, batches)
    roles = dict.fromkeys(secured.actors, job.server)
    others = [role for role in job.clients if role != HOSPITAL]

    def inputs_of(readers: Collection[str]) -> None:
        if model.public_weights and set(secured.actors) & set(readers):
            _ = inputs.known
        elif OWNER in readers:
            for _ in inputs.words():  # whether they are values is seen before anything runs
                pass
        for role, name in job.clients.items():
            if role in readers:
                _ = inputs.images(name)

    def calibrated() -> tuple[dict[str, Any], Iterable[str]]:
        if settings.dry_run or not isinstance(ring, Ring):
            raise InputError(
                "--calibrate: accepted with data and weights, for families that compute in a ring"
            )
        found = calibrate(
            model, inputs.weights, inputs.data.images, ring, lambda one: check(replace(terms, ring=one))
        )
        return found, lines(found)

    return Program(
        roles | {HOSPITAL: job.hospital, OWNER: job.owner} | dict.fromkeys(others, job.client),
        summarize=report.compare,
        describe=settings.describe(secured),
        render=with_items(report.render, scenario),
        observe=report.observe,
        prepare=inputs_of,
        public=report.public,
        calibrate=calibrated,
    )


def _functions(plans: tuple[LayerPlan, ...], in_class: bool) -> list[tuple[str, dict[str, Any]]]:
    """Return what the network needs of a family besides products and means, with what decides its plan."""
    found: list[tuple[str, dict[str, Any]]] = [("argmax", {})] if in_class else []
    found += [("max_pool", {})] if any(plan.kind == "max" for plan in plans) else []
    found += [("relu", {})] if any(plan.relu for plan in plans) else []
    return found + [needed(plan) for plan in plans if plan.kind == "function"]


@dataclass(frozen=True)
class _Job:
    """What the actors do. Only a client reads its own of `inputs.images`, only the owner `inputs.words`.

    Servers read `inputs.known`, which is public.
    """

    family: type[Family]
    terms: Terms
    plans: tuple[LayerPlan, ...]
    settings: InferenceSettings
    inputs: Inputs
    batches: list[int]

    @property
    def count(self) -> int:
        return self.inputs.count

    @property
    def in_class(self) -> bool:
        """Whether the class is what follows the last layer."""
        return self.settings.output.reveal == "class" and not self.settings.generation.several

    async def owner(self, party: Party) -> None:
        if self.inputs.public:  # then all know them beforehand
            return
        with party.span("sharing"):
            for name, words in self.inputs.words():
                with party.channel(f"weights/{name}"):
                    self.family.give(party, self.terms, words)

    @property
    def clients(self) -> dict[str, str]:
        """The inputs that clients give, by role: the first is the hospital's."""
        roles = [HOSPITAL, *(f"client{number}" for number in range(1, len(self.inputs.given)))]
        return dict(zip(roles, self.inputs.given, strict=True))

    async def client(self, party: Party) -> None:
        with party.span("sharing"):
            first, images = 0, self.inputs.images(self.clients[party.role])
            for number, size in enumerate(self.batches):
                with party.channel(f"images/{number}"):
                    self.family.give(party, self.terms, images[first : first + size])
                first += size

    async def _continue(self, party: Party) -> None:
        """Give the one-hot row of every token that is shown; the hospital's."""
        ring, k = self.terms.ring, self.terms.kernels
        told = [plan for plan in self.plans if plan.told]
        with party.span("inference") if told else nullcontext():
            for plan in told:
                with party.span(plan.within, "token"), party.span(plan.name, plan.layer.type):
                    with party.channel(f"{plan.name}/shown"):
                        found = await self.family.learn(party, self.terms, (self.count, 1))
                    words = k.zeros((self.count, *plan.output), ring.dtype)
                    if not self.terms.dry:
                        places = ring.signed(found).reshape(-1, 1) == np.arange(plan.output[-1])
                        words = ring.encode(places.reshape(words.shape), "a token")
                    with party.channel(f"{plan.name}/given"):
                        self.family.give(party, self.terms, words)

    async def hospital(self, party: Party) -> NDArray[Any] | None:
        await self.client(party)
        await self._continue(party)
        output = self.plans[-1].output
        shape = (self.count, *(output[:-1] if self.in_class else output))
        with party.span("reveal"), party.channel("result"):
            words = await self.family.learn(party, self.terms, shape)
        if self.terms.dry:
            return None
        ring = self.terms.ring
        whole = self.settings.output.reveal == "class"
        return ring.signed(words) if whole else ring.decode(words)

    async def server(self, party: Party) -> None:
        with party.span("sharing"):
            me = await self.family.join(party, self.terms)
            weights = await self._weights(me)
            images = await self._receive(me, 0)
        with party.span("inference"), me.online():
            if len(self.batches) == 1:
                result = await self._classify(me, weights, images)
            else:
                first = self._batch(me, weights, 0, images)
                later = (self._batch(me, weights, number) for number in range(1, len(self.batches)))
                result = me.concatenate(await party.gather(first, *later))
        with me.online():
            await me.settle()
        with party.span("reveal"), party.channel("result"):
            me.show(result, HOSPITAL)

    async def _weights(self, me: Family) -> Mapping[str, Value]:
        """Return the weights, shared: as values where several batches read them, else made by layer.

        Public ones are what everybody knows.
        """
        if self.inputs.public:
            return Held({name: partial(self._known, me, name) for name in self.inputs.wanted})
        held: dict[str, Callable[[], Value]] = {}
        for name, shape in self.inputs.wanted.items():
            with me.party.channel(f"weights/{name}"):
                held[name] = await me.hold(OWNER, shape)
        return Held(held) if len(self.batches) == 1 else {name: one() for name, one in held.items()}

    def _known(self, me: Family, name: str) -> Value:
        """Return weights that all know: words for a product by them, else a value; a helper has shapes."""
        factors = {f"{plan.weights}/kernel" for plan in self.plans if plan.by_public}
        words = self.inputs.known[name]
        if me.place < 0:
            words = me.kernels.zeros(words.shape, me.ring.dtype)
        words = me.known(words)
        return words if name in factors else me.public(words)

    async def _receive(self, me: Family, number: int) -> Value:
        """Return the images of a batch, shared."""
        with me.party.channel(f"images/{number}"):
            count = self.batches[number]
            parts = [
                await me.take(role, (count, *self.inputs.given[name]))
                for role, name in self.clients.items()
            ]
        if len(parts) == 1:
            return parts[0]
        flat = [me.reshape(one, (count, 1, 1, math.prod(one.shape[1:]))) for one in parts]
        return me.concatenate(flat, 3)

    async def _batch(
        self, me: Family, weights: Mapping[str, Value], number: int, images: Value | None = None
    ) -> Value:
        """Classify one of several batches, one block behind the one before; receive it no earlier."""
        await next_stage(me)
        if images is None:
            images = await self._receive(me, number)
        return await self._classify(me, weights, images)

    async def _classify(self, me: Family, weights: Mapping[str, Value], images: Value) -> Value:
        """Return what the hospital is to learn of a batch, shared."""
        staged = len(self.batches) > 1
        result = await forward(me, self.plans, weights, images, staged=staged, client=HOSPITAL)
        if self.in_class:
            if staged:
                await next_stage(me)
            with me.party.span("argmax", "argmax"):
                result = await argmax(me, result, self.settings.output.few_rounds)
        return result
