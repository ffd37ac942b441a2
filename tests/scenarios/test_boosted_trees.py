"""Boosted trees of scenarios, and answers of targets: those of the clear; scikit-learn's are as good."""

import os

import numpy as np
import pytest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.metrics import log_loss
from sklearn.tree import DecisionTreeRegressor
from test_private_trees import SHIPPED, run

from mpcsim import InputError
from mpcsim.scenario import load_scenario
from protocols.boosting import FINE, STEP
from protocols.domains import Ring
from scenarios.clear import boosted as clear
from scenarios.data import TableSettings, load_table
from scenarios.settings import SecureSettings
from scenarios.trees import PrivateTreesSettings, boosting_of

LONG = "MPCSIM_LONG" in os.environ
SMALL = ["trees.model=boosted", "trees.count=2", "trees.height=2", "trees.bins=6"]
TARGETS = ["data.source=diabetes", "data.train=60", "trees.height=2", "output.queries=9"]


def test_boosted_trees_are_those_of_the_clear_and_answer_as_they_do(tmp_path):
    _, output = run(tmp_path, *SMALL, "data.train=90", "output.queries=20")
    assert output["equal_to_clear"]
    assert output["answers_equal_to_clear"]
    assert output["boosted"] == len(output["trees"]) == 2
    assert output["loss"][0] > output["loss"][1] > output["loss"][2]
    assert output["accuracy"] > 0.8
    assert all(("attribute" in row) != ("step" in row) for tree in output["trees"] for row in tree)


def test_boosted_trees_learn_targets(tmp_path):
    _, output = run(tmp_path, *SMALL, *TARGETS)
    assert output["equal_to_clear"]
    assert output["answers_equal_to_clear"]
    assert output["root_mean_square_error"] < 90


@pytest.mark.parametrize("count", [1, 2] if LONG else [2])
def test_a_tree_of_targets_answers_with_the_mean_of_a_leaf_to_the_client_alone(tmp_path, count):
    """Means are those of scikit-learn's tree of the same rows, but for targets rounded to 12 bits."""
    done, output = run(tmp_path, *TARGETS, f"trees.count={count}", "output.tree=nobody")
    assert output["answers_equal_to_clear"]
    assert [role for role, found in done.outputs.items() if found] == ["hospital0"]
    train, rest = load_table(TableSettings(source="diabetes", train=60), seed=3)
    values, asked = (np.rint(one.values * 2**16) for one in (train, rest))
    sk = DecisionTreeRegressor(max_depth=2, random_state=0).fit(values, train.targets)
    np.testing.assert_allclose(output["answers"], sk.predict(asked[:9]), rtol=2e-3)


@pytest.mark.parametrize("model", ["cart", "boosted"] if LONG else ["boosted"])
def test_a_secret_tree_of_targets_answers_about_secret_rows(tmp_path, model):
    """The owner's tree, grown in the clear and shared, answers as the one that is grown on shares."""
    keys = [*TARGETS, f"trees.model={model}", "trees.count=2", "output.tree=nobody"]
    _, grown = run(tmp_path, *keys)
    done, shared = run(tmp_path, *keys, "trees.grown=clear", "hospitals.count=1")
    assert shared["answers"] == grown["answers"]
    assert shared["answers_equal_to_clear"]
    assert done.outputs["owner"] is None


def test_a_secret_sum_of_trees_answers_with_classes(tmp_path):
    _, output = run(
        tmp_path,
        *SMALL,
        "output.queries=20",
        "trees.grown=clear",
        "output.tree=nobody",
        "hospitals.count=1",
    )
    assert output["answers_equal_to_clear"]
    assert set(output["answers"]) == {"malignant", "benign"}


def test_a_dry_run_of_boosted_trees_costs_what_the_run_does(tmp_path):
    keys = [*SMALL, "data.source=random", "data.rows=40", "output.queries=5"]
    real, _ = run(tmp_path, *keys)
    dry, output = run(tmp_path, *keys, "dry_run=true")
    assert (dry.rounds, dry.payload_bytes, dry.makespan_ns) == (
        real.rounds, real.payload_bytes, real.makespan_ns,
    )  # fmt: skip
    assert "trees" not in output


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["data.source=iris"], "3 classes; boosted trees tell two apart"),
        (["trees.bootstrap=true"], r"trees\.bootstrap = True: boosted trees take all rows"),
        (["trees.attributes=3"], r"trees\.attributes = 3"),
        (["trees.least_gain=0.1"], r"trees\.least_gain = 0\.1"),
        (["trees.bins=300"], "trees.bins"),
        (["trees.shrinkage=0"], "trees.shrinkage"),
        (["trees.penalty=0"], "trees.penalty"),
        (["data.source=random", "data.rows=900000"], "leave residuals . bits"),
        (["data.train=9", "trees.bins=10"], r"trees\.bins = 10: accepted are 2 to the 9 rows"),
    ],
)
def test_what_is_no_sum_of_trees_is_refused(tmp_path, overrides, named):
    with pytest.raises(InputError, match=named):
        run(tmp_path, *SMALL, *overrides)


# The trees of the clear against scikit-learn's


def in_the_clear(name, **trees):
    """Return a table's boosted trees, as the shipped scenario's but for some keys, and its rows."""
    scenario = load_scenario(SHIPPED / "boosted_training.toml", [])
    tables = dict(scenario.tables)
    kept = {key: value for key, value in tables.items() if key in SecureSettings.model_fields}
    chosen = {"count": 30, **trees}
    settings = PrivateTreesSettings(**kept, trees=dict(tables["trees"]) | chosen, output=tables["output"])
    train, rest = load_table(TableSettings(source=name), seed=1)
    ring = Ring(64, 16, 31)
    values, asked = (ring.signed(ring.encode(one.values.T, "row")) for one in (train, rest))
    classes = bool(train.classes)
    scale = 2**FINE if classes else 2 ** (FINE - 1) / np.abs(train.targets).max()
    targets = np.rint(train.targets * scale).astype(np.int64)
    shape = boosting_of(settings, len(train), len(train.names), classes)
    found = clear.boost(values, targets, shape, shape.residual_bits(ring))
    return found, (train, values, targets), (rest, asked), scale


ALIKE = {
    "max_iter": 30, "max_depth": 3, "max_bins": 16, "min_samples_leaf": 1, "l2_regularization": 1.0,
    "max_leaf_nodes": None, "early_stopping": False,
}  # fmt: skip


@pytest.mark.parametrize(
    "theirs",
    [
        GradientBoostingClassifier(n_estimators=30, learning_rate=0.3, max_depth=3, random_state=0),
        HistGradientBoostingClassifier(learning_rate=0.3, **ALIKE),
    ][: 2 if LONG else 1],
    ids=lambda model: type(model).__name__,
)
def test_boosted_classes_are_as_good_as_scikit_learns(theirs):
    """Accuracy within 2 points, a loss that falls tree by tree, near theirs."""
    found, (train, values, targets), (rest, asked), _ = in_the_clear("breast_cancer")
    theirs.fit(train.values, train.targets)
    mine = np.mean((found.raw_scores(asked) >= 0) == rest.targets)
    assert abs(mine - theirs.score(rest.values, rest.targets)) <= 0.02
    losses = [clear.loss(found.raw_scores(values, count), targets, classes=True) for count in range(1, 31)]
    assert np.all(np.diff(losses) < 0)
    each = [log_loss(train.targets, one) for one in theirs.staged_predict_proba(train.values)]
    np.testing.assert_allclose(losses, each, atol=0.05)


@pytest.mark.parametrize(
    ("theirs", "near"),
    [
        (HistGradientBoostingRegressor(learning_rate=0.1, **ALIKE), 0.02),
        (GradientBoostingRegressor(n_estimators=30, learning_rate=0.1, max_depth=3, random_state=0), 0.2),
    ][: 2 if LONG else 1],
    ids=["bins", "every value"][: 2 if LONG else 1],
)
def test_boosted_targets_are_as_good_as_scikit_learns(theirs, near):
    found, (train, values, targets), (rest, asked), scale = in_the_clear("diabetes", shrinkage=0.1)
    theirs.fit(train.values, train.targets)
    unit = 2.0 ** (FINE - STEP) / scale
    predictions = (found.raw_scores(asked) * unit, theirs.predict(rest.values))
    errors = [np.sqrt(np.mean((one - rest.targets) ** 2)) for one in predictions]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)
    losses = [clear.loss(found.raw_scores(values, count), targets, classes=False) for count in range(1, 31)]
    each = [np.mean((one - train.targets) ** 2) / 2 for one in theirs.staged_predict(train.values)]
    np.testing.assert_allclose(np.array(losses) * (2.0**FINE / scale) ** 2, each, rtol=near)
