"""Masks of stained tissue: their tiles, their slopes, the U-Net that ships, and its run on shares."""

import tomllib

import numpy as np
import pytest
from skimage.color import rgb2hed
from skimage.data import immunohistochemistry

from analysis.figures.sources import Sources
from analysis.predict import SHIPPED, measure
from analysis.predict import run as predict
from mpcsim.errors import InputError
from mpcsim.record import Record
from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS
from scenarios.clear import gradients, optimise, train
from scenarios.data import DataSettings, ihc, load_data, load_split
from scenarios.networks import ModelSettings, shapes
from scenarios.networks import weights as weight_files

SMALL_UNET = [
    {"type": "conv2d", "name": "down", "filters": 2, "kernel": 3, "padding": "same", "activation": "relu"},
    {"type": "maxpool2d", "size": 2},
    {"type": "conv2d", "filters": 3, "kernel": 3, "padding": "same", "activation": "relu"},
]
UPWARDS = {
    "transposed": [{"type": "conv2d_transpose", "filters": 2, "kernel": 2, "stride": 2}],
    "nearest": [{"type": "upsample2d", "size": 2}],
}
END = [{"type": "concat", "from": "down"}, {"type": "conv2d", "filters": 2, "kernel": 1}]


def _used(split, size, stride):
    used = np.zeros((512, 512), dtype=bool)
    for row, column in ihc.corners(split, size, stride, "pixel"):
        used[row : row + size, column : column + size] = True
    return used


@pytest.mark.parametrize(("size", "stride"), [(48, 16), (96, 7), (1, 1), (33, 5)])
def test_train_validation_and_test_tiles_share_no_pixel(size, stride):
    parts = [_used(split, size, stride) for split in ("train", "validation", "test")]
    assert all(part.any() for part in parts)
    assert sum(part.astype(int) for part in parts).max() == 1


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_mask_is_the_rule_of_colour_deconvolution(split):
    whole = rgb2hed(immunohistochemistry())[..., 2] > ihc.DAB_LEVEL
    data, at = ihc.load(split, 40, stride=90, truth="pixel"), ihc.corners(split, 40, 90, "pixel")
    for mask, (row, column) in zip(data.labels, at, strict=True):
        assert np.array_equal(mask, whole[row : row + 40, column : column + 40])


def test_a_mask_is_turned_with_its_image():
    rng = np.random.default_rng(4)
    masks = rng.integers(0, 2, (16, 5, 7))
    images = np.repeat(masks[..., None], 3, -1).astype(np.float32)
    turned, labels = optimise.mirrored(images, masks, np.random.default_rng(1))
    assert np.array_equal(turned[..., 0], labels)
    assert not np.array_equal(labels, masks)


@pytest.mark.parametrize("upwards", UPWARDS)
def test_slopes_of_maps_are_those_of_finite_differences(upwards):
    model = ModelSettings.model_validate(
        {"input": [4, 6, 2], "layers": [*SMALL_UNET, *UPWARDS[upwards], *END]}
    )
    rng = np.random.default_rng(2)
    weights = weight_files.initial(model, 3)
    images, labels = rng.normal(size=(2, 4, 6, 2)), rng.integers(0, 2, (2, 4, 6))
    plans = shapes(model)
    _, logits, found = gradients.slopes(plans, weights, images, labels)
    assert logits.shape == (2, 4, 6, 2)
    for name, values in weights.items():
        place = tuple(rng.integers(size) for size in values.shape)
        ends = []
        for step in (1e-6, -1e-6):
            moved = {key: value.copy() for key, value in weights.items()}
            moved[name][place] += step
            ends.append(gradients.slopes(plans, moved, images, labels)[0])
        assert found[name][place] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-3, abs=1e-7), name


def test_overlap_is_intersection_over_union():
    left, right = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert optimise.overlap(left, right) == pytest.approx(1 / 3)
    assert optimise.overlap(left, ~left) == 0
    assert optimise.overlap(left & ~left, left & ~left) == 1


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"split": "validation"}, "data.split = 'validation'"),
        ({"source": "random", "truth": "pixel"}, "has no masks; accepted: 'ihc'"),
        ({"source": "random", "split": "validation"}, "data.truth = 'pixel'"),
        ({"truth": "pixel", "split": "validation", "size": 97}, "a side of 1 to 96 pixels"),
    ],
)
def test_what_has_no_masks_is_refused(table, words):
    with pytest.raises(InputError, match=words):
        load_split(DataSettings.model_validate(table))


@pytest.mark.parametrize("truth", ["image", "pixel"])
def test_labels_that_the_last_layer_does_not_answer_are_refused(truth, tmp_path, capsys):
    last = (
        '{ type = "conv2d", filters = 2, kernel = 1 }'
        if truth == "image"
        else '{ type = "dense", units = 2 }'
    )
    file = tmp_path / "s.toml"
    file.write_text(f'[data]\ntruth = "{truth}"\nsize = 8\n[model]\ninput = [8, 8, 3]\nlayers = [{last}]\n')
    assert train.main([str(file), "--out", str(tmp_path / "w.npz")]) == 2
    assert "accepted: data.truth" in capsys.readouterr().err


def test_the_same_seed_trains_the_same_weights_on_masks(tmp_path):
    file = tmp_path / "s.toml"
    file.write_text(
        'seed = 5\n[data]\ntruth = "pixel"\nsize = 8\nstride = 60\n[training]\nepochs = 2\n[model]\n'
        'input = [8, 8, 3]\nlayers = [{ type = "conv2d", filters = 2, kernel = 3, padding = "same" }]\n'
    )
    written = []
    for name in ("a", "b"):
        assert train.main([str(file), "--out", str(tmp_path / name)]) == 0
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]


def _shipped(*overrides):
    return load_scenario("tissue_segmentation", list(overrides), None, SHIPPED)


def test_the_shipped_unet_segments_tiles_that_it_never_saw():
    tables = tomllib.loads((SHIPPED[0] / "tissue_segmentation.toml").read_text("utf-8"))
    model = ModelSettings.model_validate(tables["model"])
    data = DataSettings.model_validate(tables["data"] | {"stride": 48})
    tiles = load_split(data, "test")
    weights = weight_files.load(weight_files.find(model.weights), model)
    found = optimise.classes(model, weights, tiles)
    assert (found == tiles.labels).mean() > 0.95
    assert optimise.overlap(found == 1, tiles.labels == 1) > 0.9


def test_the_mask_on_shares_is_that_in_the_clear_but_where_the_margin_is_within_the_error():
    scenario = _shipped("data.count=1")
    program = workload.build_program(scenario, WORKLOADS)
    output = program.summarize(workload.run_program(program, scenario))
    assert np.shape(output["predictions"]) == np.shape(output["labels"]) == (1, 48, 48)
    assert output["max_logit_error_float"] < 2.0**-6
    assert output["differing_margin"] <= 2 * output["max_logit_error_float"]
    truth, found = np.array(output["labels"]), np.array(output["predictions"])
    assert output["overlap"] == [optimise.overlap(found == one, truth == one) for one in (0, 1)]
    assert any("intersection over union of 'brown'" in line for line in program.render(output))


@pytest.mark.parametrize("reveal", ["class", "logits"])
def test_every_node_of_the_unet_costs_what_its_formula_says(reveal):
    rows = predict.rows(measure("tissue_segmentation", ["dry_run=true", f"output.reveal={reveal}"]))
    assert len(rows) > 14
    assert all(row.equal for row in rows)


def test_the_figure_has_a_row_a_tile_of_picture_truth_and_mask(tmp_path):
    scenario = _shipped("data.count=2", "data.size=8", "model.input=[8,8,3]", "engine.trace=false")
    draw = pytest.importorskip("analysis.figures.segmentation").draw
    truth = load_data(DataSettings.model_validate(scenario.tables["data"]), None, scenario.seed or 0).labels
    output = {"overlap": [1.0, 1.0], "labels": truth.tolist(), "predictions": truth.tolist()}
    output["classes"] = ["other", "brown"]
    summary = {"workload": "private_inference", "name": "tissue", "output": output}
    (figure,) = draw(Sources(records=[Record(tmp_path, scenario, summary)])).values()
    assert [axes.get_title() for axes in figure.axes] == ["tile", "truth", "on shares", "", "", ""]
    for place in (0, 1):
        tile, expected, mask = (axes.images[0].get_array() for axes in figure.axes[3 * place :][:3])
        assert tile.shape == (8, 8, 3)
        assert np.array_equal(expected, truth[place])
        assert np.array_equal(mask, truth[place])
