"""Training where one server may lie: the twin's result, or an abort before anything is shown."""

import os
import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from training_runs import CONVOLUTIONS, POOLINGS, STRIDES, run, write

from mpcsim import InputError
from mpcsim.faults import Tamper
from mpcsim.scenario import load_scenario, workload
from mpcsim.simulate import simulate
from scenarios import WORKLOADS

LONG = bool(os.environ.get("MPCSIM_LONG"))
SEED = int(os.environ.get("MPCSIM_SEED", "1"))
"""Which messages of a step are tampered with, and how: another seed takes others."""
HONEST = ("protocol.comparison=table", "protocol.select=two_rounds")
PROVEN = ("protocol.family=replicated3_malicious",)
SHORT = ("training.epochs=1", "training.batch=4", "data.count=4", "training.max_steps=1")
NORMED = """
layers = [
  { type = "conv2d", filters = 2, kernel = 3, stride = 2, bias = false },
  { type = "batch_norm", name = "stem", activation = "relu" },
  { type = "conv2d", name = "a", filters = 2, kernel = 3, padding = 1 },
  { type = "batch_norm", name = "an", epsilon = 0.01 },
  { type = "add", name = "joined", from = "stem", activation = "relu" },
  { type = "dense", units = 3 },
]
"""
NETWORKS = {"convolutions": CONVOLUTIONS, "poolings": POOLINGS, "strides": STRIDES, "normed": NORMED}
TINY = """
[[model.layers]]
type = "conv2d"
filters = 1
kernel = 3
stride = 2
activation = "relu"
[[model.layers]]
type = "maxpool2d"
size = 2
[[model.layers]]
type = "dense"
units = 3
"""


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("loss", ["softmax", "sigmoid"] if LONG else ["softmax"])
def test_a_proven_step_is_that_of_the_fixed_point_twin(tmp_path, network, loss):
    file = write(tmp_path, NETWORKS[network], "decay = 0.01", count=4)
    _, output = run(file, *PROVEN, *SHORT, f"training.loss={loss}")
    assert output["max_weight_error"]["fixed"]["followed"] <= 2.0**-10  # bound 2^-7
    assert output["history"][0]["loss"] == pytest.approx(output["twins"]["fixed"][0]["loss"], abs=2e-3)
    assert output["history"][0]["accuracy"] == output["twins"]["fixed"][0]["accuracy"]


def test_two_proven_steps_with_a_test_set_and_answers_are_near_those_of_honest_servers(tmp_path):
    more = ("training.max_steps=2", "training.test=3", "hospitals.queries=4", "training.epochs=1")
    file = write(tmp_path, TINY, count=6)
    _, proven = run(file, *PROVEN, *more)
    _, honest = run(file, *HONEST, *more)
    assert len(proven["answers"]) == 4
    assert set(proven["history"][-1]) == set(honest["history"][-1])
    assert proven["max_weight_error"]["fixed"]["end"] <= 2.0**-7


def test_proven_statistics_run_on_and_classify_what_comes_later(tmp_path):
    file = write(tmp_path, NORMED, "test = 4", count=4)
    _, output = run(file, *PROVEN, *SHORT, "hospitals.queries=2")
    fixed = output["twins"]["fixed"][-1]
    assert output["history"][-1]["test_loss"] == pytest.approx(fixed["test_loss"], abs=5e-3)
    assert len(output["answers"]) == 2


def test_a_proven_training_goes_on_from_its_checkpoint(tmp_path):
    file = write(tmp_path, TINY, count=8, further='[checkpoint]\nfolder = "kept"\nevery = 1\n')
    run(file, *PROVEN, "training.epochs=1")
    _, output = run(file, *PROVEN, "training.epochs=1", "hospitals.queries=2")
    assert output["resumed_from"] == 2
    assert len(output["answers"]) == 2


def test_first_weights_are_the_same_to_both_holders_and_fill_their_interval(tmp_path):
    found, _ = run(write(tmp_path, CONVOLUTIONS, count=4), *PROVEN, *SHORT)
    seen = found.observed["model/0"]
    shares = [seen[place][0].weights["conv1/kernel"] for place in range(3)]
    for place in range(3):
        assert np.array_equal(shares[place].b, shares[(place + 1) % 3].a)
    values = (shares[0].a + shares[1].a + shares[2].a).astype(np.int64) / 2.0**30
    width = np.sqrt(6 / 27)
    assert np.abs(values).max() <= width
    assert np.abs(values).max() > width / 2
    assert (values > 0).any()
    assert (values < 0).any()


@pytest.mark.parametrize("family", ["plain", "shamir", "replicated4", "dealer2", "fss2"])
def test_families_that_do_not_train_say_so(tmp_path, family):
    with pytest.raises(InputError, match=rf"private_training.*{family}|{family}.*private_training"):
        run(write(tmp_path), f"protocol.family={family}")


def _program(file):
    overrides = [*PROVEN, *SHORT, "data.count=3", "training.batch=3", "hospitals.queries=1"]
    overrides += ["training.reveal=never", "training.twin=none", 'protocol.patience="30 s"']
    scenario = load_scenario(file, [*overrides, "training.check_range=false"])
    return workload.build_program(scenario, WORKLOADS), scenario


def _ran(file, *faults, trace=False):
    program, scenario = _program(file)
    return simulate(roles=program.roles, seed=scenario.seed, faults=list(faults), trace=trace)


WAYS = [{"how": "add", "value": 1}, {"how": "replace", "value": 0}, {"how": "withhold"}]


def _one_of_each_kind(events, seed):
    """Return a message of each kind, by a seed: its link, its number there, and which way it is changed.

    Messages are of a kind that go over one link in one span, on channels alike but for their numbers. All
    of them in all ways take hours, for each is a training of its own.
    """
    rng, sent, kinds = np.random.default_rng(seed), Counter(), defaultdict(list)
    for event in events:
        if event["kind"] == "send":
            link = event["party"], event["peer"]
            if max(link) < 3:
                kind = *link, event["span"], re.sub(r"\d+", "#", event["channel"])
                kinds[kind].append((*link, sent[link]))
            sent[link] += 1
    return [(*some[rng.integers(len(some))], WAYS[rng.integers(len(WAYS))]) for some in kinds.values()]


@pytest.mark.parametrize("layers", [TINY, NORMED] if LONG else [TINY], ids=["tiny", "normed"][: 1 + LONG])
def test_a_message_of_a_step_that_is_tampered_with_gives_the_right_answer_or_an_abort(tmp_path, layers):
    file = write(tmp_path, layers, count=3)
    honest = _ran(file, trace=True)
    right = honest.outputs["hospital0"]["answers"]
    chosen = _one_of_each_kind(honest.events, SEED)
    for source, to, number, way in chosen if LONG else chosen[SEED % 25 :: len(chosen) // 5]:
        found = _ran(file, Tamper(source=source, to=to, messages=number, **way))
        outcomes = {found.outcomes[f"server{place}"] for place in range(3) if place != source}
        if found.outcomes["hospital0"] == "aborted":
            assert outcomes == {"aborted"}, (source, to, number, way)
        else:
            assert found.outputs["hospital0"]["answers"] == right, (source, to, number, way)
