"""Protocols of secure three-party computation on replicated secret sharing."""

from protocols.domains import Ring
from protocols.replicated3.constructions import (
    argmax,
    conv2d_fixed,
    dot_fixed,
    is_negative,
    less_than,
    matmul_fixed,
    multiply,
    multiply_fixed,
)
from protocols.replicated3.layers import average_pool2d, max_pool2d, relu
from protocols.replicated3.sharings import (
    Choices,
    Server,
    Share,
    add,
    add_public,
    multiply_public,
    receive_from_client,
    receive_reveal,
    reveal,
    reveal_to_client,
    share_by_client,
    subtract,
)

__all__ = [
    "Choices",
    "Ring",
    "Server",
    "Share",
    "add",
    "add_public",
    "argmax",
    "average_pool2d",
    "conv2d_fixed",
    "dot_fixed",
    "is_negative",
    "less_than",
    "matmul_fixed",
    "max_pool2d",
    "multiply",
    "multiply_fixed",
    "multiply_public",
    "receive_from_client",
    "receive_reveal",
    "relu",
    "reveal",
    "reveal_to_client",
    "share_by_client",
    "subtract",
]
