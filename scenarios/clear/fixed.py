"""The network in exact fixed point: what the secure computation should give, bit for bit.

A number x is the integer round(x·2^f), halves to even, f = `fraction_bits`. A product layer sums
products in the ring of 64 bits at scale 2^(2f), adds its bias at that scale, and shifts right by f
(towards minus infinity); ReLU follows. Average pooling multiplies the window's sum with 1/count
(`windows.inverse_counts`) and shifts. `add` is exact. Every value of every layer must fit into `value_bits`
signed bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim.errors import InputError
from scenarios.clear import functions, products, windows
from scenarios.clear.floating import check_images
from scenarios.clear.graph import walk
from scenarios.graph import CHOICES, arrangements
from scenarios.networks import LayerPlan, ModelSettings, shapes

Integers = NDArray[np.int64]
Weights = Mapping[str, NDArray[Any]]
BLOCK = 16
"""Images that are in flight at a time: bounds memory, changes no result."""
_EXACT = 2.0**53
"""Below this, sums of whole numbers in float64 are exact in any order."""


class OutOfRange(InputError):
    """A value does not fit into the bits that values have: `largest` is its magnitude."""

    def __init__(self, text: str, largest: float) -> None:
        super().__init__(text)
        self.largest = largest


def encode(values: NDArray[Any], fraction_bits: int = 16) -> Integers:
    """Return round(x·2^f), halves to even, as int64."""
    return np.rint(np.asarray(values, dtype=np.float64) * 2.0**fraction_bits).astype(np.int64)


def decode(values: Integers, fraction_bits: int = 16) -> NDArray[np.float64]:
    """Return the numbers that fixed-point integers stand for."""
    return values / 2.0**fraction_bits


def forward(
    model: ModelSettings,
    weights: Weights,
    images: NDArray[Any],
    fraction_bits: int = 16,
    value_bits: int = 31,
) -> NDArray[np.float64]:
    """Return the logits (n, classes) of the fixed-point network, decoded.

    Raises:
        OutOfRange: where a value needs more than `value_bits`, naming the layer.
    """
    plans = shapes(model)
    check_images(plans, images)
    blocks = []
    for start in range(0, len(images), BLOCK):
        for _, values in walked(plans, weights, images[start : start + BLOCK], fraction_bits, value_bits):
            x = values
        blocks.append(x)
    return decode(np.concatenate(blocks), fraction_bits)


def forward_layers(
    model: ModelSettings,
    weights: Weights,
    images: NDArray[Any],
    fraction_bits: int = 16,
    value_bits: int = 31,
) -> dict[str, NDArray[np.float64]]:
    """Return each layer's output (after its activation), by name, in order, decoded: (n, …).

    Decoding is exact: `encode` of a result gives the integers back.
    """
    plans = shapes(model)
    check_images(plans, images)
    return {
        plan.name: decode(values, fraction_bits)
        for plan, values in walked(plans, weights, images, fraction_bits, value_bits)
    }


def matmul(left: Integers, right: Integers) -> Integers:
    """Return left @ right modulo 2^64, (m, k) by (k, n), at the speed of float64 BLAS.

    Where no partial sum can reach 2^53, one float64 product is exact. Otherwise `right` is split
    into a high and a low half, whose products are exact by the same argument (and split again
    where they are not), and joined in wrapping int64 arithmetic.
    """
    reach = _largest(left) * float(np.abs(right.astype(np.float64)).sum(axis=0).max(initial=0.0))
    if reach < _EXACT:
        return (left.astype(np.float64) @ right.astype(np.float64)).astype(np.int64)
    half = int(_largest(right)).bit_length() // 2
    if half == 0:  # right is 0 or ±1 and still too large: only for values near 2^63
        return left @ right
    high = right >> half
    low = right - (high << half)
    return (matmul(left, high) << half) + matmul(left, low)


def walked(
    plans: Sequence[LayerPlan],
    weights: Weights,
    images: NDArray[Any],
    fraction_bits: int = 16,
    value_bits: int = 31,
) -> Iterator[tuple[LayerPlan, Integers]]:
    """Yield every node of a graph with its output (n, …), scaled integers.

    Raises:
        OutOfRange: where a value needs more than `value_bits`, naming the layer.
    """
    integers = encode_weights(plans, weights, fraction_bits, value_bits)
    encoded = _encode_within(images, "the images", fraction_bits, value_bits)
    return walk(
        plans, encoded, lambda plan, inputs: layer(plan, integers, inputs, fraction_bits, value_bits)
    )


def layer(
    plan: LayerPlan,
    weights: Mapping[str, Integers],
    inputs: list[Integers],
    fraction_bits: int,
    value_bits: int,
) -> Integers:
    """Return one layer's output of encoded inputs.

    Raises:
        OutOfRange: a value needs more than `value_bits`.
    """
    x, limit = inputs[0], 2.0 ** (value_bits - 1)
    if plan.kind == "add":
        y = x + inputs[1]
        _refuse(y, limit, str(plan), fraction_bits, value_bits)
        return np.maximum(y, 0) if plan.relu else y
    if plan.kind == "max":
        return windows.largest(x, plan, np.iinfo(np.int64).min)
    if plan.kind == "mean":
        share, bits = windows.inverse_counts(plan, fraction_bits)
        mean = (windows.total(x, plan) * share) >> bits
        _refuse(mean, limit, str(plan), fraction_bits, value_bits)
        return mean
    if plan.arrange is not None:
        arranged: Integers = plan.arrange(np, *inputs)
        _refuse(arranged, limit, str(plan), fraction_bits, value_bits)
        return arranged
    if plan.kind in ("offset", "weights"):
        known = weights[f"{plan.weights}/bias"]
        alone = plan.kind == "weights"
        offset: Integers = np.repeat(known[None], len(x), 0) if alone else x + plan.at_places(known)
        _refuse(offset, limit, str(plan), fraction_bits, value_bits)
        return offset
    if plan.kind == "turned":
        cosines, sines = (encode(part, fraction_bits) for part in plan.angles())
        turned: Integers = (x * cosines + arrangements.Turned()(np, x) * sines) >> fraction_bits
        _refuse(turned, limit, str(plan), fraction_bits, value_bits)
        return turned
    if plan.kind == "blended":
        for blend in plan.blends:
            x = blend(np, x, times=blend.whole(fraction_bits)[0])
        blended: Integers = x >> sum(blend.whole(fraction_bits)[1] for blend in plan.blends)
        _refuse(blended, limit, str(plan), fraction_bits, value_bits)
        return blended
    if plan.kind == "scaled":
        times, shift = plan.scaling(fraction_bits)
        scaled: Integers = (x * times) >> shift
        _refuse(x * plan.layer.factor, limit, str(plan), fraction_bits, value_bits)
        return scaled
    if plan.kind == "function" and plan.layer.function in CHOICES:
        chosen: Integers = functions.chosen(plan, inputs, 1 << fraction_bits)
        return chosen
    if plan.kind == "function":
        names = (f"{plan.weights}/{part}" for part in ("kernel", "bias"))
        learned = {name: decode(weights[name], fraction_bits) for name in names if name in weights}
        read = (decode(one, fraction_bits) for one in inputs)
        y = np.rint(functions.value(plan, learned, *read) * 2.0**fraction_bits)
        _refuse(y, limit, str(plan), fraction_bits, value_bits)
        return y.astype(np.int64)
    x, factor = products.factors(plan, inputs, weights)
    _, y = products.product(plan, x, factor, matmul)
    if plan.bias is not None:
        y = y + (weights[f"{plan.weights}/bias"] << fraction_bits)
    if _reach(plan, x, factor) >= 2.0**62:  # then a sum may have wrapped: look at it in floats
        _, approximate = products.product(plan, x.astype(np.float64), factor.astype(np.float64), np.matmul)
        _refuse(
            approximate / 2.0 ** (fraction_bits + plan.shift), limit, str(plan), fraction_bits, value_bits
        )
    y >>= fraction_bits + plan.shift
    _refuse(y, limit, str(plan), fraction_bits, value_bits)
    if plan.relu:
        np.maximum(y, 0, out=y)
    return y


def _reach(plan: LayerPlan, x: Integers, factor: Integers) -> float:
    """Return what no sum of a layer is larger than."""
    assert plan.product is not None
    if plan.product.kind == "mul":
        return _largest(x) * _largest(factor)
    rows = factor.reshape(-1, factor.shape[-1]) if factor.ndim != 3 else factor
    sums = np.abs(rows.astype(np.float64)).sum(axis=-2)
    return _largest(x) * float(sums.max(initial=0.0))


def encode_weights(
    plans: Sequence[LayerPlan], weights: Weights, fraction_bits: int, value_bits: int
) -> dict[str, Integers]:
    """Return the weights, encoded.

    Raises:
        OutOfRange: one needs more than `value_bits`.
    """
    names = {f"{plan.weights}/{part}": plan for plan in plans for part in ("kernel", "bias")}
    return {
        key: _encode_within(weights[key], f"{plan}, its {key}", fraction_bits, value_bits)
        for key, plan in names.items()
        if key in weights
    }


def _encode_within(values: NDArray[Any], where: str, fraction_bits: int, value_bits: int) -> Integers:
    scaled = np.rint(np.asarray(values, dtype=np.float64) * 2.0**fraction_bits)
    _refuse(scaled, 2.0 ** (value_bits - 1), where, fraction_bits, value_bits)
    return scaled.astype(np.int64)


def _refuse(values: NDArray[Any], limit: float, where: str, fraction_bits: int, value_bits: int) -> None:
    largest = _largest(values)
    if not largest < limit:
        raise OutOfRange(
            f"{where}: a value of magnitude {largest / 2.0**fraction_bits:.6g} does not fit "
            f"{value_bits} signed bits with {fraction_bits} for the fraction (below "
            f"{limit / 2.0**fraction_bits:.6g}); scale the weights or images down, or set "
            "ring.value_bits higher",
            largest / 2.0**fraction_bits,
        )


def _largest(values: NDArray[Any]) -> float:
    """Largest magnitude, as a float; NaN where the values hold one."""
    if values.size == 0:
        return 0.0
    return max(abs(float(values.max())), abs(float(values.min())))
