"""Functions of real numbers on shares: division, roots, logarithm, exponential, sigmoid, softmax.

In flow shares and the precision that the ring leaves; out flow shares. It may import the constructions.
"""

from protocols.replicated3.functions.division import divide, reciprocal
from protocols.replicated3.functions.exponentials import exponential, sigmoid, softmax
from protocols.replicated3.functions.roots import inverse_square_root, logarithm, square_root

__all__ = [
    "divide",
    "exponential",
    "inverse_square_root",
    "logarithm",
    "reciprocal",
    "sigmoid",
    "softmax",
    "square_root",
]
