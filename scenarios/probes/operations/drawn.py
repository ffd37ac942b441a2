"""Inputs of operations, dense where they may break: real numbers within the bound of a ring."""

from __future__ import annotations

import numpy as np

from scenarios.probes.operations.operation import Draw
from scenarios.probes.operations.sizes import Shape, Values


def anywhere(rng: np.random.Generator, shape: Shape, bound: float) -> Values:
    """Return values over the whole range, a half of them spread over all magnitudes."""
    uniform = rng.uniform(-1, 1, shape) * bound
    small = uniform * 2.0 ** -rng.integers(0, 20, shape)
    return np.where(rng.random(shape) < 0.5, uniform, small)


def spread(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return inputs that are `anywhere`."""
    return [anywhere(rng, shape, bound) for shape in shapes]


def factors(terms: int | None = None) -> Draw:
    """Draw arrays whose sums of so many products (a row's, by default) stay within the bound."""

    def draw(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
        return spread(rng, shapes, np.sqrt(bound / (terms or shapes[0][-1])))

    return draw


def integer_factors(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return integers whose product is a value."""
    return [np.rint(x) for x in factors(1)(rng, shapes, bound)]


def often_equal(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return pairs of which a half are equal, and some of the others one unit apart or nearly so."""
    x, other = spread(rng, shapes, bound)
    near = x - np.sign(x) * 2.0 ** -rng.integers(0, 20, x.shape)
    chance = rng.random(x.shape)
    return [x, np.where(chance < 0.5, x, np.where(chance < 0.75, near, other))]


def quotients(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return pairs with a divisor of any magnitude, away from zero, and a quotient within the bound."""
    divisor = divisors(rng, shapes[1:], bound)[0]
    limit = np.minimum(bound, 0.99 * bound * np.abs(divisor))
    return [rng.uniform(-1, 1, shapes[0]) * limit, divisor]


def divisors(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return values of any magnitude, away from zero; the inverse of each is a value."""
    (divisor,) = spread(rng, shapes, bound)
    return [np.where(np.abs(divisor) < max(2.0**-6, 1 / (0.99 * bound)), 1.0, divisor)]


def positive(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return values above zero, spread over all magnitudes."""
    return [np.minimum(np.abs(x) + 2.0**-8, bound) for x in spread(rng, shapes, bound)]


def invertible_roots(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return values above zero; the inverse of the root of each is a value."""
    return [np.maximum(x, 1 / (0.99 * bound) ** 2) for x in positive(rng, shapes, bound)]


def exponents(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return values whose exponential is a value: most near zero, the rest down to the least value."""
    (shape,) = shapes
    near = rng.uniform(-min(16, bound), np.log(bound) - 2.0**-4, shape)
    return [np.where(rng.random(shape) < 0.75, near, -np.abs(anywhere(rng, shape, bound)))]


def keyed(keys: int) -> Draw:
    """Draw so many inputs of keys, few of them different, and one of values whose sum is a value."""

    def draw(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
        few = [np.rint(rng.uniform(-min(8, bound), min(8, bound), shape)) for shape in shapes[:keys]]
        return [*few, *(anywhere(rng, shape, bound / max(1, shape[0])) for shape in shapes[keys:])]

    return draw
