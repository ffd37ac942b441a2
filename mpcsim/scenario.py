"""Scenario files: TOML read, overrides applied, the engine's own tables validated.

Every refusal is a `ScenarioError` that names the file, the key path, what was found and what is
accepted. What the engine does not know stays in `Scenario.tables`, for the workload's model.
"""

from __future__ import annotations

import tomllib
import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from mpcsim.errors import InputError, ScenarioError
from mpcsim.network import Network

_Model = TypeVar("_Model", bound=BaseModel)
_LONGEST_VALUE = 80


class EngineSettings(BaseModel):
    """The `[engine]` table."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    clock: Literal["virtual", "wall"] = "virtual"
    compute: Literal["none", "measured"] = "none"
    trace: bool = True


class _Head(BaseModel):
    """The keys of a scenario that belong to no table."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, Field(min_length=1, max_length=120)]
    description: str = ""
    seed: Annotated[int, Field(ge=0)] | None = None
    folder: str = "."
    engine: EngineSettings = EngineSettings()


ENGINE_KEYS = (*_Head.model_fields, "network", "workload")


@dataclass(frozen=True)
class Scenario:
    """A scenario, ready to run.

    Attributes:
        name: the scenario's name, by default that of its file.
        workload: a shipped name, or "file.py:function".
        network: the emulated network.
        engine: clock, compute and trace.
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

    def refusal(self, text: object) -> ScenarioError:
        """Return the error that says what is wrong with this scenario."""
        return ScenarioError(f"{self.source}: {text}")


def load_scenario(
    path_or_name: str | Path,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    search: Path | None = None,
) -> Scenario:
    """Read a scenario file.

    Args:
        path_or_name: a file, or the bare name of one in `search`.
        overrides: "a.b=VALUE"; VALUE is read as a TOML value, as plain text where it is not one.
        seed: replaces the scenario's own.
        search: the folder of the shipped scenarios.

    Raises:
        ScenarioError: the file, a key or a value is not usable.
    """
    path = _find(path_or_name, search)
    source = str(path) + "".join(f" --set {override}" for override in overrides)
    document = _read(path)
    for override in overrides:
        try:
            _override(document, override)
        except InputError as error:
            raise ScenarioError(f"{path}: --set {override}: {error}") from None
    if seed is not None:
        document["seed"] = seed
    try:
        return _scenario(document, path, source)
    except InputError as error:
        raise ScenarioError(f"{source}: {error}") from None


def _scenario(document: dict[str, Any], path: Path, source: str) -> Scenario:
    head = {key: document[key] for key in _Head.model_fields if key in document}
    settings = validate(_Head, {"name": path.stem} | head)
    workload, further = _workload(document)
    tables = {key: value for key, value in document.items() if key not in ENGINE_KEYS}
    if further:
        tables["workload"] = further
    folder = (path.parent / settings.folder).resolve()
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
    )


def _network(table: Any) -> Network:
    """Return the network of a `[network]` table: its keys are the arguments of `Network`."""
    if not isinstance(table, dict):
        raise InputError(f"network: found {_shown(table)}; accepted: a table")
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
        raise InputError(f"workload: found {_shown(found)}; {accepted}")
    return name, table


# Files


def _find(path_or_name: str | Path, search: Path | None) -> Path:
    path = Path(path_or_name)
    if path.is_file():
        return path
    shipped = sorted(file.stem for file in search.glob("*.toml")) if search else []
    if search is not None and str(path_or_name) in shipped:
        return search / f"{path_or_name}.toml"
    if path.is_dir():
        raise ScenarioError(f"{path}: is a folder; accepted: a scenario file, or a shipped name")
    raise ScenarioError(f"{path}: no such scenario file, and {unknown(str(path), shipped, 'name')}")


def _read(path: Path) -> dict[str, Any]:
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
        raise InputError(f"{'.'.join(path[:-1])} is {_shown(place)}, not a table")
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


# Validation


def validate(model: type[_Model], data: dict[str, Any], also_accepted: Iterable[str] = ()) -> _Model:
    """Validate tables against a pydantic model.

    Args:
        model: what the tables must be.
        data: the tables.
        also_accepted: top-level keys that others take care of, named in suggestions.

    Raises:
        InputError: one line for each key path that is wrong.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems: dict[str, list[str]] = {}
        for detail in error.errors(include_url=False):
            path, text = _explain(model, data, detail, tuple(also_accepted))
            problems.setdefault(path, [])
            if text not in problems[path]:
                problems[path].append(text)
        lines = [f"{path}: {' or '.join(texts)}" for path, texts in problems.items()]
        raise InputError("\n  ".join(lines)) from None


def _explain(
    model: type[BaseModel], data: dict[str, Any], detail: ErrorDetails, more: tuple[str, ...]
) -> tuple[str, str]:
    """Return the key path in the file, and what is wrong there."""
    kind, context = detail["type"], detail.get("ctx", {})
    path, value = _key_in_file(data, detail["loc"], keep_last=kind == "missing")
    if kind == "extra_forbidden":
        models = _models_at(model, detail["loc"][:-1])
        accepted = list(dict.fromkeys(key for one in models for key in one.model_fields))
        if len(detail["loc"]) == 1:
            accepted += [key for key in more if key not in accepted]
        return path, unknown(str(detail["loc"][-1]), accepted, "key")
    if kind == "missing":
        return path, "missing, and there is no default"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        key = str(context["discriminator"]).strip("'")
        tags = [str(tag) for one in _models_at(model, detail["loc"]) for tag in _tags(one, key)]
        if kind == "union_tag_not_found":
            return f"{path}.{key}", f"missing; accepted: {', '.join(tags)}"
        return f"{path}.{key}", unknown(str(context["tag"]), tags, key)
    if kind in ("value_error", "assertion_error"):
        return path or "(whole file)", str(context.get("error", detail["msg"]))
    wanted = detail["msg"].removeprefix("Input should be ")
    if kind == "literal_error" and isinstance(value, str):
        close = _close(value, str(context["expected"]).replace(" or ", ", ").split(", "))
        return path, f"found {_shown(value)}{close}; accepted: {wanted}"
    return path, f"found {_shown(value)}; accepted: {wanted}"


def _key_in_file(
    data: dict[str, Any], location: tuple[int | str, ...], *, keep_last: bool
) -> tuple[str, Any]:
    """Drop from pydantic's location what is no key of the file: names of the members of unions."""
    parts, value = [], data
    for position, part in enumerate(location, 1):
        inside = (
            part in value
            if isinstance(value, dict)
            else isinstance(value, list) and isinstance(part, int) and part < len(value)
        )
        if inside:
            value = value[part]  # type: ignore[index]  # an index of a list, a key of a table
        if inside or (keep_last and position == len(location)):
            parts.append(str(part))
    return ".".join(parts), value


def _models_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[type[BaseModel]]:
    """Return the models that can stand at one of pydantic's locations."""
    models = [model]
    for part in location:
        inner = [
            found
            for one in models
            if part in one.model_fields
            for found in _models_in(one.model_fields[str(part)].annotation)
        ]
        tagged = [
            one
            for one in models
            if part == one.__name__ or any(part in _tags(one, key) for key in one.model_fields)
        ]
        models = inner or tagged or models
    return models


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that an annotation mentions, through lists, unions and `Annotated`."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _tags(model: type[BaseModel], key: str) -> tuple[Any, ...]:
    """Return the values that a `Literal` field accepts."""
    return get_args(model.model_fields[key].annotation)


# Words


def unknown(found: str, accepted: Sequence[str], what: str) -> str:
    """Say that a word is not known, which one is close, and which are accepted."""
    listed = ", ".join(accepted) or "none"
    return f"unknown {what} {found!r}{_close(found, accepted)}; accepted: {listed}"


def _close(found: str, accepted: Sequence[str]) -> str:
    plain = [word.strip("'") for word in accepted]
    close = get_close_matches(found, plain, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
