"""Comparisons of secrets in files, what is made of them, and what they choose: as onnxruntime has it.

A comparison is exact of the numbers that servers hold. Where two are nearer each other than their errors it
may go either way: numbers here are apart, but for the test that brings them together.
"""

import numpy as np
import pytest
import tomli_w
from onnx_files import both, node, numbers, read, written

from analysis.predict import measure
from analysis.predict import run as predict
from mpcsim.errors import InputError
from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS
from scenarios.networks import shapes

FAMILIES = ["replicated3", "replicated4", "dealer2", "fss2", "shamir", "plain", "replicated3_malicious"]
SIZE = (2, 3, 4, 5)
WIDE = {"w": numbers(3, 1, 5), "v": numbers(4, 5), "k": np.random.default_rng(0).random((3, 4, 5)) > 0.5}
ARRAYS = {
    "c": np.float32(0.25),
    "zero": np.float32(0),
    "one": np.float32(1),
    "i": np.array([1]),
    "flat": np.array([0, 3, -1]),
}
BEFORE = [
    node("Constant", [], ["huge"], value_float=np.inf),
    node("Neg", ["x"], ["a"]),
    node("ReduceMean", ["x", "i"], ["m"]),
    node("Less", ["x", "w"], ["p"]),
    node("Greater", ["a", "c"], ["q"]),
    node("Abs", ["x"], ["far"]),
    node("Add", ["far", "one"], ["d"]),
]


def cast(name):
    return node("Cast", [name], ["y"], to=1)


CASES = {
    "less than weights": [cast("p")],
    "greater than a number": [cast("q")],
    "at least": [node("GreaterOrEqual", ["x", "m"], ["t"]), node("Where", ["t", "x", "a"], ["y"])],
    "at most": [node("LessOrEqual", ["x", "m"], ["t"]), node("Where", ["t", "x", "c"], ["y"])],
    "a number, or repeated": [node("Where", ["p", "c", "m"], ["y"])],
    "weights, or else": [node("LessOrEqual", ["w", "a"], ["t"]), node("Where", ["t", "w", "a"], ["y"])],
    "of two numbers": [node("LessOrEqual", ["c", "a"], ["t"]), node("Where", ["t", "c", "zero"], ["y"])],
    "of two weights": [node("Less", ["c", "a"], ["t"]), node("Where", ["t", "w", "v"], ["y"])],
    "and": [node("And", ["p", "q"], ["t"]), node("Where", ["t", "x", "a"], ["y"])],
    "or": [node("Or", ["p", "q"], ["t"]), cast("t")],
    "xor": [node("Xor", ["p", "q"], ["t"]), cast("t")],
    "not": [node("Not", ["p"], ["t"]), cast("t")],
    "equal truth": [node("Equal", ["p", "q"], ["t"]), cast("t")],
    "and a known one": [node("And", ["p", "k"], ["t"]), cast("t")],
    "or a known one": [node("Or", ["k", "q"], ["t"]), cast("t")],
    "xor a known one": [node("Xor", ["k", "q"], ["t"]), cast("t")],
    "sign": [node("Sign", ["x"], ["y"])],
    "equal": [node("Relu", ["x"], ["r"]), node("Equal", ["r", "zero"], ["t"]), cast("t")],
    "equal tensors": [node("Relu", ["x"], ["r"]), node("Equal", ["r", "x"], ["t"]), cast("t")],
    "not zero": [node("Relu", ["x"], ["r"]), node("Cast", ["r"], ["t"], to=9), cast("t")],
    "gated": [node("Cast", ["q"], ["t"], to=1), node("Mul", ["t", "x"], ["y"])],
    "gated, repeated": [
        node("Greater", ["m", "zero"], ["g"]),
        node("Cast", ["g"], ["t"], to=1),
        node("Mul", ["x", "t"], ["y"]),
    ],
    "size by sign": [node("Sign", ["x"], ["s"]), node("Mul", ["s", "x"], ["y"])],
    "counted": [node("Cast", ["q"], ["t"], to=1), node("ReduceSum", ["t", "i"], ["y"])],
    "turned": [
        node("Transpose", ["q"], ["t"], perm=[0, 1, 3, 2]),
        node("Reshape", ["t", "flat"], ["u"]),
        cast("u"),
    ],
    "joined": [node("Concat", ["p", "q"], ["t"], axis=1), cast("t")],
    "quotient": [node("Div", ["a", "d"], ["y"])],
    "quotient, repeated": [node("Div", ["m", "d"], ["y"])],
    "a number over": [node("Div", ["c", "d"], ["y"])],
    "weights over": [node("Div", ["w", "d"], ["y"])],
    "reciprocal": [node("Reciprocal", ["d"], ["y"])],
}  # fmt: skip


def _file(path, nodes, size=SIZE):
    """Write the nodes with those before that they read."""
    wanted, found = {"y"}, []
    for one in reversed(BEFORE + nodes):
        if wanted.intersection(one.output):
            found.append(one)
            wanted.update(one.input)
    width = size[3]  # images of a scenario are square
    arrays = ARRAYS | {name: one[..., :width] for name, one in WIDE.items()}
    return written(path, found[::-1], {key: one for key, one in arrays.items() if key in wanted}, size, 18)


@pytest.mark.parametrize("case", CASES)
def test_truth_and_choices_are_onnxruntimes(case, tmp_path):
    want, in_reals, in_fixed = both(_file(tmp_path / "n.onnx", CASES[case]), SIZE)
    np.testing.assert_allclose(in_reals.reshape(want.shape), want, atol=1e-6)
    np.testing.assert_allclose(in_fixed.reshape(want.shape), want, atol=2.0**-13)


def test_an_output_of_truth_values_is_of_numbers(tmp_path):
    path = _file(tmp_path / "n.onnx", [node("Identity", ["p"], ["y"])])
    last = shapes(read(path)[0])[-1]
    assert last.layer.function == "number"


def test_a_gate_takes_no_truncation_and_a_sign_one_comparison(tmp_path):
    def functions(case):
        plans = shapes(read(_file(tmp_path / "n.onnx", CASES[case]))[0])
        return [plan.layer.function for plan in plans if plan.kind in ("function", "sums")]

    assert functions("gated") == ["less_than", "choose"]
    assert functions("sign") == ["less_than", "number"]
    assert functions("or a known one") == ["less_than", "opposite", "opposite", "number"]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Add", ["p", "x"], ["y"])], r"\(Add\): its input 0 is of truth values; accepted: what Cast"),
        ([node("Where", ["x", "a", "m"], ["y"])], r"\(Where\): its input 0 is of numbers; accepted: truth"),
        ([node("Where", ["p", "q", "k"], ["y"])], r"a choice between truth values; accepted: And, Or"),
        ([node("And", ["x", "p"], ["y"])], r"its input 0 is of numbers; accepted: truth values"),
        ([node("Concat", ["p", "k"], ["y"], axis=1)], r"\(Concat\): its input 0 is of truth values"),
        ([node("Cast", ["p"], ["y"], to=8)], r"to = 8; accepted: numbers, or truth values"),
        ([node("Less", ["x", "huge"], ["y"])], r"compared with inf; accepted: a finite number"),
    ],
)  # fmt: skip
def test_what_is_no_truth_value_is_none_and_truth_values_are_no_numbers(nodes, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read(_file(tmp_path / "n.onnx", nodes))


@pytest.fixture
def varied(tmp_path):
    """Return the scenario of a file with most of the cases, given a family."""
    nodes = [
        node("Or", ["p", "q"], ["either"]),
        node("And", ["either", "k"], ["t"]),
        node("Where", ["t", "x", "m"], ["b"]),
        node("Sign", ["b"], ["s"]),
        node("Div", ["s", "d"], ["e"]),
        node("Less", ["c", "e"], ["n"]),
        node("Cast", ["n"], ["g"], to=1),
        node("Mul", ["b", "g"], ["h"]),
        node("Reciprocal", ["d"], ["r"]),
        node("Relu", ["x"], ["rx"]),
        node("Equal", ["rx", "x"], ["same"]),
        node("Xor", ["same", "n"], ["u"]),
        node("Where", ["u", "h", "r"], ["j"]),
        node("Flatten", ["j"], ["y"]),
    ]
    _file(tmp_path / "net.onnx", nodes, (2, 3, 4, 4))

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
def test_secrets_choose_on_shares_at_their_formulas(family, varied):
    loaded = load_scenario(varied(family), [], None, ())
    program = workload.build_program(loaded, WORKLOADS)
    output = program.summarize(workload.run_program(program, loaded))
    assert max(output["max_layer_error"].values()) < 2.0**-9
    assert output["max_logit_error_float"] < 2.0**-8
    found = predict.rows(measure(varied(family, dry_run=True), []))
    assert len(found) > 10
    assert [row.op for row in found if not row.equal] == []
