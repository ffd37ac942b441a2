"""Costs of private training: pieces by hand, every span of whole runs, wrong formulas found."""

import os

import pytest

from analysis.costs.algebra import LOCAL, messages, sequence
from analysis.costs.replicated3 import signs, training
from analysis.costs.replicated3.setting import Setting
from analysis.costs.replicated3.training_run import Batch, batches
from analysis.predict import measuring as measure
from analysis.predict import run as predict
from analysis.validate.judge import Validation
from mpcsim import CheckFailed
from scenarios.checkpoints import Halted
from scenarios.networks import ModelSettings, weights

SCENARIO = """
name = "small"
workload = "private_training"
seed = 3
[engine]
trace = false
[data]
source = "random"
count = 11
size = 9
channels = 3
[hospitals]
count = 3
asker = 1
queries = 5
[training]
epochs = 2
batch = 4
rate = 0.03125
reveal = "batch"
test = 7
twin = "none"
[model]
input = [9, 9, 3]
layers = [
LAYERS
]
"""

EVERY_LAYER = """
    {type = "conv2d", filters = 3, kernel = 3, padding = "same", activation = "relu"},
    {type = "maxpool2d", size = 2},
    {type = "conv2d", filters = 4, kernel = 2, activation = "relu", bias = false},
    {type = "maxpool2d", size = 2, stride = 1, padding = 1},
    {type = "avgpool2d", size = 2, stride = 1},
    {type = "flatten"},
    {type = "dense", units = 6, activation = "relu"},
    {type = "dense", units = 5},
    {type = "dense", units = 3},
"""
WITHOUT_RELU = """
    {type = "avgpool2d", size = 2, stride = 1},
    {type = "conv2d", filters = 3, kernel = 2},
    {type = "maxpool2d", size = [2, 1]},
    {type = "conv2d", filters = 2, kernel = 2},
    {type = "maxpool2d", size = 1},
    {type = "conv2d", filters = 2, kernel = 2, activation = "relu"},
    {type = "conv2d", filters = 2, kernel = 1},
    {type = "maxpool2d", size = [1, 2], stride = 1},
    {type = "maxpool2d", size = [1, 2], stride = 1},
    {type = "avgpool2d", size = "global"},
    {type = "dense", units = 1},
"""
POOLING_FIRST = """
    {type = "maxpool2d", size = 3},
    {type = "flatten"},
    {type = "dense", units = 4, activation = "relu"},
    {type = "dense", units = 2, bias = false},
"""
RESIDUAL = """
    {type = "conv2d", name = "stem", filters = 3, kernel = 3, padding = 1},
    {type = "maxpool2d", name = "pool", size = 2},
    {type = "add", name = "twice", from = "pool"},
    {type = "conv2d", name = "a", filters = 4, kernel = 3, stride = 2, padding = 1, activation = "relu"},
    {type = "conv2d", name = "b", filters = 4, kernel = 2, padding = "same"},
    {type = "conv2d", name = "projection", from = "twice", filters = 4, kernel = 1, stride = 2},
    {type = "add", name = "joined", from = "b", activation = "relu"},
    {type = "add", name = "again", from = "joined"},
    {type = "avgpool2d", name = "mean", size = 2},
    {type = "flatten", name = "flat"},
    {type = "dense", name = "hidden", units = 4, activation = "relu"},
    {type = "add", name = "last", from = "flat", activation = "relu"},
    {type = "dense", units = 3},
"""
NORMALISED = """
    {type = "conv2d", filters = 3, kernel = 3, padding = 1, bias = false},
    {type = "batch_norm", name = "stem", activation = "relu"},
    {type = "maxpool2d", name = "pool", size = 2},
    {type = "conv2d", name = "a", filters = 2, kernel = 3, padding = 1},
    {type = "batch_norm", name = "an"},
    {type = "conv2d", name = "projection", from = "pool", filters = 2, kernel = 1},
    {type = "batch_norm", name = "pn", epsilon = 0.01},
    {type = "add", name = "joined", from = "an", activation = "relu"},
    {type = "batch_norm", name = "last"},
    {type = "maxpool2d", name = "end", size = 2},
    {type = "dense", name = "hidden", units = 4},
    {type = "batch_norm", name = "of_rows", activation = "relu"},
    {type = "dense", units = 3},
"""
NETWORKS = {
    "every": EVERY_LAYER,
    "without_relu": WITHOUT_RELU,
    "pooling_first": POOLING_FIRST,
    "residual": RESIDUAL,
    "normalised": NORMALISED,
}
CHOICES = [
    *([f"protocol.comparison={c}", f"protocol.select={s}", f"protocol.truncation={t}"]
      for c, s, t in [
          ("table", "two_rounds", "safe"),
          ("table", "one_round", "fused"),
          ("masked", "two_rounds", "fused"),
          ("masked", "one_round", "safe"),
          ("ripple", "two_rounds", "safe"),
      ]),
    ["training.loss=sigmoid"],
    ["protocol.rotate=false", "protocol.comparison=masked"],
    ["training.reveal=epoch", "training.test=300", "training.momentum=0.0", "training.decay=0.01"],
    ["training.reveal=never", "hospitals.asker=0"],
    ["training.max_steps=4", "protocol.radix=8", "hospitals.queries=0"],
    ["ring.value_bits=29", "ring.fraction_bits=14"],
]  # fmt: skip


def _rows(folder, layers, *overrides, dry=True):
    file = folder / "small.toml"
    file.write_text(SCENARIO.replace("LAYERS", layers), encoding="utf-8")
    return predict.rows(measure.measure(file, [f"dry_run={str(dry).lower()}", *overrides]))


def _check(rows):
    assert all(row.equal is True and row.formula is not None for row in rows), [
        row.difference() for row in rows if row.equal is False
    ]
    return {row.op: row for row in rows}


# Pieces by hand


def test_the_ways_of_a_window_of_four_are_shared_and_anded_down_its_tournament():
    # 3 pairs and ReLU: 4 planes of 8 bits; ReLU ∧ root reshared; 2 ANDs of the last level exchanged
    cost = training.ways(8, 4, True)
    assert (cost.sent, cost.rounds) == ((4 + 1, 1 + 2, 1 + 2), 3)


def test_without_relu_the_root_of_the_ways_is_its_bit():
    cost = training.ways(8, 4, False)
    assert (cost.sent, cost.rounds) == ((3, 2, 2), 2)
    assert training.ways(8, 2, False).sent == (1, 0, 0)


def test_an_odd_entry_passes_a_level_of_the_ways():
    assert training.ways(8, 3, True).sent == (3 + 1, 1 + 1, 1 + 1)


def test_a_relu_alone_leads_back_without_a_message():
    assert training.ways(8, 1, True) == LOCAL


@pytest.mark.parametrize(
    ("select", "chosen"), [("two_rounds", (64, 32, 32)), ("one_round", (2 * 64, 32, 32))]
)
def test_a_gradient_is_truncated_chosen_lifted_and_shared(select, chosen):
    # 8 values: 32 bytes mod 2^32, 32 bytes of 32 new bits, 64 bytes mod 2^64; role 0 is ahead
    cost = training.back(Setting(select=select), 8, 1, sums=True, chosen=True)
    assert cost.sent == (chosen[0] + 64 + 64, 32 + chosen[1] + 32, 32 + chosen[2] + 32)
    assert cost.rounds == 3


def test_a_gradient_that_is_shared_and_goes_one_way_is_lifted_alone():
    cost = training.back(Setting(), 8, 1, sums=False, chosen=False)
    assert (cost.sent, cost.rounds) == ((64 + 64, 32, 32), 1)


def test_an_update_truncates_velocities_by_34_bits_whatever_the_choice():
    # a third is one weight: 8 bytes of the ring from each role, 5 of 34 bits from each
    cost = training.update(Setting(truncation="fused"), 3, 0)
    assert (cost.sent, cost.rounds) == ((39, 39, 39), 2)
    assert training.update(Setting(), 3, 3).sent == (78, 78, 78)


def test_first_weights_are_a_carry_of_16_bits_beside_the_halves():
    # radix 4: 4 digits, 4·15 planes dealt to both, 7 read; tree 4 → 2: 3 ANDs; one exchanged; bit → share
    cost = training.initial(Setting(rotate=False), 8)
    assert cost.sent == (2 * 60 + 3 + 64 + 64, 7 + 3 + 1 + 64, 7 + 3 + 1 + 64)


def test_the_last_batch_of_an_epoch_takes_what_is_left():
    assert batches(11, 4, 2, 4) == [Batch(4, False), Batch(4, False), Batch(3, True), Batch(4, True)]


# Whole runs


LONG = bool(os.environ.get("MPCSIM_LONG"))
CELLS = [("every", choice) for choice in (CHOICES if LONG else CHOICES[::4])]
CELLS += [("pooling_first", CHOICES[i]) for i in ((1, 3, 5, 6) if LONG else (1,))]
CELLS += [("residual", CHOICES[3])]
CELLS += [("normalised", CHOICES[i]) for i in ((3, 5, 7, 10) if LONG else (3,))]
CELLS += [
    ("without_relu", [*CHOICES[i], "training.loss=sigmoid"]) for i in ((1, 3, 5, 6) if LONG else (5,))
]  # one output


@pytest.mark.parametrize(
    ("network", "choice"), CELLS, ids=lambda x: x if isinstance(x, str) else " ".join(x)
)
def test_every_span_of_a_small_training_is_equal(tmp_path, network, choice):
    found = _check(_rows(tmp_path, NETWORKS[network], *choice))
    assert {"setup", "step", "step/loss", "run"} <= set(found)
    assert ("reveal" in found) == ("training.reveal=never" not in choice)
    assert ("inference" in found) == ("hospitals.queries=0" not in choice)


@pytest.mark.parametrize("select", ["one_round", "two_rounds"])
@pytest.mark.parametrize("comparison", ["masked", "table"])
def test_a_step_of_the_thin_network_is_equal(comparison, select):
    chosen = [f"protocol.comparison={comparison}", f"protocol.select={select}"]
    rows = predict.rows(measure.measure("training_step", ["training.twin=none", *chosen]))
    assert len(_check(rows)) == 30


def test_an_owners_first_weights_are_shared_and_none_are_drawn(tmp_path):
    layers = [{"type": "maxpool2d", "size": 3}, {"type": "flatten"}, {"type": "dense", "units": 2}]
    model = ModelSettings.model_validate({"input": [9, 9, 3], "layers": layers})
    weights.save(tmp_path / "weights.npz", model, weights.initial(model))
    text = '{type = "maxpool2d", size = 3}, {type = "flatten"}, {type = "dense", units = 2}'
    found = _check(_rows(tmp_path, text, 'model.weights="weights.npz"'))
    assert found["setup"].predicted["rounds"] == 1
    # kernel (27, 2) and bias (2,): four seeds each, 3 times a byte a side, two components
    assert found["setup"].predicted["per_party"][-1] == 2 * 64 + 3 * (2 + 1) + 2 * 8 * (54 + 2)
    assert len(found["setup"].predicted["per_party"]) == 3 + 3 + 1


@pytest.mark.parametrize("shipped", ["thin_training", "lenet_training", "pomic_training"])
def test_shipped_trainings_are_equal(shipped):
    chosen = ["dry_run=true", "training.epochs=1", "training.max_steps=3"]
    _check(predict.rows(measure.measure(shipped, chosen)))


def test_a_resumed_training_draws_no_weights_and_takes_the_steps_that_are_left(tmp_path):
    kept = ['checkpoint.folder="kept"', "checkpoint.every=2"]
    with pytest.raises(Halted):
        _rows(tmp_path, POOLING_FIRST, *kept, "checkpoint.halt_after=4", dry=False)
    found = _check(_rows(tmp_path, POOLING_FIRST, *kept, dry=False))
    assert (
        found["step/loss"].params["passes"] == 4
    )  # the hospital had kept 2 steps when the servers stopped
    assert found["setup"].predicted["rounds"] == 1


# Wrong and missing formulas


def test_a_formula_that_is_off_by_a_byte_is_found(tmp_path, monkeypatch):
    right = training.ways

    def wrong(n, entries, activation):
        return sequence(right(n, entries, activation), messages((0, 0, 1)))

    monkeypatch.setattr(training, "ways", wrong)
    rows = _rows(tmp_path, EVERY_LAYER)
    differ = {row.op for row in rows if row.equal is False}
    assert {"step/conv1.ways", "step", "run"} <= differ
    assert "step/conv1" not in differ
    with pytest.raises(CheckFailed, match=r"step/conv1\.ways"):
        Validation(rows).check()


def test_a_formula_that_is_off_by_a_round_is_found(tmp_path, monkeypatch):
    right = training.back
    wrong = sequence(*[messages((0, 1, 0), (1, 2, 0), (2, 0, 0))])
    monkeypatch.setattr(training, "back", lambda *given, **more: sequence(right(*given, **more), wrong))
    differ = {row.op for row in _rows(tmp_path, EVERY_LAYER) if row.equal is False}
    assert {"step/conv1.gradient", "step", "run"} <= differ


def test_a_construction_without_a_formula_gives_rows_that_say_so(tmp_path, monkeypatch):
    monkeypatch.delitem(signs.SIGNS, "masked")
    rows = _rows(tmp_path, EVERY_LAYER, "protocol.comparison=masked")
    assert {"setup", "step/conv1", "run"} <= {row.op for row in rows}
    assert all(row.equal is None and "masked" in row.source for row in rows)
