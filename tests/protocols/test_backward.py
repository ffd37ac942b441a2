"""The gradient's way back, a step of descent and first weights, against loops and formulas in NumPy."""

import itertools

import numpy as np
import pytest
from harness import NARROW, WIDE, Recorder, over, run, values_of
from test_uniform_messages import deviation

from mpcsim import InputError, simulate
from protocols import kernels
from protocols.domains.ring import Ring
from protocols.replicated3.constructions.maximum import Taken, tournament_with_levels
from protocols.replicated3.layers.block import pool_and_relu_with_choices
from protocols.replicated3.layers.pooling import max_pool2d_with_choices
from protocols.replicated3.sharings.server import Choices
from protocols.replicated3.sharings.sharing import Share, public, reshare, share_to_halves
from protocols.replicated3.training import loss
from protocols.replicated3.training.backward import (
    Sums,
    back_to_entries,
    bias_gradient_locally,
    conv2d_input_gradient_locally,
    conv2d_weight_gradient_locally,
    dense_input_gradient_locally,
    dense_weight_gradient_locally,
    masked,
    routes,
    to_images,
)
from protocols.replicated3.training.descent import descend, uniform
from protocols.training import Descent, Scales, limit

CHOICES = [
    Choices(),
    Choices("masked", select="one_round"),
    Choices("masked", rotate=False),
    Choices("tree", select="one_round", rotate=False),
]
NONE = ((0, 0), (0, 0))
WINDOWS = [  # image, window, stride, padding
    ((1, 1, 1, 1), (1, 1), (1, 1), NONE),
    ((1, 2, 2, 1), (2, 2), (2, 2), NONE),
    ((2, 7, 7, 3), (2, 2), (2, 2), NONE),  # 7 → 3: a row and a column are dropped
    ((1, 6, 5, 2), (3, 3), (2, 2), NONE),  # overlapping, and an odd number of entries
    ((2, 5, 4, 1), (2, 3), (1, 2), NONE),
    ((1, 7, 6, 2), (3, 3), (2, 2), ((1, 1), (1, 1))),
    ((1, 9, 9, 2), (2, 2), (4, 4), NONE),  # gaps
]


def first_largest(x, g, window, stride, padding=NONE, positive=False):
    """Return what each place of x gets of g, by loops: the first largest of each window takes it."""
    lowest = np.iinfo(np.int64).min
    padded = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=lowest)
    out = np.zeros(padded.shape, np.int64)
    for n, i, j, c in np.ndindex(g.shape):
        top, left = i * stride[0], j * stride[1]
        patch = padded[n, top : top + window[0], left : left + window[1], c]
        row, column = np.unravel_index(patch.argmax(), patch.shape)
        if not positive or patch.max() >= 0:
            out[n, top + row, left + column, c] += g[n, i, j, c]
    (top, _), (left, _) = padding
    return out[:, top : top + x.shape[1], left : left + x.shape[2]]


def pooled(x, window, stride, padding=NONE):
    (top, bottom), (left, right) = padding
    rows = (x.shape[1] + top + bottom - window[0]) // stride[0] + 1
    columns = (x.shape[2] + left + right - window[1]) // stride[1] + 1
    return (x.shape[0], rows, columns, x.shape[3])


def integers(shape, low, high, seed=0):
    return np.random.default_rng(seed).integers(low, high, shape)


@over("choices", CHOICES)
@pytest.mark.parametrize(("shape", "window", "stride", "padding"), WINDOWS)
def test_max_pooling_hands_the_gradient_to_the_first_largest(choices, shape, window, stride, padding):
    x = integers(shape, -3, 4)  # many ties
    g = integers(pooled(x, window, stride, padding), -(1 << 20), 1 << 20, 1)
    (top, bottom), (left, right) = padding
    whole = (shape[0], top + shape[1] + bottom, left + shape[2] + right, shape[3])

    async def protocol(server, x, g):
        _, taken = await max_pool2d_with_choices(server, x, window, stride, padding)
        entries = await back_to_entries(server, g, await routes(taken))
        images = to_images(server, entries, whole, window, stride)
        return images[:, top : top + shape[1], left : left + shape[2]]

    want = first_largest(x, g, window, stride, padding)
    np.testing.assert_array_equal(run(protocol, x, g, choices=choices).values, want)


@over("choices", CHOICES)
@pytest.mark.parametrize("shape", [(1, 2, 2, 1), (2, 7, 7, 3), (3, 5, 8, 2)])
def test_a_block_hands_the_gradient_back_through_pooling_and_relu(choices, shape):
    x = integers(shape, -6, 6) * 1000  # so far apart that a truncation's unit decides nothing
    g = integers(pooled(x, (2, 2), (2, 2)), -(1 << 20), 1 << 20, 1)
    spans = ("sum", "pool", "relu")

    async def protocol(server, x, g):
        z = kernels.shift_left(masked(server, x).z, 16)
        _, taken = await pool_and_relu_with_choices(server, z, (2, 2), True, spans)
        entries = await back_to_entries(server, g, await routes(taken))
        return to_images(server, entries, shape, (2, 2), (2, 2))

    found = run(protocol, x + 500, g, choices=choices).values
    # equal entries of a window get unequal errors, so any of them may win: hold sums to each other
    want = first_largest(x + 500, g, (2, 2), (2, 2), positive=True)
    rows, columns = shape[1] // 2 * 2, shape[2] // 2 * 2
    for got in (found, want):
        assert not got[:, rows:].any()
        assert not got[:, :, columns:].any()
    folded = [
        a[:, :rows, :columns].reshape(shape[0], rows // 2, 2, columns // 2, 2, shape[3]).sum((2, 4))
        for a in (found, want)
    ]
    np.testing.assert_array_equal(*folded)


@over("choices", CHOICES)
def test_relu_alone_stops_the_gradient_where_it_stopped_the_value(choices):
    x, g = values_of(30, 999), integers(999, -(1 << 29), 1 << 29)
    x[np.abs(x) < 4] = 7

    async def protocol(server, x, g):
        z = kernels.shift_left(masked(server, x).z, 16)
        spans = ("sum", "", "relu")
        _, taken = await pool_and_relu_with_choices(server, z.reshape(1, 1, 1, -1), None, True, spans)
        return (await back_to_entries(server, g, await routes(taken))).flat()

    np.testing.assert_array_equal(run(protocol, x, g, choices=choices).values, np.where(x > 0, g, 0))


@over("choices", CHOICES)
def test_a_gradient_of_sums_is_truncated_on_its_way_within_one_and_a_half_units(choices):
    g = integers(1000, -(1 << 53), 1 << 53)

    async def protocol(server, g):
        entries = await back_to_entries(server, Sums(masked(server, g).z, 24), itertools.repeat(None))
        return entries.flat()

    found = run(protocol, g, choices=choices).values
    assert np.abs(found - g / 2.0**24).max() < 1.5


def test_the_way_takes_a_round_a_level_and_an_and_a_pair():
    x = integers((8, 300), -100, 100)

    async def protocol(server, x):
        half = share_to_halves(server, x, 64)
        _, levels = await tournament_with_levels(server, half)
        with server.party.span("ways"):
            return await routes([Taken(server, 300, levels)])

    cost = run(protocol, x, choices=Choices(rotate=False)).run.span("ways")
    assert cost.rounds == 2  # three levels share in one round, which server 0's dealing overlaps
    planes = -(-300 // 8)
    ands = 2 * 3 + 4 * 2  # the second level's bits 3 each, the last one's 2
    assert cost.payload_bytes == planes * (7 + ands)


def test_back_takes_four_rounds_and_two_where_selection_takes_one():
    g = integers((1, 300), -100, 100)

    def rounds(choices):
        async def protocol(server, x):
            z = masked(server, x).z
            spans = ("a", "b", "c")
            _, taken = await pool_and_relu_with_choices(server, z, None, True, spans)
            ways = await routes(taken)
            with server.party.span("back"):
                return await back_to_entries(server, Sums(masked(server, x).z, 8), ways)

        return run(protocol, g, choices=choices).run.span("back").rounds

    assert rounds(Choices("masked", select="one_round")) == 3
    assert rounds(Choices("masked")) <= 4


# Linear layers


@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (2, 1)])
@pytest.mark.parametrize("padding", [NONE, ((1, 1), (1, 1)), ((0, 1), (2, 0))])
def test_gradients_of_a_convolution_are_those_of_its_definition(stride, padding):
    x, w = integers((2, 6, 5, 2), -9, 9), integers((3, 3, 2, 4), -9, 9, 1)
    (top, bottom), (left, right) = padding
    rows = (6 + top + bottom - 3) // stride[0] + 1
    columns = (5 + left + right - 3) // stride[1] + 1
    g = integers((2, rows, columns, 4), -9, 9, 2)
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    by_weight, by_input = np.zeros(w.shape, np.int64), np.zeros(padded.shape, np.int64)
    for n, i, j in np.ndindex(2, rows, columns):
        patch = np.s_[n, i * stride[0] : i * stride[0] + 3, j * stride[1] : j * stride[1] + 3]
        by_weight += padded[patch][..., None] * g[n, i, j]
        by_input[patch] += w @ g[n, i, j]

    async def weights(server, x, g):
        z = conv2d_weight_gradient_locally(server, x, g, (3, 3), stride, padding)
        return await reshare(server, z)

    async def inputs(server, g, w):
        z = conv2d_input_gradient_locally(server, g, w, (6, 5), stride, padding)
        return await reshare(server, z)

    np.testing.assert_array_equal(run(weights, x, g).values, by_weight)
    want = by_input[:, top : top + 6, left : left + 5]
    np.testing.assert_array_equal(run(inputs, g, w).values, want)


def test_gradients_of_a_dense_layer_are_matrix_products():
    x, g, w = integers((5, 3), -9, 9), integers((5, 2), -9, 9, 1), integers((3, 2), -9, 9, 2)

    async def weights(server, x, g):
        return await reshare(server, dense_weight_gradient_locally(server, x, g))

    async def inputs(server, g, w):
        return await reshare(server, dense_input_gradient_locally(server, g, w))

    async def biases(server, g):
        return await reshare(server, bias_gradient_locally(server, g, 3))

    np.testing.assert_array_equal(run(weights, x, g).values, x.T @ g)
    np.testing.assert_array_equal(run(inputs, g, w).values, g @ w.T)
    np.testing.assert_array_equal(run(biases, g).values, 8 * g.sum(0))


@pytest.mark.parametrize(("shape", "window", "stride", "padding"), WINDOWS)
def test_scattering_windows_is_the_transpose_of_cutting_them(shape, window, stride, padding):
    del padding
    size = (window[0] * window[1], int(np.prod(pooled(np.empty(shape), window, stride))))
    entries = integers(size, 0, 100).astype(np.uint32)
    found = kernels.scatter_windows(entries, shape, window, stride)
    want = np.zeros(shape, np.uint32)
    rest = entries.reshape(*window, *pooled(want, window, stride))
    for i, j, n, row, column in np.ndindex(*rest.shape[:5]):
        want[n, row * stride[0] + i, column * stride[1] + j] += rest[i, j, n, row, column]
    np.testing.assert_array_equal(found, want)
    assert found.dtype == np.uint32


# Losses


@pytest.mark.parametrize(
    ("kind", "outputs"), [("softmax", 2), ("softmax", 5), ("sigmoid", 1), ("sigmoid", 3)]
)
def test_losses_are_those_of_their_formulas(kind, outputs):
    logits = np.random.default_rng(3).normal(0, 2, (40, outputs))
    labels = integers(40, 0, max(outputs, 2), 4)
    targets = labels[:, None] if outputs == 1 else np.eye(outputs, dtype=np.int64)[labels]
    whole = np.rint(logits * 2**16).astype(np.int64)

    async def protocol(server, x, y):
        p = await loss.probabilities(server, kind, x)
        g = loss.slope(server, p, y, 1 << 8)
        total = await loss.total_loss(server, kind, p, y)
        right = await loss.count_right(server, x, y)
        found = await loss.classes(server, x)
        return [g, total, right, found]

    servers = run(protocol, whole, targets).servers
    g, total, right, found = (
        sum(np.asarray(server[i].a) for server in servers).view(np.int64) for i in range(4)
    )
    if kind == "softmax":
        e = np.exp(logits)
        p = e / e.sum(1, keepdims=True)
        q = (p * targets).sum(1)
    else:
        p = 1 / (1 + np.exp(-logits))
        q = np.where(targets, p, 1 - p)
    np.testing.assert_allclose(g / 2.0**24, p - targets, atol=2.0**-14)
    unit = 2.0**-16
    possible = (unit / q).sum() * 2 + q.size * 4 * unit  # what the units of q and of the logarithm allow
    assert abs(total[0] * unit + np.log(q + unit).sum()) < possible
    chosen = (logits[:, 0] >= 0) if outputs == 1 else logits.argmax(1)
    np.testing.assert_array_equal(found, chosen)
    assert right[0] == (chosen == labels).sum()


def test_a_loss_of_a_hopeless_answer_stays_finite():
    logits, targets = np.array([[3000, -3000]]) << 16, np.array([[0, 1]])

    async def protocol(server, x, y):
        p = await loss.probabilities(server, "softmax", x)
        return await loss.total_loss(server, "softmax", p, y)

    assert run(protocol, logits, targets).values[0] / 2.0**16 == pytest.approx(16 * np.log(2), abs=0.01)


# Descent and first weights

SCALES = Scales.of(WIDE)


def test_scales_fit_the_rules_that_truncation_and_products_set():
    assert (SCALES.weight, SCALES.velocity, SCALES.gradient) == (30, 18, 24)
    assert WIDE.value_bits + 1 <= WIDE.bits - SCALES.weight  # halves of a product do not see its wraps
    assert WIDE.value_bits - 1 + SCALES.weight <= WIDE.bits - 2  # `safe` on a product
    with pytest.raises(InputError, match="training needs room"):
        Scales.of(NARROW)


@over("truncation", ["safe", "fused"])
def test_a_step_of_descent_is_its_formula_within_one_unit_of_the_velocity(truncation):
    w = integers(3000, -(1 << 30), 1 << 30)
    v = integers(3000, -(1 << 20), 1 << 20, 1)
    gradient = integers(3000, -(1 << 40), 1 << 40, 2)
    step = Descent.of(SCALES, 0.05, 0.9, 1e-3, 20)

    async def protocol(server, w, v, z):
        return [*await descend(server, SCALES, step, w, v, z.a)]

    servers = run(protocol, w, v, gradient, choices=Choices(truncation=truncation)).servers
    weight, velocity = (sum(server[i].a for server in servers).view(np.int64) for i in range(2))
    momentum, decay = step.momentum / 2**34, step.decay / 2**22
    share = step.batch / 2**12
    want = momentum * v / 2**18 + share * gradient / 2**40 + decay * w / 2**30
    assert np.abs(velocity - want * 2**18).max() <= 1 + 1e-6
    assert abs((velocity - want * 2**18).mean()) < 0.05  # without bias
    np.testing.assert_array_equal(weight, w - step.rate * velocity)  # exact
    assert step.applied(SCALES) == pytest.approx(0.05 / 20, rel=2**-12)
    assert momentum == pytest.approx(0.9 * step.scale, abs=2**-34)
    assert decay == pytest.approx(1e-3 * step.scale, abs=2**-22)


@over("choices", CHOICES)
def test_first_weights_are_uniform_symmetrical_and_of_the_stated_width(choices):
    async def protocol(server, _):
        return await uniform(server, (200, 100), 0.25, 30)

    found = run(protocol, [0], choices=choices).values / 2.0**30
    step = 0.25 * 2 / 2**16
    grid = found / step - 0.5
    assert np.abs(grid - np.rint(grid)).max() < 0.02  # the step itself is rounded to 2^-30
    assert 0.2499 < np.abs(found).max() <= 0.25 + 1e-5
    assert abs(found.mean()) < 4 * 0.25 / np.sqrt(3 * found.size)
    counts = np.histogram(found, 16, (-0.25, 0.25))[0]
    assert abs(deviation(counts)) < 5


def test_limits_are_those_of_he_and_glorot():
    assert limit("he", 6, 100) == 1
    assert limit("glorot", 2, 4) == 1


# Messages


def _received(protocol, n=48_000):
    async def program(party):
        server = await Recorder.join(party, Ring(), Choices("masked", select="one_round", rotate=False))
        share = public(server, np.ones(n, np.uint64))
        run_it = await protocol(server, share)
        server.received.clear()
        await run_it()
        return server.received

    return simulate(program, parties=3, seed=5).outputs


async def _descent(server, x):
    step = Descent.of(SCALES, 0.05, 0.5, 0.25, 32)  # multiples of high powers of two

    async def go():
        await descend(server, SCALES, step, x, x, x.a)

    return go


async def _first_weights(server, x):
    async def go():
        await uniform(server, x.shape, 0.25, 30)

    return go


async def _taken(server, x):
    z = masked(server, Share(x.a, x.b)).z.reshape(4, -1)
    images = z.reshape(1, 2, 2, -1)
    _, taken = await pool_and_relu_with_choices(server, images, (2, 2), True, ("a", "b", "c"))
    return taken


async def _ways(server, x):
    taken = await _taken(server, x)

    async def go():
        await routes(taken)

    return go


async def _back(server, x):
    ways = await routes(await _taken(server, x))
    g = Sums(masked(server, x[: x.size // 4]).z, 24)

    async def go():
        await back_to_entries(server, g, ways)

    return go


@pytest.mark.parametrize("protocol", [_descent, _first_weights, _ways, _back])
def test_every_message_looks_random(protocol):
    for received in _received(protocol):
        for message in received:
            flat = message.reshape(-1).view(np.uint8)
            assert flat.size >= 1000
            if protocol is _first_weights and flat.size != 8 * 48_000:
                continue  # residues mod a small prime, held to uniformity by the comparison's own tests
            assert deviation(np.bincount(flat, minlength=256)) < 6
            for byte in range(8):  # low bytes too: a multiple of a mask would show there
                if flat.size == 8 * 48_000:
                    assert deviation(np.bincount(flat[byte::8], minlength=256)) < 6
