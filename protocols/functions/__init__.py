"""Functions written once over the interface of a family: comparisons, ReLU, maxima, functions of reals.

In flow values of any family; out flow values. A family that has a method of a function's name does it its
own way. Their working precision, lines and polynomials are public numbers, for all families. It may import
`protocols.family`.
"""

from protocols.functions.activate import activate, evaluate
from protocols.functions.activations import ACTIVATIONS, FINEST, Activation, activation
from protocols.functions.comparison import (
    LONG,
    absolute,
    argmax,
    equal,
    larger,
    largest,
    less_than,
    maximum,
    minimum,
    relu,
    smaller,
    truncate_exact,
)
from protocols.functions.curves import DEGREES, Reals, chebyshev, coefficients
from protocols.functions.goldschmidt import goldschmidt
from protocols.functions.lines import Iterations, Start, best_line, iterations
from protocols.functions.normalise import inside, one_hot, steps
from protocols.functions.norms import (
    NORMS,
    Norm,
    group_norm,
    inverse_root,
    layer_norm,
    normalised,
    rms_norm,
)
from protocols.functions.pieces import Pieces, accepted, enough, pieces
from protocols.functions.polynomial import polynomial
from protocols.functions.precision import (
    INVERSE_SQUARE_ROOT,
    LOGARITHM,
    SQUARE_ROOT,
    TARGET,
    WIDEST,
    Bound,
    Curve,
    Division,
    Exponential,
    Plan,
    Polynomial,
    Sigmoid,
    Softmax,
    Window,
    accept,
)
from protocols.functions.products import multiply, multiply_fixed
from protocols.functions.reals import (
    counting,
    divide,
    exponential,
    inverse_square_root,
    log_softmax,
    logarithm,
    power,
    reciprocal,
    sigmoid,
    softmax,
    square_root,
)
from protocols.functions.room import check_room, working_bits
from protocols.functions.rotary import rotary

__all__ = [
    "ACTIVATIONS",
    "DEGREES",
    "FINEST",
    "INVERSE_SQUARE_ROOT",
    "LOGARITHM",
    "LONG",
    "NORMS",
    "SQUARE_ROOT",
    "TARGET",
    "WIDEST",
    "Activation",
    "Bound",
    "Curve",
    "Division",
    "Exponential",
    "Iterations",
    "Norm",
    "Pieces",
    "Plan",
    "Polynomial",
    "Reals",
    "Sigmoid",
    "Softmax",
    "Start",
    "Window",
    "absolute",
    "accept",
    "accepted",
    "activate",
    "activation",
    "argmax",
    "best_line",
    "chebyshev",
    "check_room",
    "coefficients",
    "counting",
    "divide",
    "enough",
    "equal",
    "evaluate",
    "exponential",
    "goldschmidt",
    "group_norm",
    "inside",
    "inverse_root",
    "inverse_square_root",
    "iterations",
    "larger",
    "largest",
    "layer_norm",
    "less_than",
    "log_softmax",
    "logarithm",
    "maximum",
    "minimum",
    "multiply",
    "multiply_fixed",
    "normalised",
    "one_hot",
    "pieces",
    "polynomial",
    "power",
    "reciprocal",
    "relu",
    "rms_norm",
    "rotary",
    "sigmoid",
    "smaller",
    "softmax",
    "square_root",
    "steps",
    "truncate_exact",
    "working_bits",
]  # fmt: skip
