"""A family of the user's own, from a file: the page that builds one is executed."""

import json
import re
from pathlib import Path

import pytest

from analysis.validate import growth
from analysis.validate.claims import Claim, judge
from analysis.validate.judge import validate_all
from mpcsim.__main__ import main
from mpcsim.scenario import load_scenario, workload
from protocols.family import NotOffered
from scenarios import WORKLOADS
from scenarios.families import find, read_choices

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "families.md").read_text(encoding="utf-8")
(CODE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
OWN = "protocol.family=assisted.py:Assisted"


@pytest.fixture
def _here(tmp_path, monkeypatch):
    (tmp_path / "assisted.py").write_text(CODE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def _main(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code or 0


def test_the_page_builds_a_family_in_under_120_lines():
    assert len([line for line in CODE.splitlines() if line.strip()]) < 120


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("op", ["mul", "mul_fixed", "dot", "matmul", "conv2d", "avgpool", "reveal"])
@pytest.mark.parametrize("bits", [[], ["ring.bits=32", "ring.fraction_bits=8", "ring.value_bits=20"]])
def test_the_family_of_the_page_computes(op, bits):
    chosen = [f"workload.op={op}", "workload.size=9", OWN, *bits]
    loaded = load_scenario(ROOT / "scenarios" / "microbench.toml", chosen)
    program = workload.build_program(loaded, WORKLOADS)
    output = program.summarize(workload.run_program(program, loaded))
    assert output["max_error"] <= 2.0 ** (2 - (8 if bits else 16))
    assert program.describe["family"] == "assisted"
    assert list(program.roles) == ["server0", "server1", "helper", "client"]


@pytest.mark.usefixtures("_here")
def test_its_formulas_are_held_to_what_it_costs():
    found = validate_all(family="assisted.py:Assisted")
    equal = {row.op for row in found.rows if row.equal}
    assert equal == {"mul", "mul_fixed"}
    assert not [row for row in found.rows if row.equal is False]
    lacking = {row.op for row in found.rows if not row.measured}
    assert {"relu", "div", "argmax"} <= lacking
    assert {(row.family, row.parties) for row in found.rows} == {("assisted", 2)}


@pytest.mark.usefixtures("_here")
def test_what_it_lacks_is_refused_by_name_before_the_run(capsys):
    assert _main("run", "microbench", "--set", "workload.op=relu", "--set", OWN) == 2
    assert "relu: not offered by assisted" in capsys.readouterr().err
    assert _main("run", "pomic_inference", "--set", OWN) == 2
    assert "argmax: not offered by assisted" in capsys.readouterr().err
    assert _main("run", "pomic_training", "--set", "protocol.family=plain") == 2
    assert "private_training: not offered by plain" in capsys.readouterr().err


@pytest.mark.usefixtures("_here")
def test_a_dry_run_of_it_costs_the_same():
    costs = []
    for dry in ("true", "false"):
        chosen = ["workload.op=matmul", "workload.size=5", OWN, f"dry_run={dry}"]
        loaded = load_scenario(ROOT / "scenarios" / "microbench.toml", chosen)
        run = workload.run_program(workload.build_program(loaded, WORKLOADS), loaded)
        costs.append([run.rounds, run.payload_bytes, run.makespan_ns])
    assert costs[0] == costs[1]


CROWD = "crowd.py:Crowd"


@pytest.fixture
def _crowd(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent)


@pytest.mark.usefixtures("_crowd")
@pytest.mark.parametrize("parties", [2, 7])
def test_a_family_of_many_servers_is_validated_at_any_number_of_them(parties):
    found = validate_all(family=CROWD, parties=parties)
    equal = [row for row in found.rows if row.equal]
    assert {row.op for row in equal} == {"reveal"}
    assert {row.parties for row in found.rows} == {parties}
    assert {row.params["order"] for row in equal} == {"up", "down"}
    assert not [row for row in found.rows if row.equal is False]


@pytest.mark.usefixtures("_crowd")
def test_growth_over_the_number_of_servers_is_fitted():
    rounds, bits = growth.against_parties("reveal", {}, CROWD)
    assert rounds.fit.order == "1"
    assert bits.fit.order == "quadratic"
    assert dict(bits.points) == {n: 24 * 64 * n * (n - 1) for n in (2, 3, 4, 5, 7, 10)}
    assert [one.op for one in growth.survey(CROWD)] == ["reveal", "reveal"]
    given = {"paper": "p", "row": "r", "op": "reveal", "source": "s", "family": CROWD}
    order = Claim(unit="order of bits", formula="p*(p-1)", against="parties", **given)
    assert judge(order).verdict == "equal"
    cost = Claim(unit="bits a value, sum", formula="l*p*(p-1)", parties=7, **given)
    assert judge(cost).verdict == "equal"
    assert judge(cost.model_copy(update={"formula": "l*p*p"})).verdict == "differs"


@pytest.mark.usefixtures("_crowd")
def test_what_turns_out_to_be_lacking_in_a_run_is_refused_by_name_too(capsys):
    chosen = ["--set", "workload.op=mul", "--set", f"protocol.family={CROWD}"]
    assert _main("run", "microbench", *chosen, "--out", "/dev/null/none") == 2
    assert "mul: not offered by crowd" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "reference", "said"),
    [
        ("", "mine.py:Mine", "unknown family 'Mine'; accepted: none"),
        ("from protocols.plain import Plain\nclass Mine(Plain): pass", "mine.py:Mine", "'plain'; accepted"),
        (
            "from protocols.family import Family\nclass Mine(Family): name='m'",
            "mine.py:Mine",
            "does not say close",
        ),
        ("syntax error", "mine.py:Mine", "cannot be imported"),
        ("", "none.py:Mine", "there is no file"),
        ("", "plan", "did you mean 'plain'"),
    ],
)
def test_what_is_no_family_is_refused(tmp_path, text, reference, said):
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    with pytest.raises(Exception, match=re.escape(said)):
        find(reference, tmp_path)


def test_keys_of_another_family_are_dropped_and_those_of_none_refused():
    choices, dropped = read_choices(find("plain"), {"family": "plain", "comparison": "ripple", "radix": 2})
    assert dropped == ["comparison", "radix"]
    assert choices.model_dump() == {}
    with pytest.raises(Exception, match=r"protocol\.comparison: found 'of no family'; accepted: 'table'"):
        read_choices(find("plain"), {"comparison": "of no family"})
    with pytest.raises(Exception, match=r"protocol\.fast: unknown key"):
        read_choices(find("plain"), {"fast": True})


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("parties.n=4", "parties.n = 4: plain runs on 1 servers"),
        ("parties.threshold=1", "parties.threshold = 1: plain with 1 servers tolerates 0"),
        ("field.bits=61", "field: plain computes in a ring"),
        ("protocol.fast=true", "protocol.fast: unknown key"),
    ],
)
def test_bad_input_is_refused_with_what_is_accepted(override, said):
    loaded = load_scenario(ROOT / "scenarios" / "microbench.toml", ["protocol.family=plain", override])
    with pytest.raises(Exception, match=re.escape(said)):
        workload.build_program(loaded, WORKLOADS)


def test_the_list_names_families_and_who_must_not_collude(capsys):
    assert _main("list", "families", "--json") == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["families"]}
    assert found["replicated3"]["security"]["apart"] == "no two servers"
    assert found["plain"]["servers"] == "1"


def test_the_error_of_a_family_names_both():
    assert str(NotOffered("relu", "shamir")) == "relu: not offered by shamir"
