"""How runs and commands end: whatever leaves the code of others, one clear error, the first cause first."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mpcsim import DeadlockError, MpcsimError, PartyError, UsageError, simulate
from mpcsim.__main__ import main
from mpcsim.errors import Interrupted


class _Odd(BaseException):
    pass


_LEAVING = [
    SystemExit(0),
    asyncio.CancelledError(),
    GeneratorExit(),
    _Odd("odd"),
    MemoryError(),
    RecursionError(),
]


# In a protocol


@pytest.mark.parametrize("error", _LEAVING, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("where", ["program", "child", "span", "observer"])
@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_whatever_leaves_a_partys_code_ends_the_run_in_one_error(error, where, clock):
    async def fail(party):
        await party.sleep(0.001)
        raise error

    async def program(party):
        if party.id == 1 and where == "child":
            await party.gather(fail(party), party.recv(0))
        elif party.id == 1 and where == "observer":
            party.observe("x", 1)
        elif party.id == 1:
            with party.span("inner"):
                raise error
        await party.recv(1)

    def observer(*_):
        raise error

    with pytest.raises(PartyError, match=rf"^party 1 \(party1\) failed.*{type(error).__name__}") as caught:
        simulate(program, parties=2, clock=clock, observer=observer, seed=1)
    assert caught.value.exit_status == 3
    assert caught.value.run.error is caught.value
    assert "seed: 1" in caught.value.__notes__


def test_ctrl_c_in_a_protocol_is_a_keyboard_interrupt_that_has_the_run():
    async def program(party):
        party.send(1 - party.id, "x")
        await party.recv(1 - party.id)
        with party.span("inner"):
            raise KeyboardInterrupt

    with pytest.raises(
        KeyboardInterrupt, match=r"interrupted in party 1 .* in span 'inner' at program"
    ) as caught:
        simulate(program, parties=2)
    assert isinstance(caught.value, Interrupted)
    assert not isinstance(caught.value, Exception)
    assert (caught.value.exit_status, caught.value.run.messages) == (130, 2)


# Errors that follow on errors


async def _raises(party):
    raise KeyError("second")


async def _sends_in_vain(party):
    party.send(77, "x")


async def _waits_in_vain(party):
    await party.recv(1 - party.id, timeout=1)


async def _gathers_in_vain(party):
    await party.gather(_raises(party))


@pytest.mark.parametrize("clean_up", [_raises, _sends_in_vain, _waits_in_vain, _gathers_in_vain])
@pytest.mark.parametrize("depth", ["program", "child"])
def test_an_error_in_a_finally_does_not_hide_the_first(clean_up, depth):
    async def fails(party):
        try:
            1 / 0  # noqa: B018
        finally:
            await clean_up(party)

    async def program(party):
        if party.id == 0:
            await (fails(party) if depth == "program" else party.gather(fails(party)))

    with pytest.raises(PartyError) as caught:
        simulate(program, parties=2)
    text = str(caught.value)
    assert re.match(
        r"party 0 \(party0\) failed at fails \(mpcsim/test_exits.py:\d+\): ZeroDivisionError", text
    )
    assert re.search(r"; then, while that was handled, (KeyError|UsageError|RecvTimeout): ", text)
    assert caught.value.exit_status == 3


def test_an_error_of_ours_that_is_raised_on_purpose_stays_what_it_is():
    async def program(party):
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            raise UsageError("no division here")  # noqa: B904

    with pytest.raises(UsageError, match="no division here"):
        simulate(program, parties=1)


def test_the_status_is_the_first_causes():
    async def program(party):
        try:
            party.send(77, "x")
        finally:
            raise KeyError("second")

    with pytest.raises(
        PartyError, match=r"UsageError: .*; then, while that was handled, KeyError"
    ) as caught:
        simulate(program, parties=2)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("first", ["error", "deadlock"])
@pytest.mark.parametrize("clean_up", ["raises", "waits", "exits"])
def test_a_clean_up_at_the_end_of_a_run_does_not_hide_why_it_ended(first, clean_up):
    async def program(party):
        if party.id == 1 and first == "error":
            raise ZeroDivisionError("first")
        try:
            await party.recv(1 - party.id)
        finally:
            if clean_up == "raises":
                raise KeyError("second")
            if clean_up == "exits":
                sys.exit(0)
            await party.sleep(1)

    expected = (PartyError, "ZeroDivisionError: first") if first == "error" else (DeadlockError, "deadlock")
    with pytest.raises(expected[0], match=expected[1]) as caught:
        simulate(program, parties=2)
    note = next(note for note in caught.value.__notes__ if "clean-up" in note)
    said = {
        "raises": r"failed at program .*: KeyError: 'second'$",
        "exits": r"failed at program .*: SystemExit: 0$",
        "waits": r"awaits at .*program \(.*\), and is cut off there",
    }
    assert re.search(rf"party 0 \(party0\) {said[clean_up]}", note)


@pytest.mark.parametrize("clean_up", ["raises", "waits", "waits thrice"])
def test_what_an_error_cancelled_must_end_cleanly_or_the_run_ends(clean_up):
    async def cancelled(party):
        try:
            await party.recv(1)
        finally:
            if clean_up == "raises":
                raise KeyError("second")
            for _ in range(2 if clean_up == "waits thrice" else 0):
                with suppress(GeneratorExit):
                    await party.sleep(1)
            await party.sleep(1)

    async def failing(party):
        await party.sleep(1)
        raise ZeroDivisionError("first")

    async def program(party):
        if party.id == 0:
            with pytest.raises(ZeroDivisionError):
                await party.gather(party.gather(cancelled(party)), failing(party))

    kind = PartyError if clean_up == "raises" else UsageError
    with pytest.raises(kind) as caught:
        simulate(program, parties=2)
    assert re.match(
        r"party 0 \(party0\) failed at failing \(mpcsim/test_exits.py:\d+\): ZeroDivisionError: first; "
        r"then, in the clean-up of what that cancelled, party 0 \(party0\) (failed|awaits) at ",
        str(caught.value),
    )


def test_a_clean_up_without_waiting_is_fine_and_may_send():
    async def cancelled(party):
        try:
            await party.recv(1)
        finally:
            with party.channel("end"):
                party.send(1, "bye")

    async def failing(party):
        await party.sleep(1)
        raise ZeroDivisionError

    async def program(party):
        if party.id == 0:
            with pytest.raises(ZeroDivisionError):
                await party.gather(cancelled(party), failing(party))
            return "alive"
        with party.channel("end"):
            return await party.recv(0)

    assert simulate(program, parties=2).outputs == ["alive", "bye"]


@pytest.mark.parametrize("clean_up", ["raises", "sends", "waits"])
def test_what_a_crashed_party_still_does_is_of_no_account(clean_up):
    async def program(party):
        if party.id == 1:
            return
        try:
            await party.sleep(5)
        finally:
            if clean_up == "raises":
                raise KeyError
            if clean_up == "waits":
                await party.sleep(1)
            else:
                party.send(1, "x")

    run = simulate(program, parties=2, faults=[{"kind": "crash", "party": 0, "at": "1 s"}])
    assert (run.outputs, run.messages) == ([None, None], 0 if clean_up != "sends" else run.messages)


def test_a_finally_that_raises_does_not_undo_a_crash():
    async def program(party):
        if party.id == 0:
            try:
                party.send(1, "x")
            finally:
                raise KeyError
        await party.recv(0)

    run = simulate(program, parties=2, faults=[{"kind": "crash", "party": 0, "after_messages": 1}])
    assert run.outputs == [None, None]


# Deep gathers


@pytest.mark.parametrize("end", ["deadlock", "error", "finish"])
def test_gathers_many_thousands_deep_do_not_recurse(end):
    depth = 3000

    async def program(party, left=depth):
        if left:
            await party.gather(program(party, left - 1))
        elif end == "deadlock":
            await party.recv(1 - party.id)
        elif end == "error":
            raise KeyError("deepest")

    if end == "finish":
        assert simulate(program, parties=2).rounds == 0
        return
    with pytest.raises(DeadlockError if end == "deadlock" else PartyError) as caught:
        simulate(program, parties=2)
    assert ("2 wait:" if end == "deadlock" else "deepest") in str(caught.value)


# Commands

_FILE = """
import sys
from mpcsim.scenario import Program
async def program(party): return party.id
async def exits(party): sys.exit(0)
async def interrupts(party): raise KeyboardInterrupt
def builds(settings): sys.exit(0)
def _program(**more): return Program({"a": program}, **{"summarize": lambda run: {"x": 1}, **more})
def summarizes(settings): return _program(summarize=lambda run: sys.exit(0))
def renders(settings): return _program(render=lambda output: sys.exit(0))
def fails(settings): return _program(render=lambda output: output["none"])
async def runs(party):
    while True:
        party.send(1 - party.id, 1)
        await party.recv(1 - party.id)
async def spins(party):
    while True: pass
async def sleeps(party):
    await party.sleep(1000)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write a scenario whose workload is one of `_FILE`."""
    monkeypatch.chdir(tmp_path)

    def write(function, text="", code=_FILE):
        (tmp_path / "own.py").write_text(code)
        head = f'workload = "own.py:{function}"\nseed = 1\n'
        (tmp_path / "case.toml").write_text(head + text)
        return "case.toml"

    return write


def _ended(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    out, err = capsys.readouterr()
    return caught.value.code, out, "\n".join(line for line in err.splitlines() if '"event"' not in line)


@pytest.mark.parametrize(
    ("function", "status", "said"),
    [
        ("exits", 3, r"party 0 \(party0\) failed at exits .*: SystemExit: 0"),
        ("interrupts", 130, r"interrupted in party 0 \(party0\) at interrupts"),
        ("builds", 2, r"workload: 'own.py:builds' failed at builds .*: SystemExit: 0"),
        ("summarizes", None, "SystemExit|sys.exit"),
        ("renders", 2, "cannot print what came out; record: .*: SystemExit: 0"),
        ("fails", 2, "cannot print what came out; record: .*: KeyError: 'none'"),
    ],
)
def test_sys_exit_in_a_users_file_does_not_end_a_command_as_if_all_were_well(
    own, capsys, function, status, said
):
    got, _, err = _ended(capsys, "run", own(function), "--out", "record")
    assert got in ((2, 3) if status is None else (status,))
    assert re.search(f"^mpcsim: .*{said}", err)
    assert "Traceback" not in err
    if function not in ("builds", "summarizes"):
        assert json.loads(Path("record/summary.json").read_text())["seed"] == 1


@pytest.mark.parametrize(
    "code", ["import sys; sys.exit(0)", "raise KeyError('x')", "raise GeneratorExit", "x = ("]
)
def test_a_file_that_ends_the_process_on_import_is_refused(own, capsys, code):
    status, out, err = _ended(capsys, "run", own("program", code=code), "--json")
    assert (status, out) == (2, "")
    assert re.search(
        r"own.py cannot be imported.*: (SystemExit: 0|KeyError|GeneratorExit|SyntaxError)", err
    )


@contextmanager
def _started(folder, *arguments):
    """Start a command in a process group of its own, which ends with the test whatever it does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mpcsim", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait_for(found, seconds=60):
    end = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return result


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "ended by SIGTERM"),
    ],
)
@pytest.mark.parametrize(
    ("function", "clock"), [("runs", "virtual"), ("spins", "virtual"), ("sleeps", "wall")]
)
def test_a_run_that_is_stopped_keeps_its_record_and_says_so(
    own, tmp_path, number, status, said, function, clock
):
    own(function, f'parties = 2\n[network]\nlatency = "1 ms"\n[engine]\ntrace = false\nclock = "{clock}"\n')
    with _started(tmp_path, "--log", "text", "run", "case.toml", "--out", "record") as process:
        assert "run starts" in process.stderr.readline()
        time.sleep(0.3)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert re.search(rf"^mpcsim: {said}", err, re.M)
    assert "Traceback" not in err
    summary = json.loads((tmp_path / "record" / "summary.json").read_text())
    assert summary["error"]["text"].startswith(said)


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["--help"], ["run", "--help"]])
def test_a_pipe_that_nobody_reads_ends_a_command_quietly(tmp_path, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "mpcsim", *arguments],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_every_error_of_ours_has_one_of_the_documented_statuses():
    def below(kind):
        return [kind, *(one for child in kind.__subclasses__() for one in below(child))]

    statuses = {
        kind.exit_status
        for kind in [*below(MpcsimError), *below(Interrupted)]
        if kind.__module__ == "mpcsim.errors"
    }
    assert statuses == {1, 2, 3, 130, 143}
