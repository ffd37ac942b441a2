"""A ring that leaves a function too little precision is refused before anything runs."""

from pathlib import Path

import pytest

import scenarios
from mpcsim import InputError
from mpcsim.scenario import load_scenario, workload
from protocols.domains import Ring
from protocols.functions import LOGARITHM, NORMS, TARGET, Polynomial, Sigmoid, Softmax
from scenarios.probes.operations import NAMED as ACTIVATIONS
from scenarios.probes.operations import OPERATIONS

SHIPPED = Path(scenarios.__file__).parent
TIGHT = ["ring.bits=64", "ring.fraction_bits=31", "ring.value_bits=32"]
WIDE_VALUES = ["ring.bits=64", "ring.fraction_bits=16", "ring.value_bits=47"]
NAMED = {
    "reciprocal": "reciprocal",
    "log": "logarithm",
    "sqrt": "square root",
    "rsqrt": "inverse square root",
    "sigmoid": "sigmoid",
    "softmax": "softmax of 10",
}
BEST = 'protocol.accuracy="best"'


def _built(name, *overrides):
    return workload.build_program(load_scenario(name, [*overrides], None, SHIPPED), scenarios.WORKLOADS)


@pytest.mark.parametrize("op", NAMED)
def test_a_microbench_is_refused_by_its_operation_when_it_is_loaded(op):
    with pytest.raises(InputError, match=rf'ring: {NAMED[op]} is within .*accuracy = "best"'):
        _built("microbench", f"workload.op={op}", *TIGHT)
    _built("microbench", f"workload.op={op}", *TIGHT, BEST, "dry_run=true")


def test_a_division_that_no_ring_holds_is_refused_with_the_rule_when_it_is_loaded():
    rule = r"2 · value_bits − fraction_bits ≤ 64, found 2 · 47 − 16 = 78"
    for accuracy in ((), (BEST,)):
        with pytest.raises(InputError, match=rule):
            _built("microbench", "workload.op=div", *WIDE_VALUES, *accuracy)


def test_an_exponential_without_room_is_refused_when_it_is_loaded():
    ring = ["ring.bits=64", "ring.fraction_bits=1", "ring.value_bits=62", BEST]
    with pytest.raises(InputError, match="an exponential has no room"):
        _built("microbench", "workload.op=exp", *ring)


def test_every_function_that_the_ring_may_refuse_is_asked_when_it_is_loaded():
    planned = {op for op, operation in OPERATIONS.items() if operation.function is not None}
    layers = {"attention", "lstm", "gru"}
    others = {"div", "exp", "avgpool", "log_softmax"}
    assert planned == NAMED.keys() | others | layers | ACTIVATIONS.keys() | set(NORMS)


@pytest.mark.parametrize("accuracy", ["full", "best"])
def test_a_network_is_refused_by_its_means_when_it_is_loaded(accuracy):
    sizes = ["ring.bits=64", "ring.fraction_bits=20", "ring.value_bits=43"]
    layers = (
        '[{type="avgpool2d", size=63, stride=1, padding="same"}, {type="flatten"}, {type="dense", units=2}]'
    )
    changes = ["dry_run=true", "model.input=[70, 64, 1]", f"model.layers={layers}", *sizes]
    changes.append(f'protocol.accuracy="{accuracy}"')
    if accuracy == "best":
        _built("lenet", *changes)
        return
    with pytest.raises(InputError, match=r"ring: average pooling is within"):
        _built("lenet", *changes)


@pytest.mark.parametrize(("loss", "name"), [("softmax", "softmax of 2"), ("sigmoid", "sigmoid")])
def test_a_training_asks_for_its_loss_when_it_is_loaded(monkeypatch, loss, name):
    changes = ["dry_run=true", f"training.loss={loss}"]
    _built("training_step", *changes)
    monkeypatch.setattr(
        "protocols.functions.precision.TARGET", 1.0
    )  # every ring that has room to train in holds 4
    with pytest.raises(InputError, match=rf"ring: {name} is within"):
        _built("training_step", *changes)
    _built("training_step", *changes, BEST)


@pytest.mark.parametrize("bits", [32, 64])
def test_a_logarithm_is_as_accurate_wherever_the_probabilities_are(bits):
    """A training asks for these alone."""
    for f in range(bits // 2):
        for value in range(f + 1, bits - f):
            ring = Ring(bits, f, value)
            if value >= 2 and Polynomial.of(ring, LOGARITHM).bound.target_units(ring) > TARGET:
                assert Sigmoid.of(ring).bound.target_units(ring) > TARGET
                assert Softmax.of(ring, 2).bound.target_units(ring) > TARGET
