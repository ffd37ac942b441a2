"""Runs of several families side by side; and what reads a record takes every family's."""

import json

import pytest

from analysis import frames
from analysis.compare import compare
from analysis.costs import phases_of
from analysis.figures.families import by_phase
from analysis.predict import measure
from analysis.predict.run import rows as run_rows
from analysis.validate import growth
from analysis.validate.claims import Claim, judge, load
from mpcsim import InputError
from mpcsim.__main__ import main
from mpcsim.record import read_record
from scenarios.families import families

FAMILIES = list(families())


def _main(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    return ended.value.code or 0


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("families")
    for family in FAMILIES:
        chosen = ["--set", f"protocol.family={family}", "--out", folder / family]
        assert _main("run", "microbench", "--set", "workload.op=relu", "--json", *chosen) == 0
    return [folder / family for family in FAMILIES]


def test_a_comparison_says_of_each_family_what_it_protects_from(runs, capsys):
    described = compare(runs).describe()
    assert [one["family"] for one in described["runs"]] == FAMILIES
    assert all(one["security"] for one in described["runs"])
    assert described["differences"]["family"] == FAMILIES
    assert _main("compare", *runs) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for run in runs:
        assert frames.security(read_record(run)) in printed


def test_the_figure_of_families_names_who_must_not_collude(runs, tmp_path):
    assert _main("plot", *runs, "--kind", "families", "--out", tmp_path, "--format", "svg") == 0
    assert (tmp_path / "families.svg").stat().st_size > 10_000
    labels = frames.family_labels([read_record(run) for run in runs])
    assert any("no two servers" in label for label in labels)


def test_bytes_by_phase_add_up(runs):
    for run in runs:
        record = read_record(run)
        assert sum(by_phase(record).values()) == record.summary["payload_bytes"]


def test_one_family_makes_no_figure_of_families(runs, capsys, tmp_path):
    assert _main("plot", runs[0], "--kind", "families", "--out", tmp_path) == 2
    assert "two or more families" in capsys.readouterr().err


@pytest.mark.parametrize("family", FAMILIES)
def test_what_reads_a_record_takes_every_family(runs, family, tmp_path, capsys):
    run = runs[FAMILIES.index(family)]
    assert _main("retime", run, "--set", "network.latency=7 ms", "--verify", "--json") == 0
    assert json.loads(capsys.readouterr().out)["makespan_s"] > 0
    assert _main("report", run, "--out", tmp_path / "page.html") == 0
    assert _main("trace", run, "--out", tmp_path / "trace.json") == 0
    summary = read_record(run).summary
    assert summary["family"] == family
    assert summary["security"]["text"]


def test_a_sweep_goes_over_families(tmp_path):
    swept = ["--set", f"protocol.family={','.join(FAMILIES)}", "--set", "workload.op=mul", "--jobs", "1"]
    assert _main("sweep", "microbench", *swept, "--out", tmp_path / "sweep") == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_validate_takes_a_scenario_of_every_family(family, tmp_path, capsys):
    file = tmp_path / "mine.toml"
    file.write_text(
        f'workload = {{name = "microbench", op = "mul"}}\n[protocol]\nfamily = "{family}"\n',
        encoding="utf-8",
    )
    assert _main("validate", file, "--json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert rows[0]["op"] == "mul"
    for row in rows:  # of the operation, and of its verification where a family has one
        assert row["equal"] is True
        assert row["params"]["family"] == family
        assert row["params"]["parties"] >= 1


def test_a_grid_of_one_family_and_of_a_number_of_servers_it_lacks(capsys):
    assert _main("validate", "--family", "plain", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["params"]["family"] for row in rows} == {"plain"}
    lacking = {row["op"] for row in rows if not row["measured"]}
    assert lacking == {"shuffle", "sort", "topk", "group_sums", "group_max", "join"}
    assert all(row["equal"] for row in rows if row["measured"])
    assert _main("validate", "--family", "plain", "--parties", "3") == 2
    assert "plain runs on 1 servers" in capsys.readouterr().err
    assert _main("validate", "--parties", "3") == 2
    assert _main("validate", "--family", "plane") == 2
    assert "did you mean 'plain'" in capsys.readouterr().err


def test_a_wrong_formula_of_a_family_is_found(monkeypatch, capsys):
    from analysis.costs import Cost, Formula, plain

    wrong = plain.OPERATIONS | {"mul": Formula(lambda setting, n: Cost((n,)), "wrong", ("l",))}
    monkeypatch.setattr("analysis.costs.plain.OPERATIONS", wrong)
    assert _main("validate", "--family", "plain", "--json") == 1
    assert "plain: mul" in capsys.readouterr().err


def _claim(**more):
    given = {"paper": "p", "row": "r", "unit": "rounds", "formula": "0", "op": "mul", "source": "s"}
    return Claim(**(given | more))


def test_a_claim_speaks_of_a_family(tmp_path):
    assert judge(_claim(family="plain")).verdict == "equal"
    assert judge(_claim(family="plain", parties=1)).verdict == "equal"
    assert judge(_claim()).verdict == "differs"
    assert judge(_claim(family="plain", parties=2)).verdict == "not decidable"
    file = tmp_path / "claims.toml"
    text = "\n".join(f'{key} = "{value}"' for key, value in _claim().model_dump(include={
        "paper", "row", "unit", "formula", "op", "source"}).items())  # fmt: skip
    file.write_text(f'[[claim]]\n{text}\nfamily = "plain"\nparties = 1\n', encoding="utf-8")
    assert load(file)[0].family == "plain"


def test_growth_over_servers_needs_a_family_of_several():
    with pytest.raises(InputError, match="plain runs on 1 servers"):
        growth.against_parties("mul", {}, "plain")


def test_families_of_phases_are_known():
    """Where who sends tells the phase, formulas are held to it; shamir's servers send in both of theirs."""
    several = {name for name, one in families().items() if len(one.phases) > 1}
    assert several - {name for name in families() if phases_of(name)} == {"shamir"}


@pytest.mark.parametrize("family", [name for name in families() if phases_of(name)])
def test_formulas_are_held_to_each_phase(family, monkeypatch):
    chosen = ["workload.op=mul", "workload.size=9", f"protocol.family={family}"]
    (row,) = run_rows(measure("microbench", chosen))
    assert row.equal
    assert set(row.predicted["phases"]) == set(families()[family].phases)
    assert sum(row.predicted["phases"].values()) == row.predicted["payload_bytes"]
    swapped = dict(zip(phases_of(family), reversed(phases_of(family).values()), strict=True))
    monkeypatch.setattr(f"analysis.costs.{family}.PHASES", swapped)
    (row,) = run_rows(measure("microbench", chosen))
    assert row.equal is False
    assert "phases" in row.difference()
