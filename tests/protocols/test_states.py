"""Every message of a composed block is uniform beside all that its receiver has computed before."""

import os

import numpy as np
import pytest
from states import FAR, Block, N

from protocols.replicated3.constructions.arithmetic import multiply_fixed, multiply_locally
from protocols.replicated3.constructions.comparison import inside, less_than
from protocols.replicated3.constructions.conversion import from_bits, inject, is_zero, to_bits
from protocols.replicated3.constructions.maximum import argmax
from protocols.replicated3.constructions.truncation import truncate_exact
from protocols.replicated3.layers.activation import relu
from protocols.replicated3.layers.block import pool_and_relu_of_sum, pool_and_relu_with_choices
from protocols.replicated3.layers.pooling import max_pool2d
from protocols.replicated3.sharings.server import Choices
from protocols.replicated3.sharings.sharing import Share, concatenate
from protocols.replicated3.training.backward import back_to_entries, routes


def _side_by_side(server, words):
    """Return (1, 1, n · N, 1) whose windows of 1 × n hold one of n values each."""
    return np.ascontiguousarray(server.kernels.stack(words, 0).T).reshape(1, 1, -1, 1)


async def _pool(server, *values):
    images = (_side_by_side(server, [getattr(x, part) for x in values]) for part in ("a", "b"))
    return await max_pool2d(server, Share(*images), (1, len(values)))


LONG = bool(os.environ.get("MPCSIM_LONG"))
SPANS = ("sum", "pool", "relu")


def _sums(server, values):
    """Return masked summands of the products of neighbours."""
    pairs = zip(values, values[1:] + values[:1], strict=True)
    return _side_by_side(server, [multiply_locally(server, x, y) for x, y in pairs])


async def _pool_of_sums(server, *values):
    return await pool_and_relu_of_sum(server, _sums(server, values), (1, len(values)), True, SPANS)


async def _back(server, *values):
    z, window = _sums(server, values), (1, len(values))
    y, taken = await pool_and_relu_with_choices(server, z, window, True, SPANS)
    return await back_to_entries(server, y, await routes(taken))


async def _argmax(server, *values):
    columns = concatenate(server, [x.reshape(-1, 1) for x in values], axis=1)
    return await argmax(server, columns)


async def _inside(server, x):
    return await inside(server, x, [-3, 4, 30], [(0, 2), (1, None)], 7)


async def _there_and_back(server, x):
    for third, planes in await to_bits(server, x, 5):
        await from_bits(third, planes, N)


async def _injected(server, x, y):
    ((third, planes),) = await to_bits(server, x, 1)
    return await inject(third, planes[0], y)


def _choices(comparison="table", radix=None, select="two_rounds", truncation="safe"):
    return Choices(comparison, radix, truncation, select, rotate=False)


# F(k_2) is known to both servers 1 and 2: it hides nothing in what they exchange, and is of use only where
# z_0 travels as well. Without the mask of what is read off tables, or of a sum that is rounded, a message
# is a function of more than two rows; `test_privacy` enumerates them.
PRODUCT, AND = frozenset([(2, "product")]), frozenset([(2, "and")])
# Where a number is compared with several limits, what each reads shares a row with what others do.
READ, SUMS = frozenset([(0, "read"), (1, "read")]), frozenset([(0, "product"), (1, "product")])

LIMITS = READ | frozenset([(0, "and"), (1, "and")])

BLOCKS = [
    Block("multiply, safe", multiply_fixed, (5, -9), spare=PRODUCT),
    Block("multiply, fused", multiply_fixed, (5, -9), _choices(truncation="fused"), PRODUCT),
    Block("truncate exactly", truncate_exact, (-77,), _choices(radix=2), AND),
    Block("less than", less_than, (40, -3)),
    Block("less than, one round", less_than, (40, -3), _choices(radix=2, select="one_round")),
    Block("zero test", is_zero, (0,), elsewhere=READ),
    Block("bits and back", _there_and_back, (21,)),
    Block("injected", _injected, (1, -50)),
    Block("relu", relu, (-30,), spare=AND, elsewhere=READ),
    Block("relu, one round", relu, (30,), _choices(select="one_round"), AND, READ),
    Block("relu by tree", relu, (30,), _choices("tree")),
    Block("relu by prefix", relu, (30,), _choices("prefix")),
    Block("relu by ripple", relu, (30,), _choices("ripple")),
    Block("pool", _pool, (1, 2, -3, 2)),
    Block("argmax", _argmax, (1, -2, 5), _choices(radix=2)),
    Block("inside", _inside, (17,), _choices(radix=2), frozenset(), LIMITS),
    Block("inside, one round", _inside, (-3,), _choices(radix=3, select="one_round"), AND, LIMITS),
    Block("sums", _pool_of_sums, (40, 2), _choices(radix=2), spare=PRODUCT, elsewhere=SUMS),
    Block(
        "sums, one round", _pool_of_sums, (-30, 40), _choices(radix=2, select="one_round"), PRODUCT, SUMS
    ),
    Block("sums and back", _back, (40, 2), _choices(radix=2), spare=PRODUCT, elsewhere=SUMS),
]
BY_NAME = {block.name: block for block in BLOCKS}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_message_is_uniform_beside_the_state_of_its_receiver(block):
    assert all(server.view.state for server in block.run())
    assert sum(map(len, block.widths)) > 2
    assert block.worst() < FAR


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_each_mask_that_is_left_out_shows(block):
    turn = BLOCKS.index(block) % 2
    for mask in block.masks() if LONG else sorted(block.masks())[turn::2]:
        if mask not in block.elsewhere:
            found = block.worst(frozenset([mask]))
            assert (found > FAR) != (mask in block.spare), f"without {mask}: {found}"


@pytest.mark.parametrize(
    ("name", "mask"),
    [
        ("relu", (1, "A")),
        ("relu", (0, "tables")),
        ("relu", (1, "split")),
        ("relu by ripple", (0, "and")),
        ("less than, one round", (0, "beta")),
        ("sums and back", (1, "msb")),
    ],
)
def test_messages_alone_do_not_show_what_they_give_away_beside_the_state(name, mask):
    """The control for the state itself: without it, a block with a mask left out passes."""
    flawed = frozenset([mask])
    assert BY_NAME[name].worst(flawed, state=False) < FAR
    assert BY_NAME[name].worst(flawed) > 2 * FAR
