"""No operation but division, nor the flagship, takes more than is published of MP-SPDZ's four servers."""

import tomllib
from functools import partial

import pytest
import tomli_w
from bars import run_on, takes_no_more

from analysis.predict import SHIPPED, measure
from analysis.predict import run as predict

PEER = {  # bytes of all parties a value, ÷ 4; rounds (MP-SPDZ 3a0a7b1, best options, 64-bit ring)
    "mul": (12.1, 8),
    "mul_fixed": (36.3, 16),
    "compare": (44.9, 24),
    "relu": (56.1, 29),
    "maxpool": (168, 50),
}


_run = partial(run_on, "replicated4")


@pytest.mark.parametrize("op", PEER)
def test_an_operation_takes_no_more_bytes_nor_rounds(op):
    takes_no_more("replicated4", op, PEER[op], 4)


def test_a_multiplication_is_six_words():
    found, _ = _run("microbench", "workload.op=mul", "workload.size=1000")
    assert found["payload_bytes"] == 1000 * 6 * 8
    assert found["payload_bytes_per_party"][:4] == [1000 * 6 * 8 / 4] * 4


def test_the_flagship_takes_a_fraction():
    found, run = _run("pomic_inference")
    assert run.payload_bytes <= 40e6
    assert run.rounds <= 120
    assert found["max_logit_error_float"] <= 2.0**-8
    assert found["predictions"] == found["clear_predictions"]


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("pomic_inference", {}),
        ("pomic_inference", {"data": {"count": 3}, "inference": {"batch": 2}, "dry_run": True}),
        ("lenet", {"output": {"reveal": "logits"}, "data": {"count": 2}, "dry_run": True}),
        ("resnet50", {"data": {"count": 2}, "inference": {"batch": 1}, "dry_run": True}),
    ],
)
def test_every_span_of_a_network_costs_what_its_formula_says(tmp_path, name, changed):
    tables = tomllib.loads((SHIPPED[0] / f"{name}.toml").read_text())
    tables["protocol"] = {"family": "replicated4"}
    for key, value in changed.items():
        tables[key] = tables.get(key, {}) | value if isinstance(value, dict) else value
    (tmp_path / "s.toml").write_text(tomli_w.dumps(tables))
    found = predict.rows(measure(str(tmp_path / "s.toml"), []))
    assert len(found) > 10
    assert [row.op for row in found if not row.equal] == []
