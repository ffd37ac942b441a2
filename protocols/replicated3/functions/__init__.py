"""Functions of real numbers on shares: division, roots, logarithm, exponential, sigmoid, softmax.

In flow shares and the precision that the ring leaves; out flow shares. It may import the constructions.
"""

from protocols.replicated3.functions.division import divide, division_plan, reciprocal, reciprocal_plan
from protocols.replicated3.functions.exponentials import (
    exponential,
    exponential_plan,
    sigmoid,
    sigmoid_plan,
    softmax,
    softmax_plan,
)
from protocols.replicated3.functions.precision import activation_plan, norm_plan, working
from protocols.replicated3.functions.roots import curve_plan, inverse_square_root, logarithm, square_root

__all__ = [
    "activation_plan",
    "curve_plan",
    "divide",
    "division_plan",
    "exponential",
    "exponential_plan",
    "inverse_square_root",
    "logarithm",
    "norm_plan",
    "reciprocal",
    "reciprocal_plan",
    "sigmoid",
    "sigmoid_plan",
    "softmax",
    "softmax_plan",
    "square_root",
    "working",
]
