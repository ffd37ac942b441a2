"""Dry runs: the shape-only twin has the kernels' names and shapes, and a run on it a real run's costs."""

import inspect
import os
import types
from dataclasses import replace
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
from analysis.predict.measuring import SHIPPED
from mpcsim import Network, Party, simulate
from mpcsim.metering.frames import seal
from mpcsim.scenario import load_scenario, workload
from protocols import kernels
from protocols.domains import LIMBS, as_elements
from protocols.domains.ring import Ring
from protocols.kernels import shapes
from protocols.replicated3 import Replicated3
from protocols.replicated3.constructions.arithmetic import conv2d_fixed, dot_fixed
from protocols.replicated3.constructions.conversion import from_bit, from_bits, inject, is_zero, to_bits
from protocols.replicated3.constructions.maximum import argmax
from protocols.replicated3.constructions.truncation import truncate_exact
from protocols.replicated3.functions.division import reciprocal
from protocols.replicated3.functions.roots import inverse_square_root
from protocols.replicated3.layers.block import pool_and_relu_of_sum
from protocols.replicated3.layers.pooling import average_pool2d, max_pool2d
from protocols.replicated3.sharings.server import Choices, Server
from protocols.replicated3.sharings.sharing import (
    Share,
    receive_from_client,
    receive_reveal,
    reveal,
    reveal_to_client,
    share_by_client,
)
from scenarios.probes.microbench import OPERATIONS

U8, U32, U64, F64 = np.uint8, np.uint32, np.uint64, np.float64


def of(dtype, *shape):
    """Return real data; half of the values are zero, so that every kernel accepts them."""
    return np.arange(int(np.prod(shape))).reshape(shape).astype(dtype) % 2


def w64(*shape):
    return of(U64, *shape)


def w32(*shape):
    return of(U32, *shape)


def pairs(*shape):
    return as_elements(np.arange(int(np.prod(shape))).reshape(shape) % 2, LIMBS)


def u8(*shape):
    return of(U8, *shape)


def uniform(value):
    """Return the arguments of the twin: arrays of the same shapes, without data."""
    if isinstance(value, np.ndarray):
        return shapes.zeros(value.shape, value.dtype)
    if isinstance(value, list | tuple) and any(isinstance(part, np.ndarray) for part in value):
        return [uniform(part) for part in value]
    return value


ONE, NONE = (1, 1), ((0, 0), (0, 0))
SAME, BORDER = ((1, 1), (1, 1)), ((1, 0), (2, 1))
# Arguments that fit and arguments that do not, by kernel.
_ELEMENTWISE = [
    (pairs(3, 1), pairs(2)),
    (w64(3), w64()),
    (pairs(2, 0), pairs(2, 1)),
    (pairs(3), pairs(2)),
]
_WIDE = [(pairs(3, 1), pairs(2)), (pairs(2, 0), pairs(2, 1)), (pairs(3), pairs(2))]
CASES = {
    "mersenne_add": _ELEMENTWISE,
    "mersenne_sub": _ELEMENTWISE,
    "mersenne_mul": _ELEMENTWISE,
    "mersenne_neg": [(pairs(2, 3),), (w64(),)],
    "mersenne_sum": [(pairs(2, 3), 1), (w64(2, 0, 3), 1), (pairs(4), 0), (pairs(4), 1)],
    "mersenne_matmul": [
        (pairs(2, 3), pairs(3, 4)),
        (w64(2, 5, 3), w64(3, 2)),
        (pairs(2, 3), pairs(2, 3)),
        (w64(0, 3), w64(3, 2)),
    ],
    "mersenne_conv2d": [
        (pairs(2, 5, 6, 3), pairs(3, 3, 3, 4), (1, 1), ((1, 1), (1, 1))),
        (w64(1, 5, 6, 3), w64(3, 2, 3, 4), (2, 1), ((0, 1), (1, 0))),
        (w64(1, 5, 6, 3), w64(3, 2, 2, 4), (2, 1), ((0, 1), (1, 0))),
    ],
    "mersenne_integers": [(w64(2, 3), LIMBS), (w64(), U64)],
    "mersenne_words": [(pairs(2, 3),), (w64(4),)],
    "mersenne_shift": [(pairs(2, 3), 5), (w64(4), 60), (w64(4), 0), (pairs(4), 64)],
    "mersenne_low": [(pairs(2, 3), 127), (pairs(2, 3), 50), (w64(4), 61)],
    "mersenne_limbs": [(pairs(2, 3),), (w64(4),), (pairs(0),)],
    "mersenne_of_limbs": [
        (w64(2, 6), (2, 3), LIMBS),
        (w64(1, 6), (6,), U64),
        (w64(2, 6), (6,), U64),
        (w64(2, 5), (6,), LIMBS),
    ],
    "wide_add": _WIDE,
    "wide_sub": _WIDE,
    "wide_mul": _WIDE,
    "wide_neg": [(pairs(2, 3),), (pairs(),)],
    "wide_sum": [(pairs(2, 3), 1), (pairs(2, 0, 3), 1), (pairs(4), 0), (pairs(4), 1)],
    "wide_matmul": [
        (pairs(2, 3), pairs(3, 4)),
        (pairs(2, 5, 3), pairs(3, 2)),
        (pairs(2, 5, 3), pairs(2, 3, 2)),
        (pairs(2, 3), pairs(2, 3)),
    ],
    "wide_conv2d": [
        (pairs(2, 5, 6, 3), pairs(3, 3, 3, 4), (1, 1), ((1, 1), (1, 1))),
        (pairs(1, 5, 6, 4), pairs(3, 2, 2, 4), (2, 1), ((0, 1), (1, 0))),
    ],
    "wide_of": [(w64(2, 3),), (w32(),)],
    "wide_words": [(pairs(2, 3), U64), (pairs(), np.dtype(np.uint32))],
    "wide_pack": [(pairs(2, 3), 104), (pairs(0), 65), (pairs(3), 64), (pairs(3), 129)],
    "wide_unpack": [(u8(78), 104, (2, 3)), (u8(77), 104, (6,)), (u8(0), 70, (0,))],
    "binary_mul": [(u8(3, 1), u8(2), 2), (u8(0), u8(1), 8), (u8(3), u8(2), 2)],
    "binary_matmul": [(u8(2, 3), u8(3, 4), 3), (u8(2, 3), u8(2, 3), 3)],
    "add": [
        (w64(3, 1), w64(2)),
        (w32(3), 5),
        (7, w64(2, 2)),
        (w32(2), w64(2)),
        (w64(), w64(0)),
        (w64(3), w64(2)),
        (u8(3), 256),
        (w64(2), -1),
    ],
    "sub": [(w64(3), w64(3)), (w32(2, 3), w32(3)), (w64(2), w64(3))],
    "mul": [(w64(3), w64(3)), (u8(2, 3), 3), (w64(2), w64(3))],
    "xor": [(u8(4, 3), u8(3)), (u8(4), u8(3))],
    "and_": [(w64(3), 2**64 - 1), (w32(2), 2**32), (w32(2), w32(4))],
    "neg": [(w64(2, 3),), (w32(),)],
    "invert": [(u8(2, 3),)],
    "shift_left": [(w64(3), 5), (w32(), 1)],
    "shift_right": [(w64(3), 5, 40), (w32(2, 0), 1, 32)],
    "low_bits": [(w64(3), 64), (w32(2), 5), (u8(2), 8)],
    "zeros": [((2, 3), U64), (4, U8), ((), U32), ((-1,), U8)],
    "full": [((2, 3), 7, U64), ((), 1, U32), ((2, -3), 1, U32)],
    "concatenate": [
        ([w64(2, 3), w64(1, 3)],),
        ([w64(2, 3), w64(2, 1)], 1),
        ([w64(2, 3), w64(2, 2)],),
        ([w64(2), w64(2, 1)],),
        ([w64(2)], 1),
        ([w32(0), w32(3)], -1),
    ],
    "stack": [
        ([w64(2, 3)] * 4, 0),
        ([w64(2, 3)] * 4, 2),
        ([w32(2)], -1),
        ([w64(2), w64(3)],),
        ([w64(2)], 3),
    ],
    "pad": [(w64(2, 3), ((0, 1), (2, 0))), (w32(2), ((0, 0),)), (w64(2, 3), ((0, 1),))],
    "sum": [(w64(2, 3),), (w64(2, 3), 0), (w32(2, 3, 4), (0, 2)), (w64(2, 3), -1), (w64(2), 1)],
    "take": [
        (w64(3, 4), [0, 2, 2], 0),
        (w64(3, 4), [], 1),
        (w64(3, 4), [-1], 1),
        (w64(3), [3], 0),
        (w64(3), [0], 1),
        (w64(3, 2), np.array([[1, 0]]), 0),
    ],
    "astype": [(w64(3), U32), (u8(2, 2), U64)],
    "where": [(np.ones((2, 1), bool), w64(3), w64(2, 3)), (np.ones(2, bool), w64(3), w64(3))],
    "xor_all": [(u8(3, 4),), (w64(2),), (w64(),)],
    "positions": [((3, 2), U64), ((4,), U32)],
    "one_hot_words": [(w64(5), 4, U64), (w32(0), 8, U32)],
    "pack": [(w64(7), 5), (w32(2, 3), 32), (w64(3), 64), (w64(0), 9), (w64(3), 0), (w64(3), 65)],
    "unpack": [(u8(5), 5, 7, U64), (u8(24), 32, (2, 3), U32), (u8(0), 9, (0,), U64), (u8(4), 5, (7,), U64)],
    "bit_planes": [(w64(9), 0, 64), (w32(2, 4), 3, 2), (w64(0), 0, 3), (w32(5), 30, 3)],
    "from_planes": [(u8(3, 2), 9, U64), (u8(1, 1), 8, U32), (u8(3, 2), 17, U64), (u8(33, 1), 3, U32)],
    "and3": [(u8(2, 3),) * 5, (*((u8(2, 3),) * 4), u8(2, 2))],
    "one_hot": [(u8(3, 2), 12), (u8(2, 3, 2), 16), (u8(3, 2), 17)],
    "table_lookup": [
        (u8(8, 2), u8(3, 2)),
        (u8(5, 4, 2), u8(5, 2, 2)),
        (u8(4, 2), u8(5, 2, 2)),
        (u8(8, 2), u8(2, 2)),
        (u8(4, 3), u8(2, 2)),
    ],
    "digit_entries": [([4, 4, 2],), ([],)],
    "deal_digits": [(w64(5), u8(18, 5), [4, 2], 3), (w64(5), u8(18, 4), [4, 2], 3)],
    "compare_digits": [(w32(5), u8(5), u8(18, 5), [4, 2], 3, 1), (w32(5), u8(5), u8(17, 5), [4, 2], 3, 1)],
    "blind": [(u8(4, 5), u8(4, 5), u8(5), u8(4, 5), 7, 1)],
    "any_zero": [(u8(4, 5), u8(4, 5), 7), (u8(4, 5), u8(4, 3), 7)],
    "uniform_mod": [(w64(4), 17, 20), (w64(2), 17, 15), (w64(3), 17, 15)],
    "uniform_mod_words": [(17, 100), (3, 0)],
    "pack_mod": [(u8(4, 5), 17), (u8(0), 3), (u8(16), 17)],
    "unpack_mod": [(u8(11), 17, 20), (u8(0), 17, 0), (u8(10), 17, 20)],
    "expand_words": [
        (bytes(16), bytes(12), (2, 3), np.dtype(U64)),
        (bytes(16), bytes(12), (), np.dtype(U8)),
    ],
    "product3": [
        (w64(3),) * 4,
        (w32(3, 1), w32(3, 1), w32(2), w32(2), w32(3, 2)),
        (w64(3), w64(3), w64(2), w64(2)),
    ],
    "order_of": [(w64(2, 3, 5),), (w64(2, 5),)],
    "permuted": [
        (w64(3, 5), of(np.intp, 3, 5)),
        (w32(2, 3, 5), of(np.intp, 3, 5)),
        (w32(3, 5), of(np.intp, 3, 4)),
    ],
    "inverted": [(of(np.intp, 3, 5),)],
    "as_order": [(w64(3, 5), 3), (w32(5), 32)],
    "sums_before": [(w64(4, 3, 5), 0), (w32(3, 5), -1), (w32(3, 5), 2)],
    "turned": [(w32(4, 3, 5), w64(3, 5)), (w32(4, 5), w32(4))],
    "permuted_dot_xor": [(w64(4, 5), w64(5), w64(4)), (w64(4, 5), w64(5), w64(8))],
    "exponential_dot": [
        (w64(4, 5), w64(5), of(F64, 4), of(F64, 5)),
        (w32(4, 5), w32(5), of(F64, 3), of(F64, 5)),
    ],
    "product_of_tables": [(w64(5), [of(F64, 256), of(F64, 16)]), (w32(2, 3), [])],
    "rounded": [(of(F64, 5), 20, U64), (of(F64, 2, 3), 8, U32)],
    "matmul": [
        (w64(2, 3), w64(3, 4)),
        (w32(5, 2, 3), w32(3, 9)),
        (w64(2, 3), w64(4, 3)),
        (w64(0, 3), w64(3, 1)),
    ],
    "matmul3": [
        (w64(2, 3), w64(2, 3), w64(3, 4), w64(3, 4)),
        (w64(2, 3), w64(1, 3), w64(3, 4), w64(3, 4)),
        (w64(2, 3), w64(2, 3), w64(3, 4), w64(3, 5)),
    ],
    "conv2d": [
        (w64(2, 5, 6, 3), w64(3, 2, 3, 4), (2, 1), BORDER),
        (w64(2, 5, 6, 3), w64(3, 2, 4, 4), ONE, NONE),
        (w32(1, 2, 2, 1), w32(4, 1, 1, 1), ONE, NONE),
    ],
    "conv2d3": [
        (w64(2, 5, 6, 3), w64(2, 5, 6, 3), w64(3, 2, 3, 4), w64(3, 2, 3, 4), ONE, SAME),
        (w64(2, 5, 6, 3), w64(2, 5, 5, 3), w64(3, 2, 3, 4), w64(3, 2, 3, 4), ONE, SAME),
    ],
    "conv2d3_weight_gradient": [
        (*[w64(2, 5, 6, 3)] * 2, *[w64(2, 3, 3, 4)] * 2, (3, 3), (2, 2), ((1, 1), (1, 0))),
        (*[w64(2, 5, 6, 3)] * 2, *[w64(2, 3, 2, 4)] * 2, (3, 3), (2, 2), ((1, 1), (1, 0))),
    ],
    "conv2d3_input_gradient": [
        (*[w64(2, 3, 3, 4)] * 2, *[w64(3, 3, 5, 4)] * 2, (5, 6), (2, 2), ((1, 1), (1, 0))),
        (*[w64(2, 4, 3, 4)] * 2, *[w64(3, 3, 5, 4)] * 2, (5, 6), (2, 2), ((1, 1), (1, 0))),
        (*[w64(2, 3, 3, 4)] * 2, *[w64(3, 3, 5, 2)] * 2, (5, 6), (2, 2), ((1, 1), (1, 0))),
    ],
    "tree_sizes": [(30, 1), (3, 1), (63, 128), (0, 64)],
    "deal_bit_trees": [
        (w64(2, 2, 9), w32(9), 30, w64(9)),
        (w64(2, 2, 9), w64(9), 3, w64(9)),
        (w64(2, 9), w64(9), 3, w64(9)),
    ],
    "deal_word_trees": [
        (w64(2, 2, 9), w64(9), 30, 64, w64(2, 9), w64(2, 9)),
        (w64(2, 2, 9), w64(9), 30, 32, w32(1, 9), w32(1, 9)),
        (w64(2, 2, 9), w64(9), 30, 32, w32(1, 9), w32(2, 9)),
    ],
    "walk_bit_trees": [
        (1, w64(2, 9), w64(4, 9), 30, w64(22, 2, 9), u8(278, 2)),
        (0, w64(2, 9), w32(1, 9), 2, w64(0, 2, 9), u8(4, 2)),
        (0, w64(2, 9), w64(1, 9), 30, w64(22, 2, 9), u8(277, 2)),
    ],
    "walk_word_trees": [
        (1, w64(2, 9), w64(4, 9), 30, 64, w64(29, 2, 9), w64(31, 2, 9)),
        (1, w64(2, 9), w64(4, 9), 30, 64, w64(28, 2, 9), w64(31, 2, 9)),
    ],
    "scatter_windows": [
        (w64(4, 2 * 3 * 3 * 5), (2, 4, 5, 5), (2, 2), ONE),
        (w64(4, 7), (1, 4, 4, 1), (2, 2), (2, 2)),
    ],
}


def test_the_twin_has_the_names_and_signatures_of_the_kernels():
    def signatures(module):
        found = {name: inspect.signature(getattr(module, name)).parameters for name in kernels.__all__}
        return {
            name: [(one.name, one.kind, one.default) for one in given.values()]
            for name, given in found.items()
        }

    assert signatures(shapes) == signatures(kernels)
    assert set(CASES) == set(kernels.__all__)


def _outcome(function, arguments):
    """Return the shapes and dtypes of what comes out, or the kind of error."""
    try:
        result = function(*arguments)
    except (ValueError, IndexError, OverflowError) as error:
        return next(kind for kind in (ValueError, IndexError, OverflowError) if isinstance(error, kind))
    if isinstance(result, int) or (isinstance(result, tuple) and isinstance(result[0], int)):
        return result
    return [(a.shape, a.dtype) for a in (result if isinstance(result, tuple) else [result])]


@pytest.mark.parametrize(
    ("name", "arguments"), [(name, case) for name, cases in CASES.items() for case in cases]
)
def test_each_twin_accepts_refuses_and_gives_the_shapes_that_its_kernel_does(name, arguments):
    want = _outcome(getattr(kernels, name), arguments)
    assert _outcome(getattr(shapes, name), [uniform(argument) for argument in arguments]) == want
    assert _outcome(getattr(shapes, name), arguments) == want


def test_where_the_loops_trust_their_caller_the_twin_still_looks():
    with pytest.raises(ValueError, match="flips"):
        shapes.compare_digits(w32(5), u8(4), u8(18, 5), [4, 2], 3, 1)
    with pytest.raises(ValueError, match="scale, turn and mask"):
        shapes.blind(u8(4, 5), u8(4, 5), u8(4), u8(4, 5), 7, 1)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), max_size=4), st.data())
def test_views_of_an_array_without_data_have_no_data_either(shape, data):
    a = shapes.zeros(tuple(shape), U64)
    cut = tuple(
        slice(data.draw(st.integers(0, 3)), None, data.draw(st.sampled_from([1, 2, -1]))) for _ in shape
    )
    order = data.draw(st.permutations(range(len(shape))))
    for view in (a.reshape(-1), a.T, a[cut], a.transpose(order).reshape(1, -1, 1), a[None], a[..., None]):
        assert view.size <= 1 or not any(view.strides)
        assert not view.flags.writeable


@pytest.mark.parametrize("shape", [(10**11,), (10**6, 10**6), (1,), (0,), (3, 0)])
def test_a_message_without_data_weighs_its_shape_and_takes_no_memory(shape):
    sealed = seal(shapes.zeros(shape, U64))
    assert sealed.payload_bytes == 8 * np.prod(shape)
    assert sum(len(memoryview(part)) for part in sealed.identity) < 100
    if sealed.payload_bytes < 100:
        assert sealed.wire_bytes == seal(np.ones(shape, U64)).wire_bytes


# Whole runs


def _costs(run):
    """Return everything of a run but its values, down to single events."""
    return {
        "rounds": run.rounds,
        "makespan": run.makespan_ns,
        "parties": [party.describe() for party in run.per_party],
        "links": run.links,
        "spans": [span.describe() for span in run.spans],
        "events": run.events,
    }


def _microbench(**tables):
    overrides = [f"{key.replace('__', '.')}={value}" for key, value in tables.items()]
    scenario = load_scenario("microbench", overrides, None, SHIPPED)
    program = workload.build_program(scenario, scenarios.WORKLOADS)
    run = workload.run_program(program, scenario)
    return run, program.summarize(run)


LONG = bool(os.environ.get("MPCSIM_LONG"))
RINGS = {64: (16, 31), 32: (8, 20)}
CHOICES = [
    {"protocol__comparison": comparison, "protocol__select": select, "protocol__truncation": truncation}
    for comparison in ("table", "masked")
    for select in ("two_rounds", "one_round")
    for truncation in ("safe", "fused")
] + [
    {"protocol__comparison": "tree", "protocol__rotate": "false"},
    {"protocol__comparison": "prefix"},
    {"protocol__comparison": "ripple"},
    {"protocol__radix": 3},
]


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("bits", RINGS)
def test_a_dry_run_of_an_operation_costs_what_a_real_one_does(op, bits):
    fraction, value = RINGS[bits]
    turn = list(OPERATIONS).index(op)  # without MPCSIM_LONG=1 operations take turns with the choices
    size = (1, 101)[(turn + (bits == 32)) % 2]
    usual = [(size, CHOICES[(turn + 7 * (bits == 32)) % len(CHOICES)])]
    for size, choices in [(size, one) for size in (1, 101) for one in CHOICES] if LONG else usual:
        tables = {"workload__op": op, "workload__size": size, **choices}
        tables |= {"ring__bits": bits, "ring__fraction_bits": fraction, "ring__value_bits": value}
        real, output = _microbench(**tables)
        dry, dry_output = _microbench(**tables, dry_run="true")
        assert _costs(dry) == _costs(real), (size, choices)
        assert dry_output.pop("max_error") is None
        assert output.pop("max_error") is not None
        assert dry_output == output


async def _through_bits(server, x):
    found = []
    for turned, bits in await to_bits(server, x):
        found.append(await from_bits(turned, bits, x.size // 3))
        found.append(await from_bit(turned, bits[0], x.size // 3))
        found.append(await inject(turned, bits[-1], x[: x.size // 3]))
    return found


def _on(shape, protocol, *more):
    async def reshaped(server, x):
        return await protocol(server, x.reshape(*shape), *more)

    return reshaped


async def _dot(server, x):
    return await dot_fixed(server, x.reshape(-1, 4), x.reshape(-1, 4))


async def _convolution(server, x):
    return await conv2d_fixed(server, x.reshape(1, 6, 5, 12), x[:96].reshape(2, 2, 12, 2), (2, 1), SAME)


async def _sum_block(server, x):
    z = server.kernels.add(x.a, server.zero_share("product", x.shape)).reshape(1, 6, 5, 12)
    return await pool_and_relu_of_sum(server, z, (2, 2), True, ("sum", "pool", "relu"))


PROTOCOLS = {
    "to and from bits": _through_bits,
    "zero test": is_zero,
    "exact truncation": truncate_exact,
    "reciprocal": reciprocal,
    "inverse root": inverse_square_root,
    "dot products": _dot,
    "convolution": _convolution,
    "block": _sum_block,
    "overlapping pooling": _on((1, 6, 5, 12), max_pool2d, (3, 3), (2, 2), SAME),
    "padded mean": _on((1, 6, 5, 12), average_pool2d, (2, 3), (1, 1), SAME, of(np.int64, 7, 5, 1) + 1),
    "argmax": _on((4, 9, 10), argmax),
}
N = 360


def _run(protocol, module, choices=None, n=N):
    """Run a protocol on n shared numbers, and reveal what is shared to the client."""
    ring = Ring()
    words = module.zeros((n,), ring.dtype) if module is not kernels else w64(n) + U64(1 << 16)

    async def serve(party: Party):
        server = await Server.join(party, ring, choices, module)
        x = await receive_from_client(server, "client")
        with party.span("operation"):
            result = await protocol(server, x)
        if isinstance(result, Share):
            reveal_to_client(server, result, "client")
            return result.shape
        return None

    async def client(party: Party):
        share_by_client(party, ring, words, module)
        if shape[0] is not None:
            await receive_reveal(party, ring, shape[0], module)

    shape = [None]
    if protocol is not _through_bits:
        shape[0] = _shape_of(protocol, ring, choices, n)
    roles = {**{f"server{i}": serve for i in range(3)}, "client": client}
    return simulate(roles=roles, network=Network("30 ms", "100 Mbit/s"), seed=4, trace=True)


def _shape_of(protocol, ring, choices, n):
    async def serve(party: Party):
        server = await Server.join(party, ring, choices, shapes)
        x = Share(shapes.zeros((n,), ring.dtype), shapes.zeros((n,), ring.dtype))
        return (await protocol(server, x)).shape

    return simulate(serve, parties=3, seed=1).outputs[0]


@pytest.mark.parametrize("choices", [Choices(), Choices("masked", select="one_round", truncation="fused")])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_dry_run_of_a_protocol_costs_what_a_real_one_does(name, choices):
    protocol = PROTOCOLS[name]
    assert _costs(_run(protocol, shapes, choices)) == _costs(_run(protocol, kernels, choices))


# Nothing escapes the kernels


PUBLIC = {"tables", "table", "exponents", "indices"}  # arguments that hold public constants


def _strict():
    """Return the twin, but refusing every array with data, unless it is as small as a public constant."""

    def checked(function):
        names = list(inspect.signature(function).parameters)

        def call(*arguments, **named):
            for name, value in [*zip(names, arguments, strict=False), *named.items()]:
                for part in value if isinstance(value, list | tuple) else [value]:
                    if isinstance(part, np.ndarray) and name not in PUBLIC and part.size > N // 4:
                        column = part.ndim == 2 and part.shape[1] == 1  # of public limits, or their factors
                        assert column or not any(part.strides), (
                            f"{function.__name__} of {name} {part.shape}: data"
                        )
            return function(*arguments, **named)

        return call

    return types.SimpleNamespace(**{name: checked(getattr(shapes, name)) for name in kernels.__all__})


def _operation(op):
    async def protocol(server, x):
        operation = OPERATIONS[op].of_rows(4) if op == "attention" else OPERATIONS[op]
        most = N // 4 if op == "rotary" else N  # whose public angles are as many as its values
        fitting = (size for size in range(N, 0, -1) if max(map(prod, operation.shapes(size))) <= most)
        inputs = [x[: prod(shape)].reshape(*shape) for shape in operation.shapes(next(fitting))]
        result = await operation.protocol(Replicated3.around(server), *inputs)
        return result if isinstance(result, Share) else Share(result.words, result.words)

    return protocol


EVERYTHING = {op: _operation(op) for op in OPERATIONS} | PROTOCOLS
FORMS = [Choices(form) for form in ("table", "masked", "tree", "prefix", "ripple")]


def _payloads(monkeypatch):
    """Return a list that all arrays land in that are sent from now on."""
    sent, send = [], Party.send

    def noted(party, to, payload):
        sent.extend(part for part in (payload if isinstance(payload, list) else [payload]))
        send(party, to, payload)

    monkeypatch.setattr(Party, "send", noted)
    return sent


@pytest.mark.parametrize("name", EVERYTHING)
def test_no_array_operation_of_a_protocol_escapes_the_kernels(name, monkeypatch):
    sent = _payloads(monkeypatch)
    turn = list(EVERYTHING).index(name) % len(FORMS)  # without MPCSIM_LONG=1 they take turns with the forms
    kinds = {"select": "one_round"}, {"truncation": "fused"}
    some = [replace(FORMS[turn], **kinds[list(EVERYTHING).index(name) % 2])]
    every = [replace(form, **kind) for form in FORMS for kind in kinds]
    for choices in every if LONG else some:
        _run(EVERYTHING[name], _strict(), choices)
    arrays = [part for part in sent if isinstance(part, np.ndarray) and part.size > 1]
    assert arrays
    assert not any(any(part.strides) for part in arrays)


def test_an_escape_is_caught():
    async def careless(server, x):
        return await OPERATIONS["relu"].protocol(Replicated3.around(server), Share(x.a + x.a, x.b + x.b))

    with pytest.raises(Exception, match=r"add of \w \(120,\): data"):
        _run(careless, _strict())


def test_a_revealed_value_of_a_dry_run_is_a_zero():
    async def program(party: Party):
        server = await Server.join(party, Ring(), None, shapes)
        return await reveal(server, Share(shapes.zeros((5,), U64), shapes.zeros((5,), U64)))

    for words in simulate(program, parties=3, seed=1).outputs:
        np.testing.assert_array_equal(words, np.zeros(5, U64))
