"""Files that read tokens: one-hot rows of a client's choose rows of tables; masks that all know fold."""

import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tomli_w
from onnx import TensorProto, helper, numpy_helper
from onnx_files import node, numbers

from analysis.predict import measure
from analysis.predict import run as predict
from mpcsim.errors import InputError
from scenarios.clear import fixed, floating
from scenarios.data.tokens import one_hot
from scenarios.networks import ModelSettings, given, imported, located, shapes

LONG = bool(os.environ.get("MPCSIM_LONG"))
EXPORTS = Path(__file__).parent / "exports"
WORDS, TEXT = 40, 6
MASK = {"attention_mask": 1}
SEGMENTS = {"token_type_ids": (0, 0, 0, 0, 1, 1)}
PUBLIC = {"bert": MASK | SEGMENTS, "gpt2": MASK}
TOKENS = np.random.default_rng(1).integers(0, WORDS, (2, TEXT))


def computed(path, feed):
    """Return what onnxruntime gives for texts, one after the other: some exporters fix one text."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    count = len(next(iter(feed.values())))
    return np.concatenate(
        [session.run(None, {k: v[i : i + 1] for k, v in feed.items()})[0] for i in range(count)]
    )


def filled(public, count=2):
    """Return public inputs as onnxruntime reads them."""
    return {
        name: np.broadcast_to(np.array(said, np.int64), (count, TEXT)).copy()
        for name, said in public.items()
    }


def model_of(path, **more):
    return located(ModelSettings(onnx=str(path), **more), path.parent)


def scenario(folder, model, inputs=None, data=None, **more):
    np.savez(folder / "texts.npz", test_tokens=TOKENS)
    np.savez(folder / "kinds.npz", test_tokens=TOKENS % 2)
    tables = {
        "workload": "private_inference",
        "seed": 1,
        "data": data or {"source": "tokens", "path": "texts.npz", "count": 2},
        "model": model,
        "inputs": inputs or {},
        "output": {"reveal": "logits"},
    } | more
    file = folder / "s.toml"
    file.write_text(tomli_w.dumps(tables))
    return str(file)


@pytest.mark.parametrize("how", ["traced", "dynamo"])
@pytest.mark.parametrize("mask", [1, (1, 1, 0, 1, 0, 1)], ids=["whole", "some"])
@pytest.mark.parametrize("name", PUBLIC)
def test_published_architectures_that_read_tokens_are_onnxruntimes(name, mask, how):
    path, public = EXPORTS / f"{name}_{how}.onnx", PUBLIC[name] | {"attention_mask": mask}
    want = computed(path, {"input_ids": TOKENS} | filled(public))
    model = model_of(path, public_inputs=public)
    assert given(shapes(model)) == {"input": (1, TEXT, WORDS)}
    rows, weights = one_hot(TOKENS, (1, TEXT, WORDS)), imported(model).weights
    np.testing.assert_allclose(floating.forward(model, weights, rows), want, atol=1e-4)
    np.testing.assert_allclose(fixed.forward(model, weights, rows), want, atol=2.0**-9)


def test_tokens_run_on_shares_and_two_clients_may_have_them(tmp_path):
    path = EXPORTS / "bert_traced.onnx"
    kinds = {"token_type_ids": {"source": "tokens", "path": "kinds.npz"}}
    model = {"onnx": str(path), "public_inputs": MASK}
    file = scenario(tmp_path, model, kinds, protocol={"comparison": "masked", "select": "one_round"})
    found = measure(file, [])
    assert max(found.output["max_layer_error"].values()) < 2.0**-8
    feed = {"input_ids": TOKENS, "token_type_ids": TOKENS % 2} | filled(MASK)
    np.testing.assert_allclose(found.output["logits"], computed(path, feed), atol=2.0**-8)
    rows = predict.rows(found)
    assert [row.op for row in rows if not row.equal] == []
    assert "sharing" in {row.op for row in rows}


FAMILIES = {"dealer2": "gpt2_dynamo", "shamir": "bert_dynamo"}
REST = {
    "replicated4": "gpt2_traced", "fss2": "bert_dynamo", "plain": "gpt2_dynamo",
    "replicated3_malicious": "bert_traced",
}  # fmt: skip


@pytest.mark.parametrize(("family", "name"), (FAMILIES | (REST if LONG else {})).items())
def test_a_family_reads_tokens_at_its_formulas(family, name, tmp_path):
    model = {"onnx": str(EXPORTS / f"{name}.onnx"), "public_inputs": PUBLIC[name[:4]]}
    file = scenario(tmp_path, model, protocol={"family": family}, data={"source": "random", "count": 1})
    real, dry = (measure(file, [f"dry_run={said}"]) for said in ("false", "true"))
    assert real.output["max_logit_error_float"] < 2.0**-7
    assert [real.rounds, real.sent] == [dry.rounds, dry.sent]
    assert [row.op for row in predict.rows(real) if not row.equal] == []


# What a file may do with tokens


def written(path, nodes, arrays, size, kind=TensorProto.INT64):
    inputs = [helper.make_tensor_value_info("x", kind, ["N", *size])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in arrays.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def whole(*given):
    return np.array(given, np.int64)


TURNS = {
    "as they are": ((4,), [node("Cast", ["x"], ["t"], to=TensorProto.INT32)], {}),
    "one a text": ((), [node("Identity", ["x"], ["t"])], {}),
    "two axes": ((2, 2), [node("Transpose", ["x"], ["t"], perm=[0, 2, 1])], {}),
    "unsqueezed": ((4,), [node("Unsqueeze", ["x", "a"], ["t"])], {"a": whole(-1)}),
    "flat": ((2, 2), [node("Flatten", ["x"], ["t"])], {}),
    "some": (
        (4,), [node("Slice", ["x", "a", "b", "c"], ["t"])], {"a": whole(1), "b": whole(9), "c": whole(-1)},
    ),
    "one": ((4,), [node("Gather", ["x", "a"], ["t"], axis=-1)], {"a": np.array(2)}),
    "repeated": ((1,), [node("Expand", ["x", "a"], ["t"])], {"a": whole(1, 3)}),
    "squeezed": (
        (1, 4), [node("Squeeze", ["x", "a"], ["s"]), node("Reshape", ["s", "b"], ["t"])],
        {"a": whole(-2), "b": whole(0, 2, -1)},
    ),
    "shape": (
        (4,), [node("Shape", ["x"], ["s"]), node("Reshape", ["x", "s"], ["t"])], {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("inner", [(3,), (), (2, 2)], ids=str)
def test_tokens_in_any_shape_choose_rows_of_any_shape(turn, inner, tmp_path):
    size, nodes, arrays = TURNS[turn]
    table = numbers(5, *inner)
    last = [node("Identity", ["u"], ["u2"]), node("Gather", ["u2", "t"], ["z"]), node("Relu", ["z"], ["y"])]
    path = written(tmp_path / "n.onnx", [*nodes, *last], arrays | {"u": table}, size)
    tokens = np.random.default_rng(0).integers(0, 5, (1, *size))
    (want,) = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(
        None, {"x": tokens}
    )
    model = model_of(path)
    rows = one_hot(tokens, model.input)
    got = floating.forward(model, imported(model).weights, rows)
    want = want.transpose(0, 2, 3, 1) if want.ndim == 4 else want
    np.testing.assert_allclose(got.reshape(-1), want.reshape(-1), atol=1e-6)


def test_tables_of_several_sizes_have_the_words_of_the_least(tmp_path):
    nodes = [
        node("Gather", ["u", "x"], ["a"]),
        node("Gather", ["v", "x"], ["b"]),
        node("Add", ["a", "b"], ["y"]),
    ]
    path = written(tmp_path / "n.onnx", nodes, {"u": numbers(7, 3), "v": numbers(5, 3)}, (2,))
    assert imported(model_of(path)).words == {"input": 5}


# What is refused


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Add", ["x", "one"], ["t"]), node("Gather", ["u", "t"], ["y"])],
         r"\(Gather\): rows of a table by indices that are computed from an input; accepted: an input of"),
        ([node("Cast", ["x"], ["t"], to=1), node("Gather", ["u", "x"], ["z"]),
          node("Mul", ["z", "t"], ["y"])],
         r"node .*\(Cast\): to = 1 of tokens; accepted: a kind of whole numbers"),
        ([node("Gather", ["u", "x"], ["z"], axis=1), node("Relu", ["z"], ["y"])],
         r"\(Gather\): axis 1 of a table, by tokens; accepted: 0"),
        ([node("Gather", ["u", "x"], ["z"]), node("Equal", ["x", "one"], ["e"]),
          node("Where", ["e", "z", "z"], ["y"])],
         "operator not offered|reads tokens, which choose rows of a table"),
        ([node("Gather", ["u", "x"], ["z"]), node("Concat", ["x", "x"], ["c"], axis=1),
          node("Gather", ["u", "c"], ["d"]), node("Add", ["z", "d"], ["y"])],
         r"\(Concat\): reads tokens, which .*accepted of these: Cast, Expand, .*model.public_inputs"),
    ],
)  # fmt: skip
def test_what_else_reads_tokens_is_refused_by_node(nodes, message, tmp_path):
    path = written(tmp_path / "n.onnx", nodes, {"u": numbers(5, 3), "one": whole(1)}, (2,))
    with pytest.raises(InputError, match=message):
        model_of(path)


@pytest.mark.parametrize(
    ("arrays", "data", "message"),
    [
        ({"test_tokens": TOKENS + 20}, {}, r"token \d of text \d is \d\d; accepted: 0 to 39"),
        ({"test_tokens": TOKENS[:, :3]}, {}, r"is \(2, 3\) int64; accepted: whole numbers, of each text 6"),
        ({"test_tokens": TOKENS / 2}, {}, "accepted: whole numbers"),
        ({"tokens": TOKENS}, {}, "an archive of tokens with test_tokens"),
        ({}, {"source": "npz", "path": "texts.npz"}, "data.source = 'npz': the model reads tokens there"),
    ],
)
def test_texts_that_are_none_of_the_models_are_refused(arrays, data, message, tmp_path):
    model = {"onnx": str(EXPORTS / "gpt2_dynamo.onnx"), "public_inputs": MASK}
    file = scenario(tmp_path, model, data={"source": "tokens", "path": "texts.npz"} | data)
    np.savez(tmp_path / "texts.npz", **arrays)
    with pytest.raises(InputError, match=message):
        measure(file, [])


@pytest.mark.parametrize(
    ("public", "message"),
    [
        ({"mask": 1}, "public_inputs.mask: .* has the inputs input_ids, attention_mask"),
        ({"attention_mask": (1, 0)}, r"attention_mask: 2 numbers for \(1, 6\); accepted: one, or as many"),
        ({"attention_mask": 0.5}, r"the file says whole numbers \(int64\)"),
        (MASK | {"input_ids": 3}, "does not depend on an input that is not public"),
        ({}, "operator not offered; accepted: .*; any where what it reads depends on model.public_inputs"),
    ],
)
def test_public_inputs_that_do_not_fit_are_refused(public, message):
    with pytest.raises(InputError, match=message):
        model_of(EXPORTS / "gpt2_dynamo.onnx", public_inputs=public)
