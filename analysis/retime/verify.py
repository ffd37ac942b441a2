"""`mpcsim retime --verify`: a retimed network is run after all, and both are compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from analysis.point import solve
from analysis.retime.retiming import Retiming
from mpcsim import CheckFailed, InputError, RunError
from mpcsim.scenario import load_scenario

_TOTALS = ("makespan_ns", "rounds", "messages", "wire_bytes")


def check_possible(retiming: Retiming) -> None:
    """Refuse a run that no other equals.

    Raises:
        InputError: its compute was measured.
    """
    if retiming.structure.measured:
        raise InputError(
            f"--verify: {retiming.record.folder}: measured compute does not repeat; accepted: a run with "
            'engine.compute = "none"'
        )


def verify(retiming: Retiming, values: Mapping[str, str], makespan_ns: int) -> None:
    """Run a record's scenario over another network and compare.

    Args:
        retiming: of the record.
        values: what the network changes, by key.
        makespan_ns: what retiming says.

    Raises:
        CheckFailed: the run does something else.
        RunError: it does not finish.
    """
    record = retiming.record
    overrides = [f"{key}={value}" for key, value in values.items()]
    scenario = load_scenario(record.folder / "scenario.toml", overrides)
    outcome = solve(scenario)
    where = f"{record.folder}, {', '.join(overrides) or 'its own network'}"
    if outcome.error is not None:
        raise RunError(f"--verify: {where}: the run did not finish: {outcome.error}")
    fresh: dict[str, Any] = json.loads(outcome.files["summary.json"])
    retimed = {key: record.summary[key] for key in _TOTALS} | {"makespan_ns": makespan_ns}
    differ = [f"{key} {retimed[key]}, run: {fresh[key]}" for key in _TOTALS if retimed[key] != fresh[key]]
    if differ:
        raise CheckFailed(
            f"--verify: {where}: a run does something else than retiming says: {'; '.join(differ)} (its "
            "parties share something that the engine does not see, or look at the time)"
        )
