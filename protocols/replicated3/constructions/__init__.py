"""Steps on shares: products, truncation, signs, conversions, selection, look-up, the largest of several.

In flow shares; out flow shares. It may import the sharings.
"""

from protocols.replicated3.constructions.adder import (
    join_neighbours,
    plus_others_bits,
    prefix_carries,
    share_dealers_bits,
    sum_bits,
)
from protocols.replicated3.constructions.arithmetic import (
    Padding,
    add_bias,
    conv2d_fixed,
    conv2d_locally,
    dot_fixed,
    dot_locally,
    matmul_fixed,
    matmul_locally,
    multiply,
    multiply_fixed,
    multiply_locally,
)
from protocols.replicated3.constructions.carry_table import all_ones
from protocols.replicated3.constructions.comparison import inside, is_negative, less_than, sign
from protocols.replicated3.constructions.conversion import (
    bit_halves,
    from_bits,
    inject,
    is_zero,
    to_bits,
)
from protocols.replicated3.constructions.lookup import deal_one_hot, look_up, look_up_xor
from protocols.replicated3.constructions.maximum import Taken, argmax, tournament, tournament_with_levels
from protocols.replicated3.constructions.selection import bit_to_share, select
from protocols.replicated3.constructions.truncation import (
    rounded_locally,
    sum_to_truncated_halves,
    truncate_exact,
    truncate_halves,
    truncate_product,
    truncate_share,
)

__all__ = [
    "Padding",
    "Taken",
    "add_bias",
    "all_ones",
    "argmax",
    "bit_halves",
    "bit_to_share",
    "conv2d_fixed",
    "conv2d_locally",
    "deal_one_hot",
    "dot_fixed",
    "dot_locally",
    "from_bits",
    "inject",
    "inside",
    "is_negative",
    "is_zero",
    "join_neighbours",
    "less_than",
    "look_up",
    "look_up_xor",
    "matmul_fixed",
    "matmul_locally",
    "multiply",
    "multiply_fixed",
    "multiply_locally",
    "plus_others_bits",
    "prefix_carries",
    "rounded_locally",
    "select",
    "share_dealers_bits",
    "sign",
    "sum_bits",
    "sum_to_truncated_halves",
    "to_bits",
    "tournament",
    "tournament_with_levels",
    "truncate_exact",
    "truncate_halves",
    "truncate_product",
    "truncate_share",
]
