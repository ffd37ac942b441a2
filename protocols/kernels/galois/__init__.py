"""Loops of arithmetic in extensions of Z/2^64 and of GF(2), for proofs, which never run on shapes.

In flow arrays of elements' words; out flow such arrays. It may import the compiler of `protocols.kernels`.
"""

from protocols.kernels.galois.karatsuba import mixed, pair_sums, pairs
from protocols.kernels.galois.loops import (
    bit_dot_products,
    bit_matrix_product,
    tower_product,
    tower_remainder,
)
from protocols.kernels.galois.planes import folded_planes, mixed_planes, plane_products
from protocols.kernels.galois.weights import chosen_pair_sums, chosen_sums, chosen_windows, folded_words
from protocols.kernels.machine import ready

ready()

__all__ = [
    "bit_dot_products",
    "bit_matrix_product",
    "chosen_pair_sums",
    "chosen_sums",
    "chosen_windows",
    "folded_planes",
    "folded_words",
    "mixed",
    "mixed_planes",
    "pair_sums",
    "pairs",
    "plane_products",
    "tower_product",
    "tower_remainder",
]
