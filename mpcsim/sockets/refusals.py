"""What a scenario may say that real sockets cannot do: refused by name before anything starts."""

from __future__ import annotations

from mpcsim.scenario import Scenario
from mpcsim.sockets.wire import COLLECTOR


def check(scenario: Scenario, roles: list[str]) -> None:
    """Refuse what needs an emulated network or virtual time.

    The `[network]` table stays allowed: it is what a prediction is made for, and has no effect here.

    Raises:
        ScenarioError: with the key.
    """
    if scenario.faults:
        raise scenario.refusal(
            "faults: need the emulator; on sockets the network is real and breaks by itself"
        )
    if scenario.engine.speed:
        raise scenario.refusal(
            "engine.speed: needs virtual time; on sockets processors are as fast as they are"
        )
    if scenario.tables.get("dry_run"):
        raise scenario.refusal("dry_run: shapes alone have no values that sockets could carry")
    if COLLECTOR in roles:
        raise scenario.refusal(f"a role is called {COLLECTOR!r}, as who collects the record on sockets is")
