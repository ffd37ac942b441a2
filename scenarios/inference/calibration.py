"""Which fixed point a network needs: from its clear twins on sample inputs, in floating and in fixed point.

The integer part follows from the largest value of any node, with a bit or two to spare. The fraction is the
shortest with which no sample changes its class and few further images may. Samples are few, and few of them
have a small margin between their two largest logits: where the least of n margins is m, and margins are as
frequent between 0 and there, a further image has one below t with probability 3t / (n m) at most, at 95 %
confidence (the rule of three); its class changes only if it is below twice the error of a logit.
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
MANY = 10
"""Samples from which on one bit is spare above the largest value that they showed; of fewer, two."""
CHANGED = 0.01
"""Part of further images whose class may change, at 95 % confidence."""
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
        the ring has room for the value bits, the largest logit error, the share of samples with the class
        of floating point, and that of further images which change theirs, at most; `proposed`: of these
        the first that is enough, or None.

    Raises:
        InputError: no fraction fits.
    """
    largest = _largest(model, weights, images)
    node = max(largest, key=lambda name: largest[name])
    whole = math.floor(math.log2(max(largest[node], 2.0**-20))) + 1
    spare = 1 if len(images) >= MANY else 2
    logits = floating.forward(model, weights, images)
    ends = np.sort(logits, axis=-1)
    margin = float((ends[..., -1] - ends[..., -2]).min()) if logits.shape[-1] > 1 else float("inf")
    tried: list[dict[str, Any]] = []
    for fraction in FRACTIONS:
        value = max(whole, 0) + fraction + 1 + spare
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
        changed = min(1.0, 6 * error / max(len(images) * margin, 2.0**-60))
        sizes = {"fraction_bits": fraction, "value_bits": value}
        tried.append(sizes | {"error": error, "agreement": same, "changed": changed})
        if _enough(tried[-1], margin):
            break
    if not tried:
        raise InputError(
            f"calibrate: values of up to {largest[node]:.6g} (layer {node!r}) leave no fraction in "
            f"ring.bits = {ring.bits}; accepted: a wider ring, or smaller weights and images"
        )
    return {
        "images": len(images),
        "node": node,
        "largest": largest[node],
        "least_margin": margin if math.isfinite(margin) else None,
        "tried": tried,
        "proposed": tried[-1] if _enough(tried[-1], margin) else None,
    }


def _enough(one: dict[str, Any], margin: float) -> bool:
    """Return whether no sample changes its class, and few further images may."""
    return bool(one["agreement"] == 1 and one["error"] < margin / 2 and one["changed"] <= CHANGED)


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
            f"{one['error']:.2e}, same class on {one['agreement']:.1%}, another on at most "
            f"{one['changed']:.2%} of further ones"
        )
    best = found["proposed"]
    if best is None:
        yield "none of these keeps every class; accepted: a wider ring, or another model"
    else:
        yield (
            f"proposed: --set ring.fraction_bits={best['fraction_bits']} --set "
            f"ring.value_bits={best['value_bits']} (errors up to {best['error']:.2e})"
        )
