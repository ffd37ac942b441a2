"""Layers of networks: ReLU, maxima, a linear layer's sums through both on few bits; every message a claim.

In flow sums and shares of images; out flow shares of images. It may import the constructions.
"""

from protocols.replicated3_malicious.layers.block import (
    largest_of_rows,
    less_than,
    pool_and_relu_of_sum,
    relu,
    select_in_thirds,
)

__all__ = ["largest_of_rows", "less_than", "pool_and_relu_of_sum", "relu", "select_in_thirds"]
