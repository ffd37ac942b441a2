"""Phases in records: written, read, damaged, retimed, compared, swept, drawn."""

import json

import pytest

from analysis.compare import compare
from analysis.retime import load
from mpcsim import InputError
from mpcsim.__main__ import main
from mpcsim.record import read_record

USER = """
from mpcsim.scenario import Program

async def party(p):
    with p.phase("offline"), p.span("deal"):
        p.send(1 - p.id, bytes(50))
        await p.recv(1 - p.id)
    with p.phase("online"), p.span("mul"):
        p.send(1 - p.id, bytes(5))
        await p.recv(1 - p.id)

def workload(scenario):
    return Program({"a": party, "b": party}, lambda run: {})
"""


def _main(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 0


def _record(tmp_path, capsys, *more):
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "s.toml").write_text('name = "s"\nworkload = "user.py:workload"\nseed = 1\n'
                                     '[network]\nlatency = "10 ms"\n')  # fmt: skip
    folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
    _main("run", str(tmp_path / "s.toml"), "--out", str(folder), *more)
    return folder, capsys.readouterr().out


def test_phases_in_a_record_and_what_reads_it(tmp_path, capsys):
    folder, out = _record(tmp_path, capsys)
    assert "offline" in out
    assert "Phases" in out
    found = json.loads((folder / "summary.json").read_text())
    assert found["phases"]["offline"]["rounds"] == found["phases"]["online"]["rounds"] == 1
    assert [row["phase"] for row in found["spans"]] == ["offline", "online"]
    retiming = load(folder)
    assert retiming.describe(retiming.network)["phases"] == found["phases"]
    other, _ = _record(tmp_path, capsys, "--set", "network.latency=20 ms")
    lines = {line.quantity.key: line.values for line in compare([folder, other]).totals}
    assert lines["phases.online.makespan_s"] == [0.01, 0.02]
    _main("trace", str(folder), "--out", str(tmp_path / "t.json"))
    assert "phase offline" in (tmp_path / "t.json").read_text()


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("phases", "online", "payload_bytes"), 7, "phases.online.payload_bytes"),
        (("phases", "online", "rounds"), -1, "phases.online.rounds"),
        (("phases", "online", "messages"), 70, "phases: found 72 messages"),
        (("spans", 0, "phase"), "no such", "spans.0.phase"),
    ],
)
def test_damaged_phases_are_refused(tmp_path, capsys, place, value, said):
    folder, _ = _record(tmp_path, capsys)
    found = json.loads((folder / "summary.json").read_text())
    inner = found
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (folder / "summary.json").write_text(json.dumps(found))
    with pytest.raises(InputError, match=said):
        read_record(folder)


ABORTS = """
from mpcsim.scenario import Program

async def party(p):
    if p.id == 0 and {aborts}:
        await p.abort("a check failed")
    if p.id == 1 and {aborts}:
        await p.recv(0)
    return 1

def summarize(run):
    return {{"sum": sum(run.outputs.values())}}

def workload(scenario):
    return Program({{"a": party, "b": party}}, summarize)
"""


_EXPECTED = [(True, "abort", 0), (False, "abort", 1), (True, "finish", 0), (False, "finish", 0)]


@pytest.mark.parametrize(("aborts", "expect", "status"), _EXPECTED)
def test_an_abort_is_a_result_and_may_be_what_is_expected(tmp_path, capsys, aborts, expect, status):
    (tmp_path / "user.py").write_text(ABORTS.format(aborts=aborts))
    (tmp_path / "s.toml").write_text(f'name = "s"\nworkload = "user.py:workload"\nexpect = "{expect}"\n')
    with pytest.raises(SystemExit) as ended:
        main(["run", str(tmp_path / "s.toml"), "--out", str(tmp_path / "run")])
    assert ended.value.code == status
    record = read_record(tmp_path / "run")
    assert record.finished
    assert list(record.events())
    if aborts:
        assert record.summary["outcomes"] == {"a": "aborted", "b": "aborted"}
        assert record.summary["aborts"]["a"] == "a check failed"
        assert "a aborted: a check failed" in capsys.readouterr().out
        with pytest.raises(InputError, match="aborted"):
            load(tmp_path / "run")


VOTES = """
from mpcsim import PeerAborted
from mpcsim.scenario import Program

async def party(p):
    with p.channel("votes"):
        for to in range(p.n):
            if to != p.id:
                p.send(to, p.id)
        await p.recv_quorum(None, 1)
        p.leave_channel()
    if p.id == 0:
        await p.abort("bad")
    try:
        await p.recv(0)
    except PeerAborted as error:
        if p.id == 2:
            raise
        return error.reason

def workload(scenario):
    return Program({f"a{i}": party for i in range(3)}, lambda run: {"heard": run.outputs["a1"]})
"""


@pytest.mark.parametrize("more", [(), ("--processes",)])
def test_choices_and_aborts_in_one_process_and_over_real_sockets(tmp_path, more):
    (tmp_path / "user.py").write_text(VOTES)
    (tmp_path / "s.toml").write_text('workload = "user.py:workload"\nexpect = "abort"\n')
    _main("run", str(tmp_path / "s.toml"), "--out", str(tmp_path / "run"), *more)
    record = read_record(tmp_path / "run")
    assert record.summary["outcomes"] == {"a0": "aborted", "a1": "finished", "a2": "aborted"}
    assert record.summary["aborts"] == {"a0": "bad", "a2": "party 0 (a0) aborted: bad"}
    assert record.summary["output"] == {"heard": "bad"}
    kinds = [event["kind"] for event in record.events()]
    assert [kinds.count(kind) for kind in ("any", "left", "abort")] == [3, 3, 2]
