"""Operators of files over ranges of shapes as onnxruntime computes them, and their costs."""

import numpy as np
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_files import both, node, numbers, read, written

from analysis.predict import measure
from analysis.predict import run as predict
from mpcsim.errors import InputError
from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS
from scenarios.networks import shapes

FAMILIES = ["replicated3", "replicated4", "dealer2", "fss2", "shamir", "plain", "replicated3_malicious"]
CORNERS = {"coordinate_transformation_mode": "align_corners"}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_resize_of_any_kind_is_onnxruntimes(tmp_path_factory, data):
    mode = data.draw(st.sampled_from(["nearest", "linear", "cubic"]))
    hows = ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "tf_crop_and_resize"]
    hows += [] if mode == "nearest" else ["half_pixel_symmetric"]  # of ties in single precision
    how = data.draw(st.sampled_from(hows))
    more = {"mode": mode, "coordinate_transformation_mode": how}
    if mode == "nearest":
        more["nearest_mode"] = data.draw(
            st.sampled_from(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
        )
    old, new = ([data.draw(st.integers(1, 9)) for _ in range(2)] for _ in range(2))
    if old == new:
        return
    if mode == "cubic":
        more["cubic_coeff_a"] = data.draw(st.sampled_from([-0.75, -0.5, -0.3]))
        more["exclude_outside"] = data.draw(st.integers(0, 1))
    if how == "tf_crop_and_resize":
        ends = [(0, 1) if n == o else (data.draw(st.floats(-0.2, 0.4)), data.draw(st.floats(0.6, 1.2)))
                for n, o in zip(new, old, strict=True)]  # fmt: skip
        more["extrapolation_value"] = data.draw(st.sampled_from([0.0, 0.5]))
        arrays = {"r": np.array([0, 0, *(a for a, _ in ends), 1, 1, *(b for _, b in ends)], np.float32)}
        arrays, reads = arrays | {"z": np.array([1, 2, *new])}, ["x", "r", "", "z"]
    elif data.draw(st.booleans()):
        arrays = {"s": np.array([1, 1, *(n / o for n, o in zip(new, old, strict=True))], np.float32)}
        reads = ["x", "", "s"]
    elif data.draw(st.booleans()):
        policy = data.draw(st.sampled_from(["not_larger", "not_smaller", "stretch"]))
        ratios = [n / o for n, o in zip(new, old, strict=True)]
        ratios = {"not_larger": [min(ratios)], "not_smaller": [max(ratios)]}.get(policy, ratios)
        if any(one == 1 or one * min(old) < 0.5 for one in ratios):
            return  # as it is, or nothing of it
        more |= {"axes": [2, 3], "keep_aspect_ratio_policy": policy}
        arrays, reads = {"z": np.array(new)}, ["x", "", "", "z"]
    else:
        arrays, reads = {"z": np.array([1, 2, *new])}, ["x", "", "", "z"]
    nodes = [node("Resize", reads, ["y"], **more)]
    size = (1, 2, *old)
    want, in_reals, in_fixed = both(
        written(tmp_path_factory.mktemp("resize") / "n.onnx", nodes, arrays, size, 19), size
    )
    assert in_reals.shape == want.shape
    np.testing.assert_allclose(in_reals, want, atol=1e-5)
    np.testing.assert_allclose(in_fixed, want, atol=2.0**-12)


def test_axes_whose_parts_are_few_bits_are_cut_once_and_whole_places_are_not(tmp_path):
    def kinds(*scales, how="half_pixel"):
        nodes = [node("Resize", ["x", "", "s"], ["y"], mode="linear", coordinate_transformation_mode=how)]
        path = written(
            tmp_path / "n.onnx", nodes, {"s": np.array([1, 1, *scales], np.float32)}, (1, 2, 4, 6), 18
        )
        return [plan.kind for plan in shapes(read(path)[0])]

    assert kinds(2, 2) == ["blended"]
    assert kinds(2, 1.5) == ["blended", "blended"]
    assert kinds(0.5, 0.5, how="asymmetric") == ["local", "local"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"mode": "area"}, "mode 'area'; accepted: nearest, linear, cubic"),
        ({"mode": "linear", "antialias": 1}, "antialias '1'; accepted: 0"),
        ({"coordinate_transformation_mode": "tf_half_pixel_for_nn"}, "accepted: half_pixel"),
        ({"coordinate_transformation_mode": "tf_crop_and_resize"}, "scales of what is cropped; accepted"),
        ({"keep_aspect_ratio_policy": "fit"}, "accepted: stretch, not_larger"),
    ],
)
def test_a_resize_that_is_not_offered_is_refused_with_what_is(more, message, tmp_path):
    nodes = [node("Resize", ["x", "", "s"], ["y"], **more)]
    path = written(tmp_path / "n.onnx", nodes, {"s": np.array([1, 1, 2, 2], np.float32)}, (1, 2, 4, 6), 18)
    with pytest.raises(InputError, match=message):
        read(path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_reduction_over_any_axes_is_onnxruntimes(tmp_path_factory, data):
    kind = data.draw(st.sampled_from(["ReduceMax", "ReduceMin", "ReduceMean", "ReduceSum"]))
    size = (2, *(data.draw(st.integers(1, 5)) for _ in range(3)))
    axes = data.draw(st.lists(st.sampled_from([1, 2, 3, -1, -2]), max_size=3))
    axes = [axis for place, axis in enumerate(axes) if axis % 4 not in [one % 4 for one in axes[:place]]]
    # with no axes, all are meant, that of images among them: then it is an image by itself
    axes, size = (axes, size) if axes else ([], (1, *size[1:]))
    more = {"keepdims": data.draw(st.integers(0, 1)) if axes else 1}
    nodes = [node("Neg", ["x"], ["a"]), node(kind, ["a", "i"] if axes else ["a"], ["y"], **more)]
    path = written(
        tmp_path_factory.mktemp("reduced") / "n.onnx",
        nodes,
        {"i": np.array(axes)} if axes else {},
        size,
        18,
    )
    want, in_reals, in_fixed = both(path, size)
    want = want.reshape(in_reals.shape)  # of an output without axes, a number
    np.testing.assert_allclose(in_reals, want, atol=1e-5)
    np.testing.assert_allclose(in_fixed, want, atol=2.0**-9)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_choices_between_broadcast_tensors_are_onnxruntimes(tmp_path_factory, data):
    kind = data.draw(st.sampled_from(["Max", "Min", "Where"]))
    size = (2, *(data.draw(st.integers(1, 4)) for _ in range(3)))

    def part():
        return tuple(data.draw(st.sampled_from([1, side])) for side in size[1:])

    arrays = {"w": numbers(*part()), "c": np.float32(data.draw(st.floats(-1, 1, width=16)))}
    nodes = [node("ReduceMean", ["x", "i"], ["m"]), node("Neg", ["x"], ["a"])]
    names = data.draw(st.permutations(["x", "a", "m", "w", "c"]))[:2]
    if not {"x", "a", "m"} & set(names):
        names = ["x", names[0]]
    if kind == "Where":
        arrays["q"] = np.random.default_rng(0).random(part()) > 0.5
        names = ["q", *names]
    nodes += [node(kind, names, ["b"]), node("Neg", ["b"], ["y"])]
    arrays["i"] = np.array(data.draw(st.sampled_from([[1], [2, 3], [1, 2, 3]])))
    read_here = {one for each in nodes for one in each.input}
    arrays = {key: value for key, value in arrays.items() if key in read_here}
    path = written(tmp_path_factory.mktemp("chosen") / "n.onnx", nodes, arrays, size, 18)
    want, in_reals, in_fixed = both(path, size)
    assert in_reals.shape == want.shape
    np.testing.assert_allclose(in_reals, want, atol=1e-5)
    np.testing.assert_allclose(in_fixed, want, atol=2.0**-12)


LIMITS = {"low": np.float32(-0.3), "high": np.float32(0.7), "far": np.float32(3.4e38)}


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Clip", ["x", "low"], ["y"])],
        [node("Clip", ["x", "", "high"], ["y"])],
        [node("Clip", ["x", "low", "high"], ["y"])],
        [node("Clip", ["x", "low", "far"], ["y"])],
        [node("PRelu", ["x", "slopes"], ["y"])],
        [node("PRelu", ["x", "low"], ["y"])],
        [node("PRelu", ["x", "high"], ["y"])],
        [node("LeakyRelu", ["x"], ["y"], alpha=0.2)],
        [node("HardSwish", ["x"], ["y"])],
        [node("Where", ["rows", "x", "none"], ["a"]), node("Softmax", ["a"], ["y"])],
    ],
    ids=lambda nodes: " ".join([each.op_type for each in nodes] + list(nodes[0].input[1:])),
)
def test_limits_and_slopes_are_onnxruntimes(nodes, tmp_path):
    arrays = LIMITS | {"slopes": numbers(4, 1, 1), "none": np.float32(-1e9)}
    arrays |= {"rows": np.tril(np.ones((7, 6), np.bool_))}
    read_here = {one for each in nodes for one in each.input}
    arrays = {key: value for key, value in arrays.items() if key in read_here}
    want, in_reals, in_fixed = both(written(tmp_path / "n.onnx", nodes, arrays, (2, 4, 7, 6)), (2, 4, 7, 6))
    np.testing.assert_allclose(in_reals, want, atol=1e-5)
    np.testing.assert_allclose(in_fixed, want, atol=2.0**-9)


def test_one_number_of_an_image_is_an_output_of_one_place(tmp_path):
    nodes = [
        node("ReduceMean", ["x", "i"], ["a"]),
        node("Add", ["a", "c"], ["b"]),
        node("Expand", ["b", "e"], ["y"]),
    ]
    arrays = {"i": np.array([1, 2, 3]), "c": np.float32(0.375), "e": np.array([1, 2, 1, 1])}
    path = written(tmp_path / "n.onnx", nodes, arrays, (2, 3, 4, 4), 18)
    model, weights = read(path)
    assert all(len(plan.output) for plan in shapes(model))
    assert [np.size(one) for one in weights.values()] == [1]
    want, in_reals, _ = both(path, (2, 3, 4, 4))
    np.testing.assert_allclose(in_reals, want, atol=1e-6)


@pytest.fixture
def varied(tmp_path):
    """Return the scenario of a file with operators of this module, given a family and keys."""
    nodes = [
        node("Conv", ["x", "w"], ["a"]),
        node("Resize", ["a", "", "s"], ["b"], mode="linear"),
        node("Resize", ["b", "", "", "z"], ["c0"], mode="linear", **CORNERS),
        node("Resize", ["c0", "", "", "z3"], ["c1"], mode="cubic", exclude_outside=1),
        node("Resize", ["c1", "", "", "z"], ["c"], mode="cubic"),
        node("PRelu", ["c", "p"], ["d"]),
        node("ReduceMin", ["d"], ["e"], keepdims=1),
        node("Max", ["d", "e", "a2"], ["f"]),
        node("Where", ["q", "f", "d"], ["g"]),
        node("Clip", ["g", "low", ""], ["h"]),
        node("ReduceMax", ["h", "i"], ["j"], keepdims=0),
        node("Flatten", ["j"], ["y"]),
    ]  # fmt: skip
    arrays = {
        "w": numbers(3, 3, 2, 2),
        "s": np.array([1, 1, 2, 2], np.float32),
        "z": np.array([1, 3, 4, 5]),
        "z3": np.array([1, 3, 8, 5]),
        "p": numbers(3, 1, 1),
        "a2": numbers(4, 5),
        "low": np.float32(-1),
        "q": np.eye(4, 5) > 0,
        "i": np.array([1]),
    }
    written(tmp_path / "net.onnx", nodes, arrays, (2, 3, 4, 4), 18)

    def scenario(family, **more):
        tables = {
            "workload": "private_inference",
            "seed": 1,
            "protocol": {"family": family},
            "data": {"source": "random", "size": 4, "channels": 3, "count": 2},
            "model": {"onnx": "net.onnx"},
            "output": {"reveal": "logits"},
        } | more
        file = tmp_path / "scenario.toml"
        file.write_text(tomli_w.dumps(tables))
        return str(file)

    return scenario


@pytest.mark.parametrize("family", FAMILIES)
def test_files_of_these_operators_run_on_shares_at_their_formulas(family, varied):
    loaded = load_scenario(varied(family), [], None, ())
    program = workload.build_program(loaded, WORKLOADS)
    output = program.summarize(workload.run_program(program, loaded))
    assert max(output["max_layer_error"].values()) < 2.0**-9
    assert output["max_logit_error_float"] < 2.0**-8
    found = predict.rows(measure(varied(family, dry_run=True), []))
    assert len(found) > 5
    assert [row.op for row in found if not row.equal] == []


def test_a_ring_without_room_for_a_resize_is_refused_by_node(varied):
    ring = {"bits": 32, "fraction_bits": 2, "value_bits": 28}
    with pytest.raises(InputError, match=r"\(resize\): values of 28 bits, times parts of 4 bits.*accepted"):
        workload.build_program(load_scenario(varied("replicated3", ring=ring), [], None, ()), WORKLOADS)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_normalisation_of_channels_is_onnxruntimes(tmp_path_factory, data):
    groups, each = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    places = [data.draw(st.integers(2, 5)) for _ in range(data.draw(st.integers(1, 2)))]
    kind = data.draw(st.sampled_from(["InstanceNormalization", "GroupNormalization", "LpNormalization"]))
    opset, more = data.draw(st.sampled_from([18, 21])), {"epsilon": data.draw(st.sampled_from([1e-5, 0.1]))}
    channels, reads = groups * each, ["x", "s", "b"]
    numbers_of = channels
    if kind == "GroupNormalization":
        more["num_groups"] = groups
        numbers_of = channels if opset == 21 else groups
    elif kind == "LpNormalization":
        more, reads = {"axis": data.draw(st.integers(1, len(places) + 1)), "p": 2}, ["x"]
    arrays = {"s": numbers(numbers_of), "b": numbers(numbers_of)}
    if data.draw(st.booleans()):
        arrays = {"s": np.ones(numbers_of, np.float32), "b": np.zeros(numbers_of, np.float32)}
    size = (2, channels, *places)
    path = written(
        tmp_path_factory.mktemp("norm") / "n.onnx",
        [node(kind, reads, ["y"], **more)],
        {name: arrays[name] for name in reads[1:]},
        size,
        opset,
    )
    want, in_reals, in_fixed = both(path, size)
    np.testing.assert_allclose(in_reals, want.reshape(in_reals.shape), atol=1e-3)
    np.testing.assert_allclose(in_fixed, in_reals, atol=2.0**-8)
    assert len(read(path)[1]) == (2 if reads[1:] and arrays["b"].any() else 0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (node("GroupNormalization", ["x", "s", "s"], ["y"], num_groups=3), r"3 groups of a tensor"),
        (node("InstanceNormalization", ["x", "l", "s"], ["y"]), r"3 scales and 4 shifts; accepted: 4 of"),
        (node("LpNormalization", ["x"], ["y"], p=1), r"p = 1; accepted: 2"),
    ],
)  # fmt: skip
def test_a_normalisation_that_does_not_fit_is_refused(given, message, tmp_path):
    arrays = {"s": numbers(4), "l": numbers(3)}
    arrays = {name: one for name, one in arrays.items() if name in given.input}
    with pytest.raises(InputError, match=message):
        read(written(tmp_path / "n.onnx", [given], arrays, (1, 4, 3, 3), 21))
