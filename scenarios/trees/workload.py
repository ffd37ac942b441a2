"""Private trees: the actors, and what each of them does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from mpcsim import InputError, Party
from mpcsim.scenario import Program, Scenario
from protocols.boosting import Ground, Grown, boost
from protocols.boosting import check as check_boosting
from protocols.domains import Ring, Words
from protocols.replicated3.constructions import multiply
from protocols.replicated3.sharings import (
    Choices,
    Server,
    Share,
    concatenate,
    receive_from_client,
    receive_reveal,
    reveal_to_client,
    share_by_client,
)
from protocols.trees import Level, Shape, Stand, Tree, check, grow
from scenarios.families import DEFAULT, NotOffered
from scenarios.trees.answers import Forest, answers
from scenarios.trees.asking import asked_trees
from scenarios.trees.edges import OWNER, PARTS
from scenarios.trees.growing import proven_trees, proves
from scenarios.trees.inputs import Inputs
from scenarios.trees.joining import Halves, joined
from scenarios.trees.kept import Kept, kept_of, progress
from scenarios.trees.report import Report
from scenarios.trees.settings import PrivateTreesSettings
from scenarios.trees.shapes import shape_of

_GROWTH = (
    "growing a tree shuffles and sorts; accepted: trees.grown = 'clear', or the families "
    f"{DEFAULT!r} and 'replicated3_malicious'"
)


def private_trees(settings: PrivateTreesSettings, scenario: Scenario) -> Program:
    """Return the program of a tree that is grown, or asked, on shares."""
    ring = settings.ring.ring()
    secured = settings.secured(scenario)
    other = secured.family.name != DEFAULT
    if other and settings.trees.grown == "shares" and not proves(secured.family):
        raise NotOffered("trees.grown = 'shares'", secured.family.name, _GROWTH)
    inputs = Inputs(settings, scenario)
    _check(settings, inputs)
    attributes = settings.trees.attributes or inputs.attributes
    shape = shape_of(settings, inputs.rows, attributes, inputs.statistics)
    if inputs.boosted:
        check_boosting(replace(inputs.boosting, rows=inputs.rows), ring)
    elif settings.trees.grown == "shares" and not other:
        check(shape, ring)
    kept = kept_of(settings, scenario, inputs)
    if other:
        of_family = proven_trees if settings.trees.grown == "shares" else asked_trees
        return of_family(settings, scenario, secured, inputs, Report(settings, inputs, shape, kept))
    choices = settings.of_replicated3("private_trees").choices()
    job = Job(ring, choices, settings.kernels(scenario), shape, inputs, settings, kept)
    report = Report(settings, inputs, shape, kept)
    roles: dict[str, Callable[[Party], Awaitable[Any]]] = {f"server{i}": job.server for i in range(3)}
    roles |= dict.fromkeys(job.hospitals, job.hospital)
    if job.owned:
        roles[OWNER] = job.owner
    return Program(
        roles,
        summarize=report.summarize,
        describe=settings.describe() | {"trees": settings.trees.model_dump()},
        render=report.render,
        begin=kept.begin,
        prepare=job.read,
        public=report.public,
    )


def _check(settings: PrivateTreesSettings, inputs: Inputs) -> None:
    """Refuse what nobody would learn from, and what boosted trees have no use for."""
    trees, output, classes = settings.trees, settings.output, inputs.statistics.columns
    if output.tree == "nobody" and not output.queries:
        raise InputError("output: tree = 'nobody' and queries = 0: nobody would learn anything")
    if trees.grown == "clear" and not output.queries:
        raise InputError("output.queries = 0: a tree that its owner grew is shared to be asked")
    if settings.data.vertical and (settings.hospitals.count != 2 or trees.grown == "clear"):
        raise InputError(
            "data.partition = 'vertical': two hospitals hold columns of what the servers grow trees from; "
            "accepted: hospitals.count = 2 and trees.grown = 'shares'"
        )
    if not inputs.boosted:
        _check_counts(settings, inputs)
        return
    if inputs.statistics.classes and classes != 2:
        raise InputError(f"data: {classes} classes; boosted trees tell two apart, or learn targets")
    for name, unused in (("least_gain", 0), ("bootstrap", False), ("attributes", None)):
        if getattr(trees, name) != unused:
            raise InputError(
                f"trees.{name} = {getattr(trees, name)}: boosted trees take all rows and attributes, and "
                "every test that gains; accepted: without it"
            )


def _check_counts(settings: PrivateTreesSettings, inputs: Inputs) -> None:
    """Refuse counts of leaves, and votes, that are larger than values, as which servers compare them.

    Of a tree that was grown in the clear leaves hold counts on the default family alone.
    """
    counted = settings.trees.grown == "shares" or settings.protocol.family == DEFAULT
    most, found = max(inputs.rows, settings.trees.count), settings.ring.value_bits
    least = most.bit_length()
    if settings.output.queries and inputs.statistics.classes and counted and found < least:
        raise InputError(
            f"ring.value_bits = {found}: rows of a class in a leaf, or votes, up to {most}, are "
            f"compared as values; accepted: {least} and more, or output.queries = 0"
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
    kept: Kept

    @property
    def hospitals(self) -> list[str]:
        """Roles of the hospitals."""
        return [f"hospital{i}" for i in range(self.settings.hospitals.count)]

    @property
    def grows(self) -> bool:
        """Whether the tree is grown on shares."""
        return self.settings.trees.grown == "shares"

    @property
    def vertical(self) -> bool:
        """Whether the hospitals hold columns."""
        return self.settings.data.vertical

    @property
    def drops(self) -> bool:
        """Whether a row that is asked about may be left out."""
        return self.vertical and self.settings.data.unmatched == "drop"

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

    async def hospital(self, party: Party) -> list[int | None] | None:
        """Share rows, or columns; the first one asks about rows, and learns their classes or targets."""
        number, queries = self.hospitals.index(party.role), self.settings.output.queries
        with party.span("sharing"):
            if self.vertical:
                self._share(party, f"keys/{number}", self.inputs.keys(number, self.kernels))
            if self.grows:
                part = self.inputs.half if self.vertical else self.inputs.part
                values, statistics = part(number, self.kernels)
                self._share(party, f"values/{number}", values)
                if not (number and self.vertical):
                    self._share(party, f"statistics/{number}", statistics)
            if number == 0 and queries and not self.vertical:
                self._share(party, "queries", self.inputs.queries(self.kernels))
        if number or not queries:
            return None
        with party.span("reveal"):
            found = await self._opened(party, "answers", queries)
            known = await self._opened(party, "known", queries) if self.drops else [1] * queries
        if self.settings.dry_run:
            return None
        return [one if there else None for one, there in zip(found, known, strict=True)]

    async def _opened(self, party: Party, channel: str, count: int) -> list[int]:
        with party.channel(channel):
            words = await receive_reveal(party, self.ring, (count,), self.kernels)
        return [int(one) for one in self.ring.signed(words)]

    async def owner(self, party: Party) -> list[dict[str, list[Any]]] | None:
        """Learn the trees; or share those that were grown in the clear."""
        if not self.grows:
            with party.span("sharing"):
                for tree in self.numbers:
                    for depth, level in enumerate(self.inputs.grown(tree, self.kernels)):
                        for name, words in zip(PARTS, level, strict=True):
                            self._share(party, f"{tree}/{name}/{depth}", words)
                    self._share(party, f"{tree}/leaves", self.inputs.leaves(tree, self.kernels))
                if self.inputs.boosted:
                    self._share(party, "base", self.inputs.base(self.kernels))
            return None
        with party.span("reveal"):
            found = [await self._learn(party, tree) for tree in self.numbers]
            if self.inputs.boosted:
                with party.channel("base"):
                    words = await receive_reveal(party, self.ring, (1,), self.kernels)
                base = [] if self.settings.dry_run else self.ring.signed(words).tolist()
                found.append({"base": base})
        return None if self.settings.dry_run else found

    async def _learn(self, party: Party, tree: int) -> dict[str, list[Any]]:
        """Return one tree, opened to the owner."""
        found: dict[str, list[Any]] = {name: [] for name in (*PARTS, "leaves")}

        async def opened(name: str, channel: str, shape: tuple[int, ...]) -> None:
            with party.channel(f"{tree}/{channel}"):
                words = await receive_reveal(party, self.ring, shape, self.kernels)
            found[name].append(None if self.settings.dry_run else self.ring.signed(words).tolist())

        for depth in range(self.shape.height):
            for name, shape in zip(PARTS, self._sizes(depth), strict=True):
                await opened(name, f"{name}/{depth}", shape)
        await opened("leaves", "leaves", (1 << self.shape.height, self.inputs.columns))
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
            halves = await self._halves(server) if self.vertical else None
            table = await self._table(server) if self.grows and halves is None else None
            taken = None if self.grows else await self._taken(server)
            asked, known, queries = None, None, self.settings.output.queries
            if queries and halves is None:
                asked = await self._take(server, "queries", "hospital0")
        if halves is not None:
            with party.span("joining", "join"):
                data, dry = self.settings.data, self.settings.dry_run
                found = await joined(server, halves, data.unmatched, self.shape.digit, dry)
            table, known = (found.values, found.statistics), found.known
            asked = found.asked if queries else None
        if table is not None:
            with party.span("growth"):
                taken = await self._grown(server, *table)
        forest, told = taken or Forest([]), None
        if asked is not None:
            with party.span("answers"):
                told = await answers(server, forest, asked, self.inputs)
                if known is not None:
                    with party.span("known", "mul"):
                        told = await multiply(server, told, known)
        with party.span("reveal"):
            if told is not None:
                with party.channel("answers"):
                    reveal_to_client(server, told, "hospital0")
                if known is not None:
                    with party.channel("known"):
                        reveal_to_client(server, known, "hospital0")
            if self.grows and self.owned:
                for number, tree in enumerate(forest.trees):
                    self._reveal(server, number, tree)
                if forest.base is not None:
                    with party.channel("base"):
                        reveal_to_client(server, forest.base, OWNER)

    async def _grown(self, server: Server, values: Share, statistics: Share) -> Forest:
        """Grow all trees, side by side; or boosted ones, one after the other."""
        party = server.party
        if self.inputs.boosted:
            self.kept.mark(party, range(1))
            return await self._boosted(server, values, statistics[0])
        self.kept.mark(party, self.numbers)
        each = (self._tree(server, values, statistics, number) for number in self.numbers)
        return Forest(await party.gather(*each))

    async def _boosted(self, server: Server, values: Share, targets: Share) -> Forest:
        """Grow boosted trees, or go on with them."""
        party, kept = server.party, self.kept
        shape = replace(self.inputs.boosting, rows=values.shape[1])

        def after(state: Ground | Grown) -> None:
            if isinstance(state, Ground):
                kept.keep_ground(party, state)
                return
            if party.id == 0:
                progress(tree=len(state.trees), trees=shape.trees)
            kept.keep(party, 0, len(state.trees), state)

        ground, grown = kept.ground(party, Ground), kept.state(party, 0, Grown)
        found = await boost(server, values, targets, shape, after, ground, grown)
        return Forest(found.trees, found.base)

    async def _tree(self, server: Server, values: Share, statistics: Share, number: int) -> Tree:
        """Grow one tree from its sample of rows and attributes."""
        count, k, party, height = values.shape[1], server.kernels, server.party, self.shape.height
        if self.kept.step == height and (tree := self.kept.state(party, number, Tree)) is not None:
            return tree
        sample = self.inputs.sample(number, count)

        def after(levels: int, state: Stand | Tree) -> None:
            if party.id == number == 0:
                progress(depth=levels, height=height)
            self.kept.keep(party, number, levels, state)

        def taken(x: Share, index: Any, axis: int) -> Share:
            if len(index) == x.shape[axis] and (index == range(len(index))).all():
                return x
            return Share(k.take(x.a, index, axis), k.take(x.b, index, axis))

        mine = taken(taken(values, sample.attributes, 0), sample.rows, 1)
        rows = taken(statistics, sample.rows, 1)
        shape = replace(self.shape, rows=count)
        return await grow(server, mine, rows, shape, after, self.kept.state(party, number, Stand))

    async def _halves(self, server: Server) -> Halves:
        """Return what two hospitals hold of the same rows."""
        first, second = self.hospitals
        return Halves(
            await self._take(server, "keys/0", first),
            await self._take(server, "values/0", first),
            await self._take(server, "statistics/0", first),
            await self._take(server, "keys/1", second),
            await self._take(server, "values/1", second),
        )

    async def _table(self, server: Server) -> tuple[Share, Share]:
        """Return the rows of all hospitals, one after the other."""
        values, statistics = [], []
        for number, role in enumerate(self.hospitals):
            values.append(await self._take(server, f"values/{number}", role))
            statistics.append(await self._take(server, f"statistics/{number}", role))
        return concatenate(server, values, 1), concatenate(server, statistics, 1)

    async def _taken(self, server: Server) -> Forest:
        """Take the trees that their owner grew."""
        trees = []
        for tree in self.numbers:
            levels = []
            for depth in range(self.shape.height):
                parts = [await self._take(server, f"{tree}/{name}/{depth}", OWNER) for name in PARTS]
                levels.append(Level(*parts))
            trees.append(Tree(tuple(levels), await self._take(server, f"{tree}/leaves", OWNER)))
        return Forest(trees, await self._take(server, "base", OWNER) if self.inputs.boosted else None)

    async def _take(self, server: Server, channel: str, role: str) -> Share:
        with server.party.channel(channel):
            return await receive_from_client(server, role)

    def _reveal(self, server: Server, number: int, tree: Tree) -> None:
        for depth, level in enumerate(tree.levels):
            for name, one in zip(PARTS, (level.tests, level.attributes, level.twice), strict=True):
                with server.party.channel(f"{number}/{name}/{depth}"):
                    reveal_to_client(server, one, OWNER)
        with server.party.channel(f"{number}/leaves"):
            reveal_to_client(server, tree.leaves, OWNER)
