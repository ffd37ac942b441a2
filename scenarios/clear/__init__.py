"""The plaintext twin: the same network in the clear, as floats and in exact fixed point; the same trees.

In flow networks, weights and images; out flow logits, gradients and weights. No secret is held here.
"""

from scenarios.clear import boosted, fixed, floating, optimise, training, trees, windows

__all__ = [
    "boosted",
    "fixed",
    "floating",
    "optimise",
    "training",
    "trees",
    "windows",
]
