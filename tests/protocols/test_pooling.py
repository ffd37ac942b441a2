"""Pooling, argmax and the fused block against loops over windows."""

import os

import numpy as np
import pytest
from function_cases import NAMED, RINGS
from harness import COMPARISONS, NARROW, TOY, WIDE, Recorder, over, run, values_of

from mpcsim import InputError
from protocols import kernels
from protocols.domains.ring import Ring
from protocols.functions import TARGET
from protocols.replicated3.constructions.arithmetic import multiply_locally
from protocols.replicated3.constructions.maximum import argmax
from protocols.replicated3.layers import block
from protocols.replicated3.layers.block import pool_and_relu_of_sum
from protocols.replicated3.layers.pooling import Mean, average_pool2d, max_pool2d
from protocols.replicated3.sharings.server import Choices

BEST = Choices(accuracy="best")
NONE = ((0, 0), (0, 0))
WINDOWS = [  # image, window, stride, padding
    ((1, 1, 1, 1), (1, 1), (1, 1), NONE),
    ((1, 2, 2, 1), (2, 2), (2, 2), NONE),
    ((2, 7, 7, 3), (2, 2), (2, 2), NONE),  # 7 → 3
    ((1, 6, 5, 2), (3, 3), (2, 2), NONE),  # overlapping
    ((2, 5, 4, 1), (2, 3), (1, 2), NONE),
    ((1, 7, 6, 2), (3, 3), (2, 2), ((1, 1), (1, 1))),
    ((1, 4, 5, 1), (3, 2), (3, 1), ((2, 0), (0, 1))),
    ((1, 9, 9, 2), (2, 2), (4, 4), NONE),  # gaps
]


def _windows(x, window, stride, padding, border):
    """Return (n, rows, columns, c, entries), window by window."""
    x = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=border)
    rows, columns = ((size - w) // s + 1 for size, w, s in zip(x.shape[1:3], window, stride, strict=True))
    out = np.empty((x.shape[0], rows, columns, x.shape[3], window[0] * window[1]), x.dtype)
    for i, j in np.ndindex(rows, columns):
        patch = x[:, i * stride[0] : i * stride[0] + window[0], j * stride[1] : j * stride[1] + window[1]]
        out[:, i, j] = patch.transpose(0, 3, 1, 2).reshape(x.shape[0], x.shape[3], -1)
    return out


def _image(shape, bits, seed=0):
    return values_of(bits, int(np.prod(shape)), seed).reshape(shape)


@over("choices", COMPARISONS)
@pytest.mark.parametrize(("shape", "window", "stride", "padding"), WINDOWS)
def test_max_pooling_takes_the_largest_of_each_window(choices, shape, window, stride, padding):
    async def protocol(server, x):
        return await max_pool2d(server, x, window, stride, padding)

    for ring in (WIDE, NARROW, TOY):
        x = _image(shape, ring.value_bits)
        want = _windows(x, window, stride, padding, -(1 << (ring.value_bits - 1))).max(-1)
        np.testing.assert_array_equal(run(protocol, x, ring=ring, choices=choices).values, want)


def test_padding_does_not_win_over_the_least_value():
    x = np.full((1, 3, 3, 1), -(1 << 30))

    async def protocol(server, x):
        return await max_pool2d(server, x, (2, 2), (2, 2), ((1, 0), (0, 1)))

    np.testing.assert_array_equal(run(protocol, x).values, np.full((1, 2, 2, 1), -(1 << 30)))


@over("form", ["safe", "fused"])
@pytest.mark.parametrize(("shape", "window", "stride", "padding"), WINDOWS)
def test_average_pooling_is_within_a_unit_of_the_mean(form, shape, window, stride, padding):
    async def protocol(server, x):
        return await average_pool2d(server, x, window, stride, padding)

    x = _image(shape, 16)
    total = _windows(x, window, stride, padding, 0).sum(-1)
    got = run(protocol, x, choices=Choices(truncation=form)).values
    mean = total / (window[0] * window[1])
    assert (np.abs(got - mean) <= 1 + np.abs(mean) * 2.0**-15).all()


MEANS = [1, 2, 3, 4, 5, 7, 9, 12, 16, 25, 49, 63, 64, 100, 144]


@over("ring", RINGS)
def test_means_are_within_their_bound_in_every_ring_for_any_window(ring):
    for places in MEANS:
        plan = Mean.of(ring, np.full((1, 1, 1), places))
        x = values_of(ring.value_bits, 60 * places).reshape(1, places, -1, 1)
        x[:, :, :9] = 2 ** (ring.value_bits - 1) - 1
        x[:, :, 9:18] = -(2 ** (ring.value_bits - 1)) + 1

        async def protocol(server, x, places=places):
            return await average_pool2d(server, x, (places, 1))

        apart = plan.bits > ring.bits or plan.first > 0
        if apart and places * 2 ** (ring.value_bits - 1) > 2 ** (ring.bits - 2):
            with pytest.raises(InputError, match=f"^ring: average pooling over windows of {places} sums"):
                run(protocol, x, ring=ring, choices=BEST)
            continue
        got = run(protocol, x, ring=ring, choices=BEST).values.reshape(-1)
        mean = x.astype(np.longdouble).mean(axis=1).reshape(-1)
        unit = np.longdouble(2) ** -ring.fraction_bits
        error = np.abs(got - mean)
        assert (error <= plan.bound.units + plan.bound.relative * np.abs(mean)).all()
        if ring in NAMED:
            assert plan.bound.target_units(ring) <= TARGET
            assert (error <= 4 * np.maximum(1, np.abs(mean * unit))).all()


def test_a_window_of_a_power_of_two_is_cut_by_its_bits_alone():
    async def protocol(server, x):
        return await average_pool2d(server, x, (2, 4))

    x = _image((1, 8, 48, 3), 16)
    assert run(protocol, x).cost.payload_bytes == 144 * (8 + 3 * 4 / 8)
    assert Mean.of(WIDE, np.full((1, 1, 1), 9)).shift == 15  # 2^15 / 9 happens to be within 2^−15.2


LONG = bool(os.environ.get("MPCSIM_LONG"))

BEFORE = (2, 30.0)
"""Rounds and bytes an output, sum of the servers, of any window when its sums were cut by f = 16 bits."""


@over("choices", [Choices(), Choices(truncation="fused"), Choices(rotate=False)])
@over("height", range(1, 17))
def test_no_window_costs_more_than_it_did_when_every_factor_had_f_bits(height, choices):
    outputs = 24
    for width in range(1, 17) if LONG else (height, height % 16 + 1, 17 - height):
        plan = Mean.of(WIDE, np.full((1, 1, 1), height * width))
        x = _image((1, height, width, outputs), 16)

        async def protocol(server, x, window=(height, width)):
            return await average_pool2d(server, x, window)

        result = run(protocol, x, choices=choices)
        bits = 64 + 4 * plan.shift if plan.shift else 0
        assert result.cost.payload_bytes * 8 == outputs * bits
        assert result.cost.rounds == (1 if plan.shift else 0)
        assert result.cost.rounds <= BEFORE[0]
        assert result.cost.payload_bytes <= outputs * BEFORE[1]
        error = np.abs(result.values.reshape(-1) - x.mean(axis=(1, 2)).reshape(-1))
        assert (error <= plan.bound.units + plan.bound.relative * np.abs(x.mean(axis=(1, 2)))).all()
        assert plan.bound.target_units(WIDE) <= TARGET


@over("form", ["safe", "fused"])
@over("window", [(2, 2), (3, 3), (3, 4), (5, 5), (7, 7), (11, 11)])
def test_padded_windows_of_many_counts_cost_no_more_either(window, form):
    pads = tuple((side // 2, (side - 1) // 2) for side in window)
    shape = (1, 14, 12, 2)
    counts = _windows(np.ones((1, 14, 12, 1), np.int64), window, (1, 1), pads, 0).sum(-1)[0]
    for ring in (WIDE, NARROW, Ring(32, 13, 18)):
        plan = Mean.of(ring, counts)
        x = _image(shape, ring.value_bits)

        async def protocol(server, x, counts=counts):
            return await average_pool2d(server, x, window, (1, 1), pads, counts)

        result = run(protocol, x, ring=ring, choices=Choices(truncation=form, accuracy="best"))
        mean = _windows(x, window, (1, 1), pads, 0).sum(-1) / counts
        error = np.abs(result.values - mean)
        assert (error <= plan.bound.units + plan.bound.relative * np.abs(mean)).all()
        if ring == WIDE:
            assert result.cost.rounds < BEFORE[0]
            assert result.cost.payload_bytes <= mean.size * BEFORE[1]


def test_a_window_of_one_place_is_its_own_mean_without_a_message():
    async def protocol(server, x):
        return await average_pool2d(server, x, (1, 1), (2, 2))

    x = _image((1, 5, 6, 2), 31)
    result = run(protocol, x)
    np.testing.assert_array_equal(result.values, x[:, ::2, ::2])
    assert result.cost.payload_bytes == 0


def test_a_ring_without_bits_for_a_mean_is_refused_by_name():
    ring = Ring(64, 20, 43)
    counts = np.array([[[1], [63]]])  # the 25 bits of a window of 63 leave 20 for that of 1

    async def protocol(server, x):
        return await average_pool2d(server, x, (63, 1), counts=counts)

    x = np.zeros((1, 63, 2, 1))
    with pytest.raises(InputError, match=r"^ring: average pooling is within"):
        run(protocol, x, ring=ring)
    assert run(protocol, x, ring=ring, choices=BEST).values.size == 2


def test_average_pooling_counts_only_the_places_it_is_told_to():
    padding = ((1, 0), (0, 1))
    x = _image((2, 3, 3, 2), 16)
    counts = _windows(np.ones((1, 3, 3, 1), np.int64), (2, 2), (2, 2), padding, 0).sum(-1)[0]

    async def protocol(server, x):
        return await average_pool2d(server, x, (2, 2), (2, 2), padding, counts)

    total = _windows(x, (2, 2), (2, 2), padding, 0).sum(-1)
    assert len(np.unique(counts)) > 1
    assert np.abs(run(protocol, x).values - total / counts).max() <= 1 + np.abs(total).max() / 2**17


@over("choices", COMPARISONS)
@over("shape", [(1, 1), (1, 2), (3,), (2, 3), (5, 7), (9, 10), (2, 3, 5), (100, 8)])
def test_argmax_finds_the_largest_of_each_row(choices, shape):
    x = values_of(31, int(np.prod(shape))).reshape(shape)
    np.testing.assert_array_equal(run(argmax, x, choices=choices).values, x.argmax(-1))


@over("choices", COMPARISONS)
@over("classes", [2, 3, 4, 5, 10])
def test_argmax_takes_the_first_among_equals(choices, classes):
    x = np.random.default_rng(0).integers(0, 2, (200, classes)) * 12345 - 7
    x[:2] = 0
    assert (np.sort(x, -1)[:, -1] == np.sort(x, -1)[:, -2]).sum() > 50
    np.testing.assert_array_equal(run(argmax, x, choices=choices).values, x.argmax(-1))


BLOCKS = [  # sums, window, stride
    ((2, 3, 5, 2), None, None),
    ((1, 1, 1, 1), None, None),
    ((2, 4, 6, 3), (2, 2), None),
    ((1, 7, 7, 2), (2, 2), None),
    ((1, 5, 7, 1), (1, 2), (2, 2)),
    ((1, 7, 8, 1), (3, 2), (3, 3)),
]


@over("relu", [True, False])
@over("choices", COMPARISONS)
@pytest.mark.parametrize(("shape", "window", "stride"), BLOCKS)
def test_the_block_is_pooling_and_relu_of_the_truncated_sums(choices, relu, shape, window, stride):
    async def protocol(server, z):
        return await pool_and_relu_of_sum(server, z.a, window, relu, ["sum", "pool", "relu"], stride)

    for ring in (WIDE, NARROW, TOY):
        f = ring.fraction_bits
        bound = ((1 << (ring.value_bits - 1)) - 2) << f  # truncation may round away from zero
        z = np.clip(_image(shape, ring.value_bits + f), -bound, bound)
        got = run(protocol, z, ring=ring, choices=choices).values
        exact = z / 2**f
        if window is not None:
            exact = _windows(exact, window, stride or window, NONE, 0).max(-1)
        want = np.maximum(exact, 0) if relu else exact
        assert got.shape == want.shape
        assert np.abs(got - want).max() < 1.5


def test_the_block_names_its_spans():
    async def protocol(server, z):
        return await pool_and_relu_of_sum(server, z.a, (2, 2), True, ["conv", "pool", "act"])

    result = run(protocol, _image((1, 4, 4, 3), 40))
    names = [span.name for span in result.run.spans]
    assert [name for name in names if name in ("conv", "pool", "act")] == ["conv", "pool", "act"]
    parts = [result.run.span(name).payload_bytes for name in ("conv", "pool", "act")]
    assert min(parts) > 0
    assert sum(parts) == result.cost.payload_bytes


SPANS = ("sum", "pool", "relu")


@pytest.mark.parametrize(("shape", "window", "stride", "padding"), WINDOWS)
@pytest.mark.parametrize("with_choices", [False, True])
def test_sums_are_pooled_in_windows_that_share_none_of_them_or_not_at_all(
    shape, window, stride, padding, with_choices
):
    pool = block.pool_and_relu_with_choices if with_choices else pool_and_relu_of_sum

    async def protocol(server, x):
        await pool(server, multiply_locally(server, x, x), window, True, SPANS, stride)

    counts = [(size - w) // s + 1 for size, w, s in zip(shape[1:3], window, stride, strict=True)]
    shared = any(n > 1 and s < w for n, w, s in zip(counts, window, stride, strict=True))
    if shared:
        with pytest.raises(InputError, match="overlap: sums that are not yet shared"):
            run(protocol, np.ones(shape))
    else:
        run(protocol, np.ones(shape))


def test_overlapping_windows_of_sums_would_show_a_server_all_three_summands(monkeypatch):
    """The control: the sum at column 1 is in two windows, whose thirds have other roles."""
    monkeypatch.setattr(block, "_check_apart", lambda *_: None)
    bits, value = WIDE.value_bits + 1, 300
    seen = {}

    async def protocol(server, x):
        recorder = Recorder(server.party, server.ring, server.keys, server.choices, server.role)
        z = multiply_locally(recorder, x, x)
        seen[server.party.id] = recorder, block.rounded_locally(recorder, z, bits)
        await pool_and_relu_of_sum(recorder, z, (1, 2), True, SPANS, (1, 1))

    run(protocol, np.full((1, 1, 4, 1), value << WIDE.fraction_bits // 2))
    recorder, own = seen[2]
    firsts = [message for message in recorder.received if message.size == 2 * bits // 8]
    columns = [int(word) for m in firsts for word in kernels.unpack(m, bits, (2,), np.dtype(np.uint32))]
    totals = {(int(own[0, 0, 1, 0]) + a + b) % (1 << bits) for a in columns for b in columns}
    assert totals & {value**2 - 1, value**2, value**2 + 1}
