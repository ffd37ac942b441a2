"""`mpcsim list functions`: bounds, rounds and bytes of a ring, as a table and as JSON."""

import json

import pytest
import typer
from typer.testing import CliRunner

from analysis import commands
from analysis.costs.replicated3 import ACTIVATIONS, precision
from analysis.costs.replicated3.setting import Setting
from analysis.predict.measuring import measure
from analysis.validate import function_table
from mpcsim import InputError
from scenarios.probes.function_bounds import bounds
from scenarios.probes.microbench import OPERATIONS

NAMED = [(32, 8, 20), (32, 13, 18), (64, 16, 31), (64, 20, 40), (64, 24, 32)]
OTHERS = [(64, 16, 47), (64, 31, 32), (64, 20, 43), (32, 1, 30), (64, 8, 50), (32, 15, 16), (64, 12, 28)]


def listed(*arguments):
    app = typer.Typer()
    app.command()(commands.functions)
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize("sizes", NAMED, ids=str)
def test_every_function_is_accepted_in_the_named_rings_within_two_bits_of_a_unit(sizes):
    for classes in (2, 10, 100, 1024):
        for row in function_table.rows(sizes, classes):
            if row.name in ACTIVATIONS:  # within what was asked for, which is less
                assert row.bound.accepted == (row.bound.total <= max(4, 2.0 ** (sizes[1] - 10)))
                continue
            assert row.bound.accepted
            assert row.bound.total <= 4
            assert row.bound.total == pytest.approx(row.bound.units + row.bound.relative * 2 ** sizes[1])


@pytest.mark.parametrize("sizes", NAMED + OTHERS, ids=str)
def test_formulas_compute_in_the_bits_that_protocols_do(sizes):
    setting, found = Setting(*sizes), bounds(sizes, 17, 9)
    mean = precision.mean(setting, {9})
    wanted = {
        "div": precision.quotient(setting, 2 * setting.V - 2 - setting.f).L,
        "reciprocal": precision.quotient(setting).L,
        "sqrt": precision.curve(setting, "sqrt").L,
        "rsqrt": precision.curve(setting, "rsqrt").L,
        "log": precision.curve(setting, "log").L,
        "exp": precision.exponential(setting).L,
        "sigmoid": precision.sigmoid(setting)[0].L,
        "softmax": precision.softmax(setting, 17).window.L,
        "avgpool": setting.l if mean.L is None else mean.L,
    }
    for name, bits in wanted.items():
        assert found[name].refused is not None or found[name].bits == bits


@pytest.mark.parametrize("name", ["exp", "log", "softmax", "div"])
@pytest.mark.parametrize("sizes", [(32, 13, 18), (64, 20, 40)], ids=str)
def test_a_row_is_what_a_run_costs_and_its_bound_holds_what_a_run_is_off_by(name, sizes):
    row = {row.name: row for row in function_table.rows(sizes, 10)}[name]
    ring = [
        f"ring.{key}={n}" for key, n in zip(("bits", "fraction_bits", "value_bits"), sizes, strict=True)
    ]
    output = measure("microbench", [f"workload.op={name}", "workload.size=240", *ring]).output
    assert (row.rounds, row.bytes) == (output["rounds"], output["payload_bytes"] / 3 / 240)
    assert output["max_error"] <= row.bound.total * 2.0 ** -sizes[1]


def test_all_functions_of_the_microbench_are_listed():
    names = {row.name for row in function_table.rows((64, 16, 31), 10)}
    assert names - set(OPERATIONS) == {"loss", "gradient"}
    assert set(OPERATIONS) & names == names - {"loss", "gradient"}


def test_a_ring_is_listed_as_a_table_and_as_json():
    shown = listed("--ring", "64,31,32").stdout
    assert 'with accuracy = "best"' in shown
    assert "Accuracy" in shown
    found = json.loads(listed("--ring", "64,16,47", "--classes", "3", "--json").stdout)
    assert found["ring"] == {"bits": 64, "fraction_bits": 16, "value_bits": 47}
    rows = {row["function"]: row for row in found["functions"]}
    assert "2 · value_bits − fraction_bits ≤ 64" in rows["div"]["refused"]
    assert rows["div"]["rounds"] is None
    assert rows["log"]["accepted"]
    assert rows["log"]["total"] < 4


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--ring", "64,16"], "accepted: bits,fraction_bits,value_bits"),
        (["--ring", "32,20,30"], "must be at most bits − 1"),
        (["--classes", "0"], "--classes: found 0; accepted: 1 to"),
    ],
)
def test_a_ring_that_cannot_be_is_refused(arguments, part):
    done = listed(*arguments)
    assert isinstance(done.exception, InputError)
    assert part in str(done.exception)
