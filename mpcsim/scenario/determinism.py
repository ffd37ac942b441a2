"""The check of determinism: a run here, the same run in another process, compared event by event.

The other process has another hash seed, so that an order that comes from a set or from object
identities shows. What is compared is each message's time, link, channel, span, size and payload hash,
and each act of a fault.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import tomli_w

from mpcsim.errors import CheckFailed, InputError, RunError
from mpcsim.scenario_file import Scenario
from mpcsim.units import format_time

Rows = Sequence[Sequence[Any]]


def check_possible(scenario: Scenario) -> None:
    """Refuse a scenario that promises no repeatable run.

    Raises:
        ScenarioError: no seed, a wall clock, or measured compute.
    """
    if scenario.seed is None:
        raise scenario.refusal("seed: missing: a run without one takes its keys from the system")
    if scenario.engine.clock != "virtual":
        raise scenario.refusal("engine.clock: a run in real time does not repeat; accepted: 'virtual'")
    if scenario.engine.compute != "none":
        raise scenario.refusal("engine.compute: measured compute does not repeat; accepted: 'none'")


def rows_of_another_process(scenario: Scenario) -> list[list[Any]]:
    """Run a scenario in a process with another hash seed and return its audit.

    Raises:
        RunError: the process did not come to an end of its run.
    """
    with tempfile.TemporaryDirectory() as folder:
        file, rows = Path(folder, "scenario.toml"), Path(folder, "rows.jsonl")
        file.write_text(tomli_w.dumps(scenario.document), encoding="utf-8")
        other = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
        done = subprocess.run(
            [sys.executable, "-m", "mpcsim.scenario.audit", str(file), str(rows)],
            env=os.environ | {"PYTHONHASHSEED": other},
            capture_output=True,
            text=True,
            check=False,
        )
        if not rows.is_file():
            raise RunError(f"the second run did not start:\n{done.stderr.strip()}")
        return [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]


def write_rows(rows: Rows, file: Path) -> None:
    """Write an audit where the other process reads it."""
    try:
        file.write_text("".join(json.dumps(list(row)) + "\n" for row in rows), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from None


def compare(first: Rows, second: Rows, roles: Sequence[str]) -> dict[str, Any]:
    """Return what a check found, for the summary.

    Raises:
        CheckFailed: the first event in which the two runs differ.
    """
    for number, (one, two) in enumerate(zip_longest(first, second)):
        if one is None or two is None or list(one) != list(two):
            raise CheckFailed(
                f"not deterministic: the runs differ first at event {number} of {len(first)} "
                f"({len(second)} in the second run)\n"
                f"first run:  {_shown(one, roles)}\n  second run: {_shown(two, roles)}"
            )
    return {"equal": True, "events": len(first), "processes": 2}


def _shown(row: Sequence[Any] | None, roles: Sequence[str]) -> str:
    if row is None:
        return "nothing: the run had ended"
    if len(row) == 1:
        return str(row[0])
    time, sender, to, wire_bytes, channel, span, payload = row
    return (
        f"at {format_time(time)} ({time} ns) {roles[sender]} to {roles[to]}, {wire_bytes} wire bytes, "
        f"channel {channel or '(root)'!r}, span {span!r}, payload {payload}"
    )
