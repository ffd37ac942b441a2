"""Secret rows in secret trees on any family: leaves as in the clear, wherever the tree is cut."""

import os

import numpy as np
import pytest
from family_views import FamilyBlock
from states import FAR

from mpcsim import simulate
from protocols.domains import Ring
from protocols.family import Terms
from protocols.paths import Planted, answers, products, top_of
from scenarios.clear.trees import ClearTree
from scenarios.families import families

LONG = bool(os.environ.get("MPCSIM_LONG"))
RING = Ring(64, 16, 31)
FAMILIES = families()
LARGEST = 2**30 - 1


def planted(rng, height, attributes, columns, values):
    """Return a tree whose thresholds lie between, on and far from values; some nodes test nothing."""
    nodes = (1 << height) - 1
    tests = rng.random(nodes) < 0.8
    chosen = np.where(tests, rng.integers(0, attributes, nodes), 0)
    one, other = rng.choice(values.ravel(), (2, nodes))
    twice = np.where(tests, one + np.where(rng.random(nodes) < 0.5, one, other), 0)
    leaves = rng.integers(-5, LARGEST, (nodes + 1, columns))
    return ClearTree(tests, chosen, twice, leaves)


def asked(family, clear, values, attributes, tops):
    """Return what a family answers to rows (q, m) for each cut."""
    words = [
        (clear.attributes[:, None] == np.arange(attributes)) & clear.tests[:, None],
        clear.twice,
        clear.leaves,
        values,
    ]
    words = [RING.encode_integers(np.asarray(one, np.int64)) for one in words]
    terms = Terms(RING, family.Choices(), family.roster())
    shapes = [one.shape for one in words]

    async def client(party):
        for number, each in enumerate(words):
            with party.channel(f"given/{number}"):
                family.give(party, terms, each)
        found = []
        for top in tops:
            with party.channel(f"shown/{top}"):
                found.append(await family.learn(party, terms, (len(values), clear.leaves.shape[1])))
        return [RING.signed(one) for one in found]

    async def server(party):
        me = await family.join(party, terms)
        given = []
        for number, shape in enumerate(shapes):
            with party.channel(f"given/{number}"):
                given.append(await me.take("client", shape))
        *tree, rows = given
        for top in tops:
            with me.online():
                found = await answers(me, Planted(*tree), rows, top)
                await me.settle()
            with party.channel(f"shown/{top}"):
                me.show(found, "client")

    run = simulate(roles={**dict.fromkeys(terms.roster.actors, server), "client": client}, seed=5)
    return run.outputs["client"]


def _case(family, number):
    """Return height, attributes, columns and rows of a case; families take turns."""
    sizes = [(1, 1, 1, 1), (2, 3, 2, 4), (3, 1, 1, 6), (4, 5, 1, 3), (5, 2, 3, 2)]
    return sizes[(number + list(FAMILIES).index(family)) % len(sizes)]


@pytest.mark.parametrize("number", range(5) if LONG else range(1))
@pytest.mark.parametrize("name", FAMILIES)
def test_rows_come_to_the_leaves_of_the_clear_wherever_the_tree_is_cut(name, number):
    height, attributes, columns, count = _case(name, number)
    rng = np.random.default_rng([height, attributes])
    values = rng.integers(-20, 20, (count, attributes))
    values[0] = LARGEST * rng.choice([-1, 1], attributes)
    clear = planted(rng, height, attributes, columns, values)
    tops = [None, *range(1, height + 1)] if LONG else [None, max(1, height - 1)]
    for found in asked(FAMILIES[name], clear, values, attributes, tops):
        assert np.array_equal(found, clear.leaves[clear.leaf_of(values.T)])


def test_every_height_is_walked_in_the_clear():
    rng = np.random.default_rng(3)
    for height in range(1, 11):
        values = rng.integers(-1000, 1000, (9, 4))
        clear = planted(rng, height, 4, 1, values)
        [found] = asked(FAMILIES["plain"], clear, values, 4, [None])
        assert np.array_equal(found, clear.leaves[clear.leaf_of(values.T)])


def test_the_cut_sends_fewest_products_and_grows_with_the_root_of_the_leaves():
    for attributes in (1, 4, 30, 200):
        for height in range(1, 11):
            top = top_of(height, attributes, 1)
            sent = [products(height, one, attributes, 1) for one in range(1, height + 1)]
            assert sent[top - 1] == min(sent)
        assert products(10, top_of(10, attributes, 1), attributes, 1) < 1500
    assert products(10, top_of(10, 4, 1), 4, 1) < products(10, 10, 4, 1) / 7


async def _in_two(me, row, one):
    """Ask a tree of height 2, cut below its root, of equal rows; its numbers are secret as well."""
    tree = [me.cut(one, slice(0, size)) for size in (3, 3, 4)]
    shaped = [me.reshape(tree[0], (3, 1)), tree[1], me.reshape(tree[2], (4, 1))]
    return await answers(me, Planted(*shaped), me.reshape(row, (-1, 1)), 1)


SECRET = [name for name in FAMILIES if name not in ("plain", "replicated3_malicious")]
"""The family that aborts where messages are not packed has its own test of packed bytes."""
SECRET = SECRET if LONG else ["dealer2", "replicated3"]


@pytest.mark.parametrize("secrets", [(0, 1), (2, 1)] if LONG else [(2, 1)])
@pytest.mark.parametrize("name", SECRET)
def test_no_server_sees_anything_of_row_or_tree(name, secrets):
    block = FamilyBlock("asked", _in_two, secrets, family=FAMILIES[name])
    assert block.worst() < FAR
    assert all(one.received == 0 for one in block.helpers())


@pytest.mark.parametrize("name", SECRET)
def test_without_its_keys_a_family_shows_them(name):
    block = FamilyBlock("asked", _in_two, (2, 1), family=FAMILIES[name])
    assert block.worst(frozenset({"keys"})) > FAR
