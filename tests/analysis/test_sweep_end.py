"""A sweep that is stopped, however, leaves no process behind."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_OWN = """
import os, pathlib
async def program(party):
    pathlib.Path(f"started-{os.getpid()}").touch()
    while True:
        party.send(1 - party.id, 1)
        await party.recv(1 - party.id)
"""
_CASE = """
workload = "own.py:program"
parties = 2
network.latency = "1 ms"
engine.trace = false
"""


def _runs(process):
    """Return whether a process is there, and not only waited for by its parent."""
    try:
        return not re.search(r"^State:\s*Z", Path(f"/proc/{process}/status").read_text(), re.M)
    except FileNotFoundError:
        return False


def _wait_for(found, seconds=60):
    end = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return result


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_sweep_that_is_stopped_ends_its_workers(tmp_path, number, status):
    (tmp_path / "own.py").write_text(_OWN)
    (tmp_path / "case.toml").write_text(_CASE)
    command = ["sweep", "case.toml", "--set", "seed=1,2,3", "--jobs", "2", "--out", "all"]
    # A file for standard error: the helper processes of a sweep that is killed outlive it for a moment.
    with (tmp_path / "errors").open("w") as errors:
        sweep = subprocess.Popen([sys.executable, "-m", "mpcsim", *command], cwd=tmp_path, stderr=errors)
        started = _wait_for(lambda: (found := list(tmp_path.glob("started-*")))[1:] and found)
    workers = [int(file.name.partition("-")[2]) for file in started]
    assert all(map(_runs, workers))
    sweep.send_signal(number)
    assert sweep.wait(timeout=60) == status
    _wait_for(lambda: not any(map(_runs, workers)), seconds=10)
    said = (tmp_path / "errors").read_text()
    assert "Traceback" not in said
    if number != signal.SIGKILL:
        assert re.search(
            r"^mpcsim: (interrupted|ended by SIGTERM)\n  finished points are kept in all", said, re.M
        )
