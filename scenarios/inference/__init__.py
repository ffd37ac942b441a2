"""Private inference: the workload, the network on shares, batches of images, the result's report.

In flows a scenario with `[model]` and `[data]`; out flow predictions beside those in the clear.
"""

from scenarios.inference.batches import BatchSettings
from scenarios.inference.generation import GenerationSettings
from scenarios.inference.network import forward
from scenarios.inference.output import OutputSettings

__all__ = [
    "BatchSettings",
    "GenerationSettings",
    "OutputSettings",
    "forward",
]
