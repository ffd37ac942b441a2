"""`mpcsim run` in full: determinism checked, failures kept on record, faults from the file, progress."""

import io
import json
import re
import subprocess
import sys

import pytest

from mpcsim import DeadlockError, Network, log, simulate
from mpcsim.__main__ import main
from mpcsim.cli.progress import Progress, line
from mpcsim.record import read_record

_RING = """
async def ring(party):
    for number in range(5):
        with party.span(f"lap{number}"):
            party.send((party.id + 1) % party.n, party.rng("x").integers(0, 1000))
            await party.recv((party.id - 1) % party.n)
"""
_UNSTABLE = """
async def ring(party):
    words = {"alpha", "beta", "gamma", "delta", "epsilon"}
    for word in words:  # in an order that the hash seed decides
        party.send((party.id + 1) % party.n, word)
        await party.recv((party.id - 1) % party.n)
"""
_HEAD = 'workload = "ring.py:ring"\nseed = 6\n[network]\nlatency = "10 ms"\n'


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Return a function that runs `mpcsim` on a workload and a scenario: (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments, code=_RING, scenario=_HEAD):
        (tmp_path / "ring.py").write_text(code)
        (tmp_path / "case.toml").write_text(scenario)
        with pytest.raises(SystemExit) as caught:
            main(["run", "case.toml", *arguments])
        printed = capsys.readouterr()
        return caught.value.code, printed.out, printed.err

    return call


def test_a_deterministic_scenario_passes_the_check(call):
    status, out, _ = call("--check-determinism", "--json")
    assert status == 0
    assert json.loads(out)["determinism"] == {"equal": True, "events": 15, "processes": 2}
    status, out, _ = call("--check-determinism")
    assert (status, "deterministic: 15 events equal in two processes" in out) == (0, True)


def test_a_scenario_that_depends_on_the_hash_seed_fails_the_check_with_its_first_event(call, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "3")
    status, out, err = call("--check-determinism", "--json", code=_UNSTABLE)
    assert (status, out) == (1, "")
    assert re.search(r"not deterministic: the runs differ first at event \d+ of 15 \(15 in the second", err)
    assert re.search(r"first run:  at [^\n]* party\d to party\d, \d+ wire bytes, channel '\(root\)'", err)
    assert "second run: at" in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_HEAD.replace("seed = 6\n", ""), "seed: missing: a run without one"),
        (_HEAD + '[engine]\nclock = "wall"\n', "engine.clock: a run in real time does not repeat"),
        (_HEAD + '[engine]\ncompute = "measured"\n', "engine.compute: measured compute does not repeat"),
    ],
)
def test_a_scenario_that_cannot_repeat_is_not_checked(call, change, message):
    status, _, err = call("--check-determinism", scenario=change)
    assert (status, message in err) == (2, True)


def test_the_record_of_a_failed_run_is_kept_with_its_error(call, tmp_path):
    faults = '[[faults]]\nkind = "drop"\nsource = "party1"\nmessages = 2\n'
    status, out, err = call("--out", "kept", "--json", scenario=_HEAD + faults)
    assert (status, out) == (3, "")
    assert "party 2 (party2) waits for party 1 (party1)" in err
    assert "faults.0 drop: party1 to party2, message 2" not in err  # messages are numbered in the run
    assert re.search(r"faults\.0 drop: party1 to party2, message \d+, span 'lap2', at 0\.02 s", err)
    assert "seed: 6" in err
    assert "record of the run so far: kept" in err
    found = read_record(tmp_path / "kept")
    assert found.summary["error"]["kind"] == "DeadlockError"
    assert found.summary["messages"] > 5
    assert found.summary["faults"][0]["kind"] == "drop"
    assert sum(event["kind"] == "send" for event in found.events()) == found.summary["messages"]


def test_a_failed_run_repeats_from_its_own_record(call, tmp_path):
    faults = '[[faults]]\nkind = "crash"\nparty = 0\nat = "25 ms"\n'
    call("--out", "first", scenario=_HEAD + faults)
    with pytest.raises(SystemExit):
        main(["run", "first/scenario.toml", "--out", "second"])
    first, second = (read_record(tmp_path / name).summary for name in ("first", "second"))
    assert first["digest"] == second["digest"]
    assert first["error"]["text"] == second["error"]["text"]


def test_a_finished_run_says_what_faults_did(call):
    faults = '[[faults]]\nkind = "delay"\nby = "1 s"\nspan = "lap1"\nsource = 0\n'
    status, out, _ = call(scenario=_HEAD + faults)
    assert status == 0
    assert re.search(r"fault 0 \(delay\): party0 to party1, message \d+, at 10 ms", out)


def test_a_summary_that_chokes_on_a_crash_is_a_clear_error(call):
    code = """
from mpcsim.scenario import Program

def ring(settings):
    async def program(party):
        await party.sleep(1)
        return 1
    return Program({"a": program, "b": program}, lambda run: {"sum": run.outputs["a"] + run.outputs["b"]})
"""
    faults = '[[faults]]\nkind = "crash"\nparty = "b"\nat = "0.5 s"\n'
    status, _, err = call(code=code, scenario=_HEAD + faults)
    assert status == 3
    assert "b crashed, as the faults said, and the others finished; the workload cannot summarise" in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[faults]]\nkind = "drop"\nsource = "bob"\n', "faults.0.source: there is no party 'bob'"),
        ('[[faults]]\nkind = "drp"\n', "faults.0.kind: unknown kind 'drp' (did you mean 'drop'?)"),
        ("faults = 3\n", "faults: found 3; accepted: an array of tables, [[faults]]"),
        ("[engine.speed]\nparty0 = 0.5\n", "engine.speed: has no effect while compute takes no time"),
        (
            '[engine]\ncompute = "measured"\nspeed = {eve = 2.0}\n',
            "engine.speed.eve: there is no party 'eve'",
        ),
        ("[engine]\nspeed = {party0 = -1.0}\n", "engine.speed.party0: found -1.0"),
        ('[[network.links]]\nto = "bob"\n', "network.links.0.to: there is no party 'bob'"),
        ('[[faults]]\nkind = "drop"\nspan = "lap7"\n', "faults.0.span: the run opened no span 'lap7'"),
    ],
)
def test_bad_faults_networks_and_speeds_are_refused_with_file_and_key(call, text, message):
    head = text + _HEAD if text.startswith("faults =") else _HEAD + text
    status, _, err = call(scenario=head)
    assert status == 2
    assert message in err
    assert "Traceback" not in err


def test_the_trace_command_writes_what_perfetto_opens(call, tmp_path, capsys):
    call("--out", "kept")
    with pytest.raises(SystemExit) as caught:
        main(["trace", "kept"])
    assert caught.value.code == 0
    assert "kept/trace.json" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "kept" / "trace.json").read_text())["traceEvents"]) > 60
    with pytest.raises(SystemExit) as caught:
        main(["trace", str(tmp_path)])
    assert caught.value.code == 2


# Progress


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_long_run_shows_a_live_line_on_a_terminal(monkeypatch):
    monkeypatch.setattr("mpcsim.cli.progress._AFTER", 0.02)
    monkeypatch.setattr("mpcsim.cli.progress._EVERY", 0.02)

    async def program(party):
        for number in range(20):
            party.progress(number, 20)
            party.send(1 - party.id, number)
            await party.recv(1 - party.id)

    stream = _Terminal()
    with Progress(stream) as progress:
        simulate(program, parties=2, network=Network("10 ms"), clock="wall", watch=progress.watch)
    shown = stream.getvalue()
    assert re.search(r"\d+%.*virtual [\d.]+ ms, \d+ rounds, \d+ messages, \d+ B on the wire", shown)


def test_nothing_is_shown_where_there_is_no_terminal():
    stream = io.StringIO()
    with Progress(stream):
        pass
    assert stream.getvalue() == ""


def test_the_live_line_says_time_rounds_messages_and_bytes():
    seen = []

    async def program(party):
        party.send(1 - party.id, b"x" * 1000)
        await party.recv(1 - party.id)

    simulate(program, parties=2, watch=seen.append)
    assert line(seen[0], 3.2) == "virtual 0 ns, 1 round, 2 messages, 2.03 kB on the wire, 3 s"


def test_a_partys_log_lines_say_party_span_and_virtual_time(capsys):
    log.choose(form="json")
    log.configure()

    async def program(party):
        with party.span("setup"):
            await party.sleep(0.25)
            party.log.info("ready", keys=3)

    simulate(program, parties=1)
    found = json.loads(capsys.readouterr().err)
    assert (found["party"], found["span"], found["time_s"], found["keys"]) == ("party0", "setup", 0.25, 3)


# Payloads that change after they were sent


def test_a_payload_that_changes_under_way_is_caught_where_that_is_checked():
    import numpy as np

    from mpcsim import UsageError

    async def program(party):
        if party.id == 0:
            array = np.zeros(5)
            view = array[:]
            party.send(1, array)
            view[2] = 1  # a view that was taken before the send can still write
            return None
        return (await party.recv(0)).tolist()

    network = Network("1 ms")
    assert simulate(program, parties=2, network=network).outputs[1] == [0, 0, 1, 0, 0]
    with pytest.raises(
        UsageError, match="message 0, from party 0 to party 1, was changed after it was sent"
    ):
        simulate(program, parties=2, network=network, check_payloads=True)


def test_an_unfinished_run_is_part_of_its_error():
    async def program(party):
        party.send(1 - party.id, 1)
        await party.recv(1 - party.id)
        await party.recv(1 - party.id)

    with pytest.raises(DeadlockError) as caught:
        simulate(program, parties=2, trace=True)
    assert caught.value.run.messages == 2
    assert caught.value.run.outputs == [None, None]
    assert [event["kind"] for event in caught.value.run.events].count("cancel") == 2


def test_the_hidden_second_run_is_not_in_the_help():
    shown = subprocess.run(
        [sys.executable, "-m", "mpcsim", "--help"], capture_output=True, text=True, check=True
    )
    assert "audit-run" not in shown.stdout
    assert "trace" in shown.stdout
