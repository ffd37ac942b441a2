"""What packages register with mpcsim, by entry points: commands, scenarios, columns. So nothing reaches up.

- `mpcsim.commands`: a function with typer's annotations; its entry's name is the command's.
- `mpcsim.scenarios`: a package with `WORKLOADS` (name: "module:function") and scenario files in its folder.
- `mpcsim.families`: a family of protocols; whoever runs workloads on shares finds it by its name.
- `mpcsim.lists`: what `mpcsim list NAME` lists, a command like those.
- `mpcsim.columns`: a column of a run's table of spans: a function that takes its `mpcsim.record.Record` and
  gives a cell for each span (or None, for no column) and a note for below the table.
- `mpcsim.makespans`: a function that takes a `mpcsim.record.Record` and gives the makespan by transport, or
  None where that costs much; with `always=True` in any case.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from importlib.metadata import EntryPoint, EntryPoints, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from typing import Any

from mpcsim import log
from mpcsim.causes import guarded
from mpcsim.errors import InputError

COMMANDS, SCENARIOS, COLUMNS = "mpcsim.commands", "mpcsim.scenarios", "mpcsim.columns"
MAKESPANS = "mpcsim.makespans"
LISTS = "mpcsim.lists"
FAMILIES = "mpcsim.families"
_OURS = "mpcsim"
_HERE = Path(__file__).resolve().parent.parent


def entries(group: str) -> list[EntryPoint]:
    """Return the entries of a group, mpcsim's own first; of two with one name the first counts."""
    found: dict[str, EntryPoint] = {}
    registered: EntryPoints = _registered(tuple(sys.path)).select(group=group)
    for entry in sorted(registered, key=lambda entry: (not _is_ours(entry), entry.name)):
        found.setdefault(entry.name, entry)
    return list(found.values())


def load(entry: EntryPoint) -> Any:
    """Return what an entry names.

    Raises:
        InputError: it cannot be imported: the entry, its package and the cause are named.
    """
    package = "an unknown package" if entry.dist is None else f"the package {entry.dist.name}"
    if _is_ours(entry):
        _check_shadow(entry.module.partition(".")[0])
    what = f"{entry.group}: {entry.name!r} of {package} ({entry.value}) cannot be loaded"
    with guarded(what, InputError):  # another's package may fail in any way
        found = entry.load()
    log.follow()
    return found


def workloads() -> dict[str, str]:
    """Return the shipped workloads of all packages: "module:function" by name."""
    found: dict[str, str] = {}
    for entry in entries(SCENARIOS):
        found = load(entry).WORKLOADS | found
    return found


def scenario_folders() -> list[Path]:
    """Return the folders of the shipped scenarios of all packages."""
    return [Path(load(entry).__file__).parent for entry in entries(SCENARIOS)]


def place(folder: Path, name: str) -> Path:
    """Return where a run writes what its scenario names: from the scenario's folder, as what it reads.

    Shipped scenarios lie where mpcsim is installed, where no run writes: theirs is the working directory.
    """
    inside = any(folder.resolve().is_relative_to(shipped.resolve()) for shipped in scenario_folders())
    return (Path.cwd() if inside else folder) / Path(name).expanduser()


def stale() -> str | None:
    """Say how to install this checkout again, where it registers other entries than the installed ones."""
    project = _HERE / "pyproject.toml"
    if not project.is_file():
        return None
    import tomllib

    ours, _, _ = project.read_text(encoding="utf-8").partition("\n[tool.")  # settings of tools come last
    read = tomllib.loads(ours).get("project", {})
    if read.get("name") != _OURS:
        return None
    groups = (COMMANDS, LISTS, SCENARIOS, COLUMNS, MAKESPANS, FAMILIES)
    wanted = {group: set(read.get("entry-points", {}).get(group, {})) for group in groups}
    there = {group: {entry.name for entry in entries(group) if _is_ours(entry)} for group in wanted}
    if wanted == there:
        return None
    how = f"python -m pip install --editable {_HERE}"
    return f"{project}: registers other commands than were installed; run: {how}"


@functools.cache
def _registered(_path: tuple[str, ...]) -> Any:
    """Return what all packages on this path register, to select from: each is looked at once."""
    return entry_points()


def _is_ours(entry: EntryPoint) -> bool:
    return entry in _ours(tuple(sys.path))


@functools.cache
def _ours(_path: tuple[str, ...]) -> frozenset[EntryPoint]:
    """Return what mpcsim registers; a package's name would take its whole description to be parsed."""
    try:
        return frozenset(distribution(_OURS).entry_points)
    except PackageNotFoundError:
        return frozenset()


def _check_shadow(name: str) -> None:
    """Refuse a module of the user's that stands in the way of one of mpcsim's packages."""
    spec = importlib.util.find_spec(name)
    places = (
        []
        if spec is None
        else [*(spec.submodule_search_locations or []), *([spec.origin] if spec.origin else [])]
    )
    if not any(Path(place).resolve().is_relative_to(_HERE / name) for place in places):
        where = places[0] if places else "nothing"
        raise InputError(
            f"{where}: stands in the way of mpcsim's package {name!r} ({_HERE / name}): rename it, or run "
            "from another folder"
        )
