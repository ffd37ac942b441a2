"""`mpcsim validate`: every row equal, and a wrong formula is found."""

import csv
import io
import json
import os
from itertools import product

import pytest
from odd_names import ODD

from analysis.costs.algebra import Cost
from analysis.costs.replicated3 import catalogue, signs
from analysis.figures import plot, sources
from analysis.predict import measuring as measure
from analysis.predict import run as predict
from analysis.predict.rows import Row
from analysis.validate import grid
from analysis.validate import judge as validate
from analysis.validate import tables as validation_tables
from mpcsim import CheckFailed, InputError
from mpcsim.__main__ import main
from mpcsim.terminal import Screen
from mpcsim.texts import storable, whole
from protocols.domains import Ring
from protocols.functions import ACTIVATIONS, NORMS, activation, pieces
from scenarios.networks import ALONE
from scenarios.probes import microbench

LONG = bool(os.environ.get("MPCSIM_LONG"))


def _main(*arguments):
    with pytest.raises(SystemExit) as exit:
        main(["validate", *arguments])
    return exit.value.code


@pytest.fixture
def wrong_relu(monkeypatch):
    """Have the formula for ReLU claim one byte too many of one server."""
    right = catalogue.OPERATIONS["relu"]

    def cost(setting, n):
        found = right.cost(setting, n)
        return Cost((found.sent[0] + 1, *found.sent[1:]), found.delay)

    wrong = catalogue.Formula(cost, right.source, right.depends)
    monkeypatch.setitem(catalogue.OPERATIONS, "relu", wrong)


# Every row


def _row(op, size, *overrides):
    (row,) = predict.rows(measure.measure("microbench", _named(op, size, *overrides)))
    return row


def _named(op, size, *overrides):
    return [f"workload.op={op}", f"workload.size={size}", *overrides]


@pytest.mark.parametrize("op", catalogue.OPERATIONS)
def test_rows_of_an_operation_are_equal(op):
    cells = list(grid.cells([op]))
    most = 3 if op in ALONE or op in NORMS else 6  # whose parts have cells of their own
    step = 1 if LONG or len(cells) <= most else len(cells) // most | 1  # odd: both rings, both sizes
    for cell in cells[::step]:
        row = _row(cell[0], cell[1], *cell[2])
        assert row.equal is True, row.difference()
        assert row.formula is not None


def test_the_grid_has_both_rings_and_two_sizes_one_of_them_no_multiple_of_8():
    for op in catalogue.OPERATIONS:
        assert len({tuple(o for o in chosen if "ring" in o) for _, _, chosen in grid.cells([op])}) == 2
        sizes = {size for _, size, _ in grid.cells([op])}
        assert len(sizes) == 2
        assert any(size % 8 for size in sizes)


def test_the_grid_has_every_operation_and_each_choice_that_it_depends_on():
    assert {op for op, _, _ in grid.cells()} == set(catalogue.OPERATIONS) == set(microbench.OPERATIONS)
    for op, known in catalogue.OPERATIONS.items():
        chosen = {key: value for choice in grid.choices(op) for key, value in choice.items()}
        keys = {"comparison", "select", "truncation", "rotate"} & set(known.depends)
        assert keys <= set(chosen), op


@pytest.mark.parametrize("op", catalogue.OPERATIONS)
def test_what_an_operation_does_not_depend_on_changes_nothing(op):
    others = {"comparison": "masked", "select": "one_round", "truncation": "fused", "rotate": False}
    free = {key: value for key, value in others.items() if key not in catalogue.OPERATIONS[op].depends}
    row = _row(op, 5, *(grid.override(key, value) for key, value in free.items()))
    assert row.equal is True, row.difference()
    assert row.measured == _row(op, 5).measured


@pytest.mark.parametrize("op", catalogue.OPERATIONS)
def test_vectors_shorter_than_the_servers_are_equal_too(op):
    cases = list(product((1, 2), ([], ["protocol.comparison=masked", "protocol.select=one_round"])))
    turn = list(catalogue.OPERATIONS).index(op) % 2
    for size, choice in cases if LONG else (cases[turn], cases[3 - turn]):
        row = _row(op, size, *choice)
        assert row.equal is True, row.difference()


@pytest.mark.parametrize("op", ["div", "log", "sqrt", "exp", "sigmoid", "softmax", "equal", "b2a"])
def test_functions_are_equal_in_other_rings(op):
    wide = [(64, 10, 46), (64, 20, 40), (32, 6, 22)]
    for bits, fraction, value in [(64, 10, 36), (64, 20, 40), (32, 6, 18)] if op == "div" else wide:
        ring = (f"ring.bits={bits}", f"ring.fraction_bits={fraction}", f"ring.value_bits={value}")
        row = _row(op, 5, *ring)
        assert row.equal is True, row.difference()


PARAMETERS = {"clip": (-1.0, 1.0)}  # those of the microbench


@pytest.mark.parametrize("op", microbench.OPERATIONS)
def test_results_are_those_of_float64(op):
    for bits, fraction, value in ((64, 16, 31), (32, 8, 20)):
        ring = (f"ring.bits={bits}", f"ring.fraction_bits={fraction}", f"ring.value_bits={value}")
        output = measure.measure("microbench", _named(op, 40 if op != "conv2d" else 5, *ring)).output
        units = 0.0 if microbench.OPERATIONS[op].integer_output else 3.0
        if op in ACTIVATIONS:
            table = pieces(Ring(bits, fraction, value), activation(op, *PARAMETERS.get(op, ())))
            units = max(units, table.bound.units)
        if microbench.OPERATIONS[op].units is not None:
            units = microbench.OPERATIONS[op].units(Ring(bits, fraction, value))
        assert output["max_error"] <= units * 2.0**-fraction


def test_every_span_of_the_small_networks_is_equal():
    rows = list(validate.network_rows())
    names = {row.op for row in rows}
    assert {"blocks/conv1", "blocks/pool1", "blocks/conv1.relu", "blocks/dense2"} <= names
    assert {"apart/pool2", "apart/pool3", "apart/argmax", "apart/sharing", "apart/run"} <= names
    for row in rows:
        assert row.equal is True, row.difference()


def test_every_layer_of_the_flagship_is_equal():
    found = validate.validate_scenario("pomic_inference")
    assert {"conv1", "pool1", "conv1.relu", "dense1", "argmax", "sharing", "reveal", "run"} <= {
        row.op for row in found.rows
    }
    found.check()


def test_every_layer_of_the_papers_own_choices_is_equal():
    found = validate.validate_scenario("pomic_paper")
    assert {row.params["comparison"] for row in found.rows} == {"ripple"}
    found.check()


@pytest.mark.parametrize("name", ["lenet", "resnet18"])
def test_every_layer_of_a_dry_run_is_equal(name):
    found = validate.validate_scenario(name)
    assert len(found.rows) > 10
    found.check()


def test_layers_add_up_to_the_inference():
    rows = {row.op: row.measured for row in validate.validate_scenario("pomic_inference").rows}
    parts = [rows[op] for op in rows if op not in ("sharing", "reveal", "run", "inference")]
    assert sum(part["payload_bytes"] for part in parts) == rows["inference"]["payload_bytes"]
    assert sum(part["rounds"] for part in parts) == rows["inference"]["rounds"]


# The check can fail


def test_a_wrong_formula_is_found(wrong_relu):
    (row,) = validate.validate_scenario("microbench").rows
    assert row.equal is False
    with pytest.raises(CheckFailed, match=r"1 differ.*\n.*relu.*per_party predicted"):
        validate.Validation([row]).check()


def test_a_wrong_formula_ends_the_command_with_1(wrong_relu, capsys):
    assert _main("microbench", "--json") == 1
    printed = capsys.readouterr()
    (row,) = json.loads(printed.out)["rows"]
    assert row["equal"] is False
    assert row["predicted"]["payload_bytes"] == row["measured"]["payload_bytes"] + 1
    assert "relu" in printed.err


def test_a_wrong_number_of_rounds_is_found(monkeypatch):
    right = catalogue.OPERATIONS["relu"]
    one_less = catalogue.Formula(
        lambda setting, n: Cost(right.cost(setting, n).sent), right.source, right.depends
    )
    monkeypatch.setitem(catalogue.OPERATIONS, "relu", one_less)
    (row,) = validate.validate_scenario("microbench").rows
    assert row.equal is False
    assert "rounds" in row.difference()
    assert "bytes" not in row.difference()


def test_an_operation_without_a_formula_is_neither_equal_nor_wrong(monkeypatch):
    others = {op: known for op, known in catalogue.OPERATIONS.items() if op != "relu"}
    monkeypatch.setattr("analysis.costs.replicated3.OPERATIONS", others)
    (row,) = validate.validate_scenario("microbench").rows
    assert row.equal is None
    found = validate.Validation([row])
    found.check()
    assert found.count() == "1 row: 0 equal, 0 differ, 1 without a formula"


def test_a_construction_without_a_formula_is_neither(monkeypatch):
    monkeypatch.delitem(signs.SIGNS, "table")
    (row,) = validate.validate_scenario("microbench").rows
    assert row.equal is None
    assert "no formula yet: comparison 'table'" in row.source
    rows = validate.validate_scenario("pomic_inference").rows
    assert {row.equal for row in rows} == {None}
    assert "conv1.relu" in {row.op for row in rows}


# The command


def test_json_has_the_rows(capsys):
    assert _main("microbench", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert set(row) >= {"op", "params", "formula", "predicted", "measured", "equal", "source"}
    assert row["predicted"] == row["measured"]
    assert set(row["measured"]) == {"rounds", "payload_bytes", "per_party"}
    assert row["formula"].startswith("rounds = ⌈log2 ⌈(V - 1)/m⌉⌉ + 2; bytes = Σ_t [")


def test_rounds_of_an_uneven_tree_print_with_their_bound():
    named = ["workload.op=compare", "protocol.comparison=prefix", "protocol.rotate=false"]
    (row,) = predict.rows(measure.measure("microbench", named))
    assert row.formula.rounds == "8 ≤ ⌈log2 V⌉ + 4"
    assert row.equal is True


def test_the_link_probe_is_exact():
    (row,) = validate.validate_scenario("link_probe").rows
    assert row.equal is True
    assert row.measured == {"rounds": 30, "payload_bytes": 30_000, "per_party": [10_000] * 3}


def test_a_workload_without_formulas_is_refused(tmp_path):
    (tmp_path / "own.py").write_text("async def program(party):\n    pass\n", encoding="utf-8")
    scenario = tmp_path / "own.toml"
    scenario.write_text('workload = "own.py:program"\n', encoding="utf-8")
    with pytest.raises(InputError, match="no formulas for the workload 'own"):
        validate.validate_scenario(str(scenario))


def test_tables_are_printed_and_written(tmp_path, capsys):
    out = tmp_path / "tables"
    assert _main("pomic_inference", "--all", "--out", str(out)) == 0
    printed = capsys.readouterr().out
    assert "conv1.relu" in printed
    assert "Σ_t [" in printed
    with (out / "validation.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["equal"] == "True" for row in rows)
    assert all(row["predicted_per_party"] == row["measured_per_party"] for row in rows)
    markdown = (out / "validation.md").read_text(encoding="utf-8")
    assert "| conv1.relu | n=" in markdown
    latex = (out / "validation.tex").read_text(encoding="utf-8")
    assert latex.isascii(), {sign for sign in latex if not sign.isascii()}
    assert latex.count(r"\begin{longtable}") == latex.count(r"\end{longtable}") == 1


def test_the_verdict_comes_first_and_rows_that_are_equal_only_where_asked_for(capsys):
    assert _main("pomic_inference") == 0
    verdict, *rest = capsys.readouterr().out.splitlines()
    assert verdict.startswith("EQUAL, to the byte and the round: ")
    assert "conv1.relu" not in "\n".join(rest)
    assert any("--all" in line for line in rest)


def test_rows_that_differ_are_printed_with_their_formulas_and_no_others(wrong_relu):
    found = validate.Validation([_row("mul", 13), _row("relu", 13)])
    verdict, table, formulas, _ = validation_tables.screen(found)
    assert verdict.startswith("DIFFERENT: 2 rows: 1 equal, 1 differ")
    assert [cells[0] for cells, _ in table.rows] == ["relu"]
    assert len(formulas.rows) == 1
    with pytest.raises(CheckFailed):
        found.check()


def test_a_quiet_validation_prints_its_verdict_alone(capsys):
    assert _main("link_probe", "--quiet") == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert err == ""


def test_the_grid_says_how_far_it_is(capsys):
    found = validate.validate_all(family="plain")
    lines = capsys.readouterr().err.splitlines()
    measured = len({(row.op, str(row.params)) for row in found.rows if not row.network})
    assert lines[0].startswith("0 of ")
    assert lines[-1].split()[0] == lines[-1].split()[2]
    assert int(lines[-1].split()[0].replace(",", "")) >= measured


def test_a_folder_in_use_is_refused(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert _main("microbench", "--out", str(tmp_path)) == 2
    assert "not empty" in capsys.readouterr().err


def test_a_bar_in_a_cell_does_not_break_the_markdown():
    row = Row("a|b", {"n": 1}, None, None, {"rounds": 1, "payload_bytes": 2, "per_party": [2]}, "x")
    assert r"a\|b" in validation_tables.markdown(validate.Validation([row]))


def test_an_operation_may_have_any_name(tmp_path):
    cost = {"rounds": 1, "payload_bytes": 2, "per_party": [2]}
    names = list(dict.fromkeys(map(whole, ODD)))
    rows = [Row(name, {"n": name}, None, cost, cost, "x") for name in names]
    found = validate.Validation(rows)
    validation_tables.write(found, tmp_path)
    screen = Screen(io.StringIO(), 4000)
    for part in validation_tables.screen(found, every=True):
        screen.show(part)
    (table,) = sources.read([tmp_path]).validations
    assert list(table["op"]) == [storable(name) for name in names]
    assert len((tmp_path / "validation.md").read_text(encoding="utf-8").split("\n")) > len(rows)
    latex = (tmp_path / "validation.tex").read_text(encoding="utf-8")
    assert latex.count("\\\\\n") == len(rows) + 1  # one line a row, and the head
    assert plot.plot([tmp_path], ["formula"], tmp_path / "figures", "svg")


def test_tables_are_written_of_what_a_family_does_not_offer(tmp_path):
    row = Row("sort", {"n": 48}, None, None, {}, "not offered by plain", family="plain", parties=1)
    written = validation_tables.write(validate.Validation([row]), tmp_path)
    assert {file.suffix for file in written} == {".md", ".csv", ".tex"}
    text = (tmp_path / "validation.csv").read_text(encoding="utf-8")
    assert "sort,n=48,,,,,,,,,," in text
