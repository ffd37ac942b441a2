"""Functions of real numbers on shares: division, roots, logarithm, exponential, sigmoid, softmax.

In flow shares and the precision that the ring leaves; out flow shares. It may import the constructions.
"""

from protocols.replicated3.functions.division import divide, division_plan, reciprocal
from protocols.replicated3.functions.exponentials import exponential, sigmoid, softmax
from protocols.replicated3.functions.precision import (
    INVERSE_SQUARE_ROOT,
    LOGARITHM,
    SQUARE_ROOT,
    TARGET,
    WIDEST,
    Bound,
    Division,
    Exponential,
    Plan,
    Polynomial,
    Sigmoid,
    Softmax,
    accept,
    working,
)
from protocols.replicated3.functions.roots import inverse_square_root, logarithm, square_root

__all__ = [
    "INVERSE_SQUARE_ROOT",
    "LOGARITHM",
    "SQUARE_ROOT",
    "TARGET",
    "WIDEST",
    "Bound",
    "Division",
    "Exponential",
    "Plan",
    "Polynomial",
    "Sigmoid",
    "Softmax",
    "accept",
    "divide",
    "division_plan",
    "exponential",
    "inverse_square_root",
    "logarithm",
    "reciprocal",
    "sigmoid",
    "softmax",
    "square_root",
    "working",
]
