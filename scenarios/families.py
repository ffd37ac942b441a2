"""Families of protocols by name: those that packages register, and those in files of the user's."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError, create_model

from mpcsim import InputError, plugins
from mpcsim.scenario import import_file, validate
from mpcsim.schema import unknown
from protocols.family import Family, NotOffered

DEFAULT = "replicated3"
__all__ = ["DEFAULT", "Family", "NotOffered", "families", "find", "read_choices"]


@cache
def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in plugins.entries(plugins.FAMILIES)}


@cache
def _registered(name: str) -> type[Family]:
    """Return a registered family, imported when it is first asked for: a run needs its own alone."""
    found: type[Family] = plugins.load(_entries()[name])
    return found


def families() -> dict[str, type[Family]]:
    """Return the registered families by name."""
    return {name: _registered(name) for name in _entries()}


def find(reference: str, folder: Path | None = None) -> type[Family]:
    """Return a family by its registered name, or by "file.py:Class" from a folder on.

    Raises:
        InputError: there is no such family, file or class.
    """
    if reference in _entries():
        return _registered(reference)
    file, _, name = reference.rpartition(":")
    if not file.endswith(".py"):
        problem = unknown(reference, list(_entries()), "family")
        raise InputError(f'protocol.family: {problem}, or "file.py:MyFamily"')
    places = [place / file for place in (folder or Path(), Path.cwd())]
    path = next((one for one in places if one.is_file()), None)
    if path is None:
        looked = " and ".join(dict.fromkeys(map(str, places)))
        raise InputError(f"protocol.family: {reference!r}: there is no file {looked}")
    module = import_file(path.resolve(), "protocol.family")
    own = getattr(module, name, None)
    if not (isinstance(own, type) and issubclass(own, Family)):
        classes = [
            key for key, value in vars(module).items()
            if isinstance(value, type) and issubclass(value, Family) and value.__module__ == module.__name__
        ]  # fmt: skip
        raise InputError(f"protocol.family: {path}: {unknown(name, classes, 'family')}")
    if inspect.isabstract(own):
        lacking = ", ".join(sorted(own.__abstractmethods__))
        raise InputError(f"protocol.family: {path}: {name} does not say {lacking}")
    called = getattr(own, "name", None)
    if called in (None, *_entries()):
        raise InputError(
            f"protocol.family: {path}: {name}.name = {called!r}; accepted: a name of its own, none of "
            f"{', '.join(_entries())}"
        )
    return own


def read_choices(family: type[Family], table: Mapping[str, Any]) -> tuple[BaseModel, list[str]]:
    """Return a family's choices from a `[protocol]` table, and the keys that other families' choices are.

    A scenario that is written for one family runs on another: what the other does not know, or does not
    accept, and a registered one does, is dropped.

    Raises:
        InputError: a key that no family knows, or a value that none accepts.
    """
    kept = {key: value for key, value in table.items() if key != "family"}
    others = [key for key, value in kept.items() if not _accepts(family, key, value)]
    dropped = [key for key in others if _known(key, kept[key])]
    for key in others:
        owner = next((one for one in families().values() if key in one.Choices.model_fields), None)
        if key not in (*dropped, *family.Choices.model_fields) and owner is not None:
            _validated(owner, {key: kept[key]})  # raises: no family accepts the value
    kept = {key: value for key, value in kept.items() if key not in dropped}
    return _validated(family, kept), dropped


def _validated(family: type[Family], table: Mapping[str, Any]) -> BaseModel:
    model: Any = create_model("Protocol", protocol=(family.Choices, ...))
    choices: BaseModel = validate(model, {"protocol": dict(table)}).protocol
    return choices


def _known(key: str, value: Any) -> bool:
    return any(_accepts(other, key, value) for other in families().values())


def _accepts(family: type[Family], key: str, value: Any) -> bool:
    if key not in family.Choices.model_fields:
        return False
    try:
        family.Choices.model_validate({key: value})
    except ValidationError:
        return False
    return True
