"""What a hospital spends itself: sharing costs bytes in proportion, training in the clear costs time."""

from pathlib import Path

import pytest
from training_runs import CONVOLUTIONS, run, write

from mpcsim import InputError

TRAINING = 'momentum = 0.9\n[workload]\nname = "local_cost"\nsamples = [6, 12]\n'


def scenario(tmp_path):
    file = write(tmp_path, CONVOLUTIONS)
    text = file.read_text().replace('workload = "private_training"\n', "")
    text = text.replace('[protocol]\ncomparison = "masked"\nselect = "one_round"\n', "")
    text = text.replace("trace = false", 'compute = "measured"')
    text = text.replace("[model]", f"{TRAINING.removeprefix('momentum = 0.9')}[model]")
    file.write_text(text)
    return file


def test_every_number_of_samples_has_its_sharing_and_its_training(tmp_path):
    finished, output = run(scenario(tmp_path))
    small, large = output["rows"]
    assert (small["samples"], small["training_samples"], large["training_samples"]) == (6, 4, 8)
    assert small["training_s"] > 0
    assert small["sharing_s"] > 0
    pixels, targets = 7 * 7 * 3, 3
    for row in output["rows"]:
        words = 2 * 8 * row["samples"] * (pixels + targets)
        assert row["sharing_bytes"] == pytest.approx(words, abs=2 * 100)  # and seeds, and shapes
    assert finished.rounds == 1


def test_it_needs_measured_compute(tmp_path):
    with pytest.raises(InputError, match='accepted: "measured"'):
        run(scenario(tmp_path), "engine.compute=none")


def test_the_shipped_scenario_is_accepted_by_name():
    file = Path(__file__).parents[2] / "scenarios" / "local_cost.toml"
    with pytest.raises(InputError, match='accepted: "measured"'):
        run(file, "engine.compute=none")
