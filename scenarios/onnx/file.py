"""The file: what it must be before anything of it is looked at, and its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim.errors import InputError

try:
    import onnx
    from onnx import external_data_helper, numpy_helper
except ImportError as missing:
    raise InputError(
        f"model.onnx: needs a package that is not installed ({missing.name}): pip install 'mpcsim[onnx]'"
    ) from None

OLDEST = 13
MOST_NODES = 100_000
_FLOATS = {"FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16"}


@dataclass(frozen=True)
class Initialiser:
    """An array of the file, read when it is asked for; those outside the file may be missing until then."""

    path: Path
    proto: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes, as the file says."""
        return tuple(self.proto.dims)

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers, which are never weights."""
        return onnx.TensorProto.DataType.Name(self.proto.data_type) not in _FLOATS

    def array(self) -> NDArray[Any]:
        """Return the numbers.

        Raises:
            InputError: they are missing, lie outside the file's folder, are too few, or are not finite.
        """
        proto, what = self.proto, f"{self.path}: initialiser {self.proto.name!r}"
        if external_data_helper.uses_external_data(proto):
            proto = self._from_outside(what)
        try:
            found: NDArray[Any] = numpy_helper.to_array(proto)
        except (ValueError, TypeError, KeyError, OSError) as error:  # of damaged numbers
            raise InputError(f"{what}: not the {self.shape} numbers that it says ({error})") from None
        if found.dtype.kind in "OSU":
            raise InputError(f"{what}: holds words; accepted: numbers, or truth values")
        if found.dtype.kind not in "fiub":
            found = found.astype(np.float32)
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            raise InputError(f"{what}: holds a value that is not a finite number")
        return found

    def _from_outside(self, what: str) -> Any:
        said = {entry.key: entry.value for entry in self.proto.external_data}
        folder, name = self.path.parent.resolve(), said.get("location", "")
        file = (folder / name).resolve()
        if Path(name).is_absolute() or not file.is_relative_to(folder):
            raise InputError(
                f"{what}: its data lie in {name!r}; accepted: a file in the model's folder, or below"
            )
        if not file.is_file():
            raise InputError(f"{what}: its data lie in {name!r}, which is not there")
        copy = onnx.TensorProto()
        copy.CopyFrom(self.proto)
        try:
            external_data_helper.load_external_data_for_tensor(copy, str(folder))
        except Exception as error:  # the library's own differ by version
            raise InputError(f"{what}: its data in {name!r} cannot be read ({error})") from None
        copy.data_location = onnx.TensorProto.DEFAULT
        return copy


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    Attributes:
        nodes: in the order of the file, which is one in which they can be computed.
        initialisers: by name.
        inputs: name and sizes of each input that is not an initialiser: numbers, names, or None.
        kinds: of these, the kind of number, as NumPy has it.
        outputs: names.
        opset: of the operators.
        declared: sizes that the file says of tensors in between, to be held to.
    """

    path: Path
    nodes: tuple[Any, ...]
    initialisers: Mapping[str, Initialiser]
    inputs: Mapping[str, tuple[int | str | None, ...]]
    kinds: Mapping[str, np.dtype[Any]]
    outputs: tuple[str, ...]
    opset: int
    declared: Mapping[str, tuple[int | str | None, ...]]


def contents(path: Path) -> Contents:
    """Return what a file holds, its order checked and no array read.

    Raises:
        InputError: it is missing, no ONNX file, of an opset that is not accepted, or says what cannot be.
    """
    try:
        model = onnx.load(str(path), load_external_data=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except Exception as error:  # protobuf raises its own, by version
        raise InputError(f"{path}: damaged, or not an ONNX file ({error})") from None
    graph = model.graph
    opset = max((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=0)
    if opset < OLDEST:
        raise InputError(f"{path}: opset {opset}; accepted: {OLDEST} and later")
    if len(graph.node) > MOST_NODES:
        raise InputError(f"{path}: {len(graph.node)} nodes; accepted: at most {MOST_NODES}")
    if model.functions:
        raise InputError(
            f"{path}: local functions ({model.functions[0].name!r}); accepted: a file with them inlined"
        )
    initialisers = {one.name: Initialiser(path, one) for one in graph.initializer}
    if graph.sparse_initializer:
        raise InputError(f"{path}: sparse initialisers; accepted: dense ones")
    given = [one for one in graph.input if one.name not in initialisers]
    inputs = {one.name: _sizes(one) for one in given}
    kinds = {one.name: _kind(one) for one in given}
    _check_order(path, graph, {*initialisers, *inputs})
    declared = {one.name: _sizes(one) for one in (*graph.value_info, *graph.output) if _has_sizes(one)}
    outputs = tuple(one.name for one in graph.output)
    return Contents(path, tuple(graph.node), initialisers, inputs, kinds, outputs, opset, declared)


def _has_sizes(value: Any) -> bool:
    return bool(value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape"))


def _sizes(value: Any) -> tuple[int | str | None, ...]:
    return tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
        for dim in value.type.tensor_type.shape.dim
    )


def _kind(value: Any) -> np.dtype[Any]:
    """Return what an input holds; real numbers where it does not say."""
    try:
        return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
    except (KeyError, ValueError, TypeError):  # of a kind that numbers have not
        return np.dtype(np.float32)


def _check_order(path: Path, graph: Any, known: set[str]) -> None:
    """Refuse a graph in which a node reads what no earlier one gives: one that is missing, or a circle."""
    given = {name for node in graph.node for name in node.output if name}
    for place, node in enumerate(graph.node):
        what = said(path, place, node)
        for name in node.input:
            if name and name not in known:
                why = (
                    "a later node gives (a circle, or an order that is none)"
                    if name in given
                    else "nothing gives"
                )
                raise InputError(f"{what}: reads {name!r}, which {why}")
        for name in node.output:
            if name and name in known:
                raise InputError(f"{what}: gives {name!r}, which is given already")
            known.add(name)
    for one in graph.output:
        if one.name not in known:
            raise InputError(f"{path}: the output {one.name!r} is given by no node")


def said(path: Path, place: int, node: Any) -> str:
    """Say which node of which file an error is about."""
    return f"{path}: node {node.name or f'number {place}'!r} ({node.op_type})"
