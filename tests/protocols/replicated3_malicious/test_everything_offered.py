"""Every operation and kind of layer that the family offers, tampered with: right, or an abort of all.

What is offered is asked of the tables of operations and layers: who adds to them adds to this.
"""

import os
from typing import get_args

import numpy as np
import pytest
import tomli_w

from analysis.predict import SHIPPED
from mpcsim import simulate
from mpcsim.errors import InputError
from mpcsim.faults import Tamper
from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS
from scenarios.networks import ModelSettings, weights
from scenarios.networks.layers import Declared
from scenarios.probes.operations import OPERATIONS

LONG = bool(os.environ.get("MPCSIM_LONG"))
WAYS = [
    {"how": "add", "value": 1},
    {"how": "replace", "value": 0},
    {"how": "replay"},
    {"how": "withhold"},
    {"how": "swap"},
]
BRIEF = ("mul", "select", "b2a", "shuffle")
"""Operations whose messages are tampered with by default: the others take seconds each."""
PROVEN = ["protocol.family=replicated3_malicious", 'protocol.patience="30 s"', "engine.trace=false"]
IMAGES = [
    {"type": "conv2d", "filters": 2, "kernel": 2, "name": "first", "activation": "relu"},
    {"type": "scale", "name": "scaled"},
    {"type": "maxpool2d", "size": 2, "stride": 1, "name": "largest"},
    {"type": "conv2d_transpose", "filters": 2, "kernel": 2, "stride": 1},
    {"type": "upsample2d", "size": [1, 2]},
    {"type": "crop2d", "size": [0, 1]},
    {"type": "avgpool2d", "size": 2},
    {"type": "activation", "function": "sigmoid", "name": "gate"},
    {"type": "multiply", "from": "gate"},
    {"type": "concat", "from": "gate"},
    {"type": "flatten"},
    {"type": "dense", "units": 2, "name": "beside"},
    {"type": "dense", "units": 2, "from": "flatten1"},
    {"type": "add", "from": "beside"},
]
ROWS = [
    {"type": "reshape", "shape": [4, 4]},
    {"type": "token"},
    {"type": "positions"},
    {"type": "normalisation"},
    {"type": "group_norm", "groups": 2},
    {"type": "instance_norm"},
    {"type": "transformer", "heads": 2, "inner": 4},
    {"type": "row", "place": 0},
    {"type": "dense", "units": 2},
]
STEPS = [
    {"type": "reshape", "shape": [2, 8]},
    {"type": "lstm", "units": 2, "returns": "rows"},
    {"type": "gru", "units": 2},
    {"type": "flatten"},
    {"type": "dense", "units": 2},
]
MODELS = {"images": ([4, 4, 1], IMAGES), "rows": ([4, 4, 1], ROWS), "steps": ([4, 4, 1], STEPS)}
NOT_OFFERED = {"batch_norm"}
"""Trained alone, and tampered with by tests/scenarios/test_proven_training.py."""


def _program(overrides, name="microbench"):
    loaded = load_scenario(name, [*PROVEN, *overrides], None, SHIPPED)
    return workload.build_program(loaded, WORKLOADS), loaded


def _operation(op):
    return _program([f"workload.op={op}", "workload.size=2"])


def _offered(op):
    try:
        _operation(op)
    except InputError:
        return False
    return True


def _is_right_or_aborts(program, loaded, reader, long):
    def ran(*faults):
        return simulate(roles=program.roles, seed=loaded.seed, faults=list(faults))

    honest = ran()
    right = honest.outputs[reader]
    links = [(i, j) for i in range(3) for j in range(3) if i != j]
    every = [(i, j, number) for i, j in links for number in range(honest.links[i, j].messages)]
    for turn, (source, to, number) in enumerate(every if long else every[2 :: len(every) // 3 + 1]):
        for way in WAYS if long else [WAYS[turn % len(WAYS)]]:
            found = ran(Tamper(source=source, to=to, messages=number, **way))
            ends = {found.outcomes[f"server{place}"] for place in range(3) if place != source}
            assert len(ends) == 1, (source, to, number, way)
            if found.outcomes[reader] == "aborted":
                assert ends == {"aborted"}, (source, to, number, way)
            else:
                assert np.array_equal(found.outputs[reader], right), (source, to, number, way)


def test_of_all_operations_those_that_are_not_offered_are_known_by_name():
    assert {op for op in OPERATIONS if not _offered(op)} == set()


@pytest.mark.parametrize("op", sorted(OPERATIONS) if LONG else BRIEF)
def test_an_operation_that_is_tampered_with_gives_the_right_result_or_an_abort(op):
    if not _offered(op):
        pytest.skip("this family does not offer it")
    _is_right_or_aborts(*_operation(op), "client", LONG and op in BRIEF)


def test_the_models_have_every_kind_of_layer():
    kinds = {one["type"] for _, layers in MODELS.values() for one in layers}
    assert kinds | NOT_OFFERED == {one.model_fields["type"].default for one in get_args(Declared)}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.skipif(not LONG, reason="networks take seconds each: MPCSIM_LONG=1")
def test_a_network_that_is_tampered_with_gives_the_right_result_or_an_abort(name, tmp_path):
    size, layers = MODELS[name]
    model = ModelSettings.model_validate({"input": size, "layers": layers})
    weights.save(tmp_path / "weights.npz", model, weights.initial(model, 3))
    tables = {
        "workload": "private_inference",
        "seed": 1,
        "data": {"source": "random", "count": 1, "size": 4, "channels": 1},
        "model": {"input": size, "layers": layers, "weights": "weights.npz"},
        "output": {"reveal": "logits"},
    }
    file = tmp_path / "scenario.toml"
    file.write_text(tomli_w.dumps(tables))
    _is_right_or_aborts(*_program([], str(file)), "hospital", False)
