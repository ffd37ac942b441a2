"""What it costs to make a one-hot vector of an integer, over the steps of any family."""

from __future__ import annotations

from collections.abc import Callable

from analysis.costs.algebra import Cost, sequence

_FEW = 16


def one_hot(classes: int, told: Callable[[int, int], Cost], products: Callable[[int, int], Cost]) -> Cost:
    """Price constructions.md#one-hot-vectors for one integer below `classes`.

    Up to 16 classes are one digit. More are two, the lower one of ⌈b/2⌉ of the b bits: the upper digit's
    values, then the lower one's are told by comparisons, and every pair is a product.

    Args:
        classes: how many.
        told: so many comparisons of numbers of so many signed bits, as numbers.
        products: products of each of so many integers with each of so many others.
    """
    b = (classes - 1).bit_length()
    if classes <= _FEW:
        return told(classes - 1, b + 1)
    lower = 2 ** ((b + 1) // 2)
    upper = (classes + lower - 1) // lower
    signed = (lower - 1).bit_length() + 1
    return sequence(told(upper - 1, b + 1), told(lower - 1, signed), products(upper, lower))
