"""Private training: hospitals share, servers train, one asks; checkpoints; the result beside its twins.

In flows a scenario with `[training]`; out flow weights on shares, losses and accuracies.
"""

from scenarios.training.report import targets_of
from scenarios.training.settings import PrivateTrainingSettings, TrainingSettings

__all__ = [
    "PrivateTrainingSettings",
    "TrainingSettings",
    "targets_of",
]
