"""The emulator's TCP beside measurements of real TCP."""

import json

import pytest

from analysis.predict.measuring import SHIPPED
from analysis.validate import tcp_measured
from analysis.validate.tcp_measured import REFERENCES, Reference, compare
from mpcsim.__main__ import main
from mpcsim.scenario import load_scenario
from mpcsim.scenario.workload import build_program, run_program
from scenarios import WORKLOADS

QUICK = [one for one in REFERENCES if one.scenario not in (("pomic_paper",), 10**8)]


@pytest.mark.parametrize("reference", QUICK, ids=lambda one: one.name)
def test_ours_is_within_the_tolerance_of_what_was_measured(reference):
    (row,) = compare([reference])
    assert row.within, row.describe()


def test_the_command_prints_ours_beside_the_table_and_fails_where_one_is_out(monkeypatch, capsys):
    near, far = (
        Reference("near", 10**5, 3.84, 3.84, "message"),
        Reference("far", 10**5, 1.0, 1.0, "message"),
    )
    for references, status in (([near], 0), ([near, far], 1)):
        monkeypatch.setattr(compare, "__defaults__", (references,))
        with pytest.raises(SystemExit) as caught:
            main(["validate", "--tcp", "--json"])
        assert caught.value.code == status
        rows = json.loads(capsys.readouterr().out)["rows"]
        assert [row["what"] for row in rows] == [one.name for one in references]
    with pytest.raises(SystemExit) as caught:
        main(["validate", "--tcp"])
    assert caught.value.code == 1
    assert "+384.0%" in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        main(["validate", "link_probe", "--tcp"])
    assert caught.value.code == 2
    assert tcp_measured.ROUND_TRIP == 0.177


def test_the_flagship_over_tcp_takes_at_most_six_times_its_calls_by_the_link_law(calls):
    def work(transport):
        scenario = load_scenario("pomic_inference", [f"network.transport={transport}"], None, SHIPPED)
        program = build_program(scenario, WORKLOADS)
        return calls(lambda: run_program(program, scenario))

    assert work("tcp") <= 6 * work("ideal")
