"""Every array operation of the protocols: pure functions on words, planes and residues.

Protocols reach arrays only through this module (views such as ``reshape``, ``transpose`` and slices
stay NumPy), so that a twin with the same names, which knows shapes alone, can take its place: `shapes`.

- *words*: uint32 or uint64 arrays of any shape; arithmetic wraps modulo 2^32 or 2^64.
- *planes*: uint8 arrays (bits, ⌈n/8⌉); bit i mod 8 of byte ⌊i/8⌋ of a plane belongs to value i,
  and the bits after value n − 1 are zero.
- *residues*: uint8 arrays of values modulo a prime p ≤ 251.
- *elements* of a field: see `fields`.

Inputs may be read-only and need not be contiguous; results are new and C-contiguous. The loops are
compiled when first imported on a machine and come from Numba's cache after that: a run never waits
for the compiler.
"""

from protocols.correlated import expand_words
from protocols.kernels.bits import bit_planes, from_planes, pack, unpack
from protocols.kernels.digits import any_zero, blind, compare_digits, deal_digits, digit_entries
from protocols.kernels.elementwise import (
    add,
    and_,
    astype,
    concatenate,
    full,
    invert,
    low_bits,
    mul,
    neg,
    one_hot_words,
    pad,
    positions,
    scatter_windows,
    shift_left,
    shift_right,
    stack,
    sub,
    sum,
    take,
    where,
    xor,
    xor_all,
    zeros,
)
from protocols.kernels.fields import (
    binary_matmul,
    binary_mul,
    mersenne_add,
    mersenne_conv2d,
    mersenne_integers,
    mersenne_limbs,
    mersenne_low,
    mersenne_matmul,
    mersenne_mul,
    mersenne_neg,
    mersenne_of_limbs,
    mersenne_shift,
    mersenne_sub,
    mersenne_sum,
    mersenne_words,
)
from protocols.kernels.lookup import exponential_dot, permuted_dot_xor, product_of_tables, rounded
from protocols.kernels.orders import as_order, inverted, order_of, permuted, sums_before, turned
from protocols.kernels.products import (
    conv2d,
    conv2d3,
    conv2d3_input_gradient,
    conv2d3_weight_gradient,
    matmul,
    matmul3,
    product3,
)
from protocols.kernels.residues import pack_mod, uniform_mod, uniform_mod_words, unpack_mod
from protocols.kernels.tables import and3, one_hot, table_lookup
from protocols.kernels.trees import (
    deal_bit_trees,
    deal_word_trees,
    tree_sizes,
    walk_bit_trees,
    walk_word_trees,
)

__all__ = [
    "add",
    "and3",
    "and_",
    "any_zero",
    "as_order",
    "astype",
    "binary_matmul",
    "binary_mul",
    "bit_planes",
    "blind",
    "compare_digits",
    "concatenate",
    "conv2d",
    "conv2d3",
    "conv2d3_input_gradient",
    "conv2d3_weight_gradient",
    "deal_bit_trees",
    "deal_digits",
    "deal_word_trees",
    "digit_entries",
    "expand_words",
    "exponential_dot",
    "from_planes",
    "full",
    "invert",
    "inverted",
    "low_bits",
    "matmul",
    "matmul3",
    "mersenne_add",
    "mersenne_conv2d",
    "mersenne_integers",
    "mersenne_limbs",
    "mersenne_low",
    "mersenne_matmul",
    "mersenne_mul",
    "mersenne_neg",
    "mersenne_of_limbs",
    "mersenne_shift",
    "mersenne_sub",
    "mersenne_sum",
    "mersenne_words",
    "mul",
    "neg",
    "one_hot",
    "one_hot_words",
    "order_of",
    "pack",
    "pack_mod",
    "pad",
    "permuted",
    "permuted_dot_xor",
    "positions",
    "product3",
    "product_of_tables",
    "rounded",
    "scatter_windows",
    "shift_left",
    "shift_right",
    "stack",
    "sub",
    "sum",
    "sums_before",
    "table_lookup",
    "take",
    "tree_sizes",
    "turned",
    "uniform_mod",
    "uniform_mod_words",
    "unpack",
    "unpack_mod",
    "walk_bit_trees",
    "walk_word_trees",
    "where",
    "xor",
    "xor_all",
    "zeros",
]
