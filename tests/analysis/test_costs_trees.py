"""Formulas of trees against the measurement, to the byte of each server and to the round."""

import os
from fractions import Fraction
from importlib import import_module
from itertools import product

import numpy as np
import pytest

from analysis.costs.replicated3 import Setting, trees
from mpcsim import simulate
from protocols.domains import Ring
from protocols.kernels import shapes
from protocols.replicated3.sharings import BitHalves, Choices, Server, Share
from protocols.tables import Column, Opening, Seat, draw_shuffle
from protocols.trees import (
    Level,
    Shape,
    Statistics,
    Tree,
    best,
    descent,
    gains,
    grow,
    leaves_of,
    lots,
    partition,
    places,
    scores,
    walk,
)
from protocols.trees.shape import within

GROWING = import_module("protocols.trees.grow")
WALKING = import_module("protocols.trees.walk")
RING = Ring(64, 16, 31)
LONG = bool(os.environ.get("MPCSIM_LONG"))
CHOICES = {
    "default": Choices(),
    "fewest rounds": Choices("masked", select="one_round"),
    "digits of 2, one round": Choices(radix=2, select="one_round"),
    "tree": Choices("tree"),
    "fixed roles": Choices(rotate=False),
}


def setting_of(choices, ring=RING):
    """Return the formulas' setting of the same choices."""
    protocol = {
        name: getattr(choices, name) for name in ("comparison", "radix", "truncation", "select", "rotate")
    }
    sizes = {"bits": ring.bits, "fraction_bits": ring.fraction_bits, "value_bits": ring.value_bits}
    return Setting.read(sizes, protocol)


def growth_of(shape):
    """Return what the formulas know of a shape."""
    kind = shape.statistics
    return trees.Growth(
        shape.rows,
        shape.attributes,
        kind.columns,
        shape.height,
        shape.value_bits,
        kind.classes,
        kind.bits,
        shape.least_rows,
        shape.gain > 0,
        shape.digit,
    )


def measured(protocol, choices=None, ring=RING):
    """Run without data; return the run, the operation in a span of its own."""

    async def program(party):
        server = await Server.join(party, ring, choices, shapes)
        with party.span("operation"):
            await protocol(server)

    return simulate(program, parties=3, seed=1)


def cost_of(span):
    return span.rounds, tuple(span.sent[i].payload_bytes if i in span.sent else 0 for i in range(3))


def same(run, cost, name="operation"):
    assert cost_of(run.span(name)) == (cost.rounds, cost.sent)


def nothing(server, *shape, bits=64):
    words = server.kernels.zeros(shape, np.uint32 if bits <= 32 else np.uint64)
    return Share(words, words)


def growing(shape):
    async def protocol(server):
        values = nothing(server, shape.attributes, shape.rows)
        await grow(server, values, nothing(server, shape.statistics.columns, shape.rows), shape)

    return protocol


SIZES = [
    Shape(n, m, Statistics(columns), height, 12)
    for (n, m), columns, height in zip(
        product((1, 2, 3, 17, 64), (1, 2, 5)), [1, 2, 3] * 5, [1, 2, 3, 2, 3, 1, 3, 1, 2] * 2, strict=False
    )
]
FURTHER = [
    Shape(17, 2, Statistics(1, classes=False, bits=6), 2, 12),
    Shape(17, 2, Statistics(1, classes=False, bits=6), 2, 12, least_gain=Fraction(1, 10)),
    Shape(17, 3, Statistics(3), 2, 12, least_rows=4, least_gain=Fraction(1, 100), digit=2),
    Shape(8, 2, Statistics(2), 2, 31, least_rows=8),
    Shape(40, 1, Statistics(4), 5, 20, least_rows=2, digit=8),
]
WIDE = [
    Shape(8192, 2, Statistics(2), 2, 31),
    Shape(9000, 3, Statistics(3), 1, 12, least_gain=Fraction(1, 10)),
    Shape(40, 3, Statistics(1, classes=False, bits=20), 3, 12),
    Shape(60, 2, Statistics(1, classes=False, bits=20), 2, 12, least_gain=Fraction(1, 10)),
]


def named(shape):
    kind = "classes" if shape.statistics.classes else "targets"
    return f"{shape.rows}x{shape.attributes}x{shape.height}, {shape.statistics.columns} {kind}"


@pytest.mark.parametrize("shape", [*(SIZES if LONG else SIZES[1::2]), *FURTHER, *WIDE], ids=named)
def test_a_training_costs_what_the_formulas_say_and_so_does_each_span_of_it(shape):
    run, growth = measured(growing(shape)), growth_of(shape)
    same(run, trees.grow(setting_of(Choices()), growth))
    sent = {name: cost.sent for name, cost in trees.spans(setting_of(Choices()), growth).items()}
    assert {name: cost_of(run.span(name))[1] for name in sent} == sent


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("shapes", [(SIZES[7], FURTHER[2]), (SIZES[10], WIDE[3])], ids=["first", "second"])
def test_every_choice_has_its_formula(shapes, name):
    choices, turn = CHOICES[name], list(CHOICES).index(name) % 2
    for shape in shapes if LONG else shapes[turn : turn + 1]:
        same(measured(growing(shape), choices), trees.grow(setting_of(choices), growth_of(shape)))


class Blocks:
    """Every step alone, on shares of a shape: what runs, and its formula."""

    def __init__(self, server, shape, depth):
        self.server, self.shape, self.depth = server, shape, depth
        self.count, n, m = 1 << depth, shape.rows, shape.attributes
        self.values, self.order = nothing(server, m, n), nothing(server, m, n, bits=shape.rank_bits)
        self.statistics = nothing(server, shape.statistics.columns, n)
        self.score = nothing(server, m, n, bits=shape.score_bits)
        kept = nothing(server, shape.statistics.travelling, m, n, bits=shape.score_bits)
        self.table = partition.Sorted(self.order, nothing(server, m, n, bits=shape.threshold_bits), kept)
        each, slots = nothing(server, n, bits=shape.score_bits), nothing(server, self.count)
        self.rows = each
        totals = nothing(server, self.count, shape.statistics.columns)
        self.slots = places.Slots(totals, slots, slots, slots, each, self.lots())
        travelling = nothing(server, shape.statistics.travelling, n, bits=shape.score_bits)
        self.at = places.AtPlaces(each, each, travelling, travelling, each)
        hot = nothing(server, m, n, bits=shape.sum_bits)
        cut, bits = nothing(server, n, bits=shape.cut_bits), nothing(server, n, bits=shape.cut_bits).a
        ends = nothing(server, self.count, bits=shape.cut_bits)
        self.parted = descent.Parted(hot, BitHalves(bits), cut, cut, ends)
        name = nothing(server, self.count, bits=shape.tie_bits)
        fraction = shape.fraction_bits[: 2 * bool(shape.gain_bits)]
        asked = [nothing(server, self.count, bits=bits) for bits in fraction]
        threshold = nothing(server, self.count, bits=shape.threshold_bits)
        self.best = best.Best(name, threshold, nothing(server, self.count, bits=3), ends, *asked)
        level = nothing(server, self.count), nothing(server, self.count, m), nothing(server, self.count)
        self.level = Level(*level)
        self.found = tuple(nothing(server, rows, n, bits=bits) for rows, bits in shape.candidate)

    def lots(self):
        n = self.shape.rows
        return lots.Lots(n, self.count, self.opening(n + self.count) if self.depth else None)

    def opening(self, *shape):
        words = nothing(self.server, *shape, bits=32).a
        by = draw_shuffle(Seat(self.server), shape)
        return Opening(by, self.server.kernels.as_order(words, 20), 20)

    async def sorted_table(self):
        await GROWING.sorted_table(self.server, self.values, self.statistics, self.shape)

    async def ties(self):
        await scores.ties(self.server, self.table, self.shape)

    async def at_places(self):
        await places.at_places(self.server, self.slots, self.shape)

    async def enough_rows(self):
        await places.enough_rows(within(self.server, self.shape.slot_bits), self.slots, self.shape)

    async def borders(self):
        await best.borders_of(within(self.server, self.shape.slot_bits), self.slots, self.shape)

    async def scores(self):
        await scores.scores(self.server, self.table, self.at, self.shape)

    async def best_attributes(self):
        small = nothing(self.server, *self.score.shape, bits=self.shape.score_bits)
        await scores.best_attributes(self.server, self.table, small, self.score, self.rows, self.shape)

    async def masked(self):
        score, sides, name = self.shape.fraction_bits
        widths = [score, name, self.shape.threshold_bits, self.shape.slot_bits, sides]
        found = scores.Found(*(nothing(self.server, self.shape.rows, bits=bits) for bits in widths))
        enough = nothing(self.server, self.shape.rows, bits=self.shape.slot_bits)
        await scores.masked(self.server, found, self.at, enough, self.shape)

    async def best_of_slots(self):
        pairs = [len(node.low) for node in places.stages(self.shape.rows)]
        each = [nothing(self.server, size, bits=self.shape.slot_bits) for size in pairs]
        borders = None
        if pairs:
            nodes = nothing(self.server, sum(pairs), bits=self.shape.slot_bits)
            borders = best.Borders(each, each, nodes, nodes, nodes, nodes[:1])
        await best.best_of_slots(self.server, self.found, self.slots, borders, self.shape)

    async def allowed(self):
        pure = nothing(self.server, self.count) if self.shape.statistics.classes else None
        await gains.allowed_of(self.server, self.best, pure, self.slots, self.shape)

    async def tests(self):
        await GROWING._level(self.server, self.best, self.slots.sizes, self.shape)

    async def parts(self):
        await descent.parted_of(self.server, self.best, self.slots.sizes, self.slots, self.shape)

    async def split(self):
        await GROWING.split(self.server, self.table, self.slots, self.shape, False)

    async def lots_of(self):
        await lots.lots_of(self.server, self.rows, self.slots.starts)

    async def goes_right(self):
        members = nothing(self.server, self.count, self.shape.rows)
        await WALKING.goes_right(self.server, self.level, members, self.values, self.shape.value_bits)

    async def descend(self):
        members = nothing(self.server, self.count, self.shape.rows)
        await WALKING.descend(self.server, members, nothing(self.server, self.shape.rows))

    async def partition(self):
        base = nothing(self.server, self.shape.rows, bits=self.shape.rank_bits)
        columns = [Column(self.order, self.shape.rank_bits)]
        columns += [Column(self.table.values, self.shape.threshold_bits)]
        columns += [
            Column(self.table.statistics[i], self.shape.score_bits)
            for i in range(self.shape.statistics.travelling)
        ]
        await partition.partition(self.server, self.order, base, base, columns)

    async def moved(self):
        opening = self.opening(*self.order.shape)
        await descent.moved(self.server, self.table, self.parted, opening, self.shape)

    async def below(self):
        await descent.below(self.server, self.table, self.slots, self.parted, self.shape)

    async def walk(self):
        levels = [Blocks(self.server, self.shape, depth).level for depth in range(self.shape.height)]
        await walk(self.server, levels, self.values, self.shape.value_bits)

    async def leaves_of(self):
        leaves = 1 << self.shape.height
        tree = Tree((), nothing(self.server, leaves, self.shape.statistics.columns))
        await leaves_of(self.server, tree.leaves, nothing(self.server, leaves, self.shape.rows))


FORMULAS = {
    "sorted_table": lambda s, g, d: trees.sorted_table(s, g),
    "ties": lambda s, g, d: trees.ties(s, g),
    "at_places": trees.at_places,
    "enough_rows": trees.enough_rows,
    "borders": trees.borders,
    "scores": lambda s, g, d: trees.scores(s, g),
    "best_attributes": lambda s, g, d: trees.best_attributes(s, g),
    "masked": lambda s, g, d: trees.masked(s, g),
    "best_of_slots": trees.best_of_slots,
    "allowed": trees.allowed,
    "tests": trees.tests,
    "parts": trees.parted,
    "split": lambda s, g, d: trees.split(s, g, d, last=False),
    "lots_of": lambda s, g, d: trees.opened_lots(s, g.n, 1 << d),
    "goes_right": lambda s, g, d: trees.goes_right(s, g.n, d, g.value_bits),
    "descend": lambda s, g, d: trees.descend(s, g.n, d),
    "partition": lambda s, g, d: trees.partition(s, g),
    "moved": lambda s, g, d: trees.moved(s, g),
    "below": trees.below,
    "walk": lambda s, g, d: trees.walk(s, g.n, g.height, g.value_bits),
    "leaves_of": lambda s, g, d: trees.leaves_of(s, g.n, g.columns),
}


@pytest.mark.parametrize("depth", [0, 2])
@pytest.mark.parametrize("shape", [SIZES[0], SIZES[11], FURTHER[1]], ids=named)
@pytest.mark.parametrize("block", FORMULAS)
def test_every_block_costs_what_its_formula_says(block, shape, depth):
    async def protocol(server):
        await getattr(Blocks(server, shape, depth), block)()

    for choices in (Choices(), CHOICES["fewest rounds"]):
        cost = FORMULAS[block](setting_of(choices), growth_of(shape), depth)
        same(measured(protocol, choices), cost)


def test_a_training_is_linear_in_attributes_and_in_height_to_its_end():
    def sent(**changed):
        sizes = {"n": 426, "m": 32, "columns": 2, "height": 3, "value_bits": 31} | changed
        return sum(trees.grow(setting_of(Choices()), trees.Growth(**sizes)).sent)

    first, second = sent(m=64) - sent(m=32), sent(m=96) - sent(m=64)
    assert second == pytest.approx(first, rel=0.03)
    # A level more costs alike, but for its slots: no number of rows is multiplied by theirs.
    steps = [
        sent(n=4000, m=8, height=height + 1) - sent(n=4000, m=8, height=height) for height in (2, 5, 9)
    ]
    assert max(steps) == pytest.approx(min(steps), rel=0.12)
