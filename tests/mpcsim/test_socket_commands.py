"""The commands: processes on this machine, hosts files, certificates, and every way in which a run ends."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

PROGRAM = """
import os, pathlib
async def ring(party):
    pathlib.Path(f"{party.role}.started").write_text(str(os.getpid()))
    got = []
    for number in range(ROUNDS):
        with party.span("step"):
            party.send((party.id + 1) % party.n, number)
            got.append(await party.recv((party.id - 1) % party.n))
            await party.sleep("PAUSE")
    LAST
    return sum(got)
"""


def scenario(folder, rounds=3, pause="1 ms", last="pass"):
    (folder / "ring.py").write_text(
        PROGRAM.replace("ROUNDS", str(rounds)).replace("PAUSE", pause).replace("LAST", last)
    )
    (folder / "ring.toml").write_text('name = "ring"\nworkload = "ring.py:ring"\nseed = 3\nparties = 3\n')


def command(folder, *words, **more):
    return subprocess.Popen(
        [sys.executable, "-m", "mpcsim", *words],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip


def run(folder, *words):
    process = command(folder, *words)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def started(folder, *roles):
    """Return the process ids once these parties run."""
    until = time.monotonic() + 30
    files = [folder / f"{role}.started" for role in roles]
    while not all(file.exists() and file.read_text() for file in files):
        assert time.monotonic() < until
        time.sleep(0.02)
    return [int(file.read_text()) for file in files]


def gone(pids, seconds=5):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.05)
    return False


def test_processes_give_the_record_of_the_simulation(tmp_path):
    scenario(tmp_path)
    status, out, err = run(tmp_path, "run", "ring.toml", "--json", "--out", "virtual")
    assert status == 0, err
    virtual = json.loads(out)
    words = ("run", "ring.toml", "--processes", "--reproducible", "--json", "--out", "real")
    status, out, err = run(tmp_path, *words)
    assert status == 0, err
    real = json.loads(out)
    assert "keeps no secrets" in err
    assert real["clock"] == "sockets"
    assert real["sockets"]["tls"] is True
    assert real["sockets"]["reproducible"] is True
    assert real["sockets"]["job_s"] > 0
    for key in ("rounds", "payload_digest", "links", "output", "messages", "payload_bytes", "wire_bytes"):
        assert real[key] == virtual[key], key
    assert real.keys() - virtual.keys() == {"sockets"}
    for words in (["trace", "real"], ["retime", "real", "--json"], ["compare", "virtual", "real"]):
        assert run(tmp_path, *words)[0] == 0, words


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_processes_and_keeps_the_record(tmp_path, stop):
    scenario(tmp_path, rounds=10_000, pause="5 ms")
    process = command(tmp_path, "run", "ring.toml", "--processes", "--plaintext", "--out", "real")
    pids = started(tmp_path, "party0", "party1", "party2")
    process.send_signal(stop)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 128 + stop
    assert "Traceback" not in err
    assert gone(pids)
    kept = json.loads((tmp_path / "real" / "summary.json").read_text())
    assert kept["finished"] is False
    assert kept["messages"] > 0


DIES = (signal.SIGKILL, "party1")
STALLS = (signal.SIGSTOP, "party 1 (party1)")


@pytest.mark.parametrize(("stop", "named"), [DIES, STALLS] if os.environ.get("MPCSIM_LONG") else [DIES])
def test_a_process_that_dies_or_stalls_ends_all_with_one_error(tmp_path, stop, named):
    scenario(tmp_path, rounds=10_000, pause="5 ms")
    process = command(tmp_path, "run", "ring.toml", "--processes", "--plaintext", "--out", "real")
    pids = started(tmp_path, "party0", "party1", "party2")
    began = time.monotonic()
    os.kill(pids[1], stop)
    _, err = process.communicate(timeout=40)
    assert process.returncode == 3
    assert named in err.splitlines()[-3] + err
    assert err.count("mpcsim:") == 1
    assert time.monotonic() - began < 10 + 10
    assert gone(pids)
    assert json.loads((tmp_path / "real" / "summary.json").read_text())["finished"] is False


def test_an_error_of_a_program_is_the_one_that_is_shown(tmp_path):
    scenario(tmp_path, last="1 / (party.id - 1)")
    status, _, err = run(tmp_path, "run", "ring.toml", "--processes", "--plaintext", "--out", "real")
    assert status == 3
    assert "party 1 (party1) failed" in err
    assert "ZeroDivisionError" in err
    assert err.count("mpcsim:") == 1


def test_options_that_do_not_fit_are_refused(tmp_path):
    scenario(tmp_path)
    for words, named in (
        (["run", "ring.toml", "--plaintext"], "--plaintext"),
        (["run", "ring.toml", "--processes", "--profile"], "--profile"),
        (["run", "ring.toml", "--processes", "--hosts", "x.toml"], "either"),
        (["run", "ring.toml", "--hosts", "none.toml"], "none.toml"),
        (["party", "ring.toml", "--role", "party0", "--hosts", "h.toml", "--reproducible"], "--no-secrets"),
        (["run", "ring.toml", "--processes", "--set", "engine.speed.party0=0.5"], "engine.speed"),
    ):
        status, _, err = run(tmp_path, *words)
        assert (status, named in err) == (2, True), (words, err)


def hosts_file(folder, roles):
    with ExitStack() as held:  # all at once: a port that is given back may be given again
        listeners = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in roles]
        free = [listener.getsockname()[1] for listener in listeners]
    lines = [f'{role} = "127.0.0.1:{port}"' for role, port in zip(roles, free, strict=True)]
    limits = '[limits]\nwait = "20 s"\nsilence = "3 s"\n'
    (folder / "hosts.toml").write_text("[parties]\n" + "\n".join(lines) + "\n" + limits)


def test_several_machines_with_certificates_and_inputs_that_stay_where_they_are(tmp_path):
    """Each machine is a folder; the servers' have neither images nor weights, nor has the collector's."""
    import numpy as np

    from mpcsim.scenario import load_scenario
    from scenarios.networks import ModelSettings, weights

    text = (
        'name = "apart"\nworkload = "private_inference"\nseed = 1\n[data]\nsource = "npz"\n'
        'path = "images.npz"\ncount = 2\n[model]\ninput = [6, 6, 1]\nweights = "weights.npz"\n'
        '[[model.layers]]\ntype = "flatten"\n[[model.layers]]\ntype = "dense"\nunits = 3\n'
    )
    roles = ["server0", "server1", "server2", "hospital", "owner"]
    for role in [*roles, "collector"]:
        (tmp_path / role).mkdir()
        (tmp_path / role / "apart.toml").write_text(text)
    model = ModelSettings.model_validate(load_scenario(tmp_path / "owner" / "apart.toml").tables["model"])
    weights.save(tmp_path / "owner" / "weights.npz", model, weights.initial(model, 1))
    pixels = np.random.default_rng(1).integers(0, 256, (4, 6, 6), np.uint8)
    images = {"test_images": pixels, "test_labels": np.arange(4) % 3}
    np.savez(tmp_path / "hospital" / "images.npz", **images)
    assert run(tmp_path / "server0", "certificates", "apart.toml", "--out", "../certificates")[0] == 0
    for key in tmp_path.glob("certificates/*/key.pem"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    hosts_file(tmp_path, roles)
    hosts = ("--hosts", "../hosts.toml")
    parties = [
        command(tmp_path / role, "party", "apart.toml", "--role", role, *hosts, "--out", "own")
        for role in roles
    ]
    status, out, err = run(tmp_path / "collector", "run", "apart.toml", *hosts, "--json")
    said = [process.communicate(timeout=30)[1] for process in parties]
    assert status == 0, (err, said)
    assert [process.returncode for process in parties] == [0] * 5, said
    found = json.loads(out)
    assert len(found["output"]["predictions"]) == 2
    assert found["sockets"]["keys"] == "the operating system"
    own = json.loads((tmp_path / "server0" / "own" / "party.json").read_text())
    assert own["finished"]
    # the hospital without its images says so, as a simulation does
    (tmp_path / "hospital" / "images.npz").unlink()
    words = ("party", "apart.toml", "--role", "hospital", *hosts)
    status, _, err = run(tmp_path / "hospital", *words)
    assert status == 2
    assert "images.npz" in err
