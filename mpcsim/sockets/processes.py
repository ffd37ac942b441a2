"""`mpcsim run --processes` and `--hosts`: from a scenario to the run of all its parties, and its record."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

from mpcsim.errors import MpcsimError
from mpcsim.record import Run
from mpcsim.scenario import Program, Scenario
from mpcsim.sockets import refusals
from mpcsim.sockets.collecting import Collected, timings
from mpcsim.sockets.merging import merged
from mpcsim.sockets.runner import Options, end_of
from mpcsim.sockets.wire import COLLECTOR, Hosts, Limits, certificates

_LOOPBACK = "127.0.0.1"
_LEAVE = 2.0  # seconds that a process has to end by itself


@dataclass(frozen=True)
class Where:
    """Where the parties run: as processes here, or (`hosts`) on machines where somebody starts them."""

    hosts: Hosts | None = None
    options: Options = field(default_factory=Options)
    limits: Limits = field(default_factory=Limits)


def run_processes(program: Program, scenario: Scenario, where: Where) -> Run:
    """Run every role in a process of its own, or collect from those that run elsewhere.

    Raises:
        ScenarioError: the scenario asks for what sockets cannot do.
        MpcsimError: the run did not finish; `run` of the error is how far it went.
    """
    roles = list(program.roles)
    refusals.check(scenario, roles)
    if where.hosts is not None:
        return _collected(program, scenario, where.hosts, where.options, None)
    options = replace(where.options, run=secrets.token_hex(8), open=True)
    with tempfile.TemporaryDirectory(prefix="mpcsim-") as name:
        folder = Path(name)
        if not options.plaintext:
            certificates.make(folder / "certificates", roles)
        with contextlib.ExitStack() as stack:
            listeners = [
                stack.enter_context(socket.create_server((_LOOPBACK, 0), backlog=256)) for _ in roles
            ]
            parties = {
                role: (_LOOPBACK, one.getsockname()[1]) for role, one in zip(roles, listeners, strict=True)
            }
            hosts = Hosts(parties, where.limits, folder / "certificates")
            _write_job(folder, scenario, roles, hosts, options)
            children = stack.enter_context(_children(folder, roles, listeners))
            return _collected(program, scenario, hosts, options, children)


def _write_job(folder: Path, scenario: Scenario, roles: list[str], hosts: Hosts, options: Options) -> None:
    (folder / "scenario.toml").write_text(tomli_w.dumps(scenario.document), encoding="utf-8")
    job = {
        "roles": roles,
        "parties": hosts.parties,
        "limits": asdict(hosts.limits),
        "options": asdict(options),
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")


class _Children:
    """The processes, and what became of those that ended."""

    def __init__(self, folder: Path, roles: list[str], processes: list[subprocess.Popen[bytes]]) -> None:
        self.folder, self.roles, self.processes = folder, roles, processes

    def dead(self) -> dict[int, dict[str, Any]]:
        """Return the error of each process that ended."""
        found = {}
        for id, process in enumerate(self.processes):
            status = process.poll()
            if status is not None:
                found[id] = self._said(id, status)
        return found

    def _said(self, id: int, status: int) -> dict[str, Any]:
        role, file = self.roles[id], self.folder / f"error-{id}.json"
        with contextlib.suppress(OSError, ValueError):
            said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return said | {"role": role}
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return {
            "role": role,
            "kind": "LinkLost",
            "text": f"the process of {role} died ({how})",
            "notes": [],
        }


@contextlib.contextmanager
def _children(folder: Path, roles: list[str], listeners: list[socket.socket]) -> Iterator[_Children]:
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for role, listener in zip(roles, listeners, strict=True):
            command = [
                sys.executable, "-m", "mpcsim.sockets.child", str(folder / "job.json"), role,
                str(listener.fileno()),
            ]  # fmt: skip
            processes.append(
                subprocess.Popen(
                    command,
                    pass_fds=[listener.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=sys.stderr.fileno() if _has_number(sys.stderr) else None,
                    start_new_session=True,  # Ctrl-C is for this process, which tells them
                )
            )
            listener.close()
        yield _Children(folder, roles, processes)
    finally:
        until = time.monotonic() + _LEAVE
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(until - time.monotonic(), 0))
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def _has_number(stream: Any) -> bool:
    try:
        stream.fileno()
    except (OSError, ValueError, AttributeError):  # a capture of a notebook or a test, or none
        return False
    return True


def _collected(
    program: Program, scenario: Scenario, hosts: Hosts, options: Options, children: _Children | None
) -> Run:
    began, roles = time.perf_counter(), list(program.roles)
    collected = Collected(end_of(scenario, roles, COLLECTOR, hosts, options), hosts)
    stop: BaseException | None = None
    try:
        collected.collect(dict if children is None else children.dead)
    except KeyboardInterrupt as interrupted:
        stop = interrupted
    finally:
        collected.close()
    parts: Mapping[int, Any] = {id: part for id, part in collected.parts.items() if "links" in part}
    sockets = {
        "where": "processes" if children is not None else "hosts",
        "tls": not options.plaintext,
        "reproducible": options.reproducible,
        "observed": options.open or options.reproducible,
        "keys": "the scenario's seed" if options.reproducible else "the operating system",
    } | timings(parts, roles)
    error = stop or collected.error()
    run = merged(
        parts,
        roles,
        scenario,
        sockets,
        time.perf_counter() - began,
        program.observe,
        error,  # type: ignore[arg-type]
    )
    if error is not None:
        if isinstance(error, MpcsimError | KeyboardInterrupt):
            error.run = run  # type: ignore[union-attr]  # an `Interrupted` has it too
        raise error
    return run
