"""Validation against pydantic models, and errors that say where, what was found, and what is accepted."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from mpcsim.errors import InputError

_Model = TypeVar("_Model", bound=BaseModel)
_LONGEST_VALUE = 80


@dataclass(frozen=True)
class ChosenBy:
    """Marks a union of models that a key's value chooses from: those alone are built that a file names.

    It stands for `Field(discriminator=…)`, which builds all of them where the union is declared; models are
    to have `defer_build`.

    Args:
        discriminator: the key, in each model a `Literal`.
    """

    discriminator: str

    def __get_pydantic_core_schema__(self, union: Any, _: Any) -> CoreSchema:
        """Return a schema in which each model is asked when its turn comes."""
        choices: dict[Any, Any] = {
            tag: core_schema.no_info_plain_validator_function(model.model_validate)
            for model in get_args(union)
            for tag in _tags(model, self.discriminator)
        }
        return core_schema.tagged_union_schema(choices, self.discriminator, from_attributes=True)


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
        lines = [f"{path}: {_together(texts)}" for path, texts in problems.items()]
        raise InputError("\n  ".join(lines)) from None


def _explain(
    model: type[BaseModel], data: dict[str, Any], detail: ErrorDetails, more: tuple[str, ...]
) -> tuple[str, str]:
    """Return the key path in the file, and what is wrong there."""
    kind, context = detail["type"], detail.get("ctx", {})
    path, value = _key_in_file(data, detail["loc"], keep_last=kind == "missing")
    if kind == "extra_forbidden":
        models = _models_at(model, detail["loc"][:-1])
        accepted = list(dict.fromkeys(key for one in models for key in _keys(one)))
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
    wanted = _wanted(model, detail)
    if kind == "literal_error" and isinstance(value, str):
        close = _close(value, str(context["expected"]).replace(" or ", ", ").split(", "))
        return path, f"found {shown(value)}{close}; accepted: {wanted}"
    return path, f"found {shown(value)}; accepted: {wanted}"


_ACCEPTED = "; accepted: "


def _together(texts: Sequence[str]) -> str:
    """Return what is wrong with one key, where any of several types would do."""
    heads = dict.fromkeys(text.partition(_ACCEPTED)[0] for text in texts)
    wanted = [text.partition(_ACCEPTED)[2] for text in texts]
    if len(heads) > 1 or not all(wanted):
        return " or ".join(texts)
    return f"{next(iter(heads))}{_ACCEPTED}{' or '.join(wanted)}"


_NUMBER, _WHOLE, _TRUTH = "a number", "a whole number", "true or false"
_TEXT, _ARRAY, _TABLE = "text", "an array", "a table"
_WANTED = {
    "int_type": _WHOLE, "int_parsing": _WHOLE, "int_from_float": _WHOLE, "int_parsing_size": _WHOLE,
    "float_type": _NUMBER, "float_parsing": _NUMBER, "finite_number": "a finite number",
    "bool_type": _TRUTH, "bool_parsing": _TRUTH,
    "string_type": _TEXT, "string_unicode": "text in UTF-8",
    "list_type": _ARRAY, "tuple_type": _ARRAY, "set_type": _ARRAY, "frozen_set_type": _ARRAY,
    "dict_type": _TABLE, "mapping_type": _TABLE, "model_type": _TABLE, "model_attributes_type": _TABLE,
    "greater_than_equal": "{ge} or more", "greater_than": "more than {gt}",
    "less_than_equal": "{le} or less", "less_than": "less than {lt}",
    "multiple_of": "a multiple of {multiple_of}",
    "too_short": "an array of {min_length} or more", "too_long": "an array of {max_length} or fewer",
    "string_too_short": "text of {min_length} or more characters",
    "string_too_long": "text of {max_length} or fewer characters",
    "string_pattern_mismatch": "text like {pattern}",
    "literal_error": "{expected}", "enum": "{expected}",
    "none_required": "nothing: leave the key out",
}  # fmt: skip
"""What is accepted, by pydantic's kind of error."""


def _wanted(model: type[BaseModel], detail: ErrorDetails) -> str:
    """Return what is accepted, in words; both bounds of a number that has two."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind not in _WANTED:  # of a model of the user's
        return detail["msg"].removeprefix("Input should be ")
    if kind.startswith(("greater", "less")):
        low, high = _bounds(model, detail["loc"])
        if low and high:
            return f"{low} {high}"
    return _WANTED[kind].format(**context)


_LOWER = {"ge": "from {}", "gt": "above {}"}
_UPPER = {"le": "to {}", "lt": "and below {}"}


def _bounds(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[str, str]:
    """Return the lower and the upper bound of a number in words, "" where there is none."""
    for place in range(len(location) - 1, -1, -1):
        for one in _models_at(model, location[:place]):
            for name, field in one.model_fields.items():
                if location[place] in (name, field.alias):
                    marks = [*field.metadata, *_marks(field.annotation)]
                    return _first(marks, _LOWER), _first(marks, _UPPER)
    return "", ""


def _marks(annotation: Any) -> Iterator[Any]:
    """Yield what qualifies the types inside an annotation."""
    for one in getattr(annotation, "__metadata__", ()):
        yield from getattr(one, "metadata", [one])
    for argument in get_args(annotation):
        yield from _marks(argument)


def _first(marks: Iterable[Any], words: dict[str, str]) -> str:
    for one in marks:
        for name, text in words.items():
            if getattr(one, name, None) is not None:
                return text.format(getattr(one, name))
    return ""


def _keys(model: type[BaseModel]) -> list[str]:
    """Return a model's keys as the file writes them."""
    return [field.alias or name for name, field in model.model_fields.items()]


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


def unknown(found: str, accepted: Sequence[str], what: str) -> str:
    """Say that a word is not known, which one is close, and which are accepted."""
    listed = ", ".join(accepted) or "none"
    return f"unknown {what} {found!r}{_close(found, accepted)}; accepted: {listed}"


def _close(found: str, accepted: Sequence[str]) -> str:
    plain = [word.strip("'") for word in accepted]
    close = get_close_matches(found, plain, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def shown(value: Any) -> str:
    """Return a value as an error shows it, cut short where it is long."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        text = repr(value)
    except Exception as error:  # a user's object
        text = f"{type(value).__name__} (its text raises {type(error).__name__})"
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
