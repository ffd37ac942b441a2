"""Tables of words in files: rows at known places are the owner's weights, and cost nothing to take."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from scenarios.clear import fixed, floating
from scenarios.networks import ModelSettings, imported, located


@pytest.mark.parametrize("places", [[3], [4, 0, 4], [[1, 2, 0]]], ids=["one", "several", "of images"])
def test_rows_of_a_table_at_known_places_are_onnxruntimes(places, tmp_path):
    rng, indices = np.random.default_rng(0), np.array(places, np.int64)
    table = rng.normal(size=(5, 4)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "places"], ["rows"]),
        helper.make_node("Add", ["x", "rows"], ["y"]),
    ]
    held = [numpy_helper.from_array(table, "table"), numpy_helper.from_array(indices, "places")]
    length = indices.shape[-1]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", length, 4])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, tmp_path / "n.onnx")
    x = rng.normal(size=(2, length, 4)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(tmp_path / "n.onnx"), providers=["CPUExecutionProvider"])
    (want,) = session.run(None, {"x": x})
    read = located(ModelSettings(onnx=str(tmp_path / "n.onnx")), tmp_path)
    weights, images = imported(read).weights, x.astype(np.float64).reshape(2, *read.input)
    assert sum(array.size for array in weights.values()) == 4 * length  # the rows, not the table
    np.testing.assert_allclose(floating.forward(read, weights, images), want, atol=1e-5)
    np.testing.assert_allclose(fixed.forward(read, weights, images), want, atol=2.0**-14)
