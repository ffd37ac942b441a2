"""Declared layers as an ONNX file, channels first, as other programs read it.

Batch normalisation stays a node of its own, with running statistics: whoever reads the file may fold it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mpcsim.errors import InputError
from scenarios.graph import IMAGE, STATISTICS, LayerPlan, Operator

OPSET = 21
_MOST = 2**31 - 1
"""Bytes of a file: protobuf's limit."""
_FUNCTIONS = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "logistic": "Sigmoid",
    "tanh": "Tanh",
    "erf": "Erf",
    "gelu": "Gelu",
    "exponential": "Exp",
    "logarithm": "Log",
    "square_root": "Sqrt",
    "absolute": "Abs",
    "softplus": "Softplus",
    "hard_swish": "HardSwish",
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
}
"""Functions without parameters, and the operators that they are."""


@dataclass
class _File:
    """A file while it is made.

    Attributes:
        weights: by LAYER/kernel and LAYER/bias, mean and variance (ε included).
        tensors: the name of every layer's output, channels first.
    """

    weights: Mapping[str, NDArray[Any]]
    nodes: list[Any] = field(default_factory=list)
    arrays: list[Any] = field(default_factory=list)
    tensors: dict[int, str] = field(default_factory=lambda: {IMAGE: "input"})

    def known(self, name: str, array: Any, dtype: Any = np.float32) -> str:
        """Add an initialiser, and return its name."""
        self.arrays.append(numpy_helper.from_array(np.ascontiguousarray(np.asarray(array, dtype)), name))
        return name

    def node(self, kind: str, reads: Sequence[str], gives: str, **more: Any) -> str:
        """Add a node, and return what it gives."""
        self.nodes.append(helper.make_node(kind, list(reads), [gives], gives, **more))
        return gives

    def of(self, plan: LayerPlan, part: str) -> NDArray[Any]:
        """Return an array of a layer."""
        return np.asarray(self.weights[f"{plan.weights}/{part}"], np.float64)

    def flat(self, plan: LayerPlan) -> str:
        """Return what a layer reads as one row an image, row-major over (height, width, channels)."""
        read = self.tensors[plan.sources[0]]
        if len(plan.input) == 1:
            return read
        last = [0, *range(2, len(plan.input) + 1), 1]
        turned = self.node("Transpose", [read], f"{plan.name}.last", perm=last)
        return self.node("Flatten", [turned], f"{plan.name}.flat")


def write(path: Path, plans: Sequence[LayerPlan], weights: Mapping[str, NDArray[Any]]) -> None:
    """Write a network and its weights; the same of both give the same bytes.

    Raises:
        InputError: a layer has no form in it here; it is named.
    """
    file = _File(weights)
    for plan in plans:
        form = None if isinstance(plan.layer, Operator) else _FORMS.get(plan.layer.type)
        if form is None:
            raise InputError(f"{plan}: no ONNX form here; accepted: {', '.join(sorted(_FORMS))}")
        found = form(file, plan)
        if plan.relu:
            found = file.node("Relu", [found], f"{plan.name}.relu")
        file.tensors[plan.index] = found
    last = plans[-1]
    file.node("Identity", [file.tensors[last.index]], "output")
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", *_first(plans[0].input)])
    result = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", *_first(last.output)])
    graph = helper.make_graph(file.nodes, "network", [given], [result], file.arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="mpcsim")
    model.ir_version = 10
    if (size := model.ByteSize()) > _MOST:
        raise InputError(
            f"{path}: {size} bytes; accepted in an ONNX file: {_MOST}. An .npz file holds more"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    onnx.checker.check_model(str(path))


def _first(shape: Sequence[int]) -> list[int]:
    """Return a shape with its channels first."""
    return [shape[-1], *shape[:-1]]


def _windows(plan: LayerPlan) -> dict[str, Any]:
    (top, bottom), (left, right) = plan.pads
    return {"strides": list(plan.stride), "pads": [top, left, bottom, right]}


def _bias(file: _File, plan: LayerPlan) -> list[str]:
    return [file.known(f"{plan.name}/bias", file.of(plan, "bias"))] if plan.bias else []


def _conv2d(file: _File, plan: LayerPlan) -> str:
    kernel = file.known(f"{plan.name}/kernel", file.of(plan, "kernel").transpose(3, 2, 0, 1))
    dilation = plan.layer.dilation
    spread = [dilation, dilation] if isinstance(dilation, int) else list(dilation)
    reads = [file.tensors[plan.sources[0]], kernel, *_bias(file, plan)]
    more = _windows(plan) | {"dilations": spread, "group": plan.layer.groups}
    return file.node("Conv", reads, plan.name, **more)


def _conv2d_transpose(file: _File, plan: LayerPlan) -> str:
    turned = file.of(plan, "kernel")[::-1, ::-1].transpose(2, 3, 0, 1)
    kernel = file.known(f"{plan.name}/kernel", turned)
    stride = plan.layer.stride
    more = {
        "strides": [stride, stride] if isinstance(stride, int) else list(stride),
        "pads": [plan.layer.padding] * 4,
        "output_padding": [plan.layer.output_padding] * 2,
    }
    reads = [file.tensors[plan.sources[0]], kernel, *_bias(file, plan)]
    return file.node("ConvTranspose", reads, plan.name, **more)


def _dense(file: _File, plan: LayerPlan) -> str:
    if plan.layer.rows:
        raise InputError(
            f"{plan}: rows = true has no ONNX form here; accepted: dense layers of all numbers"
        )
    kernel = file.known(f"{plan.name}/kernel", file.of(plan, "kernel"))
    return file.node("Gemm", [file.flat(plan), kernel, *_bias(file, plan)], plan.name)


def _scale(file: _File, plan: LayerPlan) -> str:
    wide = (-1, *(1,) * (len(plan.input) - 1))
    factor = file.known(f"{plan.name}/kernel", file.of(plan, "kernel").reshape(wide))
    found = file.node("Mul", [file.tensors[plan.sources[0]], factor], f"{plan.name}.times")
    if plan.bias is None:
        return found
    return file.node(
        "Add", [found, file.known(f"{plan.name}/bias", file.of(plan, "bias").reshape(wide))], plan.name
    )


def _batch_norm(file: _File, plan: LayerPlan) -> str:
    """Write ε apart from the variance that holds it."""
    mean, spread = (file.of(plan, part) for part in STATISTICS)
    epsilon = plan.layer.epsilon
    parts = {"kernel": file.of(plan, "kernel"), "bias": file.of(plan, "bias"), "mean": mean}
    parts["variance"] = np.maximum(spread - epsilon, 0)
    names = [file.known(f"{plan.name}/{part}", array) for part, array in parts.items()]
    return file.node(
        "BatchNormalization", [file.tensors[plan.sources[0]], *names], plan.name, epsilon=epsilon
    )


def _of_groups(file: _File, plan: LayerPlan) -> str:
    names = [file.known(f"{plan.name}/{part}", file.of(plan, part)) for part in ("kernel", "bias")]
    said = dict(plan.arguments)
    more = {"epsilon": said["epsilon"], "num_groups": said["groups"]}
    return file.node("GroupNormalization", [file.tensors[plan.sources[0]], *names], plan.name, **more)


def _pool(file: _File, plan: LayerPlan) -> str:
    kind = "MaxPool" if plan.kind == "max" else "AveragePool"
    more = _windows(plan) | {"kernel_shape": list(plan.window)}
    return file.node(kind, [file.tensors[plan.sources[0]]], plan.name, **more)


def _two(kind: str, **more: Any) -> Callable[[_File, LayerPlan], str]:
    def form(file: _File, plan: LayerPlan) -> str:
        return file.node(kind, [file.tensors[source] for source in plan.sources], plan.name, **more)

    return form


def _upsample(file: _File, plan: LayerPlan) -> str:
    size = plan.layer.size
    scales = [1, 1, *((size, size) if isinstance(size, int) else size)]
    reads = [file.tensors[plan.sources[0]], "", file.known(f"{plan.name}/scales", scales)]
    more = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return file.node("Resize", reads, plan.name, **more)


def _crop(file: _File, plan: LayerPlan) -> str:
    size = plan.layer.size
    cut = (size, size) if isinstance(size, int) else size
    ends = [side - one for side, one in zip(plan.input[:2], cut, strict=True)]
    said = {"starts": cut, "ends": ends, "axes": (2, 3)}
    names = [file.known(f"{plan.name}/{name}", array, np.int64) for name, array in said.items()]
    return file.node("Slice", [file.tensors[plan.sources[0]], *names], plan.name)


def _function(file: _File, plan: LayerPlan) -> str:
    name = plan.layer.function
    kind = _FUNCTIONS.get(name)
    if kind is None or plan.arguments:
        raise InputError(
            f"{plan}: {name!r} has no ONNX form here; accepted, without parameters: "
            f"{', '.join(sorted(_FUNCTIONS))}"
        )
    more = {"axis": 1} if kind in ("Softmax", "LogSoftmax") else {}
    return file.node(kind, [file.tensors[plan.sources[0]]], plan.name, **more)


_FORMS: dict[str, Callable[[_File, LayerPlan], str]] = {
    "conv2d": _conv2d,
    "conv2d_transpose": _conv2d_transpose,
    "dense": _dense,
    "scale": _scale,
    "batch_norm": _batch_norm,
    "group_norm": _of_groups,
    "instance_norm": _of_groups,
    "maxpool2d": _pool,
    "avgpool2d": _pool,
    "add": _two("Add"),
    "multiply": _two("Mul"),
    "concat": _two("Concat", axis=1),
    "upsample2d": _upsample,
    "crop2d": _crop,
    "flatten": lambda file, plan: file.flat(plan),
    "activation": _function,
}
