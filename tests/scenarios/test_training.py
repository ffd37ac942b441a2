"""Training on shares against finite differences of a plain network, and against its plaintext twins."""

import itertools
import math
import os
import re
from pathlib import Path

import numpy as np
import pytest
from training_runs import CONVOLUTIONS, NORMALISED, POOLINGS, RESIDUAL, STRIDES, run, write

from mpcsim import InputError
from mpcsim.errors import RunError
from scenarios.networks import shapes
from scenarios.training.settings import PrivateTrainingSettings, TrainingSettings

NETWORKS = {
    "convolutions": CONVOLUTIONS,
    "poolings": POOLINGS,
    "strides": STRIDES,
    "residual": RESIDUAL,
    "normalised": NORMALISED,
}
PROBE = Path(__file__).parents[2] / "scenarios" / "training_step.toml"
LONG = bool(os.environ.get("MPCSIM_LONG"))
SOME = 24  # of each array's weights
FEW = ("training.epochs=1", "training.batch=3", "data.count=3", "training.max_steps=1")


# A plain network, by loops, that knows nothing of ours


def plain_loss(plans, weights, images, targets, loss):
    """Return the summed cross-entropy in float64."""
    outputs = {-1: images}
    for plan in plans:
        kind = plan.layer.type
        x = outputs[plan.sources[0]]
        if kind in ("flatten", "dense"):
            x = x.reshape(len(x), -1)
        if kind == "dense":
            x = x @ weights[f"{plan.name}/kernel"] + weights.get(f"{plan.name}/bias", 0)
        elif kind == "batch_norm":
            axes = tuple(range(x.ndim - 1))
            unit = (x - x.mean(axes)) / (x.var(axes) + plan.layer.epsilon) ** 0.5
            x = unit * weights[f"{plan.name}/kernel"] + weights[f"{plan.name}/bias"]
        elif kind == "add":
            x = x + outputs[plan.sources[1]]
        elif kind != "flatten":
            x = _windowed(plan, kind, weights, x)
        if getattr(plan.layer, "activation", "none") == "relu":
            x = np.where(x > 0, x, 0)
        outputs[plan.index] = x
    if loss == "softmax":
        return float((np.log(np.exp(x).sum(1)) - (x * targets).sum(1)).sum())
    p = 1 / (1 + np.exp(-x))
    return float(-(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum())


def _windowed(plan, kind, weights, x):
    inside = np.pad(np.ones(x.shape), ((0, 0), *plan.pads, (0, 0)))
    border = -np.inf if kind == "maxpool2d" else 0
    padded = np.pad(x, ((0, 0), *plan.pads, (0, 0)), constant_values=border)
    out = np.empty((len(x), *plan.output))
    for i, j in np.ndindex(*plan.output[:2]):
        top, left = i * plan.stride[0], j * plan.stride[1]
        patch = np.s_[:, top : top + plan.window[0], left : left + plan.window[1]]
        if kind == "conv2d":
            kernel = weights[f"{plan.name}/kernel"]
            out[:, i, j] = np.tensordot(padded[patch], kernel, 3) + weights.get(f"{plan.name}/bias", 0)
        elif kind == "maxpool2d":
            out[:, i, j] = padded[patch].max((1, 2))
        else:
            out[:, i, j] = padded[patch].sum((1, 2)) / inside[patch].sum((1, 2))
    return out


def finite_differences(plans, weights, images, targets, loss):
    """Return (central differences, whether both sides agree that nothing bends there) of every weight.

    Unless LONG of SOME weights of an array at most, from its first to its last; of the others both are NaN.
    """
    step = 2.0**-20
    found, smooth = {}, {}
    middle = plain_loss(plans, weights, images, targets, loss)
    for name, values in weights.items():
        found[name], smooth[name] = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
        places = list(np.ndindex(values.shape))
        if not LONG and len(places) > SOME:
            places = [places[at] for at in np.linspace(0, len(places) - 1, SOME).round().astype(int)]
        for place in places:
            sides = []
            for sign in (1, -1):
                moved = {key: each.copy() for key, each in weights.items()}
                moved[name][place] += sign * step
                sides.append((plain_loss(plans, moved, images, targets, loss) - middle) / (sign * step))
            found[name][place] = sum(sides) / 2
            smooth[name][place] = abs(sides[0] - sides[1]) < 1e-3
    return found, smooth


def opened(finished, step, kind, bits):
    seen = finished.observed["final" if kind == "velocities" else f"model/{step}"]
    first, second = (getattr(seen[i][0], kind) for i in range(2))
    return {
        name: (one.a + one.b + second[name].b).view(np.int64) / 2.0**bits for name, one in first.items()
    }


GRAPHS = ("residual", "normalised")  # a loss more, or a few steps more, take what they take


@pytest.mark.parametrize(
    ("loss", "network"),
    [
        (loss, name)
        for loss in ("softmax", "sigmoid")
        for name in NETWORKS
        if LONG or loss == "softmax" or name not in GRAPHS
    ],
)
def test_gradients_agree_with_finite_differences(tmp_path, network, loss):
    file = write(tmp_path, NETWORKS[network], f'loss = "{loss}"\nmomentum = 0.0')
    finished, _ = run(file, *FEW, "training.twin=none", "training.shuffle=false")
    weights = opened(finished, 0, "weights", 30)
    got = opened(finished, 1, "velocities", 18)  # without momentum, the gradient's mean over the batch
    images, targets = _data(file)
    want, smooth = finite_differences(_plans(file), weights, images, targets, loss)
    compared = 0
    for name in want:
        if name.endswith(("/mean", "/variance")):
            continue  # they follow the batch, no slope
        good = smooth[name] == 1
        compared += int(good.sum())
        assert np.abs(got[name] - want[name] / 3)[good].max(initial=0.0) < 5e-4, name
        assert np.nanmean(smooth[name]) > 0.8, name
        if name.endswith("kernel"):
            assert np.nanmax(np.abs(want[name])) > 0.01  # there is something to compare
    assert compared > 50


def test_a_wrong_route_would_be_seen(tmp_path):
    """The negative control: with a window's entries exchanged the differences do not agree."""
    file = write(tmp_path, CONVOLUTIONS, "momentum = 0.0")
    finished, _ = run(file, *FEW, "training.twin=none", "training.shuffle=false")
    weights = opened(finished, 0, "weights", 30)
    got = opened(finished, 1, "velocities", 18)["conv1/kernel"]
    images, targets = _data(file)
    want, _ = finite_differences(_plans(file), weights, images[:, ::-1], targets, "softmax")
    assert np.nanmax(np.abs(got - want["conv1/kernel"] / 3)) > 2e-2


def _plans(file):
    return shapes(_settings(file).model)


def _settings(file):
    from mpcsim.scenario import load_scenario

    return PrivateTrainingSettings.model_validate(load_scenario(file).tables)


def _data(file):
    from scenarios.data import pick

    loaded = np.load(file.parent / "images.npz")
    from scenarios.data import Dataset

    images = loaded["train_images"] / 255.0 * 2 - 1
    chosen = pick(Dataset(images, loaded["train_labels"], ("0", "1", "2"), ""), 3, 0, 3)
    return np.rint(chosen.images * 2**16) / 2**16, np.eye(3)[chosen.labels]


# Twins


@pytest.mark.parametrize("network", NETWORKS)
def test_the_secure_model_stays_near_its_twins(tmp_path, network):
    file = write(tmp_path, NETWORKS[network], 'decay = 0.001\nschedule = "cosine"', count=22)
    epochs = 4 if LONG else 1 if network in GRAPHS else 2
    _, output = run(file, f"training.epochs={epochs}", "training.batch=5")
    assert output["steps"] == 5 * epochs  # four batches of 5 and one of 2, every time
    for twin in ("fixed", "float"):
        assert len(output["trajectory"][twin]) == 5 * epochs
        assert output["max_weight_error"][twin]["followed"] < 2.0**-9
        for ours, theirs in zip(output["history"], output["twins"][twin], strict=True):
            assert ours["loss"] == pytest.approx(theirs["loss"], abs=5e-3)
            assert ours["accuracy"] == pytest.approx(theirs["accuracy"], abs=0.1)


def test_training_learns_what_can_be_learnt(tmp_path):
    file = write(tmp_path, CONVOLUTIONS, "test = 18", count=30)
    _, output = run(file, "training.epochs=5", "training.batch=5", "training.twin=none")
    last = output["history"][-1]
    assert output["history"][0]["loss"] > 2 * last["loss"]
    assert last["test_accuracy"] > 0.9
    assert output["test"]["secure"]["accuracy"] == pytest.approx(last["test_accuracy"])


def test_one_output_with_sigmoid_is_a_loss_of_two_classes(tmp_path):
    layers = CONVOLUTIONS.replace("units = 3", "units = 1")
    file = write(tmp_path, layers, 'loss = "sigmoid"', count=12)
    two = np.load(tmp_path / "images.npz")
    arrays = {name: two[name][two[f"{name.split('_')[0]}_labels"] < 2] for name in two.files}
    np.savez(tmp_path / "images.npz", **arrays)
    _, output = run(file, "training.epochs=8", "hospitals.queries=6")
    assert output["history"][-1]["accuracy"] >= 0.9
    assert output["history"][-1]["loss"] == pytest.approx(output["twins"]["fixed"][-1]["loss"], abs=1e-2)
    assert set(output["answers"]) <= {0, 1}


def test_classical_comparisons_train_as_well(tmp_path):
    file = write(tmp_path)
    for choice in ("table", "tree"):
        _, output = run(
            file, f"protocol.comparison={choice}", "protocol.select=two_rounds", "training.max_steps=2"
        )
        assert output["max_weight_error"]["fixed"]["followed"] < 2.0**-10


def test_first_weights_have_the_width_of_their_rule_and_zero_biases(tmp_path):
    file = write(tmp_path, CONVOLUTIONS)
    for rule, width in (("he", np.sqrt(6 / 27)), ("glorot", np.sqrt(6 / (27 + 27)))):
        finished, _ = run(file, *FEW, f"training.initial={rule}", "training.twin=none")
        weights = opened(finished, 0, "weights", 30)
        assert 0.9 * width < np.abs(weights["conv1/kernel"]).max() <= width * 1.0001
        assert not weights["conv1/bias"].any()


def test_a_dry_run_costs_what_the_run_costs(tmp_path):
    file = write(tmp_path, POOLINGS, "test = 5")
    real, _ = run(file, "hospitals.queries=2", "hospitals.count=2")
    dry, output = run(file, "hospitals.queries=2", "hospitals.count=2", "dry_run=true")
    assert (dry.rounds, dry.payload_bytes) == (real.rounds, real.payload_bytes)
    assert output["answers"] is None


# What is revealed, and to whom


def test_never_reveals_nothing_to_any_client(tmp_path):
    file = write(tmp_path)
    finished, output = run(file, "training.reveal=never")
    assert output["history"] == []
    assert {receiver for _, receiver in finished.links} <= {0, 1, 2}


def test_every_batch_can_be_revealed_to_the_first_hospital_alone(tmp_path):
    file = write(tmp_path)
    finished, output = run(file, "training.reveal=batch", "hospitals.count=2", "hospitals.asker=1")
    assert [row["step"] for row in output["history"]] == [1, 2, 3, 4, 5, 6]
    assert [row["epoch"] for row in output["history"]] == [1, 1, 1, 2, 2, 2]
    assert {receiver for _, receiver in finished.links} <= {0, 1, 2, 3}


def test_the_answer_goes_to_the_hospital_that_asked(tmp_path):
    file = write(tmp_path, count=30)
    options = ("hospitals.count=3", "hospitals.asker=2", "hospitals.queries=6", "training.reveal=never")
    finished, output = run(file, *options, "training.epochs=4", "training.twin=none")
    assert output["asker"] == "hospital2"
    assert len(output["answers"]) == 6
    assert (np.array(output["answers"]) == output["answer_labels"]).mean() >= 0.5
    assert {receiver for _, receiver in finished.links} <= {0, 1, 2, 5}
    assert finished.outputs["hospital0"]["answers"] is None


def test_several_hospitals_train_the_model_that_one_would(tmp_path):
    file = write(tmp_path)
    one, _ = run(file, "training.twin=none")
    three, output = run(file, "hospitals.count=3")
    difference = (
        opened(one, 6, "weights", 30)["conv1/kernel"] - opened(three, 6, "weights", 30)["conv1/kernel"]
    )
    assert np.abs(difference).max() < 2.0**-9
    assert output["hospitals"] == 3


# Cost


@pytest.mark.parametrize(
    ("comparison", "select", "rounds", "megabytes"),
    [("masked", "one_round", 80, 16), ("table", "two_rounds", 120, 15)],
)
def test_the_probe_of_one_step_is_within_its_bars(comparison, select, rounds, megabytes):
    choice = (f"protocol.comparison={comparison}", f"protocol.select={select}")
    finished, output = run(PROBE, *choice)
    assert [span.name for span in finished.spans if span.parent is None] == ["setup", "step"]
    assert finished.rounds <= rounds
    sent = [party.sent.payload_bytes for party in finished.per_party[:3]]
    assert max(sent) < megabytes * 1e6
    assert max(sent) < 1.001 * min(sent)  # the roles are balanced
    assert output["max_weight_error"]["fixed"]["end"] < 2.0**-14


def test_rounds_do_not_grow_with_the_batch():
    small, _ = run(PROBE, "data.count=4", "training.batch=4", "training.twin=none")
    large, _ = run(PROBE, "data.count=8", "training.batch=8", "training.twin=none")
    assert small.rounds == large.rounds


# Hyperparameters


def test_schedules_follow_their_formulas():
    def rates(**table):
        training = TrainingSettings(rate=0.5, **table)
        return [training.rate_at(step, step // 4, 12) for step in range(12)]

    assert rates() == [0.5] * 12
    assert rates(schedule="step", step_epochs=1, factor=0.5) == [0.5] * 4 + [0.25] * 4 + [0.125] * 4
    cosine = rates(schedule="cosine")
    assert cosine[0] == 0.5
    assert cosine[6] == pytest.approx(0.25)
    assert all(a > b for a, b in itertools.pairwise(cosine))


def test_weights_move_by_the_rate_and_the_batch_that_were_asked_for(tmp_path):
    """Against float64 with the hyperparameters as they are written: 0.0013 and 1/11 are not binary."""
    table = 'schedule = "step"\nstep_epochs = 1\nfactor = 0.3\nmomentum = 0.8\ndecay = 0.03'
    file = write(tmp_path, CONVOLUTIONS, table, count=22)
    options = ("training.rate=0.0013", "training.batch=11", "training.epochs=2", "training.twin=none")
    finished, output = run(file, *options)
    plans, training = _plans(file), _settings(file).training
    start, end = (opened(finished, step, "weights", 30) for step in (0, output["steps"]))
    from scenarios.clear.training import FloatTwin, Step
    from scenarios.data import Dataset, pick
    from scenarios.training.workload import batches_of

    loaded = np.load(tmp_path / "images.npz")
    everything = Dataset(loaded["train_images"] / 127.5 - 1, loaded["train_labels"], ("0", "1", "2"), "")
    data = pick(everything, 22, 0, 3)
    targets = np.eye(3)[data.labels]
    twin = FloatTwin(
        plans, training.loss, dict(start), {name: np.zeros(w.shape) for name, w in start.items()}
    )
    wanted = training.model_copy(update={"rate": 0.0013, "batch": 11, "epochs": 2})
    for batch in batches_of(wanted, 22, 3):
        step = Step(batch.indices, batch.rate, 0.8, 0.03, 1 / 11)
        twin.step(data.images[batch.indices], targets[batch.indices], step)
    for name, w in twin.state.items():
        moved, ours = w - start[name], end[name] - start[name]
        assert np.linalg.norm(ours - moved) < 5e-3 * np.linalg.norm(moved), name


def test_softmax_of_one_output_is_refused_and_sigmoid_named(tmp_path):
    file = write(tmp_path, CONVOLUTIONS.replace("units = 3", "units = 1"))
    for options in ([], ["dry_run=true"]):
        with pytest.raises(InputError, match=r"training.loss = 'softmax': .* one output.*'sigmoid'"):
            run(file, *options)


def test_many_epochs_cut_short_do_not_take_their_time():
    from scenarios.training.workload import batches_of

    assert len(batches_of(TrainingSettings(epochs=10**12, batch=4, max_steps=5), 12, 1)) == 5


def test_epochs_are_shuffled_differently_and_use_every_image(tmp_path):
    from scenarios.training.workload import batches_of

    training = TrainingSettings(epochs=2, batch=5)
    batches = batches_of(training, 13, 1)
    assert [len(batch.indices) for batch in batches] == [5, 5, 3] * 2
    orders = [np.concatenate([b.indices for b in batches if b.epoch == epoch]) for epoch in (0, 1)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(13))
    assert (orders[0] != orders[1]).any()
    again = batches_of(training, 13, 1)
    assert all((a.indices == b.indices).all() for a, b in zip(batches, again, strict=True))
    limited = batches_of(TrainingSettings(epochs=2, batch=5, max_steps=4), 13, 1)
    assert [batch.ends_epoch for batch in limited] == [False, False, True, True]


# A published network


def _thin_resnet(folder, dry):
    """Write ResNet-18's step at a sixteenth of the width, on four images of 32×32."""
    text = (PROBE.parent / "resnet18_training.toml").read_text(encoding="utf-8")
    thin = re.sub(r"filters = (\d+)", lambda found: f"filters = {int(found[1]) // 16}", text)
    changed = {
        "dry_run = true ": f"dry_run = {str(dry).lower()} ", "units = 1000": "units = 3",
        "count = 32": "count = 4", "batch = 32": "batch = 4", "size = 224": "size = 32",
        "input = [224, 224, 3]": "input = [32, 32, 3]",
    }  # fmt: skip
    for old, new in changed.items():
        assert old in thin
        thin = thin.replace(old, new)
    file = folder / f"thin_{dry}.toml"
    file.write_text(thin, encoding="utf-8")
    return file


def test_resnet18_has_as_many_parameters_as_published_and_a_thin_one_trains(tmp_path):
    from mpcsim.scenario import load_scenario

    whole = load_scenario(PROBE.parent / "resnet18_training.toml").tables
    plans = shapes(PrivateTrainingSettings.model_validate(whole).model)
    learned = [shape for plan in plans for shape in (plan.kernel, plan.bias) if shape]
    assert sum(map(math.prod, learned)) == 11_689_512
    real, output = run(_thin_resnet(tmp_path, False), "training.twin=fixed", "training.follow=1")
    dry, _ = run(_thin_resnet(tmp_path, True))
    assert (dry.rounds, dry.payload_bytes) == (real.rounds, real.payload_bytes)
    assert output["max_weight_error"]["fixed"]["followed"] < 2.0**-7


# Bad input


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.batch=13"], r"training.batch = 13: larger than the 12 training images"),
        (["training.rate=1e-12"], r"training.rate: step 1 has the rate 1e-12, .* rounds to 0"),
        (["training.rate=1e300"], r"training.rate: step 1 has the rate 1e\+300; accepted"),
        (["training.rate=inf"], "training.rate"),
        (["training.rate=nan"], "training.rate"),
        (["training.rate=0"], "training.rate"),
        (["training.rate=-0.1"], "training.rate"),
        (
            ["training.schedule='step'", "training.step_epochs=1", "training.factor=1e-10"],
            r"step 4 .* rounds to 0",
        ),
        (["training.momentum=1e-12"], r"training.momentum = 1e-12: rounds to 0"),
        (["training.decay=1e-12"], r"training.decay = 1e-12: rounds to 0"),
        (["data.count=2", "training.batch=2"], r"class 2 \(2\) has no image"),
        (["ring.bits=32", "ring.fraction_bits=8", "ring.value_bits=20"], "training needs room"),
        (["hospitals.asker=1"], "hospitals: count = 1, asker = 1"),
        (["data.count=31"], "31 images"),
        (["training.loss='hinge'"], "training.loss"),
        (["training.speed=1"], "training.speed"),
    ],
)
def test_unusable_settings_are_refused_by_name(tmp_path, overrides, message):
    with pytest.raises(InputError, match=message):
        run(write(tmp_path), *overrides)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (CONVOLUTIONS.replace("units = 3", "units = 2"), "3 classes .* but the last layer gives 2"),
        (CONVOLUTIONS.replace("units = 3", 'units = 3\nactivation = "relu"'), "dense without activation"),
        (CONVOLUTIONS.replace("kernel = 2", "kernel = 2\npadding = 2"), "padding below the kernel's size"),
        (CONVOLUTIONS.replace("filters = 4", "filters = 6\ngroups = 3"), "one group and dilation 1"),
        (CONVOLUTIONS.replace("kernel = 2", "kernel = 2\ndilation = 2"), "one group and dilation 1"),
        (CONVOLUTIONS.replace("units = 3", "units = 3\nrows = true"), "not of rows"),
        (
            CONVOLUTIONS.replace('"maxpool2d"', '"upsample2d"'),
            "layer 1 'upsample1'.*training accepts conv2d",
        ),
    ],
)
def test_networks_that_cannot_be_trained_are_refused_by_layer(tmp_path, layers, message):
    with pytest.raises(InputError, match=message):
        run(write(tmp_path, layers))


def test_batch_normalisation_is_refused_where_it_is_not_offered(tmp_path):
    file = write(tmp_path, NORMALISED)
    inference = file.read_text(encoding="utf-8").replace("private_training", "private_inference")
    file.write_text(re.sub(r"(?s)\[training\].*?(?=\[model\])", "", inference), encoding="utf-8")
    with pytest.raises(InputError, match=r"layer 1 'stem' .*: of private_training alone"):
        run(file)


def test_running_statistics_classify_the_images_that_come_later(tmp_path):
    file = write(tmp_path, NORMALISED.replace("average = 0.5", "average = 0.25"), "test = 6", count=12)
    _, output = run(file, "training.epochs=1", "training.batch=6", "hospitals.queries=3")
    fixed = output["twins"]["fixed"][-1]
    assert output["history"][-1]["test_loss"] == pytest.approx(fixed["test_loss"], abs=5e-3)
    assert len(output["answers"]) == 3


def test_a_label_outside_the_classes_is_refused(tmp_path):
    file = write(tmp_path)
    arrays = dict(np.load(tmp_path / "images.npz"))
    arrays["train_labels"][4] = -1
    np.savez(tmp_path / "images.npz", **arrays)
    with pytest.raises(InputError, match="image 4 has label -1"):
        run(file)


def test_a_loss_that_leaves_the_range_stops_with_layer_and_step_and_keeps_the_checkpoint(tmp_path):
    file = write(tmp_path, CONVOLUTIONS.replace('activation = "relu"', ""))
    options = ("training.rate=20.0", "training.epochs=40", "checkpoint.every=1", "checkpoint.folder=kept")
    message = r"step \d+ \(epoch \d+\): layer \d+ '\w+'.*last checkpoint is that of step \d+"
    with pytest.raises(RunError, match=message):
        run(file, *options)
    assert list((tmp_path / "kept").glob("server0-*.npz"))
