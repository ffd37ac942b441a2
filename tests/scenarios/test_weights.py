import dataclasses
import hashlib

import numpy as np
import pytest
import tomli_w

from mpcsim.errors import InputError
from scenarios.clear import train as train_clear
from scenarios.networks import LayerPlan, ModelSettings, refingerprint, shapes
from scenarios.networks import weights as weight_files

LAYERS = [
    {"type": "conv2d", "filters": 4, "kernel": 3, "activation": "relu"},
    {"type": "maxpool2d"},
    {"type": "dense", "units": 2},
]


def model_of(*layers, size=(6, 6, 1)):
    return ModelSettings.model_validate({"input": size, "layers": layers or LAYERS})


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "w.npz"
    weight_files.save(path, model_of(), weight_files.initial(model_of(), 1))
    return path


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_weights_come_back_as_they_were_rounded(tmp_path, precision):
    weights = weight_files.initial(model_of(), 1)
    weight_files.save(tmp_path / "w.npz", model_of(), weights, precision)
    back = weight_files.load(tmp_path / "w.npz", model_of())
    assert list(back) == ["conv1/kernel", "conv1/bias", "dense1/kernel", "dense1/bias"]
    for name, values in back.items():
        assert values.dtype == np.float64
        assert np.array_equal(values, weights[name].astype(precision))


def test_the_same_weights_give_the_same_bytes(saved, tmp_path):
    weight_files.save(tmp_path / "v.npz", model_of(), weight_files.initial(model_of(), 1))
    assert saved.read_bytes() == (tmp_path / "v.npz").read_bytes()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            [{**LAYERS[0], "filters": 5}, *LAYERS[1:]],
            r"layer 0 is 'conv1' .*kernel 3×3×1×4.* in the file, but .*kernel 3×3×1×5",
        ),
        ([LAYERS[0], {"type": "avgpool2d"}, LAYERS[2]], r"layer 1 is .*\(maxpool2d\).*avgpool2d"),
        (LAYERS[:2], r"layer 2 is 'dense1' .* 2×2×4 → 2.*but absent"),
        ([{**LAYERS[0], "activation": "none"}, *LAYERS[1:]], "activation relu.*activation none"),
    ],
)
def test_weights_of_another_model_are_refused_at_the_first_difference(saved, other, message):
    with pytest.raises(InputError, match=message):
        weight_files.load(saved, model_of(*other))


CONV = {"type": "conv2d", "filters": 2, "kernel": 3}
POOL = {"type": "maxpool2d"}
MEAN = {"type": "avgpool2d"}


@pytest.mark.parametrize(
    ("one", "other", "keys"),
    [  # same shapes, another function
        ({**CONV, "stride": 2, "padding": "same"}, {**CONV, "stride": 2, "padding": 1}, "padding"),
        ({**POOL, "size": 2}, {**POOL, "size": 3, "stride": 2, "padding": 1}, "window, padding"),
        ({**POOL, "size": 2}, {**POOL, "size": 1, "stride": 2}, "window"),
        ({**POOL, "size": 4, "stride": 4}, {**POOL, "size": 5, "stride": 3}, "window, stride"),
        ({**MEAN, "size": 2}, {**MEAN, "size": 3, "stride": 2, "padding": 1}, "window, padding"),
    ],
)  # fmt: skip
def test_weights_of_the_same_shapes_and_another_function_are_refused_by_key(tmp_path, one, other, keys):
    theirs, ours = (
        model_of(layer, {"type": "dense", "units": 2}, size=(8, 8, 1)) for layer in (one, other)
    )
    assert [plan.output for plan in shapes(theirs)] == [plan.output for plan in shapes(ours)]
    path = tmp_path / "w.npz"
    weight_files.save(path, theirs, weight_files.initial(theirs))
    with pytest.raises(InputError, match=f"layer 0 is .* they differ in {keys}$"):
        weight_files.load(path, ours)
    assert weight_files.load(path, theirs)


def test_every_field_of_a_plan_that_an_output_depends_on_is_in_the_fingerprint():
    written = {
        "name",
        "type",
        "input",
        "output",
        "kernel",
        "bias",
        "activation",
        "window",
        "stride",
        "padding",
    }
    assert set(weight_files.fingerprint(model_of())[0]) == written
    fields = {field.name for field in dataclasses.fields(LayerPlan)}
    told = {"pads": "padding", "layer": "type", "sources": "from"}
    follow = {"index", "product", "arrange", "counted", "arguments", "shift", "blends", "public"}
    follow |= {"held", "within", "first"}  # of tokens that are generated: the model's own weights
    assert {told.get(name, name) for name in fields - follow} <= written | {"from"}


@pytest.mark.parametrize(
    ("layer", "changed"),
    [
        ({"type": "conv2d", "filters": 4, "kernel": 3, "groups": 2}, {"groups": 1}),
        ({"type": "conv2d", "filters": 4, "kernel": 2, "dilation": 2}, {"dilation": [2, 1]}),
        ({"type": "conv2d_transpose", "filters": 3, "kernel": 3}, {"padding": 1}),
        ({"type": "conv2d_transpose", "filters": 3, "kernel": 3, "stride": 2}, {"output_padding": 1}),
        ({"type": "upsample2d", "size": [2, 3]}, {"size": [3, 2]}),
        ({"type": "activation", "function": "sigmoid"}, {"function": "exponential"}),
    ],
)
def test_what_a_layer_says_of_its_own_is_in_the_fingerprint(layer, changed):
    def mark(layer):
        model = ModelSettings.model_validate({"input": (6, 6, 4), "layers": [layer]})
        return weight_files.fingerprint(model)

    assert mark(layer) == mark(dict(layer)) != mark(layer | changed)


def test_a_fingerprint_that_says_less_is_refused_and_can_be_written_anew(
    saved, tmp_path, monkeypatch, capsys
):
    good, whole = weight_files.load(saved, model_of()), weight_files.fingerprint
    short = [
        {key: each[key] for key in each if key not in ("window", "stride", "padding")}
        for each in whole(model_of())
    ]
    monkeypatch.setattr(weight_files, "fingerprint", lambda model: short)
    weight_files.save(saved, model_of(), good)
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"does not say window, stride, padding.*refingerprint"):
        weight_files.load(saved, model_of())
    scenario = tmp_path / "s.toml"
    scenario.write_text(tomli_w.dumps({"model": model_of().model_dump(exclude_none=True)}))
    assert refingerprint.main([str(saved), str(scenario)]) == 0
    back = weight_files.load(saved, model_of())
    assert all(np.array_equal(back[name], good[name]) for name in good)
    scenario.write_text(
        tomli_w.dumps({"model": {"input": [6, 6, 1], "layers": [{"type": "dense", "units": 2}]}})
    )
    assert refingerprint.main([str(saved), str(scenario)]) == 2
    assert "another model" in capsys.readouterr().err


def test_the_shipped_weights_are_what_they_were():
    with np.load(weight_files.SHIPPED / "pomic_ihc.npz") as archive:
        arrays = b"".join(archive[name].tobytes() for name in archive.files if name != "fingerprint")
    assert hashlib.blake2b(arrays, digest_size=8).hexdigest() == "d2f4a7042c17d1f5"


def test_every_cut_of_a_file_is_refused(saved):
    whole = saved.read_bytes()
    for length in range(0, len(whole), 97):
        saved.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"w\.npz: damaged"):
            weight_files.load(saved, model_of())


def test_a_changed_byte_is_refused_or_changes_nothing(saved):
    whole, good = saved.read_bytes(), weight_files.load(saved, model_of())
    refused = 0
    for place in range(0, len(whole), 13):
        saved.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            back = weight_files.load(saved, model_of())
        except InputError:
            refused += 1
        else:
            assert all(np.array_equal(back[name], good[name]) for name in good)
    assert refused > 20


def test_values_that_are_not_finite_are_refused(tmp_path):
    weights = weight_files.initial(model_of(), 1)
    weights["dense1/bias"][1] = np.nan
    weight_files.save(tmp_path / "w.npz", model_of(), weights)
    with pytest.raises(InputError, match="dense1/bias holds a value that is not a finite number"):
        weight_files.load(tmp_path / "w.npz", model_of())


def test_archives_without_a_fingerprint_and_missing_files_are_refused(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.zeros(3))
    with pytest.raises(InputError, match="no fingerprint"):
        weight_files.load(tmp_path / "w.npz", model_of())
    with pytest.raises(InputError, match="no such file"):
        weight_files.load(tmp_path / "v.npz", model_of())


def test_incomplete_weights_are_not_written(tmp_path):
    weights = weight_files.initial(model_of(), 1)
    del weights["dense1/bias"]
    with pytest.raises(InputError, match="dense1/bias: nothing; the model needs 2"):
        weight_files.save(tmp_path / "w.npz", model_of(), weights)
    assert not (tmp_path / "w.npz").exists()


def test_names_are_looked_up_beside_the_scenario_and_then_among_the_shipped(saved):
    assert weight_files.find("w.npz", saved.parent) == saved
    assert weight_files.find("pomic_ihc.npz", saved.parent).parent == weight_files.SHIPPED
    with pytest.raises(InputError, match=r"'none\.npz'.*shipped: .*pomic_ihc\.npz"):
        weight_files.find("none.npz", saved.parent)


SMALL = """
seed = 3
[data]
size = 16
stride = 40
[training]
epochs = 2
[model]
input = [16, 16, 3]
[[model.layers]]
type = "maxpool2d"
size = 4
[[model.layers]]
type = "dense"
units = 2
"""


def test_the_training_command_writes_weights_that_load(tmp_path, capsys):
    (tmp_path / "small.toml").write_text(SMALL)
    out = tmp_path / "new" / "w.npz"
    assert train_clear.main([str(tmp_path / "small.toml"), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "epoch   2: loss" in printed
    assert "largest magnitude" in printed
    model = model_of({"type": "maxpool2d", "size": 4}, {"type": "dense", "units": 2}, size=(16, 16, 3))
    assert set(weight_files.load(out, model)) == {"dense1/kernel", "dense1/bias"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = ", "not valid TOML"),
        (SMALL.replace("seed = 3", "seed = -1"), "seed: found -1; accepted"),
        (SMALL.replace("stride = 40", "stripe = 40"), "stripe"),
        (SMALL.replace("size = 4", "size = 40"), r"layer 0 'pool1'"),
        (SMALL.replace("units = 2", "units = 1"), "one output"),
        (SMALL.replace("epochs = 2", "rate = inf"), "rate"),
    ],
)
def test_the_training_command_refuses_unusable_scenarios(tmp_path, capsys, text, message):
    (tmp_path / "small.toml").write_text(text)
    assert train_clear.main([str(tmp_path / "small.toml"), "--out", str(tmp_path / "w.npz")]) == 2
    assert message in capsys.readouterr().err
