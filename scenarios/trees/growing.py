"""Trees grown where one of three servers may lie: all is verified before anything is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpcsim import Party
from mpcsim.scenario import Program, Scenario
from protocols.family import Family, NotOffered, Terms, Value
from protocols.functions import argmax, equal
from protocols.paths import Planted, means
from protocols.paths import answers as found_by
from protocols.proven_trees import Stand, check, grow
from protocols.replicated3_malicious import ReplicatedMalicious
from protocols.trees import Shape, Tree
from scenarios.families import DEFAULT
from scenarios.settings import Secured
from scenarios.trees.edges import ASKER, OWNER, PARTS, Edges, taken
from scenarios.trees.inputs import Inputs
from scenarios.trees.kept import Kept, progress
from scenarios.trees.report import Report
from scenarios.trees.settings import PrivateTreesSettings


def proves(family: type[Family]) -> bool:
    """Return whether a family grows trees and proves what it sends."""
    return issubclass(family, ReplicatedMalicious)


def proven_trees(
    settings: PrivateTreesSettings, scenario: Scenario, secured: Secured, inputs: Inputs, report: Report
) -> Program:
    """Return the program of a tree that servers grow, of whom one may lie.

    Raises:
        InputError: what this family does not grow, or a ring too narrow.
    """
    _check(settings, secured, report.shape)
    settings.kernels(scenario)
    job = _Job(secured.family, secured.terms, inputs, settings, report.shape, report.kept)
    roles: dict[str, Callable[[Party], Awaitable[Any]]] = dict.fromkeys(secured.actors, job.server)
    roles |= {f"hospital{number}": job.hospital for number in range(settings.hospitals.count)}
    if settings.output.tree == "owner":
        roles[OWNER] = job.owner

    def read(readers: Collection[str]) -> None:
        if not settings.dry_run and any(role == OWNER or role.startswith("hospital") for role in readers):
            inputs.read()

    return Program(
        roles,
        summarize=report.summarize,
        describe=settings.describe(secured) | {"trees": settings.trees.model_dump()},
        render=report.render,
        begin=report.kept.begin,
        prepare=read,
        public=report.public,
    )


def _check(settings: PrivateTreesSettings, secured: Secured, shape: Shape) -> None:
    """Refuse what this family does not grow, each by name."""
    terms: Terms = secured.terms
    family, trees = secured.family, settings.trees
    family.check(terms, "less_than")
    lacking = {
        "trees.model = 'boosted'": (trees.model == "boosted", "trees.model = 'cart'"),
        "data.partition = 'vertical'": (settings.data.vertical, "data.partition = 'horizontal'"),
        f"trees.count = {trees.count} with checkpoint.folder": (
            trees.count > 1 and settings.checkpoint.folder is not None,
            "one of them",
        ),
    }
    for what, (asked, accepted) in lacking.items():
        if asked:
            why = f"accepted: {accepted}, or the family {DEFAULT!r}"
            raise NotOffered(f"{what} with trees.grown = 'shares'", family.name, why)
    check(shape, terms.ring)


@dataclass(frozen=True)
class _Job(Edges):
    """What the actors do. Only hospital i reads its rows.

    Attributes:
        shape: of the tree.
        kept: of the tree, level by level.
    """

    shape: Shape
    kept: Kept

    @property
    def numbers(self) -> range:
        """Of the trees."""
        return range(self.settings.trees.count)

    # Clients

    async def hospital(self, party: Party) -> list[int] | None:
        """Share rows; the first one asks about rows, and learns their classes or targets."""
        number, queries = int(party.role.removeprefix("hospital")), self.settings.output.queries
        with party.span("sharing"):
            values, statistics = self.inputs.part(number, self.terms.kernels)
            self.give(party, f"values/{number}", values)
            self.give(party, f"statistics/{number}", statistics)
            if party.role == ASKER and queries:
                self.give(party, "queries", self.inputs.queries(self.terms.kernels))
        return await self.answered(party) if party.role == ASKER and queries else None

    async def owner(self, party: Party) -> list[dict[str, list[Any]]] | None:
        """Learn the trees."""
        with party.span("reveal"):
            found = [await self._learned(party, number) for number in self.numbers]
        return None if self.terms.dry else found

    async def _learned(self, party: Party, number: int) -> dict[str, list[Any]]:
        found = [await self.learn(party, f"{number}/{name}", size) for name, size in self._sizes().items()]
        if self.terms.dry:
            return {}
        levels = [slice((1 << depth) - 1, (2 << depth) - 1) for depth in range(self.shape.height)]
        *nodes, leaves = map(np.asarray, found)
        tree = {
            name: [words[level].tolist() for level in levels]
            for name, words in zip(PARTS, nodes, strict=True)
        }
        return tree | {"leaves": [leaves.tolist()]}

    def _sizes(self) -> dict[str, tuple[int, ...]]:
        nodes = (1 << self.shape.height) - 1
        return {
            "tests": (nodes,),
            "attributes": (nodes, self.shape.attributes),
            "twice": (nodes,),
            "leaves": (nodes + 1, self.inputs.columns),
        }

    # Servers

    async def server(self, party: Party) -> None:
        """Grow the tree, ask it, and show what is to be shown once all is verified."""
        queries, asked, told = self.settings.output.queries, None, None
        with party.span("sharing"):
            me = await self.family.join(party, self.terms)
            assert isinstance(me, ReplicatedMalicious)
            values, statistics = await self._table(me)
            if queries:
                asked = await self.take(me, "queries", ASKER, (self.inputs.attributes, queries))
        with party.span("growth"):
            trees = await self._forest(me, values, statistics)
        if asked is not None:
            with party.span("answers"):
                told = await self._answers(me, trees, asked)
        await me.settle()
        with party.span("reveal"):
            if told is not None:
                self.show(me, "answers", told, ASKER)
            if self.settings.output.tree == "owner":
                for number, tree in enumerate(trees):
                    for name in PARTS:
                        self.show(me, f"{number}/{name}", _nodes(me, tree, name), OWNER)
                    self.show(me, f"{number}/leaves", tree.leaves, OWNER)

    async def _table(self, me: Family) -> tuple[Value, Value]:
        """Return the rows of all hospitals, one after the other."""
        rows, count = self.inputs.rows, self.settings.hospitals.count
        values, statistics = [], []
        for number in range(count):
            mine = rows // count + (number < rows % count)
            role = f"hospital{number}"
            sizes = (self.inputs.attributes, mine), (self.inputs.columns, mine)
            values.append(await self.take(me, f"values/{number}", role, sizes[0]))
            statistics.append(await self.take(me, f"statistics/{number}", role, sizes[1]))
        return me.concatenate(values, 1), me.concatenate(statistics, 1)

    async def _forest(self, me: ReplicatedMalicious, values: Value, statistics: Value) -> list[Tree]:
        """Grow trees one after the other: nothing else may be under way where an order is opened."""
        if len(self.numbers) == 1:
            return [await self._grown(me, values, statistics, 0)]
        trees = []
        for number in self.numbers:
            with me.party.span(f"tree{number}", "tree"):
                trees.append(await self._grown(me, values, statistics, number))
        return trees

    async def _grown(self, me: ReplicatedMalicious, values: Value, statistics: Value, number: int) -> Tree:
        """Grow a tree from its sample of rows and attributes; what is kept of it is verified before."""
        party, kept, height, sample = me.party, self.kept, self.shape.height, self.inputs.sample(number)
        kept.mark(party, range(1))
        if kept.step == height and (tree := kept.state(party, number, Tree)) is not None:
            return tree

        def after(levels: int, state: Stand | Tree) -> None:
            if party.id == 0:
                progress(depth=levels, height=height, **({"tree": number} if number else {}))
            kept.keep(party, number, levels, state)

        mine = taken(me, taken(me, values, sample.attributes, 0), sample.rows, 1)
        rows = taken(me, statistics, sample.rows, 1)
        tree = await grow(me, mine, rows, self.shape, after, kept.state(party, number, Stand))
        if kept.trees is not None:
            await me.settle(False, "verified")
        after(height, tree)
        return tree

    async def _answers(self, me: Family, trees: list[Tree], asked: Value) -> Value:
        """Return what is shown of each row, (q,): the class of most rows of its leaf, or a mean.

        Of several trees the class of most votes, the first among equals, or the sum of means.
        """
        party, statistics, queries = me.party, self.shape.statistics, self.settings.output.queries
        if statistics.classes:
            with party.span("classes", "argmax"):
                leaves = await party.gather(*(argmax(me, tree.leaves) for tree in trees))
        else:
            with party.span("means", "means"):
                leaves = await party.gather(*(self._means(me, tree) for tree in trees))
        rows = [
            me.local(lambda part: part.T, self.of_tree(me, number, asked, 0)) for number in self.numbers
        ]
        with party.span("walk", "walk"):
            found = await party.gather(
                *(
                    found_by(me, _planted(me, tree, one), mine)
                    for tree, one, mine in zip(trees, leaves, rows, strict=True)
                )
            )
        if len(trees) == 1:
            return me.reshape(found[0], (queries,))
        every = me.stack([me.reshape(one, (queries,)) for one in found])
        if not statistics.classes:
            return me.total(every, 0)
        with party.span("votes", "votes"):
            return await self._voted(me, every)

    async def _means(self, me: Family, tree: Tree) -> Value:
        sums = me.reshape(tree.leaves, (-1,))
        return await means(me, sums, tree.sizes, self.shape.statistics.bits, self.shape.rows)

    async def _voted(self, me: Family, every: Value) -> Value:
        """Return the class that most trees name, (q,), of class numbers (trees, q)."""
        k, classes = me.kernels, self.shape.statistics.columns
        trees, queries = every.shape
        zeros = k.zeros((trees, queries, classes), me.ring.dtype)
        numbers = me.public(k.add(zeros, k.astype(k.positions((classes,), me.ring.dtype), me.ring.dtype)))
        spread = me.local(lambda part: k.add(zeros, part.reshape(trees, queries, 1)), every)
        return await argmax(me, me.total(await equal(me, spread, numbers), 0))


def _nodes(me: Family, tree: Tree, name: str) -> Value:
    """Return what all nodes of a tree have, from the root on."""
    return me.concatenate([getattr(level, name) for level in tree.levels])


def _planted(me: Family, tree: Tree, leaves: Value) -> Planted:
    """Return a tree whose leaves answer with one number each."""
    return Planted(_nodes(me, tree, "attributes"), _nodes(me, tree, "twice"), me.reshape(leaves, (-1, 1)))
