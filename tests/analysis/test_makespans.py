"""The makespan under the other transport: in JSON on request, and printed where it costs little."""

import json

import pytest

from analysis.retime import makespans as module
from analysis.retime.makespans import makespans
from mpcsim.__main__ import main
from mpcsim.record import read_record


def run(capsys, folder, *more):
    with pytest.raises(SystemExit) as caught:
        main(["run", "link_probe", "--out", str(folder), *more])
    assert caught.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("own", ["ideal", "tcp"])
def test_json_has_both_makespans_on_request_and_each_is_that_of_a_fresh_run(tmp_path, capsys, own):
    fresh = {}
    for name in ("ideal", "tcp"):
        found = json.loads(run(capsys, tmp_path / name, "--set", f"network.transport={name}", "--json"))
        assert "makespans" not in found
        fresh[name] = found["makespan_s"]
    more = ("--set", f"network.transport={own}", "--json", "--makespans")
    found = json.loads(run(capsys, tmp_path / "both", *more))
    assert found["makespans"] == fresh
    assert found["makespan_s"] == fresh[own]
    assert fresh["tcp"] > fresh["ideal"]


def test_the_other_makespan_is_printed(tmp_path, capsys):
    assert "over TCP (network.tcp" in run(capsys, tmp_path / "one")
    assert "by the link law alone" in run(capsys, tmp_path / "two", "--set", "network.transport=tcp")


def test_a_run_of_many_events_is_not_retimed_unless_asked(tmp_path, capsys, monkeypatch):
    run(capsys, tmp_path / "one")
    monkeypatch.setattr(module, "MOST_EVENTS", 10)
    assert makespans(read_record(tmp_path / "one")) is None
    assert makespans(read_record(tmp_path / "one"), always=True)["tcp"] is not None


def test_a_run_that_cannot_be_retimed_says_why(tmp_path, capsys):
    run(capsys, tmp_path / "one", "--set", "engine.trace=false")
    assert makespans(read_record(tmp_path / "one")) is None
    found = makespans(read_record(tmp_path / "one"), always=True)
    assert found["tcp"] is None
    assert "trace" in found["note"]
