"""No operation, nor the flagship, takes more than is published of MP-SPDZ's Shamir."""

from functools import partial

import pytest
from bars import run_on, takes_no_more

PEER = {  # bytes of all parties a value, ÷ 3; rounds (MP-SPDZ 3a0a7b1, best options, κ = 40, 3 parties)
    "mul": (16.1, 3),
    "mul_fixed": (474, 112),
    "compare": (301, 108),
    "relu": (314, 110),
    "maxpool": (941, 129),
    "div": (3535, 653),
}


_run = partial(run_on, "shamir")


@pytest.mark.parametrize("op", PEER)
def test_an_operation_takes_no_more_bytes_nor_rounds(op):
    takes_no_more("shamir", op, PEER[op], 3)


@pytest.mark.parametrize(("prime", "element"), [(61, 8), (127, 16)])
@pytest.mark.parametrize("parties", [3, 5, 8, 50])
def test_a_king_costs_two_elements_online_for_every_other_server(parties, prime, element):
    chosen = [f"parties.n={parties}", f"protocol.prime={prime}", "protocol.multiplication=dn"]
    found, _ = _run("microbench", "workload.op=mul", "workload.size=1000", "dry_run=true", *chosen)
    online = found["phases"]["online"]
    assert online["payload_bytes"] == 1000 * 2 * (parties - 1) * element
    assert online["rounds"] == 2


def test_double_sharings_cost_less_than_an_element_a_server_and_product():
    found, _ = _run("microbench", "workload.op=mul", "workload.size=1040", "parties.n=50", "dry_run=true")
    each = 1040 / 26  # double sharings of every dealer, of which n − t combinations are used
    assert found["phases"]["offline"]["payload_bytes"] == 16 * each * 50 * (25 + 1)
    assert found["phases"]["offline"]["payload_bytes"] <= 1040 * 16 * 50


def test_dealing_again_costs_three_elements_of_three_servers():
    found, _ = _run("microbench", "workload.op=mul", "workload.size=1000", "dry_run=true")
    assert found["payload_bytes"] == 1000 * 3 * 16
    assert found["rounds"] == 1


def test_the_flagship_takes_a_fraction():
    found, run = _run("pomic_inference")
    assert run.payload_bytes <= 200e6
    assert run.rounds <= 200
    assert found["max_logit_error_float"] <= 2.0**-8
    assert found["predictions"] == found["clear_predictions"]
