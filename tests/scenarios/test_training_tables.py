"""Logistic regression on rows of a table: what is read, what is refused, errors as in the clear."""

import os
from pathlib import Path

import numpy as np
import pytest
from training_runs import run

import scenarios
from analysis.validate import judge
from mpcsim import InputError
from scenarios.data import DataSettings, load_split

SHIPPED = Path(scenarios.__file__).parent / "logistic_training.toml"
CSV = ("data.table.source=csv", "data.table.path=patients.csv")
LONG = "MPCSIM_LONG" in os.environ


def table(folder=None, pixels="signed", images=None, **keys):
    asked = {"source": "table", "pixels": pixels, "path": images, "table": keys or None}
    settings = DataSettings.model_validate(asked)
    return [load_split(settings, split, folder) for split in ("train", "test")]


def patients(folder, missing=""):
    """Write 60 patients of two classes that one attribute tells apart; one attribute is constant."""
    rng = np.random.default_rng(2)
    lines = ["age,size,unit,ill"]
    for number in range(60):
        ill = number % 2
        size = missing if number == 7 else f"{100 * ill + rng.integers(0, 90)}"
        lines.append(f"{rng.integers(20, 90)},{size},3,{'yes' if ill else 'no'}")
    (folder / "patients.csv").write_text("\n".join(lines) + "\n", "utf-8")


def copy(folder):
    """Write the shipped scenario beside a file of patients."""
    file = folder / "scenario.toml"
    file.write_text(SHIPPED.read_text("utf-8").replace("[1, 1, 30]", "[1, 1, 3]"), "utf-8")
    return file


@pytest.mark.parametrize(("pixels", "least"), [("signed", -1.0), ("unit", 0.0)])
def test_attributes_are_scaled_by_their_range_among_the_rows_to_train_on(pixels, least):
    train, test = table(pixels=pixels, source="breast_cancer", train=426)
    assert (train.images.shape, test.images.shape) == ((426, 1, 1, 30), (143, 1, 1, 30))
    assert train.classes == ("malignant", "benign")
    np.testing.assert_allclose(train.images.min(0), least, atol=1e-12)
    np.testing.assert_allclose(train.images.max(0), 1.0, atol=1e-12)
    assert test.images.max() > 1.0  # a test row may lie outside


def test_an_attribute_that_never_changes_is_scaled_to_the_least_value(tmp_path):
    patients(tmp_path, "5")
    train, _ = table(tmp_path, source="csv", path="patients.csv", train=40)
    assert (train.images[..., 2] == -1).all()


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({}, r"accepted is \[data\.table\]"),
        ({"images": "x.csv", "source": "iris"}, r"accepted is \[data\.table\]"),
        (
            {"source": "diabetes"},
            r"data\.table: its targets are real numbers; accepted: a table of classes",
        ),
    ],
)
def test_what_is_no_table_of_classes_is_refused(keys, named):
    with pytest.raises(InputError, match=named):
        table(**keys)


def test_a_missing_field_is_refused_by_line_and_column_before_the_run_or_filled_by_choice(tmp_path):
    patients(tmp_path)
    file, sizes = copy(tmp_path), ("data.count=40", "data.table.train=40", "hospitals.queries=20")
    short = (*CSV, *sizes, "training.batch=20", "training.epochs=1", "training.twin=fixed")
    with pytest.raises(InputError, match=r"line 9, column 'size': found ''; .*data\.missing"):
        run(file, *short)
    _, output = run(file, *short, "data.table.missing=mean")
    assert output["classes"] == ["no", "yes"]
    assert len(output["answers"]) == 20


def test_patients_of_a_file_are_told_apart_as_in_the_clear(tmp_path):
    patients(tmp_path, "50")
    sizes = ("data.count=40", "data.table.train=40", "training.test=20", "hospitals.queries=0")
    _, output = run(
        copy(tmp_path), *CSV, *sizes, "training.batch=10", "training.epochs=8", "training.reveal=epoch"
    )
    assert output["test"]["secure"]["accuracy"] == output["test"]["fixed"]["accuracy"] >= 0.9
    assert output["history"][-1]["test_accuracy"] == output["test"]["fixed"]["accuracy"]
    assert output["max_weight_error"]["float"]["end"] < 2.0**-7


def test_the_shipped_scenario_equals_its_formulas_and_stays_within_its_bytes_and_rounds():
    found = judge.validate_scenario("logistic_training")
    found.check()
    whole = found.rows[-1].measured
    assert whole["rounds"] <= 2500
    assert max(whole["per_party"]) <= 4e6


@pytest.mark.skipif(not LONG, reason="half a minute; set MPCSIM_LONG=1")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_errors_on_shares_are_those_in_the_clear(seed):
    _, output = run(
        SHIPPED, f"data.seed={seed}", "hospitals.queries=0", "training.test=143", "training.reveal=epoch"
    )
    errors = {name: found["accuracy"] for name, found in output["test"].items()}
    assert errors["secure"] == errors["fixed"] == errors["float"] >= 0.94
    assert output["max_weight_error"]["fixed"]["end"] < 2.0**-10
