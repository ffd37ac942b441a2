"""No server sees anything but uniform numbers, and each mask is needed."""

import numpy as np
import pytest
from family_views import FamilyBlock
from jointly import run
from states import FAR

from protocols.family import Linear
from protocols.functions import equal, less_than, multiply, multiply_fixed, relu, truncate_exact
from protocols.layers import block
from protocols.replicated4 import sharing
from protocols.replicated4.family import Replicated4
from protocols.replicated4.joint import _RECEIVER
from protocols.replicated4.seat import Seat


async def _bits(me, x):
    return await me.compose(await me.decompose(x))


async def _both(me, x, y):
    return await me.to_value(await me.both(await me.negative(x), await me.negative(y)))


async def _selected(me, x, y):
    return await me.select(await me.from_value(x), y)


async def _widened(me, x):
    wide = me.widened(20)
    return await multiply_fixed(wide, await me.widen(x, wide), await me.widen(x, wide))


async def _convolved(me, x, y):
    images = me.reshape(x, (1, -1, 1, 1))
    return await multiply_fixed(me, images, me.reshape(me.cut(y, slice(0, 1)), (1, 1, 1, 1)), kind="conv2d")


async def _block(me, x, y):
    """Two values' sums in one block: each column of the images is a number of its own."""
    images = me.reshape(me.stack([x, x]), (2, 1, -1, 1))
    kernel = me.reshape(me.cut(y, slice(0, 1)), (1, 1, 1, 1))
    linear = Linear("conv", "conv2d", "conv2d", images, kernel, None, (1, x.shape[0], 1))
    return await block(me, [linear], [], "conv", "conv2d", True, None)


SIZE = 4096
PROGRAMS = {
    "multiply": (multiply, (3, 5)),
    "multiply_fixed": (multiply_fixed, (3, 2**16 - 5)),
    "conv2d": (_convolved, (3, 5)),
    "relu": (relu, (2**16 - 3,)),
    "less_than": (less_than, (5, 3)),
    "equal": (equal, (5, 5)),
    "truncate_exact": (truncate_exact, (2**16 - 9,)),
    "select": (_selected, (2**16 - 1, 77)),
    "bits": (_bits, (77,)),
    "block": (_block, (3, 20)),
    "both": (_both, (2**16 - 1, 3)),
    "widened": (_widened, (9,)),
}


def _block(name):
    program, secrets = PROGRAMS[name]
    return FamilyBlock(name, program, secrets, family=Replicated4)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_message_is_uniform_beside_all_that_its_receiver_computed(name):
    assert _block(name).worst() < FAR


@pytest.mark.parametrize("pair", _RECEIVER)
@pytest.mark.parametrize("name", ["multiply", "select"])
def test_a_pair_that_masks_nothing_shows_what_it_knows(name, pair, monkeypatch):
    drawn = Seat.mask

    def mask(me, j, purpose, shape, dtype):
        words = drawn(me, j, purpose, shape, dtype)
        return np.zeros_like(words) if purpose == f"mask of {pair} by" else words

    block = _block(name)
    assert block.widths
    monkeypatch.setattr(Seat, "mask", mask)
    assert block.worst() > FAR


def test_a_mask_that_is_used_twice_is_seen(monkeypatch):
    drawn, kept = Seat._drawn, {}

    def again(me, key, purpose, shape, dtype):
        found = drawn(me, key, purpose, shape, dtype)
        return kept.setdefault((me.place, key, purpose, shape, dtype), found)

    block = _block("relu")
    assert block.widths
    monkeypatch.setattr(Seat, "_drawn", again)
    assert block.worst() > FAR


def _shown(monkeypatch):
    """Return, of each component of a product, by how much what is shown to a client differs from it."""
    held, shown = {}, []
    show, receive = sharing.show, sharing._shown

    def keep(me, x, client):
        held.update(x.parts)
        show(me, x, client)

    async def see(party, names, patience):
        shown.extend(await receive(party, names, patience))
        return shown

    monkeypatch.setattr(sharing, "show", keep)
    monkeypatch.setattr(sharing, "_shown", see)
    ring = Replicated4.domain(64, 16, 31, {})
    found = run("multiply_fixed", SIZE, ring, np.full(SIZE, 6 << 16), np.full(SIZE, 7 << 16))
    assert (np.abs(ring.signed(found.outputs["client"]) - (42 << 16)) <= 1).all()
    return [shown[(j + 3) % 4][0].view(np.uint64) - held[j] for j in range(4)]


def _far(words):
    """Return by how many standard deviations the top four bits are from uniform."""
    counts = np.bincount((words >> np.uint64(60)).astype(int), minlength=16)
    return abs(((counts - SIZE / 16) ** 2).sum() * 16 / SIZE - 15) / np.sqrt(30)


def test_what_a_client_is_shown_is_masked_but_for_the_sum(monkeypatch):
    masks = _shown(monkeypatch)
    assert not sum(masks).any()
    for chosen in range(1, 15):
        assert _far(sum(mask for j, mask in enumerate(masks) if chosen >> j & 1)) < FAR


def test_without_the_common_key_a_client_would_see_components(monkeypatch):
    monkeypatch.setattr(Seat, "common_mask", lambda me, purpose, shape: np.zeros(shape, np.uint64))
    assert all(_far(mask) > FAR for mask in _shown(monkeypatch))
