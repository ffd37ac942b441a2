"""Networks from ONNX files: nodes of the one graph, and the weights of their owner.

In flows a file (opset 13 to the newest); out flow nodes and arrays, or the other way. It computes nothing
but what no input reaches: shapes, and weights that are folded. Package `onnx`, an extra.
"""

from scenarios.onnx.read import Imported, read
from scenarios.onnx.write import write

__all__ = ["Imported", "read", "write"]
