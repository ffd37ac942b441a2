"""Trainings of which every message is proven: every span of whole runs, the proofs among them."""

import os

import pytest
from test_costs_training import NETWORKS, SCENARIO

from analysis.costs.algebra import Claim
from analysis.costs.families import FamilySetting
from analysis.costs.replicated3_malicious import steps, training
from analysis.predict import measuring as measure
from analysis.predict import run as predict
from mpcsim.errors import InputError

PROVEN = "protocol.family=replicated3_malicious"
LONG = bool(os.environ.get("MPCSIM_LONG"))
CHOICES = [
    ["training.reveal=epoch", "training.test=300", "training.decay=0.01", "training.max_steps=1"],
    ["training.reveal=never", "hospitals.queries=0", "protocol.security=20", "training.max_steps=2"],
    ["training.loss=sigmoid", "training.momentum=0.0"],
    ["ring.value_bits=29", "ring.fraction_bits=14"],
    [],
]


def _rows(folder, layers, *overrides, dry=True):
    file = folder / "small.toml"
    file.write_text(SCENARIO.replace("LAYERS", layers), encoding="utf-8")
    return predict.rows(measure.measure(file, [f"dry_run={str(dry).lower()}", PROVEN, *overrides]))


def _check(rows):
    assert all(row.equal is True and row.formula is not None for row in rows), [
        row.difference() for row in rows if row.equal is not True
    ]
    assert {row.family for row in rows} == {"replicated3_malicious"}
    return {row.op: row for row in rows}


NETWORKS = NETWORKS | {
    "normed": """
    {type = "conv2d", filters = 2, kernel = 3, stride = 2, bias = false},
    {type = "batch_norm", name = "stem", activation = "relu"},
    {type = "maxpool2d", name = "pool", size = 2},
    {type = "batch_norm", name = "again", epsilon = 0.01},
    {type = "dense", units = 3},
"""
}
CELLS = [("every", CHOICES[1])]
CELLS += [("normed", ["training.test=5", "training.max_steps=1", "hospitals.model=net.npz"])]
CELLS += [("without_relu", ["training.loss=sigmoid", "training.max_steps=1"])]  # one output
if LONG:
    CELLS += [(network, CHOICES[0]) for network in ("pooling_first", "normalised")]
    CELLS += [("residual", CHOICES[1])]
    CELLS += [("every", choice) for choice in CHOICES]


@pytest.mark.parametrize(
    ("network", "choice"), CELLS, ids=lambda x: x if isinstance(x, str) else " ".join(x)
)
def test_every_span_of_a_small_proven_training_is_equal(tmp_path, network, choice):
    found = _check(_rows(tmp_path, NETWORKS[network], *choice))
    assert {"setup", "step", "step/loss", "step/verification", "run"} <= set(found)
    assert ("inference/verification" in found) == ("hospitals.queries=0" not in choice)
    assert ("test/verification" in found) == ("test" in found)


def test_a_run_with_values_sends_what_one_of_shapes_does(tmp_path):
    _check(_rows(tmp_path, NETWORKS["pooling_first"], "training.max_steps=1", dry=False))


def test_a_proven_step_of_the_thin_network_is_equal_and_within_22_megabytes():
    found = _check(predict.rows(measure.measure("training_step", ["dry_run=true", PROVEN])))
    assert max(found["run"].predicted["per_party"]) <= 22e6


def test_a_gradient_goes_back_by_a_selection_for_relu_and_one_for_each_level():
    setting = FamilySetting()
    found = training.led_back(setting, 30, 4, True)
    counts = [30, 30, 60]  # ReLU; the one pair of the last level; two pairs of the first
    selected = [steps.select(count // 3, 64) for count in counts]
    assert found.bytes == sum(3 * one.bytes for one in selected)


def test_a_kernels_gradient_is_proven_by_the_batchs_sums():
    found = training.cut(FamilySetting(), 72, 32 * 28 * 28, 34)
    maps = {claim for claim in found.claims if claim.kind == "map"}
    assert maps == {Claim(prover, "map", 2 * 32 * 28 * 28, 1) for prover in range(3)}


def test_a_formula_that_is_off_by_a_byte_is_found(tmp_path, monkeypatch):
    right = training.led_back

    def wrong(setting, n, entries, activation):
        return right(setting, n + 8, entries, activation)

    monkeypatch.setattr(training, "led_back", wrong)
    rows = _rows(tmp_path, NETWORKS["pooling_first"], "training.max_steps=1")
    assert not all(row.equal for row in rows)


@pytest.mark.parametrize("name", ["malicious_product", "malicious_training"])
def test_a_run_that_ends_in_an_abort_is_refused_in_words(name):
    with pytest.raises(InputError, match=r"expect: this run ends in an abort \(adversaries: server"):
        measure.measure(name)
