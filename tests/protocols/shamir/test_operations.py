"""Every operation on more servers, by either multiplication, with either prime: values and formulas."""

import os
import tomllib

import pytest
import tomli_w

from analysis.predict import SHIPPED, measure
from analysis.predict import run as predict
from protocols.domains import Ring
from scenarios.probes.microbench import OPERATIONS

LONG = os.environ.get("MPCSIM_LONG") == "1"
TABLES = {"shuffle", "sort", "topk", "group_sums", "group_max", "join"}
QUICK = [
    "reveal",
    "mul",
    "mul_fixed",
    "matmul",
    "conv2d",
    "trunc_exact",
    "compare",
    "a2b",
    "relu",
    "argmax",
]
OPS = [op for op in OPERATIONS if op not in TABLES] if LONG else QUICK
EXACT = {"reveal", "mul", "compare", "equal", "a2b", "b2a", "inject", "select", "relu", "maxpool", "max",
         "argmax", "trunc_exact"}  # fmt: skip
CHOSEN = {
    "four": ["parties.n=4"],
    "five": ["parties.n=5"],
    "five, one curious": ["parties.n=5", "parties.threshold=1"],
    "eight": ["parties.n=8"],
    "a king of three": ["protocol.multiplication=dn"],
    "a matrix of three": ["protocol.multiplication=dn", "protocol.doubles=extracted"],
    "five deal again": ["parties.n=5", "protocol.multiplication=grr"],
    "a matrix of five": ["parties.n=5", "protocol.doubles=extracted"],
    "exact": ["protocol.truncation=exact"],
    "five, exact": ["parties.n=5", "protocol.truncation=exact"],
}
SMALL = [
    "protocol.prime=61",
    "protocol.kappa=28",
    "ring.bits=32",
    "ring.fraction_bits=8",
    "ring.value_bits=20",
]


def _checked(op, size, overrides, units):
    chosen = [f"workload.op={op}", f"workload.size={size}", "protocol.family=shamir", *overrides]
    found = measure("microbench", chosen)
    fraction = next((int(one.split("=")[1]) for one in overrides if "fraction_bits" in one), 16)
    if OPERATIONS[op].units is not None:
        units = OPERATIONS[op].units(Ring(64, 16, 31))
    assert found.output["max_error"] * 2**fraction <= (0.0 if op in EXACT else units)
    (row,) = predict.rows(found)
    assert row.equal, row.difference()


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("chosen", CHOSEN)
def test_an_operation_is_right_at_the_cost_of_its_formula(chosen, op):
    for size in (1, 5) if chosen == next(iter(CHOSEN)) else (5,):
        _checked(op, size, CHOSEN[chosen], 8.0)


@pytest.mark.parametrize(
    "op", ["reveal", "mul", "mul_fixed", "conv2d", "trunc_exact", "compare", "relu", "max"]
)
@pytest.mark.parametrize("parties", [3, 5])
def test_the_smaller_prime_does_where_kappa_leaves_room(parties, op):
    _checked(op, 5, [*SMALL, f"parties.n={parties}"], 4.0)


@pytest.mark.parametrize("parties", [3, 20])
def test_products_of_integers_need_no_room(parties):
    _checked("mul", 7, ["protocol.prime=61", f"parties.n={parties}"], 0.0)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("pomic_inference", {"parties": {"n": 5}, "dry_run": True}),
        ("pomic_inference", {"data": {"count": 3}, "inference": {"batch": 2}, "dry_run": True}),
        ("pomic_inference", {"parties": {"n": 8}, "dry_run": True}),
    ],
    ids=["five", "batches", "eight"],
)
def test_every_span_of_a_network_costs_what_its_formula_says(tmp_path, name, changed):
    tables = tomllib.loads((SHIPPED[0] / f"{name}.toml").read_text())
    tables["protocol"] = {"family": "shamir"}
    for key, value in changed.items():
        tables[key] = tables.get(key, {}) | value if isinstance(value, dict) else value
    file = tmp_path / "network.toml"
    file.write_text(tomli_w.dumps(tables))
    rows = predict.rows(measure(file))
    assert [row.op for row in rows if not row.equal] == []
    assert len(rows) > 10
