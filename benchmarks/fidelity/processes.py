"""A scenario as the processes of `mpcsim party`, each in a namespace: real protocols over real TCP."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fidelity.namespaces import Namespaces

_PORT = 7433
_PATIENCE = 300  # seconds for a run


def run_processes(space: Namespaces, scenario: str, roles: Sequence[str]) -> float:
    """Return seconds from everybody's time zero to the last party's end, on new connections without TLS.

    Args:
        space: at least one namespace more than there are roles: the record is collected from the next.
        scenario: a shipped one.
        roles: its parties, in order.

    Raises:
        RuntimeError: a process failed; the text is what it printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        hosts, out = Path(folder) / "hosts.toml", Path(folder) / "run"
        places = zip(roles, space.addresses, strict=False)
        lines = [f'{json.dumps(role)} = "{address}:{_PORT}"' for role, address in places]
        hosts.write_text("\n".join(["[parties]", *lines, ""]), "utf-8")
        common = [scenario, "--hosts", str(hosts), "--plaintext", "--out"]
        commands = [["party", *common, f"{out}-{i}", "--role", role] for i, role in enumerate(roles)]
        _all(space, [*commands, ["run", *common, str(out)]])
        summary = json.loads((out / "summary.json").read_text("utf-8"))
        return float(summary["makespan_ns"]) / 1e9


def _all(space: Namespaces, commands: Sequence[Sequence[str]]) -> None:
    """Run commands of mpcsim at once, each in a namespace, until all have ended."""
    until = time.monotonic() + _PATIENCE
    started: list[subprocess.Popen[str]] = []
    try:
        for place, command in enumerate(commands):
            inside = space.enter(place, [sys.executable, "-m", "mpcsim", *command])
            started.append(
                subprocess.Popen(inside, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            )
        for one in started:
            printed, _ = one.communicate(timeout=max(until - time.monotonic(), 0.1))
            if one.returncode:
                raise RuntimeError(printed)
    finally:
        for one in started:
            if one.poll() is None:
                one.kill()
                one.communicate()
