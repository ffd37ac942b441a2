"""What does not fit is refused, with what was found and what is accepted."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from harness import WIDE, run, values_of

import protocols
from mpcsim import EncodingError, InputError, MpcsimError, PartyError, simulate
from protocols.domains.ring import Ring
from protocols.replicated3.constructions.arithmetic import conv2d_fixed, matmul_fixed, multiply
from protocols.replicated3.constructions.truncation import sum_to_truncated_halves
from protocols.replicated3.layers.pooling import max_pool2d
from protocols.replicated3.sharings.server import Server
from protocols.replicated3.sharings.sharing import Halves, halves_to_share, reveal, share_to_halves


async def _join(party):
    await Server.join(party, WIDE)


@pytest.mark.parametrize("parties", [1, 2])
def test_fewer_than_three_parties_cannot_be_servers(parties):
    with pytest.raises(InputError, match=rf"needs three servers.*party 0 of {parties}"):
        simulate(_join, parties=parties)


def test_a_fourth_party_cannot_be_a_server():
    with pytest.raises(InputError, match="party 3 of 4 cannot be one of them"):
        simulate(_join, parties=4)


async def _convolve(server, x, w):
    return await conv2d_fixed(server, x, w)


@pytest.mark.parametrize(
    ("protocol", "left", "right", "message"),
    [
        (matmul_fixed, (2, 3), (4, 2), r"\(2, 3\) times \(4, 2\)"),
        (matmul_fixed, (2, 3), (3,), r"\(2, 3\) times \(3,\)"),
        (matmul_fixed, (2, 3), (2, 3, 4), r"\(2, 3\) times \(2, 3, 4\)"),
        (_convolve, (1, 4, 4, 2), (3, 3, 3, 1), r"input \(1, 4, 4, 2\), weights \(3, 3, 3, 1\)"),
        (multiply, (2, 3), (4,), r"\(2, 3\) and \(4,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(protocol, left, right, message):
    with pytest.raises(InputError, match=message):
        run(protocol, np.ones(left), np.ones(right))


@pytest.mark.parametrize(
    ("window", "padding", "message"),
    [((3, 2), ((0, 0), (0, 0)), "does not fit"), ((2, 2), ((2, 0), (0, 0)), "reaches over")],
)
def test_pooling_windows_that_do_not_fit_are_named(window, padding, message):
    async def protocol(server, x):
        return await max_pool2d(server, x, window, None, padding)

    with pytest.raises(InputError, match=message):
        run(protocol, np.ones((1, 2, 2, 1)))


@pytest.mark.parametrize("value", [2.0**14, -(2.0**14) - 2.0**-16, 1e300, 2.0**14 - 2.0**-18])
def test_a_value_out_of_range_is_named_with_its_place_and_the_bound(value):
    values = np.zeros((3, 4))
    values[1, 2] = values[2, 0] = value
    with pytest.raises(EncodingError) as error:
        WIDE.encode(values, "weights")
    assert f"weights[1, 2] = {value!r}" in str(error.value)
    assert "±16384" in str(error.value)
    assert "value_bits = 31" in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_named(value):
    with pytest.raises(EncodingError, match=r"pixel\[1\] = -?(nan|inf) is not finite"):
        WIDE.encode([0.0, value], "pixel")


@pytest.mark.parametrize("value", [2.0**14 - 2.0**-16, -(2.0**14), 0.0])
def test_the_outermost_values_are_accepted(value):
    assert WIDE.decode(WIDE.encode(value)) == value


@pytest.mark.parametrize(
    ("bits", "fraction_bits", "value_bits", "rule"),
    [
        (1, 0, 0, "2 to 64"),
        (65, 16, 31, "2 to 64"),
        (64, -1, 31, "fraction_bits = -1"),
        (64, 31, 31, "0 to value_bits − 1 = 30"),
        (64, 16, 48, r"16 must be at most bits − 1 = 63"),
        (32, 16, 16, "accepted are 0 to value_bits − 1 = 15"),
    ],
)
def test_ring_sizes_that_break_a_rule_are_refused_by_its_name(bits, fraction_bits, value_bits, rule):
    with pytest.raises(InputError, match=rule):
        Ring(bits, fraction_bits, value_bits)


def test_the_largest_sizes_that_keep_the_rule_are_accepted():
    assert Ring(64, 16, 47).value_bits == 47


def test_halves_of_the_wrong_size_are_a_programming_error():
    async def unlifted(server, x):
        return await halves_to_share(server, share_to_halves(server, x, 31))

    async def too_wide(server, x):
        return await sum_to_truncated_halves(server, x.a, 49)

    for protocol, message in ((unlifted, "lift first"), (too_wide, "would see the wraps")):
        with pytest.raises(PartyError, match=message):
            run(protocol, values_of(16, 3))


def test_a_payload_array_cannot_be_changed_after_sending():
    async def program(party):
        words = np.arange(10, dtype=np.uint64)
        party.send((party.id + 1) % 3, words)
        with pytest.raises(ValueError, match="read-only"):
            words[0] = 1
        got = await party.recv((party.id + 2) % 3)
        with pytest.raises(ValueError, match="read-only"):
            got[0] = 1

    simulate(program, parties=3)


def test_a_server_that_writes_to_what_it_sent_fails_the_run():
    async def program(party):
        server = await Server.join(party, WIDE)
        planes = np.zeros((1, 8), np.uint8)
        server.send((server.role + 1) % 3, planes)
        planes[0, 0] = 1

    with pytest.raises(PartyError) as error:
        simulate(program, parties=3)
    assert isinstance(error.value.__cause__, ValueError)
    assert isinstance(error.value, MpcsimError)


def test_words_of_half_a_ring_are_not_mistaken_for_whole_ones():
    async def protocol(server, x):
        return await reveal(server, await halves_to_share(server, Halves(x.a, 63)))

    with pytest.raises(PartyError, match="2\\^63"):
        run(protocol, values_of(16, 3))


def test_every_function_that_sends_summands_says_what_its_privacy_requires():
    """It cannot see whether a number is masked: whoever calls it must, and its docstring says so."""
    rooms = pkgutil.walk_packages(protocols.__path__, "protocols.")
    modules = [importlib.import_module(room.name) for room in rooms]
    functions = {one for module in modules for one in vars(module).values() if inspect.isfunction(one)}
    sending = {one for one in functions if "z" in inspect.signature(one).parameters
               and inspect.iscoroutinefunction(one) and one.__name__ != "descend"}  # fmt: skip
    assert {"reshare", "truncate_safe", "sum_to_halves", "pool_and_relu_of_sum"} <= {
        one.__name__ for one in sending
    }
    for one in sending:
        assert "Requires: " in (inspect.getdoc(one) or ""), one.__qualname__
