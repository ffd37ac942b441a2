"""Secret trees of their owner, asked by secret rows on any family that compares and multiplies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from mpcsim import InputError, Party
from mpcsim.scenario import Program, Scenario
from protocols.domains import Words
from protocols.family import Family, Terms, Value
from protocols.functions import argmax
from protocols.paths import GAP_BITS, Planted
from protocols.paths import answers as found_by
from scenarios.settings import Secured
from scenarios.trees.inputs import Inputs
from scenarios.trees.report import Report
from scenarios.trees.settings import PrivateTreesSettings

OWNER, ASKER = "owner", "hospital0"
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


@dataclass(frozen=True)
class _Job:
    """What the actors do. Only the owner reads the rows for training, only who asks those asked about."""

    family: type[Family]
    terms: Terms
    inputs: Inputs
    settings: PrivateTreesSettings

    # Clients

    async def owner(self, party: Party) -> None:
        """Share the trees, grown in the clear."""
        with party.span("sharing"):
            for tree in range(self.settings.trees.count):
                words = self.inputs.planted(tree, self.terms.kernels)
                for name, one in zip(_PARTS, words, strict=True):
                    self._give(party, f"{tree}/{name}", one)
            if self.inputs.boosted:
                self._give(party, "base", self.inputs.base(self.terms.kernels))

    async def hospital(self, party: Party) -> list[int] | None:
        """Share the rows that are asked about, and learn what the trees answer; others do nothing."""
        if party.role != ASKER:
            return None
        with party.span("sharing"):
            self._give(party, "queries", self.inputs.queries(self.terms.kernels))
        shape = (self.settings.output.queries,)
        with party.span("reveal"), party.channel("answers"):
            words = await self.family.learn(party, self.terms, shape)
        if self.terms.dry:
            return None
        return [int(one) for one in self.terms.ring.signed(words)]

    def _give(self, party: Party, channel: str, words: Words) -> None:
        with party.channel(channel):
            self.family.give(party, self.terms, words)

    # Servers

    async def server(self, party: Party) -> None:
        """Take trees and rows, ask, and show who asked."""
        queries = self.settings.output.queries
        with party.span("sharing"):
            me = await self.family.join(party, self.terms)
            trees = [await self._tree(me, number) for number in range(self.settings.trees.count)]
            base = await self._take(me, "base", OWNER, (1,)) if self.inputs.boosted else None
            rows = await self._take(me, "queries", ASKER, (self.inputs.attributes, queries))
        with party.span("answers"), me.online():
            told = await self._answers(me, trees, base, rows)
        with me.online():
            await me.settle()
        with party.span("reveal"), party.channel("answers"):
            me.show(told, ASKER)

    async def _take(self, me: Family, channel: str, role: str, shape: tuple[int, ...]) -> Value:
        with me.party.channel(channel):
            return await me.take(role, shape)

    async def _tree(self, me: Family, number: int) -> Planted:
        shapes = self.inputs.planted_shapes(number)
        parts = [
            await self._take(me, f"{number}/{name}", OWNER, shape)
            for name, shape in zip(_PARTS, shapes, strict=True)
        ]
        return Planted(*parts)

    async def _answers(self, me: Family, trees: list[Planted], base: Value | None, rows: Value) -> Value:
        """Return what is revealed, (q,): a class, a sum of means, or of boosted steps."""
        turned = me.local(lambda part: part.T, rows)

        async def one(number: int, tree: Planted) -> Value:
            return await found_by(me, tree, self._of_tree(me, number, turned))

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

    def _of_tree(self, me: Family, number: int, rows: Value) -> Value:
        """Return the attributes that a tree has, of rows (q, m)."""
        mine = self.inputs.sample(number).attributes
        if len(mine) == rows.shape[1]:
            return rows
        return me.concatenate([me.cut(rows, (slice(None), slice(int(at), int(at) + 1))) for at in mine], 1)
