"""Every server's view has the same distribution whatever the secrets are: by enumeration."""

import os
from itertools import product

import numpy as np
import pytest
from tapes import (
    UNPACKED,
    Case,
    Tape,
    TapeServer,
    ToyRing,
    bit_halves,
    bits,
    halves,
    share,
    summands,
)

from mpcsim import simulate
from protocols.replicated3.constructions.adder import sum_bits
from protocols.replicated3.constructions.arithmetic import multiply, multiply_locally
from protocols.replicated3.constructions.carry_table import all_ones
from protocols.replicated3.constructions.comparison import below, is_negative, sign
from protocols.replicated3.constructions.conversion import from_bits
from protocols.replicated3.constructions.maximum import tournament
from protocols.replicated3.constructions.selection import bit_to_share, select
from protocols.replicated3.constructions.truncation import (
    sum_to_truncated_halves,
    truncate_exact,
    truncate_fused,
    truncate_halves,
    truncate_safe,
    truncate_share,
)
from protocols.replicated3.layers.activation import relu
from protocols.replicated3.layers.block import pool_and_relu_of_sum
from protocols.replicated3.sharings.boolean import and_layer, and_to_halves, join
from protocols.replicated3.sharings.server import Choices
from protocols.replicated3.sharings.sharing import Halves, Share, halves_to_share, lift, reveal_to_client

LONG = bool(os.environ.get("MPCSIM_LONG"))


def _shifting(truncation, shift):
    async def protocol(server, x):
        return await truncation(server, x, shift)

    return protocol


def _of_product(truncation):
    async def protocol(server, x, y):
        return await truncation(server, multiply_locally(server, x, y), 1)

    return protocol


async def _halves_at_once(server, x):
    return await truncate_halves(server, x, 2, at_once=True)


async def _share_in_two_rounds(server, x):
    return await truncate_share(server, x, 1, at_once=False)


async def _below_two_limits(server, x):
    return await below(server, x, [0, 1])


async def _number_of_bit(server, bit):
    return await from_bits(server, bit, server.tape.size)


async def _number_of_two_bits(server, low, high):
    return await from_bits(server, join(server, [low, high]), server.tape.size)


async def _maximum_of_two(server, x, y):
    stacked = Halves(np.stack([x.half, y.half]), x.bits)
    return await tournament(server, stacked)


async def _relu_of_sums(server, z):
    return await pool_and_relu_of_sum(server, z.reshape(1, 1, 1, -1), None, True, ["sum", "pool", "relu"])


def _choices(comparison="table", radix=None, select="two_rounds"):
    return Choices(comparison, radix, "safe", select, rotate=False)


def _negative(k):
    return lambda x: x >> (k - 1)


def _positive(k):
    return lambda x: x * (x < 1 << (k - 1))


TWO, THREE, FOUR, FIVE = (ToyRing(bits, 0, bits) for bits in (2, 3, 4, 5))
ONE_VALUE_BIT = ToyRing(2, 0, 1)
HALVED = ToyRing(2, 1, 2)

FORMS = ["two_rounds", "one_round"]

# F(k_2) is known to both servers 1 and 2: it hides nothing in what they exchange, and is of use only where
# z_0 travels as well. A comparison of one digit tells zero from one, and a random unit adds nothing to what
# the flip hides.
EXCHANGED = frozenset([(2, "product"), (2, "and")])
ONE_DIGIT = frozenset([(2, "scale")])
ONE_BIT = {"msb": 1, "cross": 1}

CASES = [
    Case("multiply and reshare", multiply, (share(2), share(2)), TWO, want=lambda x, y: x * y),
    Case(
        "multiply, truncate fused",
        _of_product(truncate_fused),
        (share(2), share(2)),
        HALVED,
        spare=EXCHANGED,
    ),
    Case("truncate fused", _shifting(truncate_fused, 2), (summands(4),), FOUR),
    Case("truncate safe", _shifting(truncate_safe, 2), (summands(4),), FOUR, widths={"msb": 2, "cross": 2}),
    Case(
        "truncate halves", _shifting(truncate_halves, 2), (halves(4),), FOUR, widths={"msb": 2, "cross": 2}
    ),
    Case("truncate halves at once", _halves_at_once, (halves(4),), FOUR, widths={"msb": 2, "cross": 2}),
    Case("truncate a share", _shifting(truncate_share, 1), (share(3),), THREE, widths=ONE_BIT),
    Case("truncate a share in two rounds", _share_in_two_rounds, (share(3),), THREE, widths=ONE_BIT),
    Case(
        "multiply to truncated halves",
        _of_product(sum_to_truncated_halves),
        (share(2), share(2)),
        HALVED,
        spare=EXCHANGED,
    ),
    Case("lift", lift, (halves(2),), FOUR, widths={"msb": 2, "cross": 2}),
    Case("lift by one bit", lift, (halves(3),), FOUR, widths={"msb": 1, "cross": 1}),
    Case("halves to share", halves_to_share, (halves(3),), THREE, want=lambda x: x),
    Case("and", and_layer, (bits(), bits()), TWO, want=lambda x, y: x & y),
    Case("and to halves", and_to_halves, (bits(), bits()), TWO, want=lambda x, y: x & y, spare=EXCHANGED),
    *(
        Case(f"sign by {name}", sign, (halves(k),), FOUR, _choices(form, radix), _negative(k), spare=spare)
        for name, k, form, radix, spare in (
            ("a table of one digit", 3, "table", 2, ()),
            ("tables of two digits", 3, "table", 1, EXCHANGED),
            ("a masked digit", 3, "masked", 2, ONE_DIGIT),
            ("two masked bits", 3, "masked", 1, ()),
            ("two masked digits", 4, "masked", 2, ()),
            ("a tree of two bits", 3, "tree", None, EXCHANGED),
            ("a prefix of two bits", 3, "prefix", None, ()),
            ("a ripple over two bits", 3, "ripple", None, ()),
        )
    ),
    Case("all ones", all_ones, (halves(3),), THREE, _choices(radix=2), lambda x: x == 7, spare=EXCHANGED),
    Case("below two limits", _below_two_limits, (halves(2),), TWO, _choices(radix=1)),
    Case("bits of a sum", sum_bits, (halves(3),), THREE),
    Case("number of a bit", _number_of_bit, (bits(),), THREE, want=lambda b: b, widths={"bit0": 2}),
    *(
        Case(
            f"select, {form}",
            select,
            (halves(2), bit_halves()),
            TWO,
            _choices(select=form),
            lambda x, b: x * b,
        )
        for form in FORMS
    ),
    *(
        Case(
            f"bit to share, {form}",
            bit_to_share,
            (bit_halves(),),
            THREE,
            _choices(select=form),
            lambda b: b,
        )
        for form in FORMS
    ),
    *(
        Case(f"{name}, {form}", protocol, (share(2),), TWO, _choices(form, 1), want, spare=spare)
        for form, spare in (("table", ()), ("masked", ONE_DIGIT))
        for name, protocol, want in (
            ("is negative", is_negative, _negative(2)),
            ("relu", relu, _positive(2)),
        )
    ),
    Case(
        "maximum of two",
        _maximum_of_two,
        (halves(2), halves(2)),
        ONE_VALUE_BIT,
        _choices(radix=1),
        lambda x, y: min(x, y),  # of 0 and −1
        secrets=((0, 0), (0, 3), (3, 0), (3, 3)),
    ),
]
BY_NAME = {case.name: case for case in CASES}

SAMPLED = [
    Case(
        "multiply, truncate safe",
        _of_product(truncate_safe),
        (share(3), share(3)),
        THREE,
        widths={"msb": 1, "cross": 1},
    ),
    Case("below two limits, two digits", _below_two_limits, (halves(3),), THREE, _choices(radix=1)),
    Case(
        "truncate exactly",
        _shifting(truncate_exact, 1),
        (share(3),),
        THREE,
        _choices(radix=1),
        widths={"msb": 1},
    ),
    *(
        Case(f"sign by {name}", sign, (halves(k),), FIVE, _choices(form, radix), _negative(k))
        for name, k, form, radix in (
            ("tables of three digits", 4, "table", 1),
            ("tables of two and two bits", 5, "table", 2),
            ("three masked bits", 4, "masked", 1),
            ("a tree of four bits", 5, "tree", None),
            ("a prefix of four bits", 5, "prefix", None),
            ("a ripple over four bits", 5, "ripple", None),
        )
    ),
    *(
        Case(f"relu of three bits, {form}", relu, (share(3),), THREE, _choices(form, 1), _positive(3))
        for form in ("table", "masked")
    ),
    Case("number of two bits", _number_of_two_bits, (bits(), bits()), THREE, want=lambda a, b: a + 2 * b),
    Case(
        "relu of a layer's sums",
        _relu_of_sums,
        (summands(3),),
        ToyRing(3, 1, 1),
        widths={"msb": 1, "A": 2, "beta": 2, "cross": 2},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_view_depends_on_the_secrets(case):
    assert case.leaks() == set()


@pytest.mark.parametrize("case", SAMPLED, ids=str)
def test_no_view_depends_on_the_secrets_where_what_the_viewer_knows_is_sampled(case):
    assert case.leaks(sampled=True) == set()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_output_of_the_prf_is_needed(case):
    turn = CASES.index(case) % 2
    for mask in case.masks() if LONG else sorted(case.masks())[turn::2]:
        leaking = case.broken(dropped=frozenset([mask])).leaks()
        assert bool(leaking) != (mask in case.spare), f"without {mask}: {leaking}"


def test_sampling_what_the_viewer_knows_finds_a_missing_mask_too():
    case = BY_NAME["sign by tables of two digits"]
    for mask, leaking in {(0, "read"): {1}, (1, "tables"): {2}, (0, "and"): {1}}.items():
        assert case.broken(dropped=frozenset([mask])).leaks(sampled=True) == leaking


def test_a_split_by_the_output_that_masks_the_product_is_found():
    flawed = BY_NAME["multiply, truncate fused"].broken(reused=(("split", "product"),))
    assert flawed.leaks() == {2}


async def _sends_its_component(server, x):
    if server.role == 1:
        server.send(2, server.kernels.pack(x.a, server.ring.bits))
    if server.role == 2:
        await server.recv(1)


async def _sends_beta(server, bit):
    if server.role == 0:
        server.send(1, server.kernels.pack(bit.half, 1))
    if server.role == 1:
        await server.recv(0)


@pytest.mark.parametrize(
    ("protocol", "dealing", "leaking"),
    [(_sends_its_component, share(2), {2}), (_sends_beta, bit_halves(), {1})],
)
def test_a_protocol_that_sends_what_it_holds_is_found(protocol, dealing, leaking):
    assert Case("leaky", protocol, (dealing,), TWO).leaks() == leaking


def _client_views(shares, masked=True):
    """Return all views of a client to whom these components of one value are revealed."""
    drawn = {(key, "reveal", 0): 4 for key in range(3)}
    tape = Tape(drawn)

    class Revealing(TapeServer):
        def random(self, key, purpose, shape, dtype=None):
            column = tape.column((key, purpose, 0), 4).astype(self.ring.dtype)
            return column if masked else np.zeros_like(column)

    async def serve(party):
        server = Revealing(party, TWO, (b"", b""), role=party.id, kernels=UNPACKED, tape=tape)
        held = (np.full(tape.size, shares[(party.id + j) % 3], TWO.dtype) for j in (0, 1))
        reveal_to_client(server, Share(*held), "client")

    async def client(party):
        return [await party.recv(server) for server in range(3)]

    roles = {**{f"server{i}": serve for i in range(3)}, "client": client}
    return sorted(zip(*(part.tolist() for part in simulate(roles=roles).outputs["client"]), strict=True))


def test_a_client_learns_a_revealed_sum_and_nothing_else():
    for value in range(4):
        views = [_client_views((a, b, (value - a - b) % 4)) for a, b in product(range(4), repeat=2)]
        assert all(view == views[0] for view in views)
        assert {sum(view) % 4 for view in views[0]} == {value}


def test_a_reveal_without_masks_would_show_the_client_the_components():
    assert _client_views((1, 0, 0), masked=False) != _client_views((0, 1, 0), masked=False)
