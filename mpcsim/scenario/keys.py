"""Every key that a scenario may hold, as its models say: type, unit, default, meaning; for pages.

A key's meaning is its field's `description`, or its line under `Attributes:` or `Args:` in the docstring
of the class. Where a key chooses among tables (`type` of a layer, `kind` of a fault), each is listed.
"""

from __future__ import annotations

import inspect
import re
import textwrap
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from mpcsim import plugins
from mpcsim.faults import RULES
from mpcsim.network import Effects, Network
from mpcsim.scenario.workload import load_workload
from mpcsim.scenario_file import Adversary, Head
from mpcsim.schema import ChosenBy
from mpcsim.units import Unit

_ENTRY = re.compile(r"^(\w+): (.*(?:\n[ \t]+.*)*)", re.MULTILINE)
_LISTS = re.compile(r"\n\n(?:Attributes|Args|Raises|Returns):\n")
_WORDS = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", Any: "any"}
_BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}"}
_LENGTHS = {"min_length": "at least {}", "max_length": "at most {}"}


@dataclass(frozen=True)
class Key:
    """A key of a table.

    Attributes:
        name: as the file writes it.
        type: what a value is, in words, with its bounds.
        unit: what a number counts, or which units a text takes; empty where there is none.
        default: as the file would write it; empty where it is absent, None where the key must be there.
        meaning: what it says.
    """

    name: str
    type: str
    unit: str
    default: str | None
    meaning: str


@dataclass(frozen=True)
class Table:
    """A table of a scenario.

    Attributes:
        path: its name; empty for the keys at the top of the file.
        array: whether there may be several, `[[path]]`.
        kind: the key and value that choose it among tables of one name; empty where it is the only one.
        about: what it is for.
        keys: in the model's order.
    """

    path: str
    array: bool
    kind: str
    about: str
    keys: tuple[Key, ...]

    @property
    def heading(self) -> str:
        """How a file opens it."""
        opened = f"[[{self.path}]]" if self.array else f"[{self.path}]"
        return f"{opened} {self.kind}".strip() if self.path else "at the top"


def engine_tables() -> list[Table]:
    """Return the engine's tables, which every scenario may hold."""
    plain = {part.name: getattr(Network(), part.name) for part in fields(Network)}
    hints = typing.get_type_hints(Network, include_extras=True)
    described = {
        name: Effects.model_fields.get(name) or FieldInfo.from_annotated_attribute(hints[name], default)
        for name, default in plain.items()
    }
    network = _table("network", Network, described)
    inner = [table for table in tables_of(Effects, "network") if table.path != "network"]
    faults = [table for rule in RULES for table in tables_of(rule, "faults", array=True, tag="kind")]
    return [*tables_of(Head), network, *inner, *faults, *tables_of(Adversary, "adversaries", array=True)]


def workload_tables(name: str) -> list[Table]:
    """Return the tables that a shipped workload takes beside the engine's."""
    function = load_workload(name, Path(), plugins.workloads())
    model = next(iter(typing.get_type_hints(function).values()))
    return tables_of(model)


def tables_of(
    model: type[BaseModel], path: str = "", *, array: bool = False, tag: str | None = None
) -> list[Table]:
    """Return a model's table, and the tables inside it.

    Args:
        model: what reads the table.
        path: the table's name.
        array: whether it is one of several.
        tag: the key whose value chooses this model among others.
    """
    found = [_table(path, model, model.model_fields, array=array, tag=tag)]
    for name, field in model.model_fields.items():
        inner = f"{path}.{field.alias or name}".removeprefix(".")
        models = list(_models_in(field.annotation))
        chosen = field.discriminator or _discriminator(field.annotation)
        by = chosen if isinstance(chosen, str) and len(models) > 1 else None
        for one in models:
            found += tables_of(one, inner, array=_is_array(field.annotation), tag=by)
    return found


def _table(
    path: str,
    model: type,
    described: Mapping[str, FieldInfo],
    *,
    array: bool = False,
    tag: str | None = None,
) -> Table:
    kind = "" if tag is None else f"{tag} = {_toml(get_args(described[tag].annotation)[0])}"
    meanings = _meanings(model)
    keys = [
        _key(name, field, meanings)
        for name, field in described.items()
        if name != tag and not any(_models_in(field.annotation))
    ]
    about = _LISTS.split("\n\n" + inspect.cleandoc(model.__doc__ or "") + "\n")[0].strip()
    return Table(path, array, kind, about, tuple(keys))


def _key(name: str, field: FieldInfo, meanings: Mapping[str, str]) -> Key:
    default: Any = field.get_default(call_default_factory=False)
    required = default is PydanticUndefined and field.default_factory is None
    blank = default is PydanticUndefined or default is None or default in ("", (), {}, [])
    meaning = field.description or next(_inside(field.annotation, "description"), meanings.get(name, ""))
    units = dict.fromkeys(_units(field.annotation, field.metadata))
    return Key(
        field.alias or name,
        _type(field.annotation, field.metadata),
        ", ".join(units),
        None if required else "" if blank else _toml(default),
        " ".join(meaning.split()).removesuffix("."),
    )


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _meanings(model: type) -> dict[str, str]:
    """Return what the docstrings of a class and of its bases say of each key."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        lists = _LISTS.split("\n\n" + inspect.cleandoc(one.__dict__.get("__doc__") or "") + "\n")[1:]
        for text in lists:
            found |= dict(_ENTRY.findall(textwrap.dedent(text)))
    return found


# Annotations


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that an annotation mentions."""
    if inspect.isclass(annotation) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
    elif get_origin(annotation) is not Literal:
        for argument in get_args(annotation):
            yield from _models_in(argument)


def _is_array(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if inspect.isclass(origin) and issubclass(origin, Sequence):
        return True
    return origin in (Union, types.UnionType) and any(map(_is_array, get_args(annotation)))


def _inside(annotation: Any, name: str) -> Iterator[Any]:
    """Yield an attribute of the fields that stand inside an annotation, where it is set."""
    for argument in get_args(annotation):
        value = getattr(argument, name, None) if isinstance(argument, FieldInfo | ChosenBy) else None
        if value is not None:
            yield value
        yield from _inside(argument, name)


def _discriminator(annotation: Any) -> Any:
    return next(_inside(annotation, "discriminator"), None)


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    """Yield what qualifies a type, fields seen through."""
    for one in metadata:
        if isinstance(one, FieldInfo):
            yield from _flat(one.metadata)
        else:
            yield one


def _units(annotation: Any, metadata: Iterable[Any] = ()) -> Iterator[str]:
    yield from (one.name for one in _flat(metadata) if isinstance(one, Unit))
    if get_origin(annotation) is not Literal:
        for argument in get_args(annotation):
            yield from _units(argument, [argument])


def _type(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Return a type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return _type(arguments[0], [*arguments[1:], *metadata])
    if origin is Literal:
        return ", ".join(f"`{_toml(one)}`" for one in arguments)
    if origin in (Union, types.UnionType):
        words = [_type(one, metadata) for one in arguments if one is not type(None)]
        return " or ".join(dict.fromkeys(words))
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return f"table of {_type(arguments[1])}"
    if origin is tuple and Ellipsis not in arguments:
        return f"array of {len(arguments)}: {_type(arguments[0])}"
    if inspect.isclass(origin) and issubclass(origin, Sequence):
        inner = _type(arguments[0])
        plural = inner.replace("array of", "rows of") if inner.startswith("array") else inner
        return f"array of {plural}" + _limits(metadata, _LENGTHS)
    return _WORDS.get(annotation, str(annotation)) + _limits(metadata, _BOUNDS)


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _limits(metadata: Iterable[Any], signs: Mapping[str, str]) -> str:
    found = [
        sign.format(_number(getattr(one, name)))
        for one in _flat(metadata)
        for name, sign in signs.items()
        if getattr(one, name, None) is not None
    ]
    return f", {', '.join(found)}" if found else ""
