"""Roles, keys and values of an output, and scenarios, of any name: every command takes them."""

import json

import pandas as pd
import pytest
from odd_names import ODD

from analysis import frames
from mpcsim.__main__ import main
from mpcsim.record import read_record
from mpcsim.texts import whole

NAMES = [name for name in dict.fromkeys(map(whole, ODD)) if len(name) < 1000 and name not in ("", "*")]
_CODE = """
import json
from pathlib import Path
from mpcsim.scenario import Program

NAMES = json.loads(Path(__file__).with_name("names.json").read_text())

async def actor(party):
    with party.span("s"), party.channel(NAMES[0]):
        party.send((party.id + 1) % party.n, bytes(100 + party.id))
        await party.recv((party.id - 1) % party.n)

def build(settings):
    def summarize(run):
        return {name: name for name in NAMES} | {"inner": {name: [name] for name in NAMES}}

    return Program({name: actor for name in NAMES}, summarize=summarize)
"""


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Return a function that calls the command line and returns what it prints; status 0 is expected."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "case.py").write_text(_CODE)

    def run(*words):
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        out, err = capsys.readouterr()
        assert caught.value.code == 0, err
        out.encode()
        return out

    return run


def scenario(folder, names, name='a "$x_1^{$" [b] é <i>', more=""):
    (folder / "names.json").write_text(json.dumps(names))
    (folder / "case.toml").write_text(
        f'name = {json.dumps(name, ensure_ascii=False)}\nworkload = "case.py:build"\nseed = 1\n'
        f'[network]\nlatency = "2 ms"\nbandwidth = "1 Mbit/s"\n{more}\n',
        encoding="utf-8",
    )


def test_every_command_takes_roles_and_outputs_of_any_name(call, tmp_path):
    scenario(tmp_path, NAMES)
    printed = json.loads(call("run", "case.toml", "--json", "--out", "run"))
    summary = read_record(tmp_path / "run").summary
    assert {key: value for key, value in printed.items() if key != "profile"} == summary
    assert [row["role"] for row in summary["per_party"]] == NAMES
    assert summary["output"] == {name: name for name in NAMES} | {"inner": {name: [name] for name in NAMES}}
    assert list(frames.parties(read_record(tmp_path / "run"))["role"]) == NAMES
    out = call("run", "case.toml", "--out", "again")
    assert "\x1b" not in out
    assert "[relu]" in out
    for words in (
        ["compare", "run", "again"], ["compare", "run", "again", "--json"], ["trace", "run"],
        ["report", "run"], ["retime", "run", "--json"],
        ["plot", "run", "again", "--format", "svg,pdf", "--span", "s"],
    ):  # fmt: skip
        call(*words)
    trace = json.loads((tmp_path / "run" / "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    tracks = [event["args"]["name"] for event in trace if event["name"] == "thread_name"]
    assert len(tracks) == len(NAMES)


def test_a_sweep_has_a_column_for_every_key_of_the_output(call, tmp_path):
    scenario(tmp_path, NAMES)
    words = ["--set", "network.latency=1 ms,2 ms", "--jobs", "1", "--out", "sweep"]
    found = json.loads(call("sweep", "case.toml", *words, "--json"))
    table = pd.read_csv(tmp_path / "sweep" / "results.csv", dtype=str, keep_default_na=False)
    columns = [column for column in table if column.startswith("output.")]
    assert len(table) == found["points"] == 2
    assert len(columns) == len(NAMES)
    assert list(table["output.nan"]) == ["nan", "nan"]
    assert (
        pd.read_parquet(tmp_path / "sweep" / "results.parquet")["output.[relu]"].tolist() == ["[relu]"] * 2
    )


@pytest.mark.parametrize("name", ["$x_1^{$ [b] 🙂 שלום <b>", "..", "nan", "a/b\nc", "x" * 120])
def test_a_scenario_may_have_any_name(call, tmp_path, name):
    scenario(tmp_path, ["a", "b"], name)
    call("run", "case.toml", "--set", "engine.trace=false")
    (folder,) = (tmp_path / "runs").iterdir()
    call("report", str(folder))
    call("plot", str(folder), "--format", "svg", "--kind", "layers")


def test_a_fault_finds_a_span_by_the_text_of_its_path(call, tmp_path):
    (tmp_path / "walk.py").write_text(
        """
async def walk(party):
    for outer, inner in (("a", "b"), ("a/b", "c"), ("a", "b/c")):
        with party.span(outer), party.span(inner):
            party.send((party.id + 1) % party.n, 1)
            await party.recv((party.id - 1) % party.n)
"""
    )
    for span, acts in (
        ("a/b", [0, 1]),
        (r"a\/b", [1]),
        (r"a/b\/c", [2]),
        ("b/c", [2]),
        ("b", [0]),
        ("a", [0, 2]),
    ):
        (tmp_path / "walk.toml").write_text(
            'workload = "walk.py:walk"\nseed = 1\nparties = 2\n[[faults]]\nkind = "delay"\nby = "1 ms"\n'
            f"span = '{span}'\n"
        )
        found = json.loads(call("run", "walk.toml", "--json"))
        assert sorted({act["message"] // 2 for act in found["faults"]}) == acts, span
        call("retime", str(next((tmp_path / "runs").glob(f"walk-{found['digest'][:12]}"))), "--json")
