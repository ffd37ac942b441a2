"""No message shows anything to whoever computed whatever before it; each mask is needed, and once."""

import numpy as np
import pytest
from family_views import FamilyBlock
from states import FAR, N, deviation

from protocols.dealer2 import Dealer2
from protocols.dealer2.actor import Actor, Part, planes
from protocols.functions import multiply_fixed, relu, steps
from protocols.kernels import from_planes


async def _product_of_matrices(me, x, y):
    rows = me.reshape(x, (-1, 1))
    return await me.close(await me.product("matmul", rows, me.cut(me.reshape(y, (1, -1)), np.s_[:, :1])))


async def _select_another(me, x, y):
    return await me.select(await me.negative(x), y)


async def _bits_and_back(me, x):
    return await me.compose(await me.decompose(x))


async def _number(me, x):
    return await me.to_value(await me.negative(x))


async def _conjunction(me, x, y):
    return await me.both(await me.from_value(x), await me.from_value(y))


async def _places(me, x):
    return await steps(me, x, [1, 4, 9], 9)


async def _wider_and_cut(me, x):
    wide = me.widened(32)
    return await wide.close(wide.as_sum(await me.widen(x, wide)), 3)


PROGRAMS = {
    "multiply and truncate": (multiply_fixed, (3, 5), ("a", "b", "c/0", "shift", "r/0", "r/1")),
    "multiply matrices": (_product_of_matrices, (3, 5), ("a", "shift")),
    "relu": (relu, (3,), ("sign", "variables", "bit", "digits/1", "products/0", "d/0")),
    "select another": (_select_another, (3, 5), ("select", "sign", "bit", "d/0", "d/1")),
    "number of a bit": (_number, (3,), ("bit", "d/0")),
    "conjunction": (_conjunction, (1, 0), ("variables", "products/0")),
    "bits and back": (_bits_and_back, (77,), ("bits", "variables", "products/0")),
    "places": (_places, (5,), ("sign", "bit", "digits/1", "d/0")),
    "wider and cut": (_wider_and_cut, (100,), ("shift",)),
}
"""Programs, their secrets, and masks whose absence shows beside one row of what a receiver computed.

Others (the top bit of r, all bits of r) show in three rows together: the test of what is dealt finds them.
"""
MASKS = [(name, mask) for name, (_, _, masks) in PROGRAMS.items() for mask in masks]


def _block(name):
    program, secrets, _ = PROGRAMS[name]
    return FamilyBlock(name, program, secrets, family=Dealer2)


def _without(monkeypatch, purpose):
    """Have a mask be zero, of the servers and of the dealer alike: the results stay right."""
    mask, first = Actor.mask, Actor._first

    def bare(self, name, *more):
        words = mask(self, name, *more)
        return np.zeros_like(words) if name == purpose else words

    def shared(self, name, pieces):
        found = first(self, name, pieces)
        return [np.zeros_like(one) if f"{name}/{i}" == purpose else one for i, one in enumerate(found)]

    monkeypatch.setattr(Actor, "mask", bare)
    monkeypatch.setattr(Actor, "_first", shared)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_message_is_uniform_beside_all_that_its_receiver_computed(name):
    assert _block(name).worst() < FAR


@pytest.mark.parametrize(("name", "purpose"), MASKS)
def test_a_missing_mask_is_found(name, purpose, monkeypatch):
    block = _block(name)
    assert block.widths  # as they are with all masks in place
    _without(monkeypatch, purpose)
    assert block.worst() > FAR


@pytest.fixture
def opened(monkeypatch):
    """Return what is opened, by role, one array for each."""
    found, real = {}, Actor.opened

    async def noted(self, *parts):
        words = await real(self, *parts)
        found.setdefault(self.party.role, []).extend(words)
        return words

    monkeypatch.setattr(Actor, "opened", noted)
    return found


async def _two_products(me, x, y):
    return await me.product("mul", x, y), await me.product("mul", y, x)


def _difference(opened, purpose):
    """Return how far from uniform the difference of two openings under one purpose is."""
    first, second = ("a", "b").index(purpose), ("a", "b").index(purpose) + 2
    found = opened["server0"]
    return deviation(found[first].astype(np.uint16), found[second].astype(np.uint16)[None], 16)


@pytest.mark.parametrize("purpose", ["a", "b"])
def test_a_mask_that_is_used_twice_is_found(purpose, monkeypatch, opened):
    block = FamilyBlock("two products", _two_products, (3, 5), family=Dealer2)
    block.seen()
    assert _difference(opened, purpose) < FAR
    mask, known = Actor.mask, {}

    def again(self, name, *more):
        words = mask(self, name, *more)
        return known.setdefault((self.party.role, name), words) if name == purpose else words

    monkeypatch.setattr(Actor, "mask", again)
    opened.clear()
    block.seen()
    assert _difference(opened, purpose) > FAR


@pytest.mark.parametrize(("masked", "equal"), [(True, False), (False, True)])
def test_what_is_dealt_hides_the_mask_of_an_opening(masked, equal, monkeypatch, opened):
    if not masked:
        _without(monkeypatch, "bits/0")
    dealt, real = {}, Actor.dealt

    async def noted(self, *more):
        words = await real(self, *more)
        dealt[self.party.role] = words[0]
        return words

    monkeypatch.setattr(Actor, "dealt", noted)
    program = FamilyBlock("bits", _first_opening, (77,), family=Dealer2)
    program.seen()
    r = from_planes(dealt["server1"], N, np.uint32)
    assert np.all((opened["server1"][0] - r) % 2**16 == 77) == equal


async def _first_opening(me, x):
    """Open x under a mask whose bits are dealt, as `decompose` begins."""
    actor = me.actor
    r = actor.mask("bits", x.shape)
    part = Part(me.kernels.add(x, r), me.ring.bits)
    actor.send(part)
    width = planes(me.ring.bits, x.size // 8)
    await actor.dealt("bits", [width], lambda tools: [tools.bit_planes(r, 0, me.ring.bits)])
    await actor.opened(part)


def test_the_dealer_receives_nothing_and_no_key_is_known_to_both_servers():
    keys = {}

    async def kept(me, x):
        keys[me.party.role] = me.actor.keys
        return await relu(me, x)

    block = FamilyBlock("keys", kept, (3,), family=Dealer2)
    assert [one.received for one in block.helpers()] == [0]
    assert keys["dealer"] == keys["server0"] + keys["server1"]
    assert len(keys["dealer"]) == len(set(keys["dealer"])) == 2
