"""Small ONNX files, and what onnxruntime and the twins compute of them."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from scenarios.clear import fixed, floating
from scenarios.networks import ModelSettings, imported, located

IMAGES = (2, 4, 7, 6)  # of each case, any number
RNG = np.random.default_rng(0)


def node(*arguments, **attributes):
    return helper.make_node(*arguments, **attributes)


def numbers(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def written(path, nodes, arrays, size, opset=17, output=None):
    """Write a file with the input x and the output y."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *size[1:]])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)]
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in arrays.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def read(path, **more):
    model = located(ModelSettings(onnx=str(path), **more), path.parent)
    return model, imported(model).weights


def both(path, size):
    """Return what onnxruntime computes, and the twins in the clear, images with channels last."""
    x = np.random.default_rng(1).normal(size=size).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (want,) = session.run(None, {"x": x})
    model, weights = read(path)
    images = x.transpose(0, 2, 3, 1) if x.ndim == 4 else x.reshape(len(x), *model.input)
    in_reals = floating.forward(model, weights, images.astype(np.float64))
    in_fixed = fixed.forward(model, weights, images.astype(np.float64))
    return (want.transpose(0, 2, 3, 1) if want.ndim == 4 else want), in_reals, in_fixed
