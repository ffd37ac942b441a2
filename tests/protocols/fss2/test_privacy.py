"""Keys and openings say nothing to whoever computed whatever before them; each mask is needed."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from family_views import FamilyBlock
from states import FAR, N, deviation, rows

from protocols.correlated import hashed
from protocols.dealer2 import Actor
from protocols.fss2 import Fss2
from protocols.functions import argmax, equal, less_than, relu, steps
from protocols.kernels import deal_bit_trees, deal_word_trees, tree_sizes
from protocols.kernels.trees import SEED_BITS


@dataclass(frozen=True)
class _Formed(FamilyBlock):
    form: str = "key"

    @property
    def _terms(self):
        return replace(super()._terms, choices=Fss2.Choices(form=self.form))


async def _places(me, x):
    return await steps(me, x, [1, 4, 9], 9)


async def _place_of_largest(me, x, y, z):
    return await argmax(me, me.stack([x, y, z], -1))


PROGRAMS = {
    "relu": (relu, (3,), {"key": ("sign", "bit", "d/0"), "spline": ("chosen", "root")}),
    "less than": (less_than, (3, 5), {"key": ("sign", "root", "bit", "d/0"), "spline": ("sign", "root")}),
    "equal": (equal, (7, 7), {"key": ("sign", "root", "bit"), "spline": ("sign", "root")}),
    "places": (_places, (5,), {"key": ("sign", "bit"), "spline": ("sign", "root")}),
    "argmax": (_place_of_largest, (3, 9, 4), {"key": (), "spline": ("chosen", "sign")}),
}
"""Programs, their secrets, and what each form draws whose absence shows beside one row of a receiver.

A key of 8 bits is one table, each row of which the top bit of r hides: without roots that shows in two rows
of it together, so that roots are left out of wider comparisons.
"""
CASES = [(name, form) for name in PROGRAMS for form in ("key", "spline")]
MASKS = [(name, form, mask) for name, form in CASES for mask in PROGRAMS[name][2][form]]


def _block(name, form):
    program, secrets, _ = PROGRAMS[name]
    return _Formed(name, program, secrets, family=Fss2, form=form)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_every_message_is_uniform_beside_all_that_its_receiver_computed(name, form):
    block = _block(name, form)
    assert block.worst() < FAR
    assert [one.received for one in block.helpers()] == [0]


@pytest.mark.parametrize(("name", "form", "purpose"), MASKS)
def test_a_missing_mask_is_found(name, form, purpose, monkeypatch):
    block, drawn = _block(name, form), Actor.drawn
    assert block.widths  # as they are with all masks in place

    def bare(self, name, *more):
        words = drawn(self, name, *more)
        return [np.zeros_like(one) for one in words] if name == purpose else words

    first = Actor._first

    def shared(self, name, pieces):
        found = first(self, name, pieces)
        return [np.zeros_like(one) if f"{name}/{i}" == purpose else one for i, one in enumerate(found)]

    monkeypatch.setattr(Actor, "drawn", bare)
    monkeypatch.setattr(Actor, "_first", shared)
    assert block.worst() > FAR


# A key beside all that its server can expand it to

BITS, ALPHA = 10, 0b1011011101


def _dealt(roots, width):
    """Return correction words of keys of one secret: all arrays of them, and whether they are bits."""
    alpha, ones = np.full(N, ALPHA, np.uint64), np.ones((1, N), np.uint64)
    if width == 1:
        return deal_bit_trees(roots, alpha, BITS, ones[0])
    return deal_word_trees(roots, alpha, BITS, width, ones, ones)


def _expanded(party, root, seeds, many):
    """Return the rows of all that a server's root expands to on the path of α, and beside it."""
    seed, control, found = root.copy(), np.full(N, party, np.uint64), [*root]
    for level in range(len(seeds)):
        seed[0] &= ~np.uint64(3)
        side = ALPHA >> (BITS - 1 - level) & 1
        for tweak in (0, 1):
            below = np.stack([seed[0] ^ np.uint64(tweak), seed[1]])
            found += [*hashed(below, 0), *hashed(below, 1)][: 2 + many]
        own = hashed(np.stack([seed[0] ^ np.uint64(side), seed[1]]), 0)
        word = seeds[level]
        flag = own[0] ^ control * (word[0] >> np.uint64(side))
        seed, control = own ^ control * word, flag & np.uint64(1)
    return found


def _pieces(words):
    """Return words of 64 bits as rows of 16."""
    return [row for word in words for row in np.ascontiguousarray(word).view(np.uint16).reshape(N, 4).T]


def _worst(roots, width, party):
    seeds, outputs = _dealt(roots, width)
    levels, _ = tree_sizes(BITS, width)
    assert len(seeds) == levels > 0
    known = _pieces(_expanded(party, roots[party], seeds, 0 if width == 1 else 2))
    worst = 0.0
    state = np.array([np.zeros(N, np.uint16), *known])
    for word in _pieces(seeds.reshape(-1, N)):
        worst = max(worst, deviation(word, state, 16))
    if width > 1:
        for word in _pieces(outputs.reshape(-1, N)):
            worst = max(worst, deviation(word, state, 16))
        return worst
    bits = np.concatenate([np.stack(list(rows(plane))) for plane in outputs])
    low = np.stack([row >> place & 1 for row in known for place in range(16)])
    agree = np.abs((1 - 2 * (bits & 1).astype(np.float32)) @ (1 - 2 * low.astype(np.float32)).T)
    return max(worst, float(agree.max() / np.sqrt(N)))


@pytest.mark.parametrize("party", [0, 1])
@pytest.mark.parametrize("width", [1, 64])
def test_correction_words_are_uniform_beside_all_that_a_server_can_expand(width, party):
    assert SEED_BITS == 128
    roots = np.random.default_rng(width).integers(0, 2**64, (2, 2, N), np.uint64)
    assert _worst(roots, width, party) < FAR


@pytest.mark.parametrize("party", [0, 1])
@pytest.mark.parametrize("width", [1, 64])
def test_a_root_that_is_known_to_the_other_server_is_found(width, party):
    roots = np.random.default_rng(width).integers(0, 2**64, (2, 2, N), np.uint64)
    roots[1 - party] = 5
    assert _worst(roots, width, party) > FAR
