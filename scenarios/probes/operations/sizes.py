"""Names and sizes that all operations of the microbench share."""

import numpy as np
from numpy.typing import NDArray

CLASSES = 10
SPAN = "operation"

Values = NDArray[np.float64]
Shape = tuple[int, ...]
