"""Training on shares: losses, the gradient's way back, descent.

In flow shares of batches and weights; out flow shares of weights. It may import layers and all before
them.
"""

from protocols.replicated3.training import loss
from protocols.replicated3.training.backward import (
    Gradient,
    Sums,
    back_to_entries,
    bias_gradient_locally,
    conv2d_input_gradient_locally,
    conv2d_weight_gradient_locally,
    dense_input_gradient_locally,
    dense_weight_gradient_locally,
    masked,
    routes,
    to_images,
)
from protocols.replicated3.training.descent import descend, uniform
from protocols.replicated3.training.loss import classes
from protocols.replicated3.training.trainer import ReplicatedTrainer

__all__ = [
    "Gradient",
    "ReplicatedTrainer",
    "Sums",
    "back_to_entries",
    "bias_gradient_locally",
    "classes",
    "conv2d_input_gradient_locally",
    "conv2d_weight_gradient_locally",
    "dense_input_gradient_locally",
    "dense_weight_gradient_locally",
    "descend",
    "loss",
    "masked",
    "routes",
    "to_images",
    "uniform",
]
