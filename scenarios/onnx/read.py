"""From a file to the graph: what no input reaches is computed, the rest becomes nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper
from onnx.reference import ReferenceEvaluator

from mpcsim.errors import InputError
from scenarios.graph import IMAGE, INPUT, LayerPlan, arrangements
from scenarios.onnx import (  # noqa: F401  # they add handlers
    choosing,
    elementwise,
    products,
    rearranging,
    recurrent,
    resizing,
    tokens,
    truth,
    windows,
)
from scenarios.onnx.context import Graph
from scenarios.onnx.file import Contents, contents, said
from scenarios.onnx.node import HANDLERS, Node
from scenarios.onnx.tensors import Known, Shape, Tensor, Tokens, Value

Sizes = tuple[tuple[str, int], ...]
MOST_FOLDED = 2**28
"""Numbers that a node gives at most which no input reaches."""
Public = tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class Imported:
    """A network of a file.

    Attributes:
        input: height, width and channels of what a client gives; of several, (1, 1, all their numbers).
        plans: its nodes.
        weights: the owner's arrays, by NODE/kernel and NODE/bias.
        opset: of its operators.
        words: how many words there are, of each input whose numbers are tokens; inputs are called as those
            that clients give are (`scenarios.graph.given`).
        whole: inputs of whole numbers that are none.
    """

    input: tuple[int, int, int]
    plans: tuple[LayerPlan, ...]
    weights: Mapping[str, NDArray[np.float64]]
    opset: int
    words: Mapping[str, int]
    whole: frozenset[str]


def read(
    path: Path,
    sizes: Sizes = (),
    layout: str = "NCHW",
    output: str | None = None,
    public: Public = (),
) -> Imported:
    """Return the network of a file; the same file is read once.

    Args:
        path: the file.
        sizes: of symbolic dimensions, by name.
        layout: of inputs with two axes and channels, "NCHW" or "NHWC".
        output: which one, of several.
        public: inputs that all know, by name: one number, or as many as there are, the same for all images.

    Raises:
        InputError: it is missing or damaged, lies, or has an operator that is not accepted.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise InputError(f"model.onnx: {path}: {error.strerror}") from None
    return _read(path, sizes, layout, output, public, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _read(
    path: Path,
    sizes: Sizes,
    layout: str,
    output: str | None,
    public: Public,
    _changed: int,
    _size: int,
) -> Imported:
    file = contents(path)
    name = _chosen(file, output)
    nodes = _read_by(file, name)
    read_here = {one for _, node in nodes for one in node.input}
    known = _known(file, public, dict(sizes))
    names = [one for one in file.inputs if one in read_here and one not in known]
    if not names:
        which = "an input that is not public" if public else "an input"
        raise InputError(f"{path}: the output {name!r} does not depend on {which}")
    words = tokens.words_of(file, [node for _, node in nodes], names)
    graph, tensors, shape = _begun(file, names, dict(sizes), layout, words)
    tensors |= known
    graph.readers.update([name, *(read for _, node in nodes for read in node.input if read)])
    for place, proto in nodes:
        _add(file, graph, tensors, place, proto)
    result = tensors[name]
    if not isinstance(result, Value) or result.source == IMAGE:
        raise InputError(f"{path}: the output {name!r} does not depend on the input, or is the input")
    graph.name = "output"
    try:
        result = truth.number(graph, result) if truth.is_truth(graph, result) else result
        last = graph.of_axes(result, (2, 3, 1) if len(result.shape) == 4 else range(1, len(result.shape)))
    except ValueError as error:
        raise InputError(f"{path}: the output {name!r}: {error}") from None
    plans, weights = _needed(graph, last)
    height, width, channels = shape
    called = dict.fromkeys(names, INPUT) if len(names) == 1 else {one: one for one in names}
    whole = frozenset(called[one] for one in names if file.kinds[one].kind in "iu" and one not in words)
    told = {called[one]: many for one, many in words.items()}
    return Imported((height, width, channels), plans, weights, file.opset, told, whole)


def _known(file: Contents, public: Public, sizes: Mapping[str, int]) -> dict[str, Known]:
    """Return the inputs that all know, as they are for every image."""
    found: dict[str, Known] = {}
    for name, numbers in public:
        what = f"model.public_inputs.{name}"
        if name not in file.inputs:
            raise InputError(f"{what}: {file.path} has the inputs {', '.join(file.inputs)}")
        shape, kind = (1, *_inner(file, name, sizes, least=1)), file.kinds[name]
        if len(numbers) not in (1, math.prod(shape)):
            raise InputError(
                f"{what}: {len(numbers)} numbers for {shape}; accepted: one, or as many as the input has"
            )
        if kind.kind in "iu" and any(number != int(number) for number in numbers):
            raise InputError(f"{what}: the file says whole numbers ({kind}); accepted: these")
        array = np.array(numbers).astype(kind)
        found[name] = Known(np.full(shape, array[0]) if len(numbers) == 1 else array.reshape(shape))
    return found


def _chosen(file: Contents, output: str | None) -> str:
    """Return the output that is wanted."""
    if output is None and len(file.outputs) == 1:
        return file.outputs[0]
    if output not in file.outputs:
        several = ", ".join(file.outputs)
        raise InputError(
            f"model.output = {output!r}: {file.path} has the outputs {several}; accepted: one of them"
        )
    return output


def _read_by(file: Contents, output: str) -> list[tuple[int, Any]]:
    """Return the nodes that an output needs, in order, with their places."""
    wanted, found = {output}, []
    for place, node in reversed(list(enumerate(file.nodes))):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            found.append((place, node))
    return found[::-1]


def _begun(
    file: Contents, names: Sequence[str], sizes: Mapping[str, int], layout: str, words: Mapping[str, int]
) -> tuple[Graph, dict[str, Tensor | Tokens], Shape]:
    """Return a graph with the tensors of inputs, and the shape of an image, or of all inputs' numbers."""
    inners = {name: _inner(file, name, sizes, words.get(name)) for name in names}
    if len(names) == 1:
        (name,) = names
        inner = inners[name]
        shape, axes = _image(inner, "tokens" if name in words else layout)
        graph = Graph(shape)
        value = graph.output(IMAGE, axes, (1, *inner))
        return graph, {name: Tokens(value) if name in words else value}, shape
    shape = (1, 1, sum(map(math.prod, inners.values())))
    graph, first = Graph(shape), 0
    tensors: dict[str, Tensor | Tokens] = {}
    for name, inner in inners.items():
        graph.name = name
        part, axes = _image(inner, "tokens" if name in words else layout)
        source = graph.arrange(arrangements.Part(first, part, name), IMAGE)
        value = graph.output(source, axes, (1, *inner))
        tensors[name] = Tokens(value) if name in words else value
        graph.names[source].append(name)
        first += math.prod(inner)
    return graph, tensors, shape


def _inner(
    file: Contents, name: str, sizes: Mapping[str, int], words: int | None = None, least: int = 2
) -> Shape:
    """Return the sizes of an input but for its axis of images; of tokens, with the words behind."""
    said_sizes = file.inputs[name]
    fewest, most = (least, 4) if words is None else (1, 3)
    free = {one for one in said_sizes[1:] if isinstance(one, str)} - set(sizes)
    shown = f"{file.path}: the input {name!r} is ({', '.join(map(str, said_sizes))})"
    if free or None in said_sizes[1:] or not fewest <= len(said_sizes) <= most:
        raise InputError(
            f"{shown}; accepted: an axis of images, and {'up to two' if words else 'one to three'} of "
            f"known sizes: model.shapes says what {', '.join(sorted(free)) or 'a name'} is"
        )
    if isinstance(said_sizes[0], int) and said_sizes[0] != 1:
        raise InputError(
            f"{shown}; accepted: a first axis of 1 or of a name, for as many images as there are"
        )
    inner: Shape = tuple(sizes[one] if isinstance(one, str) else int(one or 0) for one in said_sizes[1:])
    if min(inner, default=1) < 1:
        raise InputError(f"{shown}; accepted: at least 1 place along each axis")
    return inner if words is None else (*inner, words)


def _image(inner: Shape, layout: str) -> tuple[Any, tuple[int | None, ...]]:
    """Return the shape (h, w, c) of an input of those sizes, and which of its tensor's axes these are.

    `layout` is "tokens" where the last axis is that of words.
    """
    if layout == "NCHW" and len(inner) == 3:
        return (*inner[1:], inner[0]), (2, 3, 1)
    of_rank: dict[int, Shape] = {1: (1, 1, *inner), 2: (*inner, 1), 3: inner}
    places: dict[int, tuple[int | None, ...]] = {1: (None, None, 1), 2: (1, 2, None), 3: (1, 2, 3)}
    if layout == "tokens" and len(inner) == 2:
        return (1, *inner), (None, 1, 2)
    return of_rank[len(inner)], places[len(inner)]


def _add(file: Contents, graph: Graph, tensors: dict[str, Tensor | Tokens], place: int, proto: Any) -> None:
    """Add what a node of the file is."""
    what = said(file.path, place, proto)
    inputs: list[Tensor | Tokens | None] = []
    for name in proto.input:
        if name and name not in tensors:
            one = file.initialisers[name]
            tensors[name] = Known(one.array(), not one.whole)
        inputs.append(tensors[name] if name else None)
    outputs = [name for name in proto.output if name]
    graph.name = proto.name or outputs[0]
    try:
        attributes = {one.name: helper.get_attribute_value(one) for one in proto.attribute}
        if all(one is None or isinstance(one, Known) for one in inputs):
            found: Any = _computed(proto, inputs, attributes)
        else:
            if proto.domain not in ("", "ai.onnx") or proto.op_type not in HANDLERS:
                raise ValueError(
                    f"operator not offered; accepted: {', '.join(sorted(HANDLERS))}; any where what it "
                    "reads depends on model.public_inputs alone"
                )
            secret = {place: one for place, one in enumerate(inputs) if isinstance(one, Tokens)}
            rest = [None if isinstance(one, Tokens) else one for one in inputs]
            node = Node(proto.op_type, attributes, rest, len(outputs), file.opset)
            truth.refuse_as_numbers(graph, node)
            handler = HANDLERS[proto.op_type]
            found = tokens.of_tokens(graph, node, secret) if secret else handler(graph, node)
        several = found if isinstance(found, list | tuple) else [found]
        if len(several) > len(outputs):  # some of them have no name
            several = [one for name, one in zip(proto.output, several, strict=False) if name]
        if len(several) != len(outputs):
            raise ValueError(f"{len(outputs)} outputs; accepted: {len(several)}")
    except (  # attributes that lie make handlers fail in ways of their own
        ValueError, LookupError, TypeError, ArithmeticError, AttributeError, MemoryError,
    ) as error:  # fmt: skip
        raise InputError(f"{what}: {error or type(error).__name__}") from None
    for name, one in zip(outputs, several, strict=True):
        tensors[name] = one
        if not isinstance(one, Known):
            graph.names[one.source].append(name)
        _hold(file, name, one, what)


def _hold(file: Contents, name: str, tensor: Tensor | Tokens, what: str) -> None:
    """Refuse a tensor that has other sizes than the file says of it."""
    if isinstance(tensor, Known) or name not in file.declared:
        return
    wanted = file.declared[name]
    if len(wanted) != len(tensor.shape) or any(
        isinstance(one, int) and one > 0 and one != size
        for one, size in zip(wanted, tensor.shape, strict=True)
    ):
        raise InputError(f"{what}: gives {name!r} of {tensor.shape}; the file says {wanted}")


def _computed(
    proto: Any, inputs: Sequence[Tensor | Tokens | None], attributes: Mapping[str, Any]
) -> list[Tensor]:
    """Return what a node gives whose inputs are known."""
    if proto.op_type in ("RandomNormal", "RandomUniform", "Loop", "If", "Scan"):
        raise ValueError("operator not offered, of known numbers either")
    given = {
        name: np.asarray(one.array)
        for name, one in zip(proto.input, inputs, strict=True)
        if isinstance(one, Known) and name
    }
    weight = any(isinstance(one, Known) and one.weight for one in inputs)
    if _said(proto.op_type, list(given.values())) > MOST_FOLDED:
        raise ValueError("gives more than 2^28 known numbers; accepted: at most as many")
    try:
        found = ReferenceEvaluator(proto).run(None, given)
    except Exception as error:  # the operator's own, whatever it is
        raise ValueError(f"cannot be computed from known numbers ({error})") from None
    return [Known(np.asarray(one), weight) for one in found]


def _said(kind: str, given: Sequence[NDArray[Any]]) -> float:
    """Return how many numbers an operator gives that is told so by its inputs; 0 of others."""
    if kind == "ConstantOfShape":
        return math.prod(map(float, given[0].reshape(-1)))
    if kind == "Expand":
        return given[0].size * math.prod(map(float, given[1].reshape(-1)))
    if kind == "Tile":
        return given[0].size * math.prod(map(float, given[1].reshape(-1)))
    if kind == "Range":
        start, end, step = (float(one) for one in given)
        return abs((end - start) / (step or math.nan))
    return 0


def _needed(graph: Graph, last: int) -> tuple[tuple[LayerPlan, ...], Mapping[str, NDArray[np.float64]]]:
    """Return the nodes that the last one needs, numbered anew, and their weights."""
    wanted, waiting = {last}, [last]
    while waiting:
        for source in graph.plans[waiting.pop()].sources:
            if source != IMAGE and source not in wanted:
                wanted.add(source)
                waiting.append(source)
    places = {old: new for new, old in enumerate(sorted(wanted))} | {IMAGE: IMAGE}
    plans = tuple(
        replace(
            graph.plans[old], index=places[old], sources=tuple(places[s] for s in graph.plans[old].sources)
        )
        for old in sorted(wanted)
    )
    return plans, {key: graph.weights[key] for plan in plans for key in plan.learned}
