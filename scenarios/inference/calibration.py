"""Which fixed point a network needs: from its clear twins on sample inputs, in floating and in fixed point.

The integer part follows from the largest value of any node, with a bit to spare; the fraction is the
shortest with which no sample changes its class and no logit is off by half of what sets classes apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError
from protocols.domains import Ring
from scenarios.clear import fixed, floating
from scenarios.networks import ModelSettings, Weights

FRACTIONS = range(4, 29)
"""Fraction bits that are tried, the fewest first."""
_SPARE = 1
"""Bits above the largest value that samples showed: others may be twice as large."""
_AT_ONCE = 4


def calibrate(
    model: ModelSettings,
    weights: Weights,
    images: NDArray[Any],
    ring: Ring,
    check: Callable[[Ring], None],
) -> dict[str, Any]:
    """Return what a model needs of a ring of so many bits.

    Args:
        ring: whose `bits` are given.
        check: raises an `InputError` for a ring that the family refuses.

    Returns:
        `node` and `largest`: where the largest value is, and its magnitude; `tried`: for each fraction that
        the ring has room for the value bits, the largest logit error and the share of samples with
        the class of floating point; `proposed`: of these the first that is enough, or None.

    Raises:
        InputError: no fraction fits.
    """
    largest = _largest(model, weights, images)
    node = max(largest, key=lambda name: largest[name])
    whole = math.floor(math.log2(max(largest[node], 2.0**-20))) + 1
    logits = floating.forward(model, weights, images)
    ends = np.sort(logits, axis=-1)
    margin = float((ends[..., -1] - ends[..., -2]).min()) if logits.shape[-1] > 1 else float("inf")
    tried: list[dict[str, Any]] = []
    for fraction in FRACTIONS:
        value = max(whole, 0) + fraction + 1 + _SPARE
        if value + fraction > ring.bits - 1:
            break
        try:
            check(Ring(ring.bits, fraction, value))
            found = np.concatenate(
                [
                    fixed.forward(model, weights, images[first : first + _AT_ONCE], fraction, value)
                    for first in range(0, len(images), _AT_ONCE)
                ]
            )
        except InputError:
            continue
        error = float(np.abs(found - logits).max())
        same = float((found.argmax(-1) == logits.argmax(-1)).mean())
        tried.append({"fraction_bits": fraction, "value_bits": value, "error": error, "agreement": same})
        if same == 1 and error < margin / 2:
            break
    if not tried:
        raise InputError(
            f"calibrate: values of up to {largest[node]:.6g} (layer {node!r}) leave no fraction in "
            f"ring.bits = {ring.bits}; accepted: a wider ring, or smaller weights and images"
        )
    enough = tried[-1]["agreement"] == 1 and tried[-1]["error"] < margin / 2
    return {
        "images": len(images),
        "node": node,
        "largest": largest[node],
        "least_margin": margin if math.isfinite(margin) else None,
        "tried": tried,
        "proposed": tried[-1] if enough else None,
    }


def _largest(model: ModelSettings, weights: Weights, images: NDArray[Any]) -> dict[str, float]:
    """Return the largest magnitude of images, weights and every node's output."""
    found = {"images": float(np.abs(images).max())}
    found |= {name: float(np.abs(values).max()) for name, values in weights.items()}
    for first in range(0, len(images), _AT_ONCE):
        for name, y in floating.forward_layers(model, weights, images[first : first + _AT_ONCE]).items():
            found[name] = max(found.get(name, 0.0), float(np.abs(y).max()))
    return found


def lines(found: dict[str, Any]) -> Iterable[str]:
    """Yield what a calibration found, for people."""
    yield f"largest value of {found['images']} samples: {found['largest']:.6g}, in {found['node']!r}"
    for one in found["tried"]:
        yield (
            f"fraction_bits = {one['fraction_bits']}, value_bits = {one['value_bits']}: logits within "
            f"{one['error']:.2e}, same class on {one['agreement']:.1%}"
        )
    best = found["proposed"]
    if best is None:
        yield "none of these keeps every class; accepted: a wider ring, or another model"
    else:
        yield (
            f"proposed: --set ring.fraction_bits={best['fraction_bits']} --set "
            f"ring.value_bits={best['value_bits']} (errors up to {best['error']:.2e})"
        )
