"""Every server's view has the same distribution whatever the secrets are: by enumeration."""

from itertools import product

import numpy as np
import pytest
from tapes import (
    Case,
    Tape,
    TapeServer,
    ToyRing,
    UNPACKED,
    bit_halves,
    bits,
    halves,
    share,
    summands,
)

from mpcsim import simulate
from protocols.arithmetic import multiply, multiply_locally
from protocols.block import pool_and_relu_of_sum
from protocols.boolean import and_layer, and_to_halves
from protocols.comparison import is_negative, sign
from protocols.maximum import tournament
from protocols.relu import relu
from protocols.selection import bit_to_share, select
from protocols.server import Choices
from protocols.sharing import Halves, Share, halves_to_share, lift, reveal_to_client
from protocols.truncation import sum_to_truncated_halves, truncate_fused, truncate_safe


async def _fused_product(server, x, y):
    return await truncate_fused(server, multiply_locally(server, x, y))


async def _safe_product(server, x, y):
    return await truncate_safe(server, multiply_locally(server, x, y))


async def _truncated_halves_of_product(server, x, y):
    return await sum_to_truncated_halves(server, multiply_locally(server, x, y), 1)


async def _truncated_halves(server, z):
    return await sum_to_truncated_halves(server, z, 3)


async def _maximum_of_two(server, x, y):
    stacked = Halves(np.stack([x.half, y.half]), x.bits)
    return await tournament(server, stacked)


async def _relu_of_sums(server, z):
    return await pool_and_relu_of_sum(server, z.reshape(1, 1, 1, -1), None, True, ["sum", "pool", "relu"])


def _choices(comparison="table", radix=None, select="two_rounds"):
    return Choices(comparison, radix, "safe", select, rotate=False)


def _negative(k):
    return lambda x: x >> (k - 1)


TWO, THREE, FOUR, FIVE = (ToyRing(bits, 0, bits) for bits in (2, 3, 4, 5))
ONE_VALUE_BIT = ToyRing(2, 0, 1)
HALVED = ToyRing(2, 1, 2)

FORMS = ["two_rounds", "one_round"]
CASES = [
    Case("multiply and reshare", multiply, (share(2), share(2)), TWO, want=lambda x, y: x * y),
    Case("multiply, truncate fused", _fused_product, (share(2), share(2)), HALVED),
    Case("truncate fused", truncate_fused, (summands(4),), ToyRing(4, 2, 4)),
    Case("multiply, truncate safe", _safe_product, (share(2), share(2)), HALVED, widths={"msb": 1, "cross": 1}),
    Case("truncate safe", truncate_safe, (summands(3),), ToyRing(3, 2, 3), widths={"msb": 2, "cross": 2}),
    Case("multiply to truncated halves", _truncated_halves_of_product, (share(2), share(2)), HALVED),
    Case("lift", lift, (halves(2),), FOUR, widths={"msb": 2, "cross": 2}, secrets=((0,), (1,), (2,), (3,))),
    Case("lift by one bit", lift, (halves(3),), FOUR, widths={"msb": 1, "cross": 1}),
    Case("halves to share", halves_to_share, (halves(3),), THREE, want=lambda x: x),
    Case("and", and_layer, (bits(), bits()), TWO, want=lambda x, y: x & y),
    Case("and to halves", and_to_halves, (bits(), bits()), TWO, want=lambda x, y: x & y),
    Case("sign by a table of one digit", sign, (halves(3),), THREE, _choices(radix=2), _negative(3)),
    Case("sign by tables of two digits", sign, (halves(3),), THREE, _choices(radix=1), _negative(3)),
    Case("sign by a masked digit", sign, (halves(3),), THREE, _choices("masked", 2), _negative(3)),
    Case("sign by two masked bits", sign, (halves(3),), THREE, _choices("masked", 1), _negative(3)),
    Case("sign by two masked digits", sign, (halves(4),), FOUR, _choices("masked", 2), _negative(4)),
    *(
        Case(f"select, {form}", select, (halves(2), bit_halves()), TWO, _choices(select=form), lambda x, b: x * b)
        for form in FORMS
    ),
    *(
        Case(f"bit to share, {form}", bit_to_share, (bit_halves(),), THREE, _choices(select=form), lambda b: b)
        for form in FORMS
    ),
    *(
        Case(f"is negative, {name}", is_negative, (share(2),), TWO, _choices(name, 1), _negative(2))
        for name in ("table", "masked")
    ),
    *(
        Case(
            f"relu, {name}", relu, (share(2),), TWO, _choices(name, 1), lambda x: x if x < 2 else 0
        )
        for name in ("table", "masked")
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
    Case("sign by tables of three digits", sign, (halves(4),), FOUR, _choices(radix=1), _negative(4)),
    Case("sign by tables of two and two bits", sign, (halves(5),), FIVE, _choices(radix=2), _negative(5)),
    Case("sign by three masked bits", sign, (halves(4),), FOUR, _choices("masked", 1), _negative(4)),
    Case("relu of three bits", relu, (share(3),), THREE, _choices(radix=1), lambda x: x if x < 4 else 0),
    Case("relu of three bits, masked", relu, (share(3),), THREE, _choices("masked", 1), lambda x: x if x < 4 else 0),
    Case(
        "relu of a layer's sums",
        _relu_of_sums,
        (summands(3),),
        ToyRing(3, 1, 1),
        _choices(),
        widths={"msb": 1, "A": 2, "beta": 2, "cross": 2},
    ),
]


def _spare(case, mask):
    """Say which outputs of the PRF protect nothing.

    F(k_2) masks z_1 and z_2, which servers 1 and 2 exchange, and both know it: only where z_0 travels as
    well does it hide something. A comparison of a single digit tells zero from one, and no unit changes
    that more than the flip does.
    """
    travels = case.name in ("multiply and reshare", "and")
    one_digit = "a masked digit" in case.name or case.name in ("is negative, masked", "relu, masked")
    return mask in ((2, "product"), (2, "and")) and not travels or mask == (2, "scale") and one_digit


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_view_depends_on_the_secrets(case):
    assert case.leaks() == set()


@pytest.mark.parametrize("case", SAMPLED, ids=str)
def test_no_view_depends_on_the_secrets_where_what_the_viewer_knows_is_sampled(case):
    assert case.leaks(sampled=True) == set()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_output_of_the_prf_is_needed(case):
    for mask in case.masks():
        leaking = case.broken(dropped=frozenset([mask])).leaks()
        assert bool(leaking) != _spare(case, mask), f"without {mask}: {leaking}"


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
        views = [
            _client_views((a, b, (value - a - b) % 4)) for a, b in product(range(4), repeat=2)
        ]
        assert all(view == views[0] for view in views)
        assert {sum(view) % 4 for view in views[0]} == {value}


def test_a_reveal_without_masks_would_show_the_client_the_components():
    assert _client_views((1, 0, 0), masked=False) != _client_views((0, 1, 0), masked=False)
