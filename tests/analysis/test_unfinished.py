"""An unfinished run looks unfinished wherever it is shown, and its totals go as far as it went."""

import json

import pytest

from analysis.figures import plot, sources
from analysis.sweep.results import Store, tabulate
from mpcsim import DeadlockError, Network, simulate
from mpcsim.__main__ import main
from mpcsim.record import read_record

_CODE = """
async def stuck(party):
    async def part(number):
        with party.span(f"part{number}"):
            party.send((party.id + 1) % party.n, bytes(100))
            await party.recv((party.id - 1) % party.n)

    with party.span("all", "conv2d"):
        for _ in range(2):
            await party.gather(part(1), part(2))
        if party.id == 1:
            await party.recv(0)
"""
_SCENARIO = 'workload = "own.py:stuck"\nseed = 4\n[network]\nlatency = "5 ms"\n'


@pytest.fixture
def call(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return caught.value.code, printed.out, printed.err

    return call


@pytest.fixture
def stuck(call, tmp_path, monkeypatch):
    """The record of a run that ended in a deadlock after two rounds."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(_CODE)
    (tmp_path / "case.toml").write_text(_SCENARIO)
    assert call("run", "case.toml", "--out", "stuck", "--json")[:2] == (3, "")
    return tmp_path / "stuck"


def test_totals_go_as_far_as_the_run_went(stuck):
    found = read_record(stuck).summary
    assert (found["rounds"], found["makespan_s"], found["messages"]) == (2, 0.01, 12)
    assert found["finished"] is False
    assert found["error"]["kind"] == "DeadlockError"
    assert found["outcomes"] == {"party0": "finished", "party1": "failed", "party2": "finished"}
    assert found["spans"][0]["makespan_s"] == 0.01
    assert found["spans"][0]["rounds"] == 2


@pytest.mark.parametrize("end", ["raise", "deadlock", "crash"])
def test_totals_are_those_of_the_deepest_strand_and_the_time_of_the_stop(end):
    async def child(party):
        for _ in range(3):
            party.send(1 - party.id, 1)
            await party.recv(1 - party.id)
        if end == "raise" and party.id:
            raise ValueError("so it goes")
        await party.recv(1 - party.id)

    async def program(party):
        await party.gather(party.sleep(0), child(party))

    faults = [{"kind": "crash", "party": 0, "at": "35 ms"}] if end == "crash" else []
    with pytest.raises(Exception) as caught:  # noqa: PT011  # each end has its own class
        simulate(program, parties=2, network=Network("10 ms"), seed=1, faults=faults)
    run = caught.value.run
    assert run.rounds == 3
    assert run.makespan == (0.035 if end == "crash" else 0.03)
    assert not run.finished
    assert run.outcomes == {"party0": "crashed" if end == "crash" else "failed", "party1": "failed"}


def test_a_crash_that_the_others_outlive_is_a_run_that_finished():
    async def program(party):
        async def wait():
            party.send(1 - party.id, 1)
            await party.recv(1 - party.id)
            await party.sleep(party.id and 0.001)
            await party.sleep(1 - party.id)

        await party.gather(wait())

    faults = [{"kind": "crash", "party": 0, "at": "35 ms"}]
    run = simulate(program, parties=2, network=Network("10 ms"), seed=1, faults=faults)
    assert (run.finished, run.rounds, run.makespan) == (True, 1, 0.035)
    assert run.outcomes == {"party0": "crashed", "party1": "finished"}


def test_the_report_has_a_banner_with_the_error(stuck, call):
    assert call("report", stuck)[0] == 0
    page = (stuck / "report.html").read_text()
    banner = page[page.index('class="banner"') :]
    banner = banner[: banner.index("</div>")]
    for part in ("UNFINISHED", "DeadlockError", "party 1 (party1) waits for party 0", "party1 failed"):
        assert part in banner
    assert page.index('class="banner"') < page.index('class="tiles"')


def test_every_figure_of_an_unfinished_run_is_marked(stuck, call, tmp_path):
    _, _, _ = call("run", "case.toml", "--out", "again", "--json")
    found = sources.read([stuck, tmp_path / "again"])
    found = type(found)(found.records, span="part1")
    drawn = {}
    for kind in plot.KINDS:
        if kind.can(found):
            drawn |= kind.draw(found)
    assert {"compare", "layers-1", "layers-sum-2"} <= drawn.keys()
    for name, figure in drawn.items():
        assert "unfinished" in figure.get_suptitle(), name


def test_other_commands_say_it_too(stuck, call):
    status, out, err = call("retime", stuck)
    assert (status, out) == (2, "")
    assert "cannot be retimed: the run did not finish (DeadlockError)" in err
    status, out, _ = call("trace", stuck)
    assert (status, "the run did not finish" in out) == (0, True)
    names = [event for event in json.loads((stuck / "trace.json").read_text())["traceEvents"]
             if event["name"] == "process_name"]  # fmt: skip
    assert names[0]["args"]["name"] == "mpcsim (unfinished run)"


def test_a_sweep_counts_it_as_a_point_that_failed(stuck, tmp_path):
    store = Store(tmp_path / "sweep")
    store.points.mkdir(parents=True)
    stuck.rename(store.points / "k")
    table = tabulate(store, [("k", {})])
    assert list(table["status"]) == ["failed"]
    assert list(table["exit_status"]) == [3]


def test_a_notebook_shows_it():
    async def stuck(party):
        await party.recv(1 - party.id)

    with pytest.raises(DeadlockError) as caught:
        simulate(stuck, parties=2)
    assert "UNFINISHED (DeadlockError: deadlock" in caught.value.run._repr_html_()
