"""No operation, nor the flagship, takes more than what is published of MP-SPDZ's dealer protocol."""

from functools import partial

import pytest
from bars import run_on, takes_no_more

PEER = {  # bytes of all parties a value, ÷ 3; rounds (MP-SPDZ 3a0a7b1, best options, 64-bit ring)
    "mul": (13.4, 6),
    "mul_fixed": (28.9, 20),
    "compare": (26.8, 24),
    "relu": (39.8, 32),
    "maxpool": (119, 67),
    "div": (556, 150),
}


_run = partial(run_on, "dealer2")


@pytest.mark.parametrize("op", PEER)
def test_an_operation_takes_no_more_bytes_nor_rounds(op):
    takes_no_more("dealer2", op, PEER[op], 3)


def test_the_flagship_takes_a_fraction():
    found, run = _run("pomic_inference")
    assert run.payload_bytes <= 35e6
    assert run.rounds <= 100
    assert found["max_logit_error_float"] <= 2.0**-8
    assert found["predictions"] == found["clear_predictions"]
