"""LSTM and GRU: files as onnxruntime has them, declared layers step by step, on shares at their cost."""

import os

import numpy as np
import onnx
import onnxruntime
import pytest
import tomli_w
from differences import hold_slopes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from analysis.predict import measure
from analysis.predict import run as predict
from mpcsim.errors import InputError
from mpcsim.scenario import load_scenario, workload
from protocols.domains import Ring
from protocols.functions import activation, pieces
from scenarios import WORKLOADS
from scenarios.clear import fixed, floating
from scenarios.networks import ModelSettings, imported, located, shapes, weights

LONG = bool(os.environ.get("MPCSIM_LONG"))
FAMILIES = ["replicated3", "dealer2"]
FAMILIES += ["shamir", "replicated4", "fss2", "plain", "replicated3_malicious"] if LONG else []
GATES = {"LSTM": 4, "GRU": 3}
OUTPUTS = {"LSTM": ["Y", "Y_h", "Y_c"], "GRU": ["Y", "Y_h"]}


def written(path, kind, arrays, width, length, output, **more):
    """Write a file whose images are (rows, numbers), in the order that operators have: rows first."""
    read = ["r", "W", "R", *(name if name in arrays else "" for name in ("B", "", "h", "c"))]
    while not read[-1]:
        read.pop()
    back = [2, 0, 1, 3] if output == "Y" else [1, 0, 2]
    names = [name if name == output else "" for name in OUTPUTS[kind]]
    nodes = [
        helper.make_node("Transpose", ["x"], ["r"], perm=[1, 0, 2]),
        helper.make_node(kind, read, names, hidden_size=arrays["R"].shape[2], **more),
        helper.make_node("Transpose", [output], ["t"], perm=back),
        helper.make_node("Reshape", ["t", "flat"], ["y"]),
    ]
    held = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    held.append(numpy_helper.from_array(np.array([-1, _size(kind, arrays, length, output)]), "flat"))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", length, width])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    model = helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs, held), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    onnx.save(model, path)
    return path


def _size(kind, arrays, length, output):
    ways, _, units = arrays["R"].shape
    return ways * units * (length if output == "Y" else 1)


def drawn(kind, ways, units, width, bias=True, scale=0.7, seed=0):
    rng = np.random.default_rng(seed)
    rows = GATES[kind] * units
    sizes = {"W": (ways, rows, width), "R": (ways, rows, units)} | ({"B": (ways, 2 * rows)} if bias else {})
    return {name: (rng.normal(size=size) * scale).astype(np.float32) for name, size in sizes.items()}


def twins(path, x):
    """Return what onnxruntime computes, and the twins in the clear."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (want,) = session.run(None, {"x": x})
    model = located(ModelSettings(onnx=str(path)), path.parent)
    held, images = imported(model).weights, x.astype(np.float64).reshape(len(x), *model.input)
    return want, floating.forward(model, held, images), fixed.forward(model, held, images)


@settings(max_examples=150 if LONG else 30, deadline=None)
@given(st.data())
def test_a_recurrent_layer_of_any_shape_is_onnxruntimes(tmp_path_factory, data):
    kind = data.draw(st.sampled_from(["LSTM", "GRU"]))
    way = data.draw(st.sampled_from(["forward", "reverse", "bidirectional"]))
    output = data.draw(st.sampled_from(OUTPUTS[kind]))
    length, batch = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([1, 3]))
    units, width, ways = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4)), 1 + (way[0] == "b")
    arrays = drawn(kind, ways, units, width, data.draw(st.booleans()), seed=data.draw(st.integers(0, 9)))
    rng = np.random.default_rng(1)
    if batch == 1 and data.draw(st.booleans()):
        states = ["h", "c"] if kind == "LSTM" else ["h"]
        arrays |= {name: rng.normal(size=(ways, 1, units)).astype(np.float32) for name in states}
    more = {"direction": way}
    if kind == "GRU":
        more["linear_before_reset"] = data.draw(st.integers(0, 1))
    path = tmp_path_factory.mktemp("recurrent") / "n.onnx"
    written(path, kind, arrays, width, length, output, **more)
    x = rng.normal(size=(batch, length, width)).astype(np.float32)
    want, in_reals, in_fixed = twins(path, x)
    assert in_reals.shape == want.shape
    np.testing.assert_allclose(in_reals, want, atol=1e-5)
    np.testing.assert_allclose(in_fixed, want, atol=2.0**-9)


# Declared layers


def model_of(layers, length=4, width=3):
    return ModelSettings.model_validate({"input": [1, length, width], "layers": layers})


def held_by(model, seed=3, scale=0.6):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=size) * scale for name, size in weights.expected(model).items()}


def logistic(x):
    return 1 / (1 + np.exp(-x))


def stepped(layer, held, x):
    """Return the states of all rows (length, units) of one image and one direction, step by step."""
    units, name = layer["units"], layer["name"]
    given = x @ held[f"{name}.rows/kernel"] + held.get(f"{name}.rows/bias", 0.0)
    kernel = held.get(f"{name}.1.state/kernel", np.zeros((units, given.shape[1])))
    state, cell, found = np.zeros(units), np.zeros(units), []
    for row in given:
        if layer["type"] == "lstm":
            enter, leave, forget, new = np.split(row + state @ kernel, 4)
            cell = logistic(forget) * cell + logistic(enter) * np.tanh(new)
            state = logistic(leave) * np.tanh(cell)
        else:
            update, reset, new = np.split(row, 3)
            if layer["reset"] == "after":
                of_update, of_reset, of_new = np.split(
                    state @ kernel + held.get(f"{name}.constant/bias", 0.0), 3
                )
                kept = logistic(update + of_update)
                new = np.tanh(new + logistic(reset + of_reset) * of_new)
            else:
                of_update, of_reset = np.split(state @ kernel[:, : 2 * units], 2)
                kept = logistic(update + of_update)
                last = held.get(f"{name}.1.candidate/kernel", np.zeros((units, units)))
                new = np.tanh(new + (logistic(reset + of_reset) * state) @ last)
            state = (1 - kept) * new + kept * state
        found.append(state)
    return np.array(found)


def one_way(held, way, ways):
    """Return the weights of one of two directions as those of a layer with one."""
    found = {}
    for key, array in held.items():
        part = array.reshape(*array.shape[-2:] if array.ndim == 4 else array.shape)
        found[key] = np.split(part, ways, axis=-1)[way]
    return found


LAYERS = [
    {"type": kind, "units": 3, "name": "r", "direction": way, "returns": returns, **more}
    for kind, more in (
        ("lstm", {}),
        ("gru", {"reset": "after"}),
        ("gru", {"reset": "before", "bias": False}),
    )
    for way in ("forward", "reverse", "both")
    for returns in ("rows", "last")
]


@pytest.mark.parametrize("length", [1, 4])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda one: "-".join(map(str, one.values())))
def test_a_declared_layer_is_its_steps(layer, length):
    model = model_of([layer], length)
    names = [plan.name for plan in shapes(model)]
    assert len(names) == len(set(names))
    held, rng = held_by(model), np.random.default_rng(0)
    x = rng.normal(size=(2, 1, length, 3))
    ways = ["forward", "reverse"] if layer["direction"] == "both" else [layer["direction"]]
    sides = []
    for place, way in enumerate(ways):
        own = one_way(held, place, len(ways))
        turn = slice(None, None, -1 if way == "reverse" else 1)
        rows = np.array([stepped(layer, own, one[0][turn])[turn] for one in x])
        sides.append(rows if layer["returns"] == "rows" else rows[:, 0 if way == "reverse" else -1])
    want = np.concatenate(sides, -1)
    np.testing.assert_allclose(floating.forward(model, held, x), want, atol=1e-12)
    np.testing.assert_allclose(fixed.forward(model, held, x), want, atol=2.0**-10)


STACK = [
    {"type": "reshape", "shape": [3, 4]},
    {"type": "lstm", "units": 2, "name": "memory", "returns": "rows", "direction": "both"},
    {"type": "gru", "units": 2, "name": "gated", "returns": "rows"},
    {"type": "gru", "units": 1, "name": "last", "reset": "before"},
    {"type": "dense", "units": 3},
]


def scenario(folder, layers, size=(3, 4, 1), seed=3, scale=0.6, **more):
    model = ModelSettings.model_validate({"input": size, "layers": layers})
    weights.save(folder / "w.npz", model, held_by(model, seed, scale))
    images = np.random.default_rng(0).uniform(0, 1, (4, *size)).astype(np.float32)
    labels = np.array([0, 1, 0, 1])
    np.savez(folder / "i.npz", test_images=images, test_labels=labels,
             train_images=images, train_labels=labels)  # fmt: skip
    tables = {
        "workload": "private_inference",
        "seed": 1,
        "data": {"source": "npz", "path": "i.npz", "count": 2},
        "model": {"input": list(size), "layers": layers, "weights": "w.npz"},
        "output": {"reveal": "logits"},
    }
    file = folder / "s.toml"
    file.write_text(tomli_w.dumps(tables | more))
    return str(file)


@pytest.mark.parametrize("family", FAMILIES)
def test_recurrent_layers_run_on_shares_as_in_the_clear(family, tmp_path):
    loaded = load_scenario(scenario(tmp_path, STACK, protocol={"family": family}), [], None, ())
    program = workload.build_program(loaded, WORKLOADS)
    output = program.summarize(workload.run_program(program, loaded))
    assert {"memory", "gated", "last"} <= set(output["max_layer_error"])
    assert max(output["max_layer_error"].values()) < 2.0**-8
    assert output["max_logit_error_float"] < 2.0**-8


@pytest.mark.parametrize("dry", [True, False] if LONG else [True], ids=["dry", "real"] if LONG else ["dry"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_step_costs_what_its_formula_says(family, dry, tmp_path):
    found = predict.rows(measure(scenario(tmp_path, STACK, protocol={"family": family}, dry_run=dry), []))
    assert {row.op.rpartition("/")[2] for row in found} >= {"memory.0.gates", "gated.2.new"}
    assert [row.op for row in found if not row.equal] == []


@pytest.mark.parametrize(("layer", "rounds"), [
    ({"type": "lstm", "units": 5}, 34),
    ({"type": "lstm", "units": 5, "direction": "both"}, 34),
    ({"type": "gru", "units": 5}, 34),
    ({"type": "gru", "units": 5, "reset": "before", "direction": "both"}, 36),
])  # fmt: skip
def test_a_step_takes_a_table_for_all_its_gates_whichever_way_it_goes(layer, rounds, tmp_path):
    layers = [{"type": "reshape", "shape": [7, 4]}, layer, {"type": "dense", "units": 2}]
    choices = {"comparison": "masked", "select": "one_round"}
    whole = []
    for length in (5, 7):
        file = scenario(tmp_path, [layers[0] | {"shape": [length, 4]}, *layers[1:]], (length, 4, 1),
                        protocol=choices, dry_run=True)  # fmt: skip
        (row,) = (one for one in predict.rows(measure(file, [])) if one.op.endswith("inference"))
        assert row.equal
        whole.append(row.predicted["rounds"])
    assert whole[1] - whole[0] == 2 * rounds


def test_weights_are_shared_once_however_many_steps_read_them():
    for length in (2, 9):
        found = weights.expected(model_of([{"type": "lstm", "units": 5, "name": "m"}], length))
        assert found == {"m.rows/kernel": (3, 20), "m.rows/bias": (20,), "m.1.state/kernel": (5, 20)}


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_slopes_of_recurrent_layers_are_those_of_finite_differences(kind):
    layers = [
        {"type": "reshape", "shape": [3, 2]},
        {"type": kind, "units": 2, "returns": "rows", "direction": "both"},
        {"type": kind, "units": 2} | ({"reset": "before"} if kind == "gru" else {}),
        {"type": "dense", "units": 3},
    ]
    hold_slopes(layers, (1, 3, 2), 1)


def bounds_of(layer, held, steps):
    """Return what states are off by after each step, at most: constructions.md#recurrent-layers."""
    ring = Ring()
    unit = 2.0**-ring.fraction_bits
    table = pieces(ring, activation("logistic")).bound.units * unit + unit / 2

    def column(name):
        found = held.get(f"r.1.{name}/kernel", np.zeros((1, 1)))
        return np.abs(found).reshape(found.shape[-2:]).sum(0).max()

    kernel, state, cell, found = column("state"), 0.0, 0.0, []
    product = kernel + np.abs(held.get("r.constant/bias", np.zeros(1))).max()
    for step in range(steps):
        if layer["type"] == "lstm":
            sums = 3 * unit + kernel * state
            gate, candidate = table + sums / 4, 2 * table + sums
            cell += (
                step * gate + candidate + gate + 2 * unit
            )  # a cell is no larger than the steps before it
            state = 2 * table + cell + gate + 2 * unit
        else:
            own = unit + kernel * state
            gate = table + (unit + own) / 4
            if layer["reset"] == "after":
                sums = 2 * unit + own + (product + own) * gate
            else:
                sums = 2 * unit + column("candidate") * (gate + state + unit + gate * state)
            twice = 2 * table + sums
            state = max(state, twice) + 2 * gate + unit + gate * (twice + state)
        found.append(state)
    return found


@settings(max_examples=40 if LONG else 5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_states_on_shares_stay_within_their_bound(tmp_path_factory, data):
    kind = data.draw(
        st.sampled_from([{"type": "lstm"}, *({"type": "gru", "reset": at} for at in ("after", "before"))])
    )
    layer = kind | {
        "units": data.draw(st.integers(1, 4)), "name": "r", "returns": "rows",
        "bias": data.draw(st.booleans()),
        "direction": data.draw(st.sampled_from(["forward", "reverse", "both"])),
    }  # fmt: skip
    length, scale = data.draw(st.integers(2, 7)), data.draw(st.sampled_from([0.2, 0.6, 1.2]))
    seed, family = data.draw(st.integers(0, 99)), data.draw(st.sampled_from(["plain", "replicated3"]))
    layers = [{"type": "reshape", "shape": [length, 4]}, layer]
    folder = tmp_path_factory.mktemp("bound")
    choices = {"comparison": "masked"} if family == "replicated3" else {}
    file = scenario(folder, layers, (length, 4, 1), seed, scale, protocol={"family": family} | choices)
    loaded = load_scenario(file, [], None, ())
    program = workload.build_program(loaded, WORKLOADS)
    off = program.summarize(workload.run_program(program, loaded))["max_layer_error"]
    most = bounds_of(layer, held_by(model_of([layer], length, 4), seed, scale), length)
    for step, bound in enumerate(most):
        assert off[f"r.{step}.found"] <= bound
    assert off["r"] <= most[-1]


# What is refused


@pytest.mark.parametrize(("more", "said"), [
    ({"direction": "sideways"}, "direction = 'sideways'; accepted: forward, reverse, bidirectional"),
    ({"activations": ["Relu", "Tanh", "Tanh"]}, "activations .*accepted: sigmoid, tanh, tanh"),
    ({"clip": 3.0}, "clip or input_forget; accepted: neither"),
    ({"input_forget": 1}, "clip or input_forget; accepted: neither"),
])  # fmt: skip
def test_what_a_file_asks_besides_is_refused_by_node(more, said, tmp_path):
    written(tmp_path / "n.onnx", "LSTM", drawn("LSTM", 1, 2, 3), 3, 4, "Y_h", **more)
    with pytest.raises(InputError, match=rf"n.onnx: node .* \(LSTM\): {said}"):
        located(ModelSettings(onnx=str(tmp_path / "n.onnx")), tmp_path)


def test_weights_of_other_sizes_are_refused(tmp_path):
    arrays = drawn("GRU", 1, 2, 3)
    written(tmp_path / "n.onnx", "GRU", arrays | {"W": arrays["W"][:, :5]}, 3, 4, "Y_h")
    with pytest.raises(InputError, match=r"W of \(1, 5, 3\); accepted: \(1, 6, 3\)"):
        located(ModelSettings(onnx=str(tmp_path / "n.onnx")), tmp_path)


def test_a_layer_without_rows_is_refused():
    with pytest.raises(InputError, match=r"lstm.*: reads 2×4×3; accepted: rows × width"):
        shapes(ModelSettings.model_validate({"input": [2, 4, 3], "layers": [{"type": "lstm", "units": 2}]}))
