"""ONNX files: every operator as onnxruntime computes it, files that lie, private runs of what was read."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_files import IMAGES, both, node, numbers, read, written

from analysis.predict import measure
from analysis.predict import run as predict
from mpcsim.errors import InputError
from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS
from scenarios.clear import floating
from scenarios.networks import ModelSettings, blocks, shapes

FAMILIES = ["replicated3", "replicated4", "dealer2", "fss2", "shamir", "plain", "replicated3_malicious"]
CASES = {
    "Conv": (
        [node("Conv", ["x", "w", "b"], ["y"], pads=[1, 0, 2, 1], strides=[2, 1], group=2)],
        {"w": numbers(6, 2, 3, 2), "b": numbers(6)},
        IMAGES,
        17,
    ),
    "Conv 2": (
        [node("Conv", ["x", "w"], ["y"], auto_pad="SAME_LOWER", strides=[2, 2])],
        {"w": numbers(6, 4, 2, 3)},
        IMAGES,
        17,
    ),
    "Conv BatchNormalization Relu MaxPool": (
        [
            node("Conv", ["x", "w"], ["a"]),
            node("BatchNormalization", ["a", "s", "b", "m", "v"], ["c"]),
            node("Relu", ["c"], ["d"]),
            node("MaxPool", ["d"], ["y"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        ],
        {"w": numbers(6, 4, 1, 1), "s": numbers(6), "b": numbers(6), "m": numbers(6), "v": abs(numbers(6))},
        IMAGES,
        17,
    ),
    "ConvTranspose": (
        [
            node(
                "ConvTranspose",
                ["x", "w", "b"],
                ["y"],
                strides=[2, 3],
                pads=[1, 0, 0, 1],
                output_padding=[1, 2],
                group=2,
            )
        ],
        {"w": numbers(4, 3, 3, 2), "b": numbers(6)},
        IMAGES,
        17,
    ),
    "AveragePool": (
        [
            node(
                "AveragePool",
                ["x"],
                ["y"],
                kernel_shape=[3, 2],
                strides=[2, 2],
                pads=[1, 1, 1, 0],
                count_include_pad=1,
                ceil_mode=1,
            )
        ],
        {},
        IMAGES,
        19,
    ),
    "AveragePool 2": (
        [
            node(
                "AveragePool",
                ["x"],
                ["y"],
                kernel_shape=[3, 2],
                strides=[2, 2],
                pads=[1, 1, 1, 0],
                ceil_mode=1,
            )
        ],
        {},
        IMAGES,
        19,
    ),
    "GlobalAveragePool Flatten Gemm": (
        [
            node("GlobalAveragePool", ["x"], ["a"]),
            node("Flatten", ["a"], ["b"]),
            node("Gemm", ["b", "w", "c"], ["y"], transB=1, alpha=0.5),
        ],
        {"w": numbers(3, 4), "c": numbers(3)},
        IMAGES,
        17,
    ),
    "Flatten MatMul Add": (
        [node("Flatten", ["x"], ["b"]), node("MatMul", ["b", "w"], ["c"]), node("Add", ["c", "k"], ["y"])],
        {"w": numbers(4 * 42, 3), "k": numbers(3)},
        IMAGES,
        17,
    ),
    "Relu Concat": (
        [node("Relu", ["x"], ["a"]), node("Concat", ["x", "a"], ["y"], axis=1)],
        {},
        IMAGES,
        17,
    ),
    "Slice": (
        [node("Slice", ["x", "s", "e", "ax", "st"], ["y"])],
        {"s": np.array([1, 5]), "e": np.array([4, 0]), "ax": np.array([1, 2]), "st": np.array([2, -2])},
        IMAGES,
        17,
    ),
    "Split Mul": (
        [node("Split", ["x"], ["a", "b"], axis=1), node("Mul", ["a", "b"], ["y"])],
        {},
        IMAGES,
        17,
    ),
    "Transpose Reshape MatMul Softmax Transpose": (
        [
            node("Transpose", ["x"], ["a"], perm=[0, 2, 3, 1]),
            node("Reshape", ["a", "s"], ["b"]),
            node("MatMul", ["b", "w"], ["c"]),
            node("Softmax", ["c"], ["d"], axis=1),
            node("Transpose", ["d"], ["y"], perm=[0, 2, 1]),
        ],
        {"s": np.array([0, -1, 4]), "w": numbers(4, 5)},
        IMAGES,
        17,
    ),
    "Resize": (
        [node("Resize", ["x", "", "s"], ["y"], mode="nearest")],
        {"s": np.array([1, 1, 2, 1.5], np.float32)},
        IMAGES,
        17,
    ),
    "Resize 2": (
        [
            node(
                "Resize",
                ["x", "", "s"],
                ["y"],
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
        ],
        {"s": np.array([1, 1, 2, 2], np.float32)},
        IMAGES,
        17,
    ),
    "DepthToSpace": ([node("DepthToSpace", ["x"], ["y"], blocksize=2)], {}, IMAGES, 17),
    "DepthToSpace 2": ([node("DepthToSpace", ["x"], ["y"], blocksize=2, mode="CRD")], {}, IMAGES, 17),
    "SpaceToDepth": ([node("SpaceToDepth", ["x"], ["y"], blocksize=2)], {}, (2, 3, 4, 6), 17),
    "Pad": ([node("Pad", ["x", "p"], ["y"])], {"p": np.array([0, 0, 1, 2, 0, 1, 0, 1])}, IMAGES, 17),
    "ReduceMean": ([node("ReduceMean", ["x"], ["y"], axes=[2, 3])], {}, IMAGES, 17),
    "ReduceMean 2": (
        [node("ReduceMean", ["x", "a"], ["y"], keepdims=0)],
        {"a": np.array([-1])},
        IMAGES,
        18,
    ),
    "Mul Add Sub Div": (
        [
            node("Mul", ["x", "k"], ["a"]),
            node("Add", ["a", "b"], ["c"]),
            node("Sub", ["o", "c"], ["d"]),
            node("Div", ["d", "t"], ["y"]),
        ],
        {"k": numbers(4, 1, 1), "b": numbers(1, 1, 6), "o": np.float32(1.5), "t": np.float32(3)},
        IMAGES,
        17,
    ),
    "Transpose MatMul": (
        [node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]), node("MatMul", ["x", "t"], ["y"])],
        {},
        IMAGES,
        17,
    ),
    "MatMul": ([node("MatMul", ["w", "x"], ["y"])], {"w": numbers(3, 7)}, IMAGES, 17),
    "Squeeze Unsqueeze Conv": (
        [
            node("Squeeze", ["x", "a"], ["b"]),
            node("Unsqueeze", ["b", "c"], ["d"]),
            node("Conv", ["d", "w"], ["y"]),
        ],
        {"a": np.array([1]), "c": np.array([1]), "w": numbers(2, 1, 3, 3)},
        (2, 1, 7, 6),
        17,
    ),
    "Conv Relu MaxPool": (
        [
            node("Conv", ["x", "w", "b"], ["a"], pads=[1, 1]),
            node("Relu", ["a"], ["c"]),
            node("MaxPool", ["c"], ["y"], kernel_shape=[2], strides=[2]),
        ],
        {"w": numbers(5, 4, 3), "b": numbers(5)},
        (2, 4, 9),
        17,
    ),
    "LogSoftmax Abs Pow": (
        [
            node("LogSoftmax", ["x"], ["a"], axis=1),
            node("Abs", ["a"], ["b"]),
            node("Pow", ["b", "three"], ["y"]),
        ],
        {"three": np.float32(3)},
        (2, 3, 2, 2),
        17,
    ),
    "Gemm Sigmoid": (
        [node("Gemm", ["x", "w"], ["a"]), node("Sigmoid", ["a"], ["y"])],
        {"w": numbers(6, 4)},
        (3, 6),
        17,
    ),
    "Shape Gather Unsqueeze Concat Reshape": (
        [
            node("Shape", ["x"], ["s"]),
            node("Gather", ["s", "i"], ["n"]),
            node("Unsqueeze", ["n", "z"], ["n1"]),
            node("Concat", ["n1", "m"], ["r"], axis=0),
            node("Reshape", ["x", "r"], ["y"]),
        ],
        {"i": np.array(0), "z": np.array([0]), "m": np.array([-1])},
        (2, 4, 7, 6),
        17,
    ),
    "Add Add": (
        [node("Add", ["x", "p"], ["a"]), node("Add", ["a", "q"], ["y"])],
        {"p": numbers(1, 4, 7, 6), "q": numbers(7, 1)},
        IMAGES,
        17,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_computes_what_onnxruntime_does(name, tmp_path):
    nodes, arrays, size, opset = CASES[name]
    want, in_reals, in_fixed = both(written(tmp_path / "n.onnx", nodes, arrays, size, opset), size)
    assert in_reals.shape == want.shape
    np.testing.assert_allclose(in_reals, want, atol=1e-4)
    np.testing.assert_allclose(in_fixed, want, atol=2.0**-8)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_convolution_of_any_kind_is_onnxruntimes(tmp_path_factory, data):
    one, two = st.integers(1, 2), st.integers(1, 3)
    transposed, groups, read_by, each = data.draw(st.booleans()), *(data.draw(one) for _ in range(3))
    taps, stride, spread = ((data.draw(two), data.draw(two)) for _ in range(3))
    wide = [(t - 1) * s for t, s in zip(taps, spread, strict=True)]
    pads = [data.draw(st.integers(0, min(1, w))) for w in (*wide, *wide)]
    size = (data.draw(one), groups * read_by, *(data.draw(st.integers(w + 1, w + 5)) for w in wide))
    more = {"strides": stride, "dilations": spread, "pads": pads, "group": groups}
    filters = (groups * read_by, each) if transposed else (groups * each, read_by)
    if transposed:
        more["output_padding"] = [data.draw(st.integers(0, s - 1)) for s in stride]
        if any(n < 1 for n in _sizes(size[2:], taps, stride, spread, pads)):
            return
    nodes = [node("ConvTranspose" if transposed else "Conv", ["x", "w", "b"], ["y"], **more)]
    arrays = {"w": numbers(*filters, *taps), "b": numbers(groups * each)}
    path = written(tmp_path_factory.mktemp("conv") / "n.onnx", nodes, arrays, size)
    want, in_reals, in_fixed = both(path, size)
    np.testing.assert_allclose(in_reals, want, atol=1e-4)
    np.testing.assert_allclose(in_fixed, want, atol=2.0**-9)


def _sizes(size, taps, stride, spread, pads):
    return [
        (n - 1) * s + (t - 1) * d + 1 - pads[i] - pads[i + 2]
        for i, (n, t, s, d) in enumerate(zip(size, taps, stride, spread, strict=True))
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_pooling_of_any_kind_is_onnxruntimes(tmp_path_factory, data):
    kind = data.draw(st.sampled_from(["MaxPool", "AveragePool"]))
    window = [data.draw(st.integers(1, 3)) for _ in range(2)]
    more = {
        "kernel_shape": window,
        "strides": [data.draw(st.integers(1, 3)) for _ in range(2)],
        "pads": [data.draw(st.integers(0, w - 1)) for w in (*window, *window)],
        "ceil_mode": data.draw(st.integers(0, 1)),
    }
    if kind == "AveragePool":
        more["count_include_pad"] = data.draw(st.integers(0, 1))
    size = (2, 3, *(data.draw(st.integers(w, 8)) for w in window))
    nodes = [node(kind, ["x"], ["y"], **more)]
    path = written(tmp_path_factory.mktemp("pool") / "n.onnx", nodes, {}, size, 19)
    want, in_reals, in_fixed = both(path, size)
    assert in_reals.shape == want.shape
    np.testing.assert_allclose(in_reals, want, atol=1e-5)
    np.testing.assert_allclose(in_fixed, want, atol=2.0**-10)


# A small network of everything, run on shares

GATED = [
    node("Conv", ["x", "w1"], ["a"], pads=[1, 1, 1, 1], name="/stem/Conv"),
    node("BatchNormalization", ["a", "s", "b", "m", "v"], ["c"]),
    node("Relu", ["c"], ["d"]),
    node("MaxPool", ["d"], ["e"], kernel_shape=[2, 2], strides=[2, 2]),
    node("Conv", ["e", "w2"], ["f"], group=4, pads=[1, 1, 1, 1], name="depthwise"),
    node("Add", ["f", "e"], ["g"], name="residual"),
    node("Relu", ["g"], ["h"]),
    node("GlobalAveragePool", ["h"], ["i"], name="squeeze"),
    node("Sigmoid", ["i"], ["j"], name="gate"),
    node("Mul", ["h", "j"], ["k"], name="gated"),
    node("ReduceMean", ["k"], ["l"], axes=[2, 3], keepdims=0, name="mean"),
    node("Add", ["l", "p"], ["l2"], name="moved"),
    node("Gemm", ["l2", "w3", "b3"], ["n"], name="logits"),
    node("Softmax", ["n"], ["o"], name="shares"),
    node("Mul", ["o", "three"], ["r"], name="scaled"),
    node("Sub", ["r", "n"], ["y"], name="less"),
]


@pytest.fixture
def gated(tmp_path):
    """Return a scenario of a small network with gates, and its folder."""
    rng = np.random.default_rng(0)

    def draw(*shape):
        return (rng.normal(size=shape) * 0.3).astype(np.float32)

    arrays = {
        "w1": draw(4, 3, 3, 3), "s": draw(4), "b": draw(4), "m": draw(4), "v": abs(draw(4)) + np.float32(1),
        "w2": draw(4, 1, 3, 3), "p": draw(1, 4), "w3": draw(4, 5), "b3": draw(5), "three": np.float32(3),
    }  # fmt: skip
    written(tmp_path / "net.onnx", GATED, arrays, ["N", 3, 8, 8])
    tables = {
        "workload": "private_inference",
        "seed": 1,
        "data": {"source": "random", "size": 8, "channels": 3, "count": 2},
        "model": {"onnx": "net.onnx"},
        "output": {"reveal": "logits"},
    }

    def scenario(family="replicated3", **more):
        file = tmp_path / "s.toml"
        file.write_text(tomli_w.dumps(tables | {"protocol": {"family": family}} | more))
        return str(file)

    return scenario


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_runs_on_shares_as_in_the_clear(family, gated):
    loaded = load_scenario(gated(family), [], None, ())
    program = workload.build_program(loaded, WORKLOADS)
    output = program.summarize(workload.run_program(program, loaded))
    assert {"residual", "gated", "shares"} <= set(output["max_layer_error"])
    assert max(output["max_layer_error"].values()) < 2.0**-10
    assert output["max_logit_error_float"] < 2.0**-9


@pytest.mark.parametrize("family", FAMILIES)
def test_every_node_of_a_file_costs_what_its_formula_says(family, gated):
    for dry in (True, False):
        found = predict.rows(measure(gated(family, dry_run=dry), []))
        assert {row.op.rpartition("/")[2] for row in found} >= {"mean", "gate", "gated", "scaled"}
        assert [row.op for row in found if not row.equal] == []


def test_batches_of_a_file_go_through_as_a_pipeline(gated):
    found = predict.rows(measure(gated(inference={"batch": 1}, dry_run=True), []))
    assert [row.op for row in found if not row.equal] == []


def test_what_can_be_folded_is(gated, tmp_path):
    model, weights = read((gated(), tmp_path / "net.onnx")[1])
    kinds = [plan.layer.type for plan in shapes(model)]
    assert kinds[:3] == ["conv2d", "maxpool2d", "conv2d"]
    assert not {"scale", "transpose"} & set(kinds[:4])
    first, depthwise = blocks(shapes(model))[:2]
    assert first.pooling is not None
    assert [plan.name for plan in depthwise.linear] == ["depthwise"]
    assert set(weights) >= {"stem_Conv/kernel", "stem_Conv/bias"}


# A tensor that goes by several names, or is read twice, is not taken into one of its readers

HALF = {"half": np.float32(0.5), "w": numbers(4, 4, 1, 1), "k": numbers(4, 1, 1), "s": np.array([0, -1, 6])}
HALF |= {"one": numbers(4), "v": abs(numbers(4)) + np.float32(0.5)}
SHARED = {
    "a ReLU under another name": [
        node("Conv", ["x", "w"], ["c"]),
        node("Identity", ["c"], ["d"]),
        node("Relu", ["d"], ["e"]),
        node("Add", ["e", "c"], ["y"]),
    ],
    "a bias under another name": [
        node("Conv", ["x", "w"], ["c"]),
        node("Dropout", ["c"], ["d"]),
        node("Add", ["d", "k"], ["e"]),
        node("Mul", ["e", "c"], ["y"]),
    ],
    "a normalisation under another name": [
        node("Conv", ["x", "w"], ["c"]),
        node("Identity", ["c"], ["d"]),
        node("BatchNormalization", ["d", "one", "one", "one", "v"], ["e"]),
        node("Sub", ["e", "c"], ["y"]),
    ],
    "a factor on both sides of a product": [
        node("Mul", ["x", "half"], ["h"]),
        node("Transpose", ["h"], ["t"], perm=[0, 1, 3, 2]),
        node("MatMul", ["h", "t"], ["y"]),
    ],
    "a factor that a later node reads": [
        node("Mul", ["x", "half"], ["h"]),
        node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]),
        node("MatMul", ["h", "t"], ["p"]),
        node("MatMul", ["p", "h"], ["q"]),
        node("Identity", ["h"], ["i"]),
        node("Add", ["q", "i"], ["y"]),
    ],
    "a factor under another name, read later": [
        node("Mul", ["x", "half"], ["h"]),
        node("Identity", ["h"], ["i"]),
        node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]),
        node("MatMul", ["h", "t"], ["p"]),
        node("MatMul", ["p", "i"], ["y"]),
    ],
    "known numbers added twice": [
        node("Conv", ["x", "w"], ["c"]),
        node("Sum", ["c", "k", "k"], ["d"]),
        node("Relu", ["d"], ["y"]),
    ],
}


@pytest.mark.parametrize("name", SHARED)
def test_what_others_read_stays_as_it_is(name, tmp_path):
    nodes = SHARED[name]
    read_here = {one for each in nodes for one in each.input}
    arrays = {key: value for key, value in HALF.items() if key in read_here}
    want, in_reals, in_fixed = both(written(tmp_path / "n.onnx", nodes, arrays, IMAGES), IMAGES)
    np.testing.assert_allclose(in_reals, want, atol=1e-4)
    np.testing.assert_allclose(in_fixed, want, atol=2.0**-7)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            [node("Cast", ["x"], ["y"], to=TensorProto.INT64)],
            "to = 7; accepted: a kind of real",
        ),
        ([node("Dropout", ["x", "half", "yes"], ["y"])], "training_mode; accepted: dropout at inference"),
        ([node("Mul", ["x", "least"], ["y"])], r"accepted: 0, or a size from 2\^-32 to 2\^32"),
        ([node("Pow", ["x", "half"], ["y"])], "exponent 0.5; accepted: a whole number from 1 to 64"),
        ([node("Div", ["x", "none"], ["y"])], "a divisor of 0"),
        (
            [node("Resize", ["x", "", "s"], ["y"], mode="area")],
            "mode 'area'.*accepted: nearest, linear, cubic",
        ),
        ([node("Reshape", ["x", "s"], ["y"])], "accepted: one of as many numbers"),
        ([node("Concat", ["x", "s"], ["y"], axis=1)], "along axis 1"),
    ],
)
def test_what_a_node_cannot_be_is_refused_with_what_is_accepted(nodes, message, tmp_path):
    held = {"half": np.float32(0.5), "yes": np.array(True), "least": np.float32(1e-30)}
    held |= {"none": np.float32(0), "s": np.array([1, 1, 2, 2], np.int64)}
    read_here = {one for each in nodes for one in each.input}
    held = {key: value for key, value in held.items() if key in read_here}
    with pytest.raises(InputError, match=message):
        read(written(tmp_path / "n.onnx", nodes, held, (1, 4, 7, 6)))


# Files that lie


def _changed(path, change):
    model = onnx.load(path)
    change(model)
    onnx.save(model, path)
    return path


def _dense(tmp_path, **more):
    arrays = {"w": numbers(3, 2), "b": numbers(2)}
    nodes = [node("Gemm", ["x", "w", "b"], ["h"], name="first"), node("Relu", ["h"], ["y"], name="second")]
    return written(tmp_path / "n.onnx", nodes, arrays, (1, 3), **more)


def _circle(model):
    model.graph.node[0].input[0] = "y"


def _missing(model):
    model.graph.node[0].input[1] = "nowhere"


def _twice(model):
    model.graph.node[1].output[0] = "h"


def _nan(model):
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((3, 2), np.nan, np.float32), "w"))


def _short(model):
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]


def _sizes_that_lie(model):
    model.graph.value_info.append(helper.make_tensor_value_info("h", TensorProto.FLOAT, (1, 7)))


def _unknown(model):
    model.graph.node[1].op_type = "NonMaxSuppression"


def _domain(model):
    model.graph.node[1].domain = "com.somebody"


def _outside(location):
    def change(model):
        one = model.graph.initializer[0]
        one.ClearField("raw_data")
        one.data_location = TensorProto.EXTERNAL
        one.external_data.add(key="location", value=location)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_circle, r"node 'first' \(Gemm\): reads 'y', which a later node gives"),
        (_missing, "reads 'nowhere', which nothing gives"),
        (_twice, "gives 'h', which is given already"),
        (_nan, "initialiser 'w': holds a value that is not a finite number"),
        (_short, "initialiser 'w': not the .* numbers that it says"),
        (_sizes_that_lie, r"gives 'h' of \(1, 2\); the file says \(1, 7\)"),
        (_unknown, r"node 'second' \(NonMaxSuppression\): operator not offered; accepted: Abs, Add, "),
        (_domain, "operator not offered"),
        (_outside("../secret"), "accepted: a file in the model's folder"),
        (_outside("/etc/passwd"), "accepted: a file in the model's folder"),
        (_outside("weights.bin"), "'weights.bin', which is not there"),
    ],
)
def test_a_file_that_lies_is_refused_by_name(change, message, tmp_path):
    path = _changed(_dense(tmp_path), change)
    with pytest.raises(InputError, match=message):
        read(path)


FAR = 10**9
TRAPS = {
    "Range": ([node("Range", ["zero", "far", "one"], ["d"]), node("Gather", ["x", "d"], ["y"], axis=2)],
              "more than 2\\^28 known numbers"),
    "ConstantOfShape": ([node("ConstantOfShape", ["sides"], ["c"]), node("Add", ["x", "c"], ["y"])],
                        "more than 2\\^28 known numbers"),
    "Expand": ([node("Expand", ["x", "wide"], ["y"])], "at most 2\\^31 values"),
    "Tile": ([node("Tile", ["x", "sizes"], ["y"])], "at most 2\\^31 values"),
    "Resize": ([node("Resize", ["x", "", "", "sizes"], ["y"], mode="linear")], "at most 2\\^31 values"),
    "Pad": ([node("Pad", ["x", "pads"], ["y"])], "at most 2\\^31 values"),
    "strides": ([node("Conv", ["x", "w"], ["y"], strides=[0, 1])], "each at least 1"),
    "dilations": ([node("Conv", ["x", "w"], ["y"], dilations=[FAR, FAR], pads=[FAR] * 4)],
                  "at most 2\\^31 values"),
    "epsilon": ([node("InstanceNormalization", ["x", "s", "s"], ["y"], epsilon=-1.0)], "a number above 0"),
    "alpha": ([node("Elu", ["x"], ["y"], alpha=float("nan"))], "alpha = nan; accepted: a finite number"),
    "outputs": ([node("Relu", ["x"], ["y", "z"])], "2 outputs; accepted: 1"),
}  # fmt: skip
KNOWN = {
    "zero": np.int64(0), "one": np.int64(1), "far": np.int64(FAR**2), "sides": np.array([FAR, FAR]),
    "wide": np.array([FAR, 1, 1, 1, 1]), "sizes": np.array([1, 2, FAR, FAR]), "s": numbers(2),
    "pads": np.array([0, 0, FAR, FAR, 0, 0, FAR, FAR]), "w": numbers(2, 2, 3, 3),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAPS)
def test_a_file_that_is_a_trap_is_refused_by_node_before_it_takes_memory(name, tmp_path):
    nodes, message = TRAPS[name]
    read_here = {one for each in nodes for one in each.input}
    arrays = {key: value for key, value in KNOWN.items() if key in read_here}
    with pytest.raises(InputError, match=rf"node 'number \d' \(.*{message}"):
        read(written(tmp_path / "n.onnx", nodes, arrays, (1, 2, 4, 4), 18))


def test_words_are_no_weights(tmp_path):
    path = written(tmp_path / "n.onnx", [node("Add", ["x", "q"], ["y"])], {"q": numbers(1)}, (1, 2, 4, 4))
    model = onnx.load(path)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array(["a"], dtype=object), "q"))
    onnx.save(model, path)
    with pytest.raises(InputError, match="initialiser 'q': holds words; accepted: numbers"):
        read(path)


def test_data_beside_the_file_are_read(tmp_path):
    path = _dense(tmp_path)
    _, before = read(path)
    onnx.save_model(onnx.load(path), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    _, after = read(path)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    (tmp_path / "w.bin").write_bytes(b"short")
    path.touch()
    with pytest.raises(InputError, match=r"w\.bin.*cannot be read"):
        read(path)


def test_damaged_missing_and_old_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "absent.onnx")
    (tmp_path / "n.onnx").write_bytes(b"\x00garbage")
    with pytest.raises(InputError, match="damaged, or not an ONNX file"):
        read(tmp_path / "n.onnx")
    with pytest.raises(InputError, match="opset 12; accepted: 13"):
        read(_dense(tmp_path, opset=12))


def test_symbolic_sizes_are_said_by_name(tmp_path):
    nodes = [node("Conv", ["x", "w"], ["y"])]
    path = written(tmp_path / "n.onnx", nodes, {"w": numbers(2, 3, 3, 3)}, ["batch", 3, "height", "width"])
    with pytest.raises(InputError, match=r"model\.shapes says what height, width is"):
        read(path)
    model, _ = read(path, shapes={"height": 9, "width": 5})
    assert model.input == (9, 5, 3)
    assert shapes(model)[-1].output == (7, 3, 2)


@pytest.mark.parametrize("kind", ["float16", "float64"])
def test_weights_of_other_precisions_are_read(kind, tmp_path):
    nodes = [node("Flatten", ["x"], ["h"]), node("MatMul", ["h", "w"], ["y"])]
    exact = (np.random.default_rng(0).integers(-8, 9, (12, 2)) / 8).astype(kind)
    path = written(tmp_path / "n.onnx", nodes, {"w": exact}, (1, 3, 2, 2))
    _, weights = read(path)
    assert np.array_equal(weights["y/kernel"], exact.astype(np.float64))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"onnx": "n.onnx", "layers": [{"type": "flatten"}]}, "layers, or onnx, one of them"),
        ({"input": [1, 1, 3]}, "layers, or onnx, one of them"),
        ({"onnx": "n.onnx", "weights": "w.npz"}, "the weights that the file has"),
        ({"layers": [{"type": "flatten"}]}, "input is missing"),
    ],
)
def test_a_model_is_declared_or_a_file(model, message):
    with pytest.raises(ValueError, match=message):
        ModelSettings.model_validate(model)


# What exporters write

EXPORTS = Path(__file__).parent / "exports"
EXACT = [
    f"{name}_{how}"
    for name in ("residual", "segmenter", "mobile", "encoder", "decoder")
    for how in ("traced", "dynamo")
]


@pytest.mark.parametrize("name", EXACT)
def test_what_exporters_write_computes_what_onnxruntime_does(name):
    file = EXPORTS / f"{name}.onnx"
    (given,) = onnx.load(file).graph.input
    sizes = [dim.dim_value or 1 for dim in given.type.tensor_type.shape.dim]
    want, in_reals, in_fixed = both(file, sizes)
    np.testing.assert_allclose(in_reals, want, atol=1e-4)
    np.testing.assert_allclose(in_fixed, want, atol=2.0**-7)


def test_an_output_of_several_is_chosen_by_name():
    file = EXPORTS / "perceptron.onnx"
    with pytest.raises(InputError, match="has the outputs label, probabilities; accepted: one of them"):
        read(file)
    model, weights = read(file, output="probabilities")
    assert [plan.layer.type for plan in shapes(model)][-3:] == ["dense", "dense", "softmax"]
    x = np.random.default_rng(1).uniform(0, 1, (5, 4)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    _, want = session.run(None, {session.get_inputs()[0].name: x})
    found = floating.forward(model, weights, x.reshape(5, 1, 1, 4).astype(np.float64))
    np.testing.assert_allclose(found, want, atol=1e-5)


@pytest.mark.parametrize("name", ["encoder_dynamo", "decoder_traced"])
def test_attention_of_a_file_runs_on_shares_at_its_formulas(name, tmp_path):
    rng = np.random.default_rng(0)
    rows, labels = rng.uniform(0, 1, (2, 6, 16)).astype(np.float32), np.array([0, 1])
    np.savez(
        tmp_path / "rows.npz", test_images=rows, test_labels=labels, train_images=rows, train_labels=labels
    )
    tables = {
        "workload": "private_inference",
        "seed": 1,
        "data": {"source": "npz", "path": "rows.npz"},
        "model": {"onnx": str(EXPORTS / f"{name}.onnx")},
        "output": {"reveal": "logits"},
    }
    file = tmp_path / "s.toml"
    file.write_text(tomli_w.dumps(tables))
    loaded = load_scenario(str(file), [], None, ())
    program = workload.build_program(loaded, WORKLOADS)
    output = program.summarize(workload.run_program(program, loaded))
    assert max(output["max_layer_error"].values()) < 2.0**-8
    assert output["max_logit_error_float"] < 2.0**-7
    assert [row.op for row in predict.rows(measure(str(file), [])) if not row.equal] == []
