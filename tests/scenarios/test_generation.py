"""Greedy generation with a cache of keys and values: as the whole text again, and at its formulas."""

import os

import numpy as np
import pytest
import tomli_w

from analysis.predict import measure
from analysis.predict import run as predict
from mpcsim.errors import InputError
from scenarios.clear import fixed, floating
from scenarios.data import DataSettings, load_data
from scenarios.networks import ModelSettings, generation, shapes, weights

WORDS, TEXT, WIDTH = 20, 5, 8
KINDS = {
    "gpt2": {"norm": "before", "function": "gelu_tanh"},
    "llama": {"norm": "before", "of": "squares", "rotary": True, "gated": True, "function": "silu"},
    "after": {"norm": "after", "function": "relu"},
}
LONG = bool(os.environ.get("MPCSIM_LONG"))
FAMILIES = {"plain": "gpt2", "shamir": "gpt2", "fss2": "llama"}
REST = {"replicated4": "after", "dealer2": "gpt2", "replicated3_malicious": "gpt2"}


def model_of(kind="gpt2", words=WORDS, text=TEXT, repeat=2, places=TEXT + 8):
    layers = [
        {"type": "dense", "rows": True, "units": WIDTH, "bias": False},
        {"type": "transformer", "repeat": repeat, "heads": 2, "inner": 12, "causal": True, **KINDS[kind]},
        {"type": "normalisation"},
        {"type": "row", "place": -1},
        {"type": "dense", "units": words, "bias": False},
    ]
    if kind != "llama":
        layers.insert(1, {"type": "positions", "places": places})
    return {"input": [1, text, words], "layers": layers}


def drawn(model):
    rng = np.random.default_rng(3)
    return {
        name: array + rng.normal(0, 0.3, array.shape) for name, array in weights.initial(model, 3).items()
    }


def texts(words, count):
    return np.random.default_rng(0).integers(0, words, (count, TEXT))


def written(folder, model, tokens=3, count=2, family="replicated3", **more):
    """Return the path of a scenario whose texts and weights lie beside it."""
    settings = ModelSettings.model_validate(model)
    weights.save(folder / "w.npz", settings, drawn(settings))
    words = settings.input[2]
    np.savez(folder / "texts.npz", test_tokens=texts(words, count), words=words)
    chosen = {"comparison": "masked", "select": "one_round"} if family == "replicated3" else {}
    tables = {
        "name": "small",
        "workload": "private_inference",
        "seed": 1,
        "network": {"latency": "1 ms", "bandwidth": "1 Gbit/s"},
        "data": {"source": "tokens", "path": "texts.npz", "count": count},
        "model": model | {"weights": "w.npz"},
        "protocol": {"family": family} | chosen,
        "generation": {"tokens": tokens},
    } | more
    file = folder / "s.toml"
    file.write_text(tomli_w.dumps(tables))
    return str(file)


def differing(measured):
    rows = predict.rows(measured)
    assert {"token2", "token2.word", "token2.argmax", "inference"} <= {row.op for row in rows}
    return [row.op for row in rows if not row.equal]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("twin", "unit", "off"), [(floating, 1.0, 1e-9), (fixed, 2.0**-16, 2.0**-9)])
def test_a_token_from_the_cache_is_that_of_the_whole_text_again(kind, twin, unit, off):
    model = ModelSettings.model_validate(model_of(kind))
    held, images = drawn(model), np.eye(WORDS)[texts(WORDS, 3)][:, None]
    found = {plan.name: y for plan, y in twin.walked(generation(model, 4), held, images)}
    last = shapes(model)[-1].name
    for token in range(4):
        prefix = f"token{token + 1}." if token else ""
        again = model.model_copy(update={"input": (1, TEXT + token, WORDS)})
        np.testing.assert_allclose(found[prefix + last] * unit, twin.forward(again, held, images), atol=off)
        chosen = found[f"{prefix}argmax"][:, 0]
        np.testing.assert_array_equal(chosen, found[prefix + last].argmax(-1))
        np.testing.assert_array_equal(found["tokens"][:, token], chosen)
        images = np.concatenate([images, np.eye(WORDS)[chosen][:, None, None]], 2)


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_on_shares_are_those_of_the_twins_at_the_cost_of_the_dry_run(kind, tmp_path):
    file = written(tmp_path, model_of(kind, repeat=1))
    real, dry = (measure(file, [f"dry_run={said}"]) for said in ("false", "true"))
    found = real.output
    assert found["tokens"] == 3
    assert found["predictions"] == found["clear_predictions"] == found["fixed_predictions"]
    assert max(found["max_layer_error"].values()) < 2.0**-7
    assert [real.rounds, real.sent] == [dry.rounds, dry.sent]
    assert differing(real) == []


@pytest.mark.parametrize(("family", "kind"), (FAMILIES | (REST if LONG else {})).items())
def test_a_family_generates_the_same_tokens_at_its_formulas(family, kind, tmp_path):
    found = measure(written(tmp_path, model_of(kind, repeat=1), 2, 1, family))
    assert found.output["predictions"] == found.output["fixed_predictions"]
    assert differing(found) == []


TOLD = ["replicated3", "dealer2"]
TOLD += ["replicated4", "shamir", "fss2", "plain", "replicated3_malicious"] if LONG else []


@pytest.mark.parametrize("family", TOLD)
def test_a_client_that_is_told_each_token_gives_it_back_at_the_formulas(family, tmp_path):
    model, tokens = model_of("after", repeat=1), 3 if family == "replicated3" or LONG else 2
    file = written(tmp_path, model, tokens, tokens - 1, family)
    told = ["generation.reveal=client"]
    secret, real, dry = (measure(file, more) for more in ([], told, [*told, "dry_run=true"]))
    assert real.output["predictions"] == secret.output["predictions"]
    assert [real.rounds, real.sent] == [dry.rounds, dry.sent]
    assert family == "plain" or real.rounds < secret.rounds + 12 * (tokens - 1)
    assert differing(real) == differing(secret) == []


@pytest.mark.parametrize("few_rounds", [False, True])
@pytest.mark.parametrize("words", [2, 16, 17, 40])
def test_one_hot_rows_of_few_and_many_words_cost_what_they_should(words, few_rounds, tmp_path):
    file = written(tmp_path, model_of(words=words, repeat=1), 2, 1, output={"few_rounds": few_rounds})
    found = measure(file)
    assert found.output["predictions"] == found.output["fixed_predictions"]
    assert differing(found) == []


def test_weights_that_all_know_generate_the_same_tokens(tmp_path):
    model = model_of(repeat=1)
    secret, public = (
        measure(written(tmp_path, model | {"public_weights": known}, 2, 1)) for known in (False, True)
    )
    assert public.output["predictions"] == secret.output["predictions"]
    assert differing(public) == []


def test_one_token_is_the_class_that_an_inference_finds(tmp_path):
    found = measure(written(tmp_path, model_of(repeat=1), tokens=1))
    several = measure(written(tmp_path, model_of(repeat=1), tokens=2))
    assert found.output["predictions"] == [tokens[0] for tokens in several.output["predictions"]]
    assert "tokens" not in found.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": model_of(places=TEXT)}, r"layer 1 \(positions\): places = 5; accepted: 7 or more"),
        ({"output": {"reveal": "logits"}}, "output.reveal = 'logits'; accepted: 'class'"),
        ({"inference": {"batch": 1}}, "inference; accepted: all texts at once"),
        ({"model": model_of() | {"layers": model_of()["layers"][:4]}}, "as many outputs as words"),
    ],
)
def test_what_cannot_be_continued_is_refused_by_name(change, message, tmp_path):
    other = {key: value for key, value in change.items() if key != "model"}
    file = written(tmp_path, change.get("model", model_of()), **other)
    with pytest.raises(InputError, match=message):
        measure(file, ["dry_run=true"])


@pytest.mark.parametrize(
    ("place", "layer", "message"),
    [
        (1, {"type": "transformer", "heads": 2, "inner": 4}, r"layer 1 \(transformer\): causal = false"),
        (3, {"type": "row", "place": 0}, r"layer 3 \(row\): place = 0; accepted: -1, the last"),
        (2, {"type": "reshape", "shape": [TEXT, WIDTH]}, r"\(reshape\): accepted: activation, add, dense"),
    ],
)
def test_layers_that_do_not_go_row_by_row_are_refused_by_name(place, layer, message):
    layers = model_of("llama")["layers"]
    layers[place] = layer
    with pytest.raises(InputError, match=message):
        generation(ModelSettings.model_validate(model_of() | {"layers": layers}), 2)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"test_tokens": np.array([[0, 4]])}, "an archive of tokens with test_tokens and words"),
        ({"test_tokens": np.array([[0, 4]]), "words": 4}, "token 1 of text 0 is 4; accepted: 0 to 3"),
        ({"test_tokens": np.array([0, 3]), "words": 4}, "accepted: whole numbers"),
    ],
)
def test_texts_that_cannot_be_read_are_refused_by_name(arrays, message, tmp_path):
    np.savez(tmp_path / "texts.npz", **arrays)
    with pytest.raises(InputError, match=message):
        load_data(DataSettings(source="tokens", path="texts.npz"), tmp_path)
