"""Operations of four servers: right in every ring and shape, at the cost of their formulas."""

import numpy as np
import pytest
from claimed import run as run_family
from jointly import PROGRAMS, RINGS, given, right, run

from analysis.predict import measure
from analysis.predict import run as predict
from protocols.replicated4.family import Replicated4, Replicated4Choices


@pytest.mark.parametrize("ring", RINGS, ids=lambda ring: f"{ring.bits}")
@pytest.mark.parametrize("name", PROGRAMS)
def test_an_operation_gives_what_it_should_in_every_ring(name, ring):
    for size in (1, 2, 9):
        inputs = given(name, size)
        assert right(name, ring, run(name, size, ring, *inputs), *inputs)


@pytest.mark.parametrize("shape", [(0,), (3, 1, 2), (2, 0)])
@pytest.mark.parametrize("name", ["multiply", "multiply_fixed", "relu", "less_than", "bits", "reveal"])
def test_shapes_stay_and_may_be_empty(name, shape):
    inputs = [np.full(shape, 5), np.full(shape, -3)][: len(given(name, 1))]
    program = PROGRAMS[name]
    found, _ = run_family(
        program.run, inputs, shape, RINGS[0], family=Replicated4, choices=Replicated4Choices()
    )
    assert found.outputs["client"].shape == shape
    assert right(name, RINGS[0], found, *inputs)


@pytest.mark.parametrize("radix", [1, 2, 8])
@pytest.mark.parametrize("name", ["relu", "less_than", "truncate_exact"])
def test_signs_with_digits_of_any_width(name, radix):
    for ring in RINGS:
        inputs = given(name, 9)
        assert right(name, ring, run(name, 9, ring, *inputs, choices={"radix": radix}), *inputs)


NUMBERS = ["64 16 31", "64 0 24", "32 8 20", "32 1 5"]


def _equal(op, size, ring, radix):
    bits, fraction, value = ring.split()
    chosen = [f"workload.op={op}", f"workload.size={size}", "protocol.family=replicated4",
              f"protocol.radix={radix}", f"ring.bits={bits}", f"ring.fraction_bits={fraction}",
              f"ring.value_bits={value}"]  # fmt: skip
    (row,) = predict.rows(measure("microbench", chosen))
    return row.equal


@pytest.mark.parametrize("ring", NUMBERS)
@pytest.mark.parametrize("op", ["reveal", "mul", "mul_fixed", "dot", "conv2d", "a2b", "b2a", "select"])
def test_costs_are_those_of_the_formulas(op, ring):
    assert all(_equal(op, size, ring, 4) for size in (1, 11))


@pytest.mark.parametrize("ring", NUMBERS)
@pytest.mark.parametrize("radix", [1, 2, 8])
@pytest.mark.parametrize("op", ["compare", "equal", "relu", "maxpool", "argmax", "trunc_exact"])
def test_costs_of_signs_are_those_of_the_formulas_with_digits_of_any_width(op, radix, ring):
    assert _equal(op, 9, ring, radix)
