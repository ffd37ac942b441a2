"""The columns that an event of each kind has: what tells an event from anything else."""

from __future__ import annotations

from typing import Any

from mpcsim.engine import COLUMNS, KINDS
from mpcsim.schema import shown

_OPTIONAL = ("peer", "message", "payload_bytes", "wire_bytes", "arrival", "value")
_GIVEN: dict[str, tuple[str, ...]] = {
    "start": ("value?",),
    "send": ("peer", "message", "payload_bytes", "wire_bytes", "arrival?"),
    "recv": ("peer", "message", "value?"),
    "timeout": ("peer", "value"),
    "sleep": ("value",),
    "fork": ("peer", "value"),
    "end": ("value?",),
    "enter": (),
    "leave": (),
    "cancel": (),
    "outside": (),
    "fault": ("value",),
    "stage": ("value?",),
    "shared": ("value",),
    "phase": ("value?",),
    "any": (),
    "left": (),
    "abort": (),
}
"""Which of the optional columns an event of a kind has; "?": may have."""

_TEXTS = ("kind", "channel", "span")


def _shapes() -> frozenset[tuple[Any, ...]]:
    """Return every (kind, types of the columns in order) that the engine writes."""
    found: set[tuple[Any, ...]] = set()
    for kind in KINDS:
        rows: list[tuple[Any, ...]] = [(kind,)]
        given = _GIVEN[kind]
        for name in COLUMNS:
            if name in _TEXTS:
                types: tuple[Any, ...] = (str,)
            elif name not in _OPTIONAL or name in given:
                types = (int,)
            else:
                types = (int, type(None)) if f"{name}?" in given else (type(None),)
            rows = [(*row, one) for row in rows for one in types]
        found.update(rows)
    return frozenset(found)


SHAPES = _shapes()


def unlike_an_event(event: object) -> str:
    """Say what makes something no event: what it is, the columns that it has, or the type of one."""
    if not isinstance(event, dict):
        return f"found {shown(event)}; accepted: an object"
    missing = [name for name in COLUMNS if name not in event]
    if missing:
        return f"found no {', '.join(missing)}; accepted: {', '.join(COLUMNS)}"
    further = [name for name in event if name not in COLUMNS]
    if further:
        return f"found the key {shown(further[0])}; accepted: {', '.join(COLUMNS)}"
    kind = event["kind"]
    if not isinstance(kind, str) or kind not in _GIVEN:
        return f"kind: found {shown(kind)}; accepted: {', '.join(KINDS)}"
    for name in COLUMNS:
        value, given = event[name], _GIVEN[kind]
        if name in _TEXTS:
            fits, accepted = isinstance(value, str), "text"
        elif name in _OPTIONAL and name not in given:
            whole = type(value) is int and f"{name}?" in given
            fits = value is None or whole
            accepted = "a whole number, or null" if f"{name}?" in given else "null"
        else:
            fits, accepted = type(value) is int, "a whole number"
        if not fits:
            return f"{name}: found {shown(value)}; accepted in the event {kind}: {accepted}"
    return "is not an event"
