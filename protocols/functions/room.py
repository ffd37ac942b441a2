"""Whether a ring leaves the functions that are written once for all families enough room."""

from __future__ import annotations

from typing import Any

from mpcsim import InputError
from protocols.domains import Ring
from protocols.functions.activations import Activation
from protocols.functions.norms import Norm
from protocols.functions.pieces import accepted, pieces
from protocols.functions.precision import (
    INVERSE_SQUARE_ROOT,
    LOGARITHM,
    SQUARE_ROOT,
    TARGET,
    WIDEST,
    Curve,
    Division,
    Plan,
    Polynomial,
)
from protocols.functions.reals import powers_of_e, range_of

_OF_POWERS = ("exponential", "sigmoid", "softmax")
_FINEST = 27  # fraction bits: powers of e have 28 at most, so that their products fit 64
_CURVES: dict[str, Curve] = {
    "logarithm": LOGARITHM,
    "square_root": SQUARE_ROOT,
    "inverse_square_root": INVERSE_SQUARE_ROOT,
}


def check_room(
    ring: Ring,
    function: str,
    *,
    classes: int = 2,
    activation: Activation | None = None,
    columns: int = 1,
    epsilon: float | None = None,
    **_: Any,
) -> None:
    """Refuse a ring that leaves a function, as written once for all families, too little room.

    Args:
        ring: the ring.
        function: its name.
        classes: length of a row of `softmax`.
        activation: of `activate`.
        columns, epsilon: of normalisations.

    Raises:
        InputError: it does.
    """
    if function in _OF_POWERS:
        _check_powers(ring, function, classes)
        return
    if activation is not None:
        accepted(ring, activation)
        return
    if epsilon is not None:
        Norm.of(ring, columns, epsilon, function != "rms_norm")
        return
    plan = _plan(ring, function)
    if plan is None:
        return
    bound, brought = plan.bound, _brought(ring, function)
    units = bound.target_units(ring)
    if units > TARGET or brought > WIDEST - 2:
        raise InputError(
            f"ring: {function} may be off by {units:.3g} · 2^−{ring.fraction_bits} of max(1, |result|): "
            f"bits = {ring.bits}, fraction_bits = {ring.fraction_bits}, value_bits = {ring.value_bits}: "
            f"accepted are fewer fraction_bits or fewer value_bits, which leave at most {TARGET:g}"
        )


def working_bits(
    ring: Ring,
    function: str,
    *,
    classes: int = 2,
    activation: Activation | None = None,
    epsilon: float | None = None,
    **_: Any,
) -> int:
    """Return the bits in which a function, as written once, computes; 0 of what has no plan."""
    if function in _OF_POWERS:
        return powers_of_e(ring, *range_of(function, ring, classes))[-1]
    if activation is not None:
        return pieces(ring, activation).bits
    if epsilon is not None:
        return WIDEST
    plan = _plan(ring, function)
    return 0 if plan is None else plan.bits


def _brought(ring: Ring, function: str) -> int:
    """Return the bits that a numerator may have, brought along with its divisor."""
    return 2 * ring.value_bits - 2 - ring.fraction_bits if function == "divide" else 0


def _plan(ring: Ring, function: str) -> Plan | None:
    """Return how a quotient or a curve is computed; None of another function."""
    if function in ("divide", "reciprocal"):
        return Division.of(ring, _brought(ring, function))
    return Polynomial.of(ring, _CURVES[function]) if function in _CURVES else None


def _check_powers(ring: Ring, function: str, classes: int) -> None:
    *_, needed = powers_of_e(ring, *range_of(function, ring, classes))
    if needed > WIDEST:
        raise InputError(
            f"ring: {function} works on {needed} bits with fraction_bits = {ring.fraction_bits} and "
            f"value_bits = {ring.value_bits}: accepted are fewer, for {WIDEST} bits at most"
        )
    if ring.fraction_bits > _FINEST:
        raise InputError(
            f"ring: {function} computes powers of e with {_FINEST + 1} fraction bits, too few for "
            f"fraction_bits = {ring.fraction_bits}: accepted are at most {_FINEST}"
        )
