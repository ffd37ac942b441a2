"""What the microbench runs on shares, operation by operation, and what should come out.

In flow a family's view and values; out flow values. The suite is in `suite`; what it runs on activations,
rows, tables and layers each has its module. Operations on layers import networks when they are asked for.
It may import the protocols, the twins, inference and networks.
"""

from scenarios.probes.operations.activations import NAMED
from scenarios.probes.operations.operation import Opened, Operation
from scenarios.probes.operations.sizes import CLASSES, SPAN, Shape, Values
from scenarios.probes.operations.suite import OPERATIONS

__all__ = ["CLASSES", "NAMED", "OPERATIONS", "SPAN", "Opened", "Operation", "Shape", "Values"]
