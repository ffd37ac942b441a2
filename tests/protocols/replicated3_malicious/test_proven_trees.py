"""Trees grown where a server may lie are those of a recursion in the clear, or growth aborts."""

import os
from fractions import Fraction

import numpy as np
import pytest
from claimed import Kept, check, places, run
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcsim import InputError, MpcsimError, Puppet, simulate
from mpcsim.faults import Tamper
from protocols import proven_trees
from protocols.domains import Ring
from protocols.family import Terms
from protocols.proven_trees import Stand, grow
from protocols.replicated3_malicious import MaliciousChoices, ReplicatedMalicious
from protocols.replicated3_malicious.sharings import Checked
from protocols.trees import GAIN_BITS, Shape, Statistics
from scenarios.clear import trees as clear

LONG = bool(os.environ.get("MPCSIM_LONG"))
RING = Ring(64, 0, 40)


def table(rng, rows, attributes, columns, spread=6, bits=0):
    values = rng.integers(-spread, spread, (attributes, rows), endpoint=True)
    if bits:
        return values, rng.integers(-(2**bits) + 1, 2**bits, (1, rows))
    return values, np.eye(columns, dtype=np.int64)[rng.integers(0, columns, rows)].T


def in_one(me, tree):
    """Return all of a tree in one vector, for a client to learn."""
    parts = [tree.leaves, tree.sizes]
    for level in tree.levels:
        parts += [level.tests, level.attributes, level.twice]
    return me.concatenate([part.flat() for part in parts])


def size_of(shape):
    nodes, leaves = (1 << shape.height) - 1, 1 << shape.height
    return leaves * (shape.statistics.columns + 1) + nodes * (shape.attributes + 2)


def read(words, shape, ring=RING):
    """Return what `in_one` wrote as a tree of the clear."""
    numbers = ring.signed(words).tolist()

    def part(*sizes):
        count = int(np.prod(sizes))
        found, numbers[:count] = np.array(numbers[:count]).reshape(sizes), []
        return found

    leaves, sizes = part(1 << shape.height, shape.statistics.columns), part(1 << shape.height)
    assert sizes.sum() == shape.rows
    tests, attributes, twice = [], [], []
    for depth in range(shape.height):
        tests += part(1 << depth).tolist()
        hot = part(1 << depth, shape.attributes)
        assert set(hot.sum(1)) <= {0, 1}
        attributes += hot.argmax(1).tolist()
        twice += part(1 << depth).tolist()
    return clear.ClearTree(np.array(tests, bool), np.array(attributes), np.array(twice), leaves)


def grown(values, statistics, shape, ring=RING, how=grow, **more):
    """Return the run of a growth whose tree a client learns, and all claims."""

    async def program(me, values, statistics):
        return in_one(me, await how(me, values, statistics, shape))

    return run(program, [values, statistics], (size_of(shape),), ring, **more)


def wanted(values, statistics, shape):
    return clear.grow(
        values,
        statistics,
        shape.height,
        classes=shape.statistics.classes,
        least_rows=shape.least_rows,
        least_gain=shape.least_gain,
        scale=1 << shape.statistics.bits,
    )


def same(found, other):
    for name in ("tests", "attributes", "twice", "leaves"):
        np.testing.assert_array_equal(getattr(found, name), getattr(other, name), name)


def grows_the_clear_one(values, statistics, shape, **more):
    found, seen = grown(values, statistics, shape, **more)
    ring = more.get("ring", RING)
    same(read(found.outputs["client"], shape, ring), wanted(values, statistics, shape))
    return found, seen


@settings(max_examples=150 if LONG else 4, deadline=None)
@given(
    rows=st.integers(1, 9),
    attributes=st.integers(1, 3),
    columns=st.integers(0, 3),
    height=st.integers(1, 3),
    seed=st.integers(0, 1 << 16),
    spread=st.integers(0, 7),
    gains=st.booleans(),
)
def test_a_tree_is_the_one_of_the_clear(rows, attributes, columns, height, seed, spread, gains):
    rng = np.random.default_rng(seed)
    bits = 0 if columns else 3
    values, statistics = table(rng, rows, attributes, columns, spread, bits)
    values[values == -7] = -8  # the least of four bits
    kind = Statistics(columns) if columns else Statistics(1, classes=False, bits=bits)
    gain = Fraction(int(rng.integers(0, 1 << 8)), 1 << 10) if gains else Fraction(0)
    gain = Fraction(round(gain * rows * (1 << GAIN_BITS)), rows << GAIN_BITS)
    shape = Shape(rows, attributes, kind, height, 4, int(rng.integers(1, min(rows, 3) + 1)), gain, 4)
    grows_the_clear_one(values, statistics, shape)


@pytest.mark.parametrize(
    ("rows", "attributes", "columns", "height"),
    [(11, 2, 3, 3), (2, 2, 2, 5), (17, 1, 2, 4), (33, 5, 4, 3)][: 4 if LONG else 1],
)
def test_larger_trees_are_those_of_the_clear(rows, attributes, columns, height):
    values, statistics = table(np.random.default_rng(rows), rows, attributes, columns)
    grows_the_clear_one(
        values, statistics, Shape(rows, attributes, Statistics(columns), height, 4, digit=4)
    )


def test_claims_of_a_growth_hold_as_all_three_servers_know_them():
    values, statistics = table(np.random.default_rng(1), 4, 2, 1, 3, 2)
    kind, gain = Statistics(1, classes=False, bits=2), Fraction(1, 64)
    shape = Shape(4, 2, kind, 2, 3, 2, gain, 3)
    assert check(grows_the_clear_one(values, statistics, shape)[1]) > 0


def test_what_a_word_does_not_compare_is_refused_by_name():
    wide = Shape(4096, 30, Statistics(2), 3, 20)
    with pytest.raises(InputError, match="compares scores of 68 bits; accepted on replicated3_malicious"):
        proven_trees.check(wide, RING)
    gains = Shape(2000, 4, Statistics(2), 3, 20, least_gain=Fraction(1, 9))
    proven_trees.check(gains, RING)
    narrow = Shape(3000, 4, Statistics(1, False, 1), 3, 20, least_gain=Fraction(1, 9))
    with pytest.raises(InputError, match="compares gains of 68 bits"):
        proven_trees.check(narrow, RING)
    with pytest.raises(InputError, match=r"trees\.height = 0"):
        proven_trees.check(Shape(4, 2, Statistics(2), 0, 4), RING)


@pytest.mark.parametrize("depth", [1, 2] if LONG else [2])
def test_a_growth_goes_on_from_where_it_stood(depth):
    values, statistics = table(np.random.default_rng(4), 9, 2, 2)
    shape = Shape(9, 2, Statistics(2), 3, 4, digit=4)
    told = []

    async def twice(me, values, statistics, shape):
        stood = {}

        def after(levels, stand):
            assert isinstance(stand, Stand)
            assert not me.unverified
            stood[levels] = stand

        await grow(me, values, statistics, shape, after)
        told.append(sorted(stood))
        return await grow(me, values, statistics, shape, stand=stood[depth])

    found, _ = grown(values, statistics, shape, how=twice)
    same(read(found.outputs["client"], shape), wanted(values, statistics, shape))
    assert told == [[1, 2]] * 3


# Lies


SMALL = Shape(3, 1, Statistics(2), 2, 2, digit=2)
ROWS = np.array([[0, -1, 1]]), np.array([[1, 0, 1], [0, 1, 0]])


def some_of(every, few):
    """Return so many messages, from all over a run; all with MPCSIM_LONG=1."""
    return every if LONG else every[len(every) // (2 * few) :: len(every) // few]


def test_a_growth_that_is_tampered_with_is_right_or_aborts():
    """Every message of a small growth, by default some; both honest servers end alike."""
    choices = MaliciousChoices(patience="30 s", security=20)

    def ran(**more):
        return grown(*ROWS, SMALL, family=ReplicatedMalicious, choices=choices, **more)[0]

    honest, aborted = ran(), 0
    same(read(honest.outputs["client"], SMALL), wanted(*ROWS, SMALL))
    for turn, (source, to, number) in enumerate(some_of(list(places(honest)), 2)):
        how = ("add", "replace", "withhold")[turn % 3]
        value = {} if how == "withhold" else {"value": turn % 2}
        found = ran(faults=[Tamper(source=source, to=to, messages=number, how=how, **value)])
        ends = {found.outcomes[f"server{place}"] for place in range(3) if place != source}
        where = source, to, number, how
        assert len(ends) == 1, where
        if found.outcomes["client"] == "aborted":
            aborted += 1
            assert ends == {"aborted"}, where
        else:
            assert np.array_equal(found.outputs["client"], honest.outputs["client"]), where
    assert aborted > 0


def test_no_message_of_a_growth_goes_without_a_claim():
    honest, _ = grown(*ROWS, SMALL)
    wrong = 0
    for source, to, number in some_of(list(places(honest)), 4):
        if number == 0:  # a key or an image, which `settle` compares: test_verdicts
            continue
        rule = Tamper(source=source, to=to, messages=number, how="add", value=1)
        try:
            found, seen = grown(*ROWS, SMALL, faults=[rule])
            check(seen)
        except (AssertionError, MpcsimError):
            wrong += 1  # a claim fails, or the receiver refused the form of the message
            continue
        assert "aborted" in found.outcomes.values(), (source, to, number)
        wrong += 1
    assert wrong > 2


# What is opened


@pytest.mark.parametrize("labels", [(0, 1), (0, 0)] if LONG else [(0, 1)])
def test_orders_that_a_growth_opens_are_uniform_whatever_the_rows_are(labels):
    """Two rows: of each opening both orders come, as often whether rows part or not."""
    values, statistics = np.array([[0, 1]]), np.eye(2, dtype=int)[list(labels)].T
    shape, tries, seen = Shape(2, 1, Statistics(2), 2, 2, digit=2), 200 if LONG else 6, []

    class Seen(Kept):
        name = "seen"

        async def disclose(self, value, bits):
            words = await super().disclose(value, bits)
            seen.append(words.reshape(-1).tolist())
            return words

    for seed in range(tries):
        grown(values, statistics, shape, family=Seen, seed=seed)
    openings = len(seen) // (3 * tries)
    assert openings == 3  # a pass of the sort, the sorted order, a partition
    for place in range(openings):
        once = [tuple(one) for one in seen[3 * place :: 3 * openings]]
        assert set(once) == {(0, 1), (1, 0)}
        if LONG:
            assert abs(once.count((0, 1)) - tries / 2) < 4 * np.sqrt(tries / 4)


# What is sent before


FAR = 6.5  # standard deviations of χ², of messages of 1 kB and more


def deviation(words):
    counts = np.bincount(words.reshape(-1), minlength=256)
    expected = counts.sum() / 256
    return (((counts - expected) ** 2 / expected).sum() - 255) / np.sqrt(2 * 255)


def _worst(place):
    """Return the greatest deviation of what a server gets, alone and beside what it got or sent.

    All rows are public and alike: a message that its sender forgot to mask shows.
    """
    shape = Shape(180, 8, Statistics(2), 2, 4, digit=4)
    terms = Terms(RING, MaliciousChoices(), Kept.roster())
    known, worst = [], []

    async def server(party):
        me = await Kept.join(party, terms)
        values = me.public(np.full((8, 180), 3, RING.dtype))
        classes = np.zeros((2, 180), RING.dtype)
        classes[0] = 1
        await grow(me, values, me.public(classes), shape)

    def arrays(payload):
        parts = payload if isinstance(payload, list) else [payload]
        return [one for one in parts if isinstance(one, np.ndarray)]

    def sent(to, payload):
        known.extend(arrays(payload))
        return payload

    def received(source, payload):
        for one in arrays(payload):
            if one.size >= 1024:
                worst.append(deviation(one))
                worst.extend(deviation(one ^ other) for other in known if other.shape == one.shape)
            known.append(one)
        return payload

    async def watched(party, honest):
        return await honest(Puppet(party, sent, received))

    simulate(roles=dict.fromkeys(terms.roster.servers, server), seed=3,
             adversaries={f"server{place}": watched})  # fmt: skip
    assert len(worst) > 100
    return max(worst)


@pytest.mark.parametrize("place", range(3) if LONG else [1])
def test_every_message_of_a_growth_is_uniform_before_it_is_verified(place):
    assert _worst(place) < FAR


def test_a_growth_without_masks_would_be_found(monkeypatch):
    monkeypatch.setattr(
        Checked, "random", lambda me, key, purpose, shape, dtype=None: np.zeros(shape, dtype or RING.dtype)
    )
    assert _worst(0) > FAR
