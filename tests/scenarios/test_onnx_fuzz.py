"""Random small graphs of the operators that files may have: on shares as onnxruntime, at their formulas.

Every tensor keeps a bound of its values, and weights are divided by how many numbers they sum: errors add
up, and the bound that the page states of operators holds of any of these graphs.
"""

import os
from dataclasses import dataclass, field

import numpy as np
import onnxruntime
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx_files import node, read, written

from analysis.predict import measure
from analysis.predict import run as predict
from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS
from scenarios.clear import fixed, floating
from scenarios.data import DataSettings, load_data

LONG = os.environ.get("MPCSIM_LONG")
BOUND = 2.0**-8
FAMILIES = ["replicated4", "dealer2", "fss2", "shamir", "plain", "replicated3_malicious"]


@dataclass
class Drawn:
    """A graph while it is drawn: tensors of images (1, c, h, w), with what no value is larger than."""

    draw: object
    tensors: list = field(default_factory=list)
    nodes: list = field(default_factory=list)
    arrays: dict = field(default_factory=dict)

    def pick(self, *choices):
        return self.draw(st.sampled_from(choices))

    def number(self, low, high):
        return self.draw(st.integers(low, high))

    def tensor(self, which=lambda shape: True):
        found = [one for one in self.tensors if which(one[1])]
        return found[self.number(max(0, len(found) - 3), len(found) - 1)] if found else None

    def known(self, array):
        name = f"k{len(self.arrays)}"
        self.arrays[name] = np.asarray(array)
        return name

    def weights(self, *shape, over=1):
        rng = np.random.default_rng(self.number(0, 99))
        return self.known((rng.uniform(-1, 1, shape) / over).astype(np.float32))

    def whole(self, *numbers):
        return self.known(np.array(numbers, np.int64))

    def add(self, kind, reads, shape, bound, **more):
        name = f"t{len(self.nodes)}"
        self.nodes.append(
            node(kind, [one if isinstance(one, str) else one[0] for one in reads], [name], **more)
        )
        self.tensors.append((name, tuple(shape), bound))
        return self.tensors[-1]


def _convolution(g):
    x = g.tensor()
    (_, c, h, w), groups = x[1], g.pick(1, x[1][1])
    taps, stride = (g.number(1, min(3, h)), g.number(1, min(3, w))), (g.number(1, 2), g.number(1, 2))
    pads = [g.number(0, t - 1) for t in (*taps, *taps)]
    filters = groups * g.number(1, 2)
    kernel = g.weights(filters, c // groups, *taps, over=c // groups * taps[0] * taps[1])
    sides = [(size + pads[i] + pads[i + 2] - taps[i]) // stride[i] + 1 for i, size in enumerate((h, w))]
    more = {"strides": stride, "pads": pads, "group": groups}
    g.add("Conv", [x, kernel, g.weights(filters)], (1, filters, *sides), x[2] + 1, **more)


def _pooled(g):
    x = g.tensor()
    _, c, h, w = x[1]
    window, stride = [g.number(1, min(2, h)), g.number(1, min(2, w))], [g.number(1, 2), g.number(1, 2)]
    sides = [(size - t) // s + 1 for size, t, s in zip((h, w), window, stride, strict=True)]
    g.add(g.pick("MaxPool", "AveragePool"), [x], (1, c, *sides), x[2], kernel_shape=window, strides=stride)


def _function(g):
    x = g.tensor()
    kind, more = g.pick(
        ("Relu", {}), ("LeakyRelu", {"alpha": 0.25}), ("HardSigmoid", {}), ("Sigmoid", {}), ("Tanh", {}),
        ("Abs", {}), ("Neg", {}), ("HardSwish", {}), ("Softmax", {"axis": 1}), ("Identity", {}),
    )  # fmt: skip
    bound = 1 if kind in ("HardSigmoid", "Sigmoid", "Tanh", "Softmax") else x[2]
    g.add(kind, [x], x[1], bound, **more)


def _limits(g):
    x = g.tensor()
    low, high = (g.known(np.float32(one)) for one in (-0.5, 0.75))
    kind = g.pick("Clip", "Max", "Min", "PRelu")
    reads = {
        "Clip": [x, *g.pick((low, high), (low,), ("", high))],
        "Max": [x, low],
        "Min": [high, x],
        "PRelu": [x, g.weights(x[1][1], 1, 1)],
    }
    g.add(kind, reads[kind], x[1], x[2] + 1)


def _two(g):
    x = g.tensor()
    y = g.tensor(lambda shape: shape == x[1] or shape == (1, x[1][1], 1, 1) or shape == (1, 1, *x[1][2:]))
    kind = g.pick("Add", "Sub", "Max", "Min", "Mul", "Where")
    if kind == "Mul" and max(x[2], y[2]) > 2:
        return
    reads = [x, y] if g.pick(True, False) else [y, x]
    if kind == "Where":
        reads = [g.known(np.random.default_rng(0).random(x[1][1:]) > 0.5), *reads]
    bounds = {"Mul": x[2] * y[2], "Add": x[2] + y[2], "Sub": x[2] + y[2]}
    g.add(kind, reads, x[1], bounds.get(kind, max(x[2], y[2])))


def _weighed(g):
    x = g.tensor()
    shape = g.pick((x[1][1], 1, 1), (x[1][3],), x[1], ())
    kind = g.pick("Add", "Mul", "Sub")
    known = g.weights(*shape) if shape else g.known(np.float32(0.375))
    g.add(kind, [x, known], x[1], x[2] + (kind != "Mul"))


def _reduced(g):
    x = g.tensor()
    axes = g.pick([1], [2, 3], [3], [1, 2, 3])
    shape = [1 if axis in axes else size for axis, size in enumerate(x[1])]
    g.add(g.pick("ReduceMean", "ReduceMax", "ReduceMin"), [x, g.whole(*axes)], shape, x[2])


def _moved(g):
    x = g.tensor()
    _, c, h, w = x[1]
    kind = g.pick("Transpose", "Concat", "Slice", "Pad", "Resize", "Expand")
    if kind == "Transpose":
        order = g.pick([0, 1, 3, 2], [0, 3, 1, 2], [0, 2, 3, 1])
        g.add(kind, [x], [x[1][axis] for axis in order], x[2], perm=order)
    elif kind == "Concat":
        y = g.tensor(lambda shape: shape[2:] == (h, w))
        g.add(kind, [x, y], (1, c + y[1][1], h, w), max(x[2], y[2]), axis=1)
    elif kind == "Slice":
        axis = g.number(1, 3)
        end = g.number(1, x[1][axis])
        shape = [end if place == axis else size for place, size in enumerate(x[1])]
        g.add(kind, [x, g.whole(0), g.whole(end), g.whole(axis)], shape, x[2])
    elif kind == "Pad":
        more = g.number(0, 1)
        g.add(kind, [x, g.whole(0, 0, more, 0, 0, 0, 0, 1)], (1, c, h + more, w + 1), x[2])
    elif kind == "Resize" and max(h, w) < 6:
        sizes = g.number(1, 2 * h), g.number(1, 2 * w)
        how = g.pick("half_pixel", "align_corners", "asymmetric")
        more = {"mode": g.pick("linear", "nearest"), "coordinate_transformation_mode": how}
        g.add(kind, [x, "", "", g.whole(1, c, *sizes)], (1, c, *sizes), x[2], **more)
    elif kind == "Expand" and h == 1:
        g.add(kind, [x, g.whole(1, 1, 2, 1)], (1, c, 2, w), x[2])


def _chosen(g):
    """Choose by comparisons what a tie does not change, so that either way is right."""
    x = g.tensor()
    y = g.tensor(lambda shape: shape == x[1])
    kind = g.pick("Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Sign", "Cast")
    if kind == "Sign":
        g.add("Mul", [g.add("Sign", [x], x[1], 1), x], x[1], x[2])
    elif kind == "Cast":
        above = g.add("Greater", [x, g.known(np.float32(0))], x[1], 1)
        g.add("Mul", [x, g.add("Cast", [above], x[1], 1, to=1)], x[1], x[2])
        g.tensors.remove(above)
    else:
        held, truth = list(g.tensors), g.add(kind, [x, y], x[1], 1)
        opposite = g.add("Not", [truth], x[1], 1) if g.pick(True, False) else truth
        g.tensors = held  # others take numbers
        g.add("Where", [opposite, *g.pick([x, y], [y, x])], x[1], max(x[2], y[2]))


STEPS = [_convolution, _pooled, _function, _limits, _two, _chosen, _weighed, _reduced, _moved]


@st.composite
def graphs(draw, most=6):
    """Draw nodes and arrays of a graph that ends in a vector, and the side of its images."""
    side = draw(st.integers(3, 6))
    g = Drawn(draw)
    g.tensors.append(("x", (1, 3, side, side), 1))
    for _ in range(draw(st.integers(1, most))):
        draw(st.sampled_from(STEPS))(g)
        name, shape, bound = g.tensors[-1]
        if bound > 4:
            g.add("Mul", [(name, shape, bound), g.known(np.float32(0.25))], shape, bound / 4)
    name, shape, _ = g.tensors[-1]
    g.nodes += [node("Neg", [name], ["end"]), node("Flatten", ["end"], ["y"])]
    if np.prod(shape) == 1:  # a class of one is refused
        g.nodes[-1] = node("Expand", ["end", g.whole(1, 2, 1, 1)], ["wide"])
        g.nodes.append(node("Flatten", ["wide"], ["y"]))
    read_here = {one for each in g.nodes for one in each.input}
    return g.nodes, {name: one for name, one in g.arrays.items() if name in read_here}, side


def _files(folder, drawn, family):
    """Write the file and its scenario; return both, and what onnxruntime computes of the images."""
    nodes, arrays, side = drawn
    path = written(folder / "net.onnx", nodes, arrays, (1, 3, side, side), 18)
    data = {"source": "random", "size": side, "channels": 3, "count": 2}
    tables = {
        "workload": "private_inference",
        "seed": 1,
        "protocol": {"family": family},
        "data": data,
        "model": {"onnx": "net.onnx"},
        "output": {"reveal": "logits"},
    }
    file = folder / "scenario.toml"
    file.write_text(tomli_w.dumps(tables))
    images = load_data(DataSettings(**data), folder, 1).images
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = images.transpose(0, 3, 1, 2).astype(np.float32)
    want = np.concatenate([session.run(None, {"x": one[None]})[0] for one in x])
    return path, str(file), images, want


@settings(max_examples=600 if LONG else 40, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(most=8))
def test_any_graph_in_the_clear_is_onnxruntimes(tmp_path_factory, drawn):
    path, _, images, want = _files(tmp_path_factory.mktemp("fuzz"), drawn, "plain")
    model, weights = read(path)
    np.testing.assert_allclose(floating.forward(model, weights, images), want, atol=1e-4)
    np.testing.assert_allclose(fixed.forward(model, weights, images), want, atol=BOUND)


def _hold(folder, drawn, family):
    _, file, _, want = _files(folder, drawn, family)
    loaded = load_scenario(file, [], None, ())
    program = workload.build_program(loaded, WORKLOADS)
    run = workload.run_program(program, loaded)
    np.testing.assert_allclose(run.outputs["hospital"], want, atol=BOUND)
    found = predict.rows(measure(file, ["dry_run=true"]))
    assert [row.op for row in found if not row.equal] == []


@settings(max_examples=100 if LONG else 8, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs())
def test_any_graph_on_shares_is_onnxruntimes_at_its_formulas(tmp_path_factory, drawn):
    _hold(tmp_path_factory.mktemp("fuzz"), drawn, "replicated3")


@pytest.mark.skipif(not LONG, reason="MPCSIM_LONG=1: other families")
@pytest.mark.parametrize("family", FAMILIES)
def test_any_graph_on_any_family_is_onnxruntimes_at_its_formulas(family, tmp_path_factory):
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(graphs())
    def hold(drawn):
        _hold(tmp_path_factory.mktemp("fuzz"), drawn, family)

    hold()
