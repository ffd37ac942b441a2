"""What a shell offers behind TAB: scenarios, their keys. Installed by `mpcsim --install-completion`.

What cannot be read completes to nothing: a shell has no place for an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from mpcsim.errors import MpcsimError


def scenarios(incomplete: str) -> list[str]:
    """Return names of shipped scenarios, and of scenario files from here on."""
    from pathlib import Path

    from mpcsim import plugins

    shipped = [file.stem for folder in plugins.scenario_folders() for file in folder.glob("*.toml")]
    place = Path(incomplete.rpartition("/")[0] or ("/" if incomplete.startswith("/") else "."))
    here = [str(file) for file in place.glob("*.toml")] if place.is_dir() else []
    return [name for name in sorted({*shipped, *here}) if name.startswith(incomplete)]


def keys(context: typer.Context, incomplete: str) -> list[str]:
    """Return the keys that the scenario of this command line accepts, each with its "="."""
    named = context.params.get("scenario")
    if not named:
        return []
    from mpcsim import plugins
    from mpcsim.scenario import load_scenario

    try:
        loaded = load_scenario(named, (), None, plugins.scenario_folders())
        found = {*_engine_keys(), *_workload_keys(loaded.workload), *_written(loaded.document, ())}
    except MpcsimError:
        return []
    return [f"{key}=" for key in sorted(found - {"folder"}) if key.startswith(incomplete)]


def network_keys(incomplete: str) -> list[str]:
    """Return the keys of `[network]`, each with its "="."""
    return [
        f"{key}=" for key in _engine_keys() if key.startswith("network.") and key.startswith(incomplete)
    ]


def _engine_keys() -> list[str]:
    from mpcsim.scenario import keys as scenario_keys

    tables = [table for table in scenario_keys.engine_tables() if not table.array]
    return [f"{table.path}.{key.name}".lstrip(".") for table in tables for key in table.keys]


def _workload_keys(workload: str) -> list[str]:
    """Return what a shipped workload takes outside of arrays of tables."""
    from mpcsim import plugins
    from mpcsim.scenario import keys as scenario_keys

    if workload not in plugins.workloads():
        return []
    tables = [table for table in scenario_keys.workload_tables(workload) if not table.array]
    return [f"{table.path}.{key.name}".lstrip(".") for table in tables for key in table.keys]


def _written(value: Any, before: tuple[str, ...]) -> Iterator[str]:
    """Yield the keys that a scenario has, those of the entries of its arrays of tables too."""
    tables = isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
    if not (isinstance(value, dict) or tables):
        yield ".".join(before)
        return
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _written(one, (*before, str(key)))
