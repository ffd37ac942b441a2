"""The same sweep on a Dask cluster: a real scheduler and two workers on loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pandas as pd
import pytest

pytest.importorskip("distributed")

_OWN = """
import os, signal, time

async def program(party, settings):
    if party.id == 0:
        with open("ran.txt", "a") as log:
            log.write(f"{settings['size']} {os.getpid()}\\n")
    time.sleep(settings.get("sleep", 0) / party.n)
    party.send((party.id + 1) % party.n, bytes(settings["size"]))
    await party.recv((party.id - 1) % party.n)
"""
_SCENARIO = 'name = "own"\nworkload = "own.py:program"\nseed = 4\nsize = 1\n'
_QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "own.py").write_text(_OWN)
    (tmp_path / "own.toml").write_text(_SCENARIO)


@pytest.fixture
def cluster(tmp_path):
    """Return a scheduler's address, its process and two workers' processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "dask"]
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    scheduler = subprocess.Popen([*dask, "scheduler", *local, "--port", str(port)], **_QUIET)
    worker = [*dask, "worker", address, *local, "--no-nanny", "--nthreads", "1"]
    workers = [
        subprocess.Popen([*worker, "--local-directory", str(tmp_path / f"w{place}")], **_QUIET)
        for place in range(2)
    ]
    yield address, scheduler, workers
    for process in [*workers, scheduler]:
        process.kill()
        process.wait()


def _command(address, *arguments):
    engine = ["--engine", "dask", "--scheduler", address, "--out", "s"]
    return [sys.executable, "-m", "mpcsim", "sweep", "own.toml", *arguments, *engine]


def _call(address, *arguments):
    return subprocess.run(
        _command(address, *arguments), capture_output=True, text=True, timeout=150, check=False
    )


def _begin(address, folder, *arguments):
    """Start a sweep, and wait until four of its points are done."""
    started = subprocess.Popen(
        _command(address, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 100
    while len(list((folder / "s" / "points").glob("[0-9a-f]*"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    return started


def test_a_sweep_on_a_cluster_uses_both_workers_and_survives_the_death_of_one(cluster, tmp_path):
    address, _, workers = cluster
    started = _begin(address, tmp_path, "--set", "size=1..24", "--set", "sleep=0.15", "--json")
    workers[0].send_signal(signal.SIGKILL)
    out, err = started.communicate(timeout=150)
    assert started.returncode == 0, err
    found = json.loads(out)
    assert (found["points"], found["failed"], found["ran"]) == (24, 0, 24)
    assert [row["payload_bytes"] for row in found["rows"]] == [3 * size for size in range(1, 25)]
    pids = {int(line.split()[1]) for line in (tmp_path / "ran.txt").read_text().splitlines()}
    assert pids == {worker.pid for worker in workers}
    assert os.getpid() not in pids


def test_a_scheduler_that_dies_is_a_clear_error_and_finished_points_are_kept(cluster, tmp_path):
    address, scheduler, _ = cluster
    started = _begin(address, tmp_path, "--set", "size=1..40", "--set", "sleep=0.15")
    scheduler.send_signal(signal.SIGKILL)
    _, err = started.communicate(timeout=150)
    assert started.returncode == 3, err
    assert "the Dask scheduler" in err or "the engine failed" in err
    assert "finished points are kept in s: the same command goes on from there" in err
    assert "Traceback" not in err
    done = len(pd.read_csv(tmp_path / "s" / "results.csv"))
    assert 4 <= done < 40
    before = len((tmp_path / "ran.txt").read_text().splitlines())
    again = [sys.executable, "-m", "mpcsim", "sweep", "own.toml", "--set", "size=1..40",
             "--set", "sleep=0.15", "--out", "s", "--json"]  # fmt: skip
    local = subprocess.run(again, capture_output=True, text=True, timeout=150, check=False)
    assert json.loads(local.stdout)["reused"] == done
    assert len((tmp_path / "ran.txt").read_text().splitlines()) - before <= 40 - done + 2


def test_a_scheduler_that_does_not_answer_is_bad_input():
    done = _call("tcp://127.0.0.1:9", "--set", "size=1,2")
    assert done.returncode == 2
    assert "--scheduler tcp://127.0.0.1:9: no Dask scheduler answers there" in done.stderr
    assert "Traceback" not in done.stderr
