"""Which layers of a run left the range of fixed point: each by itself, from what its inputs were on shares.

Servers cannot notice a number that wrapped, and what comes after it means nothing. So no layer is computed
from another that is computed here, but from what an observer put together from shares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from scenarios.clear import fixed
from scenarios.networks import IMAGE, LayerPlan

_AT_ONCE = 4  # images


def out_of_range(
    plans: Sequence[LayerPlan],
    weights: fixed.Weights,
    images: NDArray[Any],
    seen: Mapping[str, NDArray[Any]],
    fraction_bits: int,
    value_bits: int,
) -> dict[str, float]:
    """Return the largest magnitude of every layer that has a value of more than `value_bits`, in order.

    Args:
        plans: the layers.
        weights: in real numbers.
        images: (n, h, w, c), in real numbers.
        seen: layers' outputs on shares, as integers, by name. Sums that run on to another layer are not
            among them: they are computed from what was seen before.
        fraction_bits, value_bits: of the ring.
    """
    sizes = fraction_bits, value_bits
    integers = fixed.encode_weights(plans, weights, *sizes)
    largest: dict[str, float] = {}
    for first in range(0, len(images), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        known = {IMAGE: fixed.encode(images[part], fraction_bits)}
        for plan in plans:
            read = [known.get(source) for source in plan.sources]
            inputs = [one for one in read if one is not None]
            if len(inputs) == len(read):
                try:
                    known[plan.index] = fixed.layer(plan, integers, inputs, *sizes)
                except fixed.OutOfRange as left:
                    largest[plan.name] = max(left.largest, largest.get(plan.name, 0.0))
            if plan.name in seen:
                output = seen[plan.name][part].astype("int64")
                known[plan.index] = output.reshape(len(output), *plan.output)
    return {plan.name: largest[plan.name] for plan in plans if plan.name in largest}
