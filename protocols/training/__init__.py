"""Training written once over the interface of a family: a layer forward, back, its update, losses.

In flow values of batches and weights, and the public integers of every step (`schedule`); out flow
values of weights. A family that trains returns its `Trainer` by a method `trainer`; what it does
better it overrides. It may import `protocols.layers` and all before it.
"""

from protocols.training import normalise
from protocols.training.gradients import input_gradient, weight_gradient
from protocols.training.schedule import Descent, Scales, descents
from protocols.training.trainer import INITIAL_BITS, Look, Trainer, grid, limit, trainer_of

__all__ = [
    "INITIAL_BITS",
    "Descent",
    "Look",
    "Scales",
    "Trainer",
    "descents",
    "grid",
    "input_gradient",
    "limit",
    "normalise",
    "trainer_of",
    "weight_gradient",
]
