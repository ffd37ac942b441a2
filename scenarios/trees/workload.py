"""Private trees: the actors, and what each of them does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import ModuleType
from typing import Any

import structlog

from mpcsim import InputError, Party
from mpcsim.scenario import Program, Scenario
from protocols.domains import Ring, Words
from protocols.replicated3.constructions import argmax, is_zero
from protocols.replicated3.sharings import (
    Choices,
    Server,
    Share,
    concatenate,
    public,
    receive_from_client,
    receive_reveal,
    reveal_to_client,
    share_by_client,
    subtract,
)
from protocols.trees import Level, Shape, Statistics, Tree, check, grow, leaves_of, walk
from scenarios.trees.inputs import Inputs
from scenarios.trees.report import Report
from scenarios.trees.settings import PrivateTreesSettings

OWNER = "owner"
_PARTS = ("tests", "attributes", "twice")


def shape_of(settings: PrivateTreesSettings, rows: int, attributes: int, statistics: Statistics) -> Shape:
    """Return the public sizes of a scenario's tree."""
    trees = settings.trees
    return Shape(
        rows, attributes, statistics, trees.height, settings.ring.value_bits, trees.least_rows,
        Fraction(trees.least_gain), trees.digit,
    )  # fmt: skip


def private_trees(settings: PrivateTreesSettings, scenario: Scenario) -> Program:
    """Return the program of a tree that is grown, or asked, on shares."""
    ring = settings.ring.ring()
    choices = settings.of_replicated3("private_trees").choices()
    inputs = Inputs(settings, scenario)
    output = settings.output
    if not inputs.statistics.classes and output.queries:
        raise InputError(
            f"output.queries = {output.queries}: a tree of targets answers with means, which are not there "
            "yet; accepted: 0, and output.tree = 'owner'"
        )
    if output.tree == "nobody" and not output.queries:
        raise InputError("output: tree = 'nobody' and queries = 0: nobody would learn anything")
    if settings.trees.grown == "clear" and not output.queries:
        raise InputError("output.queries = 0: a tree that its owner grew is shared to be asked")
    if not inputs.statistics.classes and settings.trees.count > 1:
        raise InputError(f"trees.count = {settings.trees.count}: trees vote on classes alone; accepted: 1")
    attributes = settings.trees.attributes or inputs.attributes
    shape = shape_of(settings, inputs.rows, attributes, inputs.statistics)
    check(shape, ring)
    job = Job(ring, choices, settings.kernels(scenario), shape, inputs, settings)
    report = Report(settings, inputs, shape)
    roles: dict[str, Callable[[Party], Awaitable[Any]]] = {f"server{i}": job.server for i in range(3)}
    roles |= dict.fromkeys(job.hospitals, job.hospital)
    if job.owned:
        roles[OWNER] = job.owner
    return Program(
        roles,
        summarize=report.summarize,
        describe=settings.describe() | {"trees": settings.trees.model_dump()},
        render=report.render,
        prepare=job.read,
        public=report.public,
    )


@dataclass(frozen=True)
class Job:
    """What the actors do. Only hospital i reads its rows."""

    ring: Ring
    choices: Choices
    kernels: ModuleType
    shape: Shape
    inputs: Inputs
    settings: PrivateTreesSettings

    @property
    def hospitals(self) -> list[str]:
        """Roles of the hospitals."""
        return [f"hospital{i}" for i in range(self.settings.hospitals.count)]

    @property
    def grows(self) -> bool:
        """Whether the tree is grown on shares."""
        return self.settings.trees.grown == "shares"

    @property
    def numbers(self) -> range:
        """Of the trees."""
        return range(self.settings.trees.count)

    @property
    def owned(self) -> bool:
        """Whether there is an owner: who learns the tree, or grew it."""
        return self.settings.output.tree == "owner" or not self.grows

    def read(self, readers: Collection[str]) -> None:
        """Read what these roles alone may see, so that what is wrong shows before the run."""
        if not self.settings.dry_run and (
            OWNER in readers or any(role in readers for role in self.hospitals)
        ):
            self.inputs.read()

    # Clients

    async def hospital(self, party: Party) -> list[int] | None:
        """Share rows; the first hospital asks about others, and learns their classes."""
        number, queries = self.hospitals.index(party.role), self.settings.output.queries
        with party.span("sharing"):
            if self.grows:
                values, statistics = self.inputs.part(number, self.kernels)
                self._share(party, f"values/{number}", values)
                self._share(party, f"statistics/{number}", statistics)
            if number == 0 and queries:
                self._share(party, "queries", self.inputs.queries(self.kernels))
        if number or not queries:
            return None
        with party.span("reveal"), party.channel("answers"):
            words = await receive_reveal(party, self.ring, (queries,), self.kernels)
        return None if self.settings.dry_run else [int(one) for one in self.ring.signed(words)]

    async def owner(self, party: Party) -> list[dict[str, list[Any]]] | None:
        """Learn the trees; or share those that were grown in the clear."""
        if not self.grows:
            with party.span("sharing"):
                for tree in self.numbers:
                    for depth, level in enumerate(self.inputs.grown(tree, self.kernels)):
                        for name, words in zip(_PARTS, level, strict=True):
                            self._share(party, f"{tree}/{name}/{depth}", words)
                    self._share(party, f"{tree}/leaves", self.inputs.leaves(tree, self.kernels))
            return None
        with party.span("reveal"):
            found = [await self._learn(party, tree) for tree in self.numbers]
        return None if self.settings.dry_run else found

    async def _learn(self, party: Party, tree: int) -> dict[str, list[Any]]:
        """Return one tree, opened to the owner."""
        found: dict[str, list[Any]] = {name: [] for name in (*_PARTS, "leaves")}

        async def opened(name: str, channel: str, shape: tuple[int, ...]) -> None:
            with party.channel(f"{tree}/{channel}"):
                words = await receive_reveal(party, self.ring, shape, self.kernels)
            found[name].append(None if self.settings.dry_run else self.ring.signed(words).tolist())

        for depth in range(self.shape.height):
            for name, shape in zip(_PARTS, self._sizes(depth), strict=True):
                await opened(name, f"{name}/{depth}", shape)
        await opened("leaves", "leaves", (1 << self.shape.height, self.shape.statistics.columns))
        return found

    def _share(self, party: Party, channel: str, words: Words) -> None:
        with party.channel(channel):
            share_by_client(party, self.ring, words, self.kernels)

    def _sizes(self, depth: int) -> list[tuple[int, ...]]:
        slots = 1 << depth
        return [(slots,), (slots, self.shape.attributes), (slots,)]

    # Servers

    async def server(self, party: Party) -> None:
        """Grow the tree, or take it; ask it; reveal what is to be revealed."""
        with party.span("sharing"):
            server = await Server.join(party, self.ring, self.choices, self.kernels)
            table = await self._table(server) if self.grows else None
            forest = [] if self.grows else [await self._taken(server, tree) for tree in self.numbers]
            asked = (
                await self._take(server, "queries", "hospital0") if self.settings.output.queries else None
            )
        if table is not None:
            with party.span("growth"):
                forest = await party.gather(*(self._grown(server, *table, tree) for tree in self.numbers))
        answers = None
        if asked is not None:
            with party.span("answers"):
                answers = await self._answers(server, forest, asked)
        with party.span("reveal"):
            if answers is not None:
                with party.channel("answers"):
                    reveal_to_client(server, answers, "hospital0")
            if self.grows and self.owned:
                for number, tree in enumerate(forest):
                    self._reveal(server, number, tree)

    async def _grown(self, server: Server, values: Share, statistics: Share, number: int) -> Tree:
        """Grow one tree from its sample of rows and attributes."""
        sample, k = self.inputs.sample(number), server.kernels
        tells = server.party.id == number == 0

        def taken(x: Share, index: Any, axis: int) -> Share:
            if len(index) == x.shape[axis] and (index == range(len(index))).all():
                return x
            return Share(k.take(x.a, index, axis), k.take(x.b, index, axis))

        mine = taken(taken(values, sample.attributes, 0), sample.rows, 1)
        rows = taken(statistics, sample.rows, 1)
        return await grow(server, mine, rows, self.shape, _progress if tells else None)

    async def _table(self, server: Server) -> tuple[Share, Share]:
        """Return the rows of all hospitals, one after the other."""
        values, statistics = [], []
        for number, role in enumerate(self.hospitals):
            values.append(await self._take(server, f"values/{number}", role))
            statistics.append(await self._take(server, f"statistics/{number}", role))
        return concatenate(server, values, 1), concatenate(server, statistics, 1)

    async def _taken(self, server: Server, tree: int) -> Tree:
        levels = []
        for depth in range(self.shape.height):
            parts = [await self._take(server, f"{tree}/{name}/{depth}", OWNER) for name in _PARTS]
            levels.append(Level(*parts))
        return Tree(tuple(levels), await self._take(server, f"{tree}/leaves", OWNER))

    async def _take(self, server: Server, channel: str, role: str) -> Share:
        with server.party.channel(channel):
            return await receive_from_client(server, role)

    async def _answers(self, server: Server, forest: Sequence[Tree], values: Share) -> Share:
        """Return the class of each row: that of most trees, the first among equals."""
        party = server.party
        one_each: list[Share] = await party.gather(
            *(self._answer(server, tree, values, number) for number, tree in enumerate(forest))
        )
        if len(forest) == 1:
            return one_each[0]
        k, dtype, count = server.kernels, server.ring.dtype, self.shape.statistics.columns
        with party.span("votes", "votes"):
            numbers = public(server, k.astype(k.positions((count,), dtype), dtype))
            every = concatenate(server, [one.reshape(1, -1, 1) for one in one_each])
            gaps = subtract(server, every, numbers.reshape(1, 1, -1))
            votes = await is_zero(server, gaps, max(1, (count - 1).bit_length()))
            return await argmax(server, Share(k.sum(votes.a, 0), k.sum(votes.b, 0)))

    async def _answer(self, server: Server, tree: Tree, values: Share, number: int) -> Share:
        """Return the class of each row by one tree: that of most rows of its leaf, the first of equals."""
        k, mine = server.kernels, self.inputs.sample(number).attributes
        if len(mine) < values.shape[0]:
            values = Share(k.take(values.a, mine, 0), k.take(values.b, mine, 0))
        with server.party.span("classes", "argmax"):
            classes = await argmax(server, tree.leaves)
        with server.party.span("walk", "walk"):
            leaves = await walk(server, tree.levels, values, self.shape.value_bits)
        with server.party.span("read", "read"):
            return (await leaves_of(server, classes.reshape(-1, 1), leaves))[0]

    def _reveal(self, server: Server, number: int, tree: Tree) -> None:
        for depth, level in enumerate(tree.levels):
            for name, one in zip(_PARTS, (level.tests, level.attributes, level.twice), strict=True):
                with server.party.channel(f"{number}/{name}/{depth}"):
                    reveal_to_client(server, one, OWNER)
        with server.party.channel(f"{number}/leaves"):
            reveal_to_client(server, tree.leaves, OWNER)


def _progress(depth: int, height: int) -> None:
    structlog.get_logger().info("progress", depth=depth + 1, height=height)
