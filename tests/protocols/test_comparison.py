"""Sign bits, comparison, selection and ReLU over the whole range, edges included."""

import itertools

import numpy as np
from harness import COMPARISONS, NARROW, RINGS, SHAPES, TOY, WIDE, edges, over, run, values_of

from protocols.domains.ring import Ring
from protocols.replicated3.constructions.comparison import is_negative, less_than, sign
from protocols.replicated3.constructions.selection import bit_to_share, select
from protocols.replicated3.layers.activation import relu
from protocols.replicated3.sharings.boolean import complement
from protocols.replicated3.sharings.server import Choices
from protocols.replicated3.sharings.sharing import BitHalves, Halves, share_to_halves

RADIXES = {
    "table": (None, 1, 2, 8),
    "masked": (None, 1, 4),
    "tree": (None,),
    "prefix": (None,),
    "ripple": (None,),
}
SIGNS = [Choices(form, radix, rotate=False) for form, radixes in RADIXES.items() for radix in radixes]
FORMS = [Choices(select=form, rotate=False) for form in ("two_rounds", "one_round")]


@over("choices", SIGNS)
@over("bits", [*range(1, 14), 16, 17, 31, 32, 33, 40, 63, 64])
def test_the_sign_bit_is_right_for_numbers_of_any_length(bits, choices):
    async def protocol(server, x):
        return await sign(server, share_to_halves(server, x, bits))

    x = values_of(bits, 1001)
    np.testing.assert_array_equal(run(protocol, x, choices=choices).values, x < 0)


@over("choices", SIGNS)
def test_every_number_of_few_bits_has_its_sign_whatever_its_halves_are(choices):
    bits = 6
    v, w = (np.array(c) for c in zip(*itertools.product(range(1 << bits), repeat=2), strict=True))

    async def protocol(server):
        half = (v if server.role == 0 else w).astype(np.uint32)
        return await sign(server, Halves(half, bits))

    want = ((v + w) % (1 << bits)) >> (bits - 1)
    np.testing.assert_array_equal(run(protocol, choices=choices).values, want)


@over("shape", [*SHAPES, (0,)])
@over("choices", SIGNS)
def test_signs_have_the_shape_of_the_numbers(choices, shape):
    async def protocol(server, x):
        return await sign(server, share_to_halves(server, x, 31))

    x = values_of(31, int(np.prod(shape))).reshape(shape)
    np.testing.assert_array_equal(run(protocol, x, choices=choices).values, x < 0)


@over("shape", [*SHAPES, (0,), (2, 0)])
@over("choices", COMPARISONS)
def test_relu_keeps_what_is_positive(choices, shape):
    x = values_of(31, int(np.prod(shape))).reshape(shape)
    np.testing.assert_array_equal(run(relu, x, choices=choices).values, np.maximum(x, 0))


@over("ring", RINGS)
@over("choices", COMPARISONS)
def test_relu_is_exact_at_every_edge_of_the_range(choices, ring):
    x = np.array(edges(ring.value_bits))
    np.testing.assert_array_equal(run(relu, x, ring=ring, choices=choices).values, np.maximum(x, 0))


@over("ring", RINGS)
@over("choices", COMPARISONS)
def test_is_negative_is_one_below_zero(choices, ring):
    x = values_of(ring.value_bits, 500)
    np.testing.assert_array_equal(run(is_negative, x, ring=ring, choices=choices).values, x < 0)


@over("bits", [1, 2, 5, 33, 64])
def test_is_negative_takes_numbers_of_other_lengths(bits):
    async def protocol(server, x):
        return await is_negative(server, x, bits)

    x = values_of(bits, 200)
    np.testing.assert_array_equal(run(protocol, x).values, x < 0)


@over("ring", [WIDE, NARROW, TOY])
@over("choices", COMPARISONS)
def test_less_than_is_right_for_every_pair_of_edges(choices, ring):
    pairs = np.array(
        list(itertools.product(edges(ring.value_bits)[:: 5 if ring.bits > 12 else 1], repeat=2))
    )
    top = (1 << (ring.value_bits - 1)) - 1
    far = np.array(
        [[-top - 1, top], [top, -top - 1], [top, top], [-top - 1, -top - 1], [0, 0], [-1, 0], [0, -1]]
    )
    x, y = np.concatenate([pairs, far]).T
    np.testing.assert_array_equal(run(less_than, x, y, ring=ring, choices=choices).values, x < y)


@over("choices", [Choices(), Choices("masked", rotate=False)])
def test_comparisons_do_not_see_what_is_above_their_bits(choices):
    x = values_of(31, 500)
    wraps = np.random.default_rng(0).integers(-(1 << 15), 1 << 15, 500) << 48  # gross errors of `fused`
    np.testing.assert_array_equal(run(is_negative, x + wraps, choices=choices).values, x < 0)


@over("choices", FORMS)
@over("bits", [1, 2, 20, 32, 33, 64])
def test_select_keeps_the_value_where_the_bit_is_one(bits, choices):
    async def protocol(server, x, b):
        bit = share_to_halves(server, b, 1)
        parity = BitHalves(bit.half & np.uint32(1))
        return await select(server, share_to_halves(server, x, bits), parity)

    x = values_of(bits, 300)
    b = np.random.default_rng(1).integers(0, 2, 300)
    want = x * b if bits > 1 else -((x & 1) * b)
    np.testing.assert_array_equal(run(protocol, x, b, choices=choices).values, want)


@over("choices", FORMS)
@over("ring", RINGS)
@over("shape", [*SHAPES, (0,)])
def test_a_bit_and_its_opposite_become_numbers(shape, ring, choices):
    bits = np.random.default_rng(2).integers(0, 2, shape)

    def protocol(opposite):
        async def convert(server, b):
            bit = BitHalves(share_to_halves(server, b, 1).half & np.uint32(1))
            return await bit_to_share(server, complement(server, bit) if opposite else bit)

        return convert

    for opposite in (False, True):
        got = run(protocol(opposite), bits, ring=ring, choices=choices).values
        np.testing.assert_array_equal(got, bits ^ opposite)


def test_the_smallest_ring_has_a_relu():
    x = np.array([-2, -1, 0, 1])
    for choices in COMPARISONS:
        np.testing.assert_array_equal(
            run(relu, x, ring=Ring(3, 0, 2), choices=choices).values, np.maximum(x, 0)
        )
