"""Secret trees of their owner, asked by secret rows on any family that compares and multiplies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

from mpcsim import InputError, Party
from mpcsim.scenario import Program, Scenario
from protocols.family import Family, Value
from protocols.functions import argmax
from protocols.paths import GAP_BITS, Planted
from protocols.paths import answers as found_by
from scenarios.settings import Secured
from scenarios.trees.edges import ASKER, OWNER, Edges
from scenarios.trees.inputs import Inputs
from scenarios.trees.report import Report
from scenarios.trees.settings import PrivateTreesSettings

_PARTS = ("attributes", "twice", "leaves")


def asked_trees(
    settings: PrivateTreesSettings, scenario: Scenario, secured: Secured, inputs: Inputs, report: Report
) -> Program:
    """Return the program of trees that their owner grew, and that a hospital asks.

    Raises:
        InputError: the family does not compare, or its numbers are too narrow.
    """
    _check(settings, secured, inputs)
    settings.kernels(scenario)
    job = _Job(secured.family, secured.terms, inputs, settings)
    roles: dict[str, Callable[[Party], Awaitable[Any]]] = dict.fromkeys(secured.actors, job.server)
    roles |= {f"hospital{number}": job.hospital for number in range(settings.hospitals.count)}

    def read(readers: Collection[str]) -> None:
        if not settings.dry_run and {OWNER, ASKER} & set(readers):
            inputs.read()

    return Program(
        roles | {OWNER: job.owner},
        summarize=report.summarize,
        describe=settings.describe(secured) | {"trees": settings.trees.model_dump()},
        render=report.render,
        prepare=read,
        public=report.public,
    )


def _check(settings: PrivateTreesSettings, secured: Secured, inputs: Inputs) -> None:
    """Refuse what the family lacks, and numbers that it does not compare."""
    terms, family, width = secured.terms, secured.family, inputs.value_bits
    family.check(terms, "less_than")
    family.check_width(terms, width + GAP_BITS, "a gap between a value and a threshold,")
    if inputs.boosted:
        if inputs.statistics.classes:
            family.check_width(terms, inputs.boosting.raw_bits, "a raw score,")
    elif settings.trees.count > 1 and inputs.statistics.classes:
        family.check(terms, "argmax")
        if settings.trees.count.bit_length() >= width:
            raise InputError(
                f"trees.count = {settings.trees.count}: votes are values, of {width} signed bits; "
                "accepted: fewer trees, or a larger ring.value_bits"
            )


class _Job(Edges):
    """What the actors do. Only the owner reads the rows for training, only who asks those asked about."""

    # Clients

    async def owner(self, party: Party) -> None:
        """Share the trees, grown in the clear."""
        with party.span("sharing"):
            for tree in range(self.settings.trees.count):
                words = self.inputs.planted(tree, self.terms.kernels)
                for name, one in zip(_PARTS, words, strict=True):
                    self.give(party, f"{tree}/{name}", one)
            if self.inputs.boosted:
                self.give(party, "base", self.inputs.base(self.terms.kernels))

    async def hospital(self, party: Party) -> list[int] | None:
        """Share the rows that are asked about, and learn what the trees answer; others do nothing."""
        if party.role != ASKER:
            return None
        with party.span("sharing"):
            self.give(party, "queries", self.inputs.queries(self.terms.kernels))
        return await self.answered(party)

    # Servers

    async def server(self, party: Party) -> None:
        """Take trees and rows, ask, and show who asked."""
        queries = self.settings.output.queries
        with party.span("sharing"):
            me = await self.family.join(party, self.terms)
            trees = [await self._tree(me, number) for number in range(self.settings.trees.count)]
            base = await self.take(me, "base", OWNER, (1,)) if self.inputs.boosted else None
            rows = await self.take(me, "queries", ASKER, (self.inputs.attributes, queries))
        with party.span("answers"), me.online():
            told = await self._answers(me, trees, base, rows)
        with me.online():
            await me.settle()
        with party.span("reveal"):
            self.show(me, "answers", told, ASKER)

    async def _tree(self, me: Family, number: int) -> Planted:
        shapes = self.inputs.planted_shapes(number)
        parts = [
            await self.take(me, f"{number}/{name}", OWNER, shape)
            for name, shape in zip(_PARTS, shapes, strict=True)
        ]
        return Planted(*parts)

    async def _answers(self, me: Family, trees: list[Planted], base: Value | None, rows: Value) -> Value:
        """Return what is revealed, (q,): a class, a sum of means, or of boosted steps."""
        turned = me.local(lambda part: part.T, rows)

        async def one(number: int, tree: Planted) -> Value:
            return await found_by(me, tree, self.of_tree(me, number, turned, 1))

        party, queries = me.party, rows.shape[1]
        with party.span("walk", "walk"):
            found = await party.gather(*(one(*each) for each in enumerate(trees)))
        total = found[0]
        for other in found[1:]:
            total = me.add(total, other)
        if base is not None:
            total = me.add(total, me.reshape(base, (1, 1)))
            if self.inputs.statistics.classes:
                with party.span("classes", "sign"):
                    below = await me.negative(total, self.inputs.boosting.raw_bits)
                    total = await me.to_value(me.opposite(below))
        elif total.shape[1] > 1:
            with party.span("votes", "votes"):
                return await argmax(me, total)
        return me.reshape(total, (queries,))
