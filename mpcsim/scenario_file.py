"""Scenario files: TOML read, overrides applied, the engine's own tables validated.

Every refusal is a `ScenarioError` that names the file, the key path, what was found and what is
accepted. What the engine does not know stays in `Scenario.tables`, for the workload's model.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mpcsim.errors import InputError, ScenarioError
from mpcsim.faults import read_faults
from mpcsim.network import PROFILES, Network
from mpcsim.schema import shown, unknown, validate
from mpcsim.texts import is_text

__all__ = ["ENGINE_KEYS", "EngineSettings", "Scenario", "load_scenario", "unknown", "validate"]


class EngineSettings(BaseModel):
    """The `[engine]` table: how time passes, and what is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    clock: Literal["virtual", "wall"] = Field(
        default="virtual", description="virtual: time jumps, and repeats to the bit; wall: delays are slept"
    )
    compute: Literal["none", "measured"] = Field(
        default="none", description="measured: a party's processor time advances its clock"
    )
    trace: bool = Field(default=True, description="keep every event, for retime, reports and diagrams")
    speed: dict[str, Annotated[float, Field(ge=1e-6, le=1e6)]] = Field(
        default={}, description="by role: how many times as fast as this machine; with measured compute"
    )
    check_payloads: bool = Field(
        default=False, description="refuse a run in which a payload changed after it was sent"
    )


class Head(BaseModel):
    """The keys of a scenario that belong to no table, beside `workload`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, Field(min_length=1, max_length=120)] = Field(
        default="", description="what the run is called; without it, the name of the file"
    )
    description: str = Field(default="", description="what `mpcsim list` says of it")
    seed: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="of everything random; without it keys come from the operating system"
    )
    folder: str = Field(default=".", description="where relative paths start, from the file's own folder")
    expect: Literal["finish", "abort"] = Field(
        default="finish", description="abort: the run is as it should be where parties abort, and only then"
    )
    engine: EngineSettings = EngineSettings()


ENGINE_KEYS = (*Head.model_fields, "network", "workload", "faults", "adversaries")


@dataclass(frozen=True)
class Scenario:
    """A scenario, ready to run.

    Attributes:
        name: the scenario's name, by default that of its file.
        workload: a shipped name, or "file.py:function".
        network: the emulated network.
        engine: clock, compute, trace, speeds of processors.
        adversaries: (role, "file.py:function") of each of `[[adversaries]]`.
        expect: "abort": the run is as it should be where parties abort, and only then.
        faults: the rules of `[[faults]]`.
        tables: all that the engine does not know; `workload` in it holds the further keys of
            `[workload]`.
        folder: where relative paths of the scenario start.
        document: the whole scenario with its overrides, as it goes into the run record.
        source: how error messages call it.
    """

    name: str
    workload: str
    seed: int | None
    network: Network
    engine: EngineSettings
    tables: dict[str, Any]
    folder: Path
    document: dict[str, Any] = field(repr=False)
    source: str = field(compare=False)
    faults: tuple[Any, ...] = ()
    expect: str = "finish"
    adversaries: tuple[tuple[str, str], ...] = ()

    def refusal(self, text: object) -> ScenarioError:
        """Return the error that says what is wrong with this scenario."""
        return ScenarioError(f"{self.source}: {text}")


def load_scenario(
    path_or_name: str | Path,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    search: Path | Sequence[Path] = (),
) -> Scenario:
    """Read a scenario file.

    Args:
        path_or_name: a file, or the bare name of one in `search`.
        overrides: "a.b=VALUE"; VALUE is read as a TOML value, as plain text where it is not one.
        seed: replaces the scenario's own.
        search: the folder, or the folders, of the shipped scenarios.

    Raises:
        ScenarioError: the file, a key or a value is not usable.
    """
    path = _find(path_or_name, [search] if isinstance(search, Path) else search)
    source = str(path) + "".join(f" --set {override}" for override in overrides)
    document = read_tables(path)
    for override in overrides:
        try:
            _override(document, override)
        except InputError as error:
            raise ScenarioError(f"{path}: --set {override}: {error}") from None
    _yield_to_profile(document.get("network"), overrides)
    if seed is not None:
        document["seed"] = seed
    try:
        return _scenario(document, path, source)
    except InputError as error:
        raise ScenarioError(f"{source}: {error}") from None


def _scenario(document: dict[str, Any], path: Path, source: str) -> Scenario:
    head = {key: document[key] for key in Head.model_fields if key in document}
    settings = validate(Head, {"name": path.stem} | head)
    workload, further = _workload(document)
    tables = {key: value for key, value in document.items() if key not in ENGINE_KEYS}
    if further:
        tables["workload"] = further
    folder = (path.parent / settings.folder).resolve()
    if not (is_text(source) and is_text(str(folder))):
        raise InputError("names of files and values must be text: found bytes that are not UTF-8")
    return Scenario(
        name=settings.name,
        workload=workload,
        seed=settings.seed,
        network=_network(document.get("network", {})),
        engine=settings.engine,
        tables=tables,
        folder=folder,
        document=document | {"name": settings.name, "folder": str(folder)},
        source=source,
        faults=_faults(document.get("faults", [])),
        expect=settings.expect,
        adversaries=_adversaries(document.get("adversaries", [])),
    )


def _faults(tables: Any) -> tuple[Any, ...]:
    if not isinstance(tables, list):
        raise InputError(f"faults: found {shown(tables)}; accepted: an array of tables, [[faults]]")
    return read_faults(tables)


class Adversary(BaseModel):
    """A program in the place of an honest party's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    role: Annotated[str, Field(min_length=1, description="whose place it takes")]
    program: Annotated[
        str, Field(min_length=1, description='"file.py:function", which gets the honest one')
    ]


class _Adversaries(BaseModel):
    adversaries: list[Adversary]


def _adversaries(tables: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(tables, list):
        raise InputError(
            f"adversaries: found {shown(tables)}; accepted: an array of tables, [[adversaries]]"
        )
    found = validate(_Adversaries, {"adversaries": tables}).adversaries
    roles = [one.role for one in found]
    for number, role in enumerate(roles):
        if role in roles[:number]:
            raise InputError(f"adversaries.{number}.role: {role!r} is there twice; accepted: each once")
    return tuple((one.role, one.program) for one in found)


def _network(table: Any) -> Network:
    """Return the network of a `[network]` table: its keys are the arguments of `Network`."""
    if not isinstance(table, dict):
        raise InputError(f"network: found {shown(table)}; accepted: a table")
    accepted = [argument.name for argument in fields(Network)]
    for key in table:
        if key not in accepted:
            raise InputError(f"network.{key}: {unknown(key, accepted, 'key')}")
    return Network(**table)


def _workload(document: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the workload's reference and the further keys of its table."""
    accepted = 'accepted: a shipped name, "file.py:function", or a table with such a `name`'
    if "workload" not in document:
        raise InputError(f"workload: missing; {accepted}")
    found = document["workload"]
    table = dict(found) if isinstance(found, dict) else {"name": found}
    name = table.pop("name", None)
    if not isinstance(name, str) or not name:
        raise InputError(f"workload: found {shown(found)}; {accepted}")
    return name, table


def _yield_to_profile(network: Any, overrides: Sequence[str]) -> None:
    """Drop what a file says of a network where an override names a ready-made one that says it too."""
    changed = {override.partition("=")[0].strip() for override in overrides}
    if "network.profile" not in changed or not isinstance(network, dict):
        return
    profile = PROFILES.get(str(network.get("profile")))
    for key in () if profile is None else profile.decides:
        if f"network.{key}" not in changed:
            network.pop(key, None)


# Files

_KEPT = "scenario.toml"  # what a run record has of the scenario that it ran


def _find(path_or_name: str | Path, search: Sequence[Path]) -> Path:
    """Return the file of a scenario: itself, a shipped one by name, or what a run record kept."""
    path = Path(path_or_name)
    if path.is_file():
        return path
    files = {file.stem: file for folder in reversed(search) for file in folder.glob("*.toml")}
    if str(path_or_name) in files:
        return files[str(path_or_name)]
    if path.is_dir():
        if (kept := path / _KEPT).is_file():
            return kept
        raise ScenarioError(
            f"{path}: is a folder; accepted: a scenario file, a run record, or a shipped name"
        )
    raise ScenarioError(f"{path}: no such scenario file, and {unknown(str(path), sorted(files), 'name')}")


def read_tables(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file as it says them, nothing validated.

    Raises:
        ScenarioError: the file cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise ScenarioError(f"{path}: not valid TOML: nested too deeply") from None


# Overrides


def _override(document: dict[str, Any], override: str) -> None:
    """Set one key of the document, making tables where there are none."""
    key, equals, text = override.partition("=")
    if not equals:
        raise InputError("accepted: KEY=VALUE, as in network.latency=10ms")
    path = _key_path(key)
    if path[0] == "workload" and len(path) > 1 and isinstance(document.get("workload"), str):
        document["workload"] = {"name": document["workload"]}
    place: Any = document
    for depth, part in enumerate(path[:-1], 1):
        if isinstance(place, dict):
            place.setdefault(part, {})
        place = place[_slot(place, part, path[:depth])]
    place[_slot(place, path[-1], path)] = _value(text)


def _key_path(key: str) -> list[str]:
    """Return the parts of a dotted key, read as TOML reads it."""
    try:
        nested = tomllib.loads(f"{key.strip()} = 0")
    except tomllib.TOMLDecodeError:
        nested = {}
    path = []
    inner: Any = nested
    while isinstance(inner, dict) and len(inner) == 1:
        (part,) = inner
        path.append(part)
        inner = inner[part]
    if inner != 0 or not path:
        raise InputError(f"{key!r} is not a key; accepted: dotted names, as in model.layers.0.filters")
    return path


def _slot(place: Any, part: str, path: list[str]) -> Any:
    """Return what to index `place` with: a key of a table, a position of an array."""
    if isinstance(place, dict):
        return part
    if not isinstance(place, list):
        raise InputError(f"{'.'.join(path[:-1])} is {shown(place)}, not a table")
    if not (part.isdecimal() and int(part) < len(place)):
        raise InputError(
            f"{'.'.join(path)}: found index {part!r}; accepted: 0 to {len(place) - 1}, as "
            f"{'.'.join(path[:-1])} has {len(place)} entries"
        )
    return int(part)


def _value(text: str) -> Any:
    try:
        read = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return read["value"] if len(read) == 1 else text
