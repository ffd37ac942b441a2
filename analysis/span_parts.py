"""The spans of a record as parts that add up to the run: no byte is in two of them, and none in none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpcsim.paths import Path, in_text, span_paths

OUTSIDE = "outside all spans"
_SUMS = ("rounds", "messages", "payload_bytes", "wire_bytes", "makespan_s", "compute_s")
_SENT = "payload_bytes_per_party"


@dataclass(frozen=True)
class Part:
    """A span, or what a span costs beyond those inside it.

    Attributes:
        path: of the span; of a rest, its last name says so.
        key: a text that no other part of the run has: the text of the path.
        row: costs, with the keys of a record's rows.
        place: of the span among the record's rows, None for a rest.
    """

    path: Path
    key: str
    row: dict[str, Any]
    place: int | None


def parts(summary: Mapping[str, Any], *, layers: bool) -> list[Part]:
    """Return the parts of a run, in the order of its spans.

    They are the spans that have no others inside and, where `layers`, those that say their `op`: what is
    inside such a layer belongs to it. What a span around them costs beyond them is a part of its own,
    "NAME (rest)", and so is what was sent outside all spans.
    """
    rows = summary["spans"]
    paths = span_paths(rows)
    inside: dict[Path, list[int]] = {}
    for place, path in enumerate(paths):
        inside.setdefault(path[:-1], []).append(place)
    found: list[Part] = []
    todo: list[tuple[int, bool]] = [(place, False) for place in reversed(inside.get((), []))]
    while todo:
        place, left = todo.pop()
        path, row = paths[place], rows[place]
        if left:
            rest = _rest(row, [rows[child] for child in inside[path]])
            if rest["rounds"] or rest["payload_bytes"] or rest["messages"]:
                found.append(_named((*path[:-1], f"{path[-1]} (rest)"), rest, None))
        elif path not in inside or (layers and row["op"]):
            found.append(_named(path, row, place))
        else:
            todo.append((place, True))
            todo += [(child, False) for child in reversed(inside[path])]
    outer = _rest(_whole(summary), [rows[place] for place in inside.get((), [])])
    if outer["payload_bytes"] or outer["messages"]:
        found.append(_named((OUTSIDE,), outer, None))
    return _told_apart(found)


def _named(path: Path, row: Mapping[str, Any], place: int | None) -> Part:
    return Part(path, in_text(path), {**row, "name": path[-1]}, place)


def _rest(whole: Mapping[str, Any], inner: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a span costs beyond those inside it.

    Concurrent ones can cost more than the whole, in rounds and time: then nothing is left there.
    """
    rest = dict(whole) | {
        key: max(0, whole.get(key, 0) - sum(row.get(key, 0) for row in inner)) for key in _SUMS
    }
    sent = {
        party: count - sum(row[_SENT].get(party, 0) for row in inner)
        for party, count in whole[_SENT].items()
    }
    return rest | {_SENT: sent}


def _whole(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run as a row."""
    parties = summary["per_party"]
    sent = {str(party): row["payload_bytes"] for party, row in enumerate(parties)}
    sums = {key: summary.get(key, 0) for key in _SUMS}
    compute = sum(row["compute_s"] for row in parties)
    return {"op": None, "count": 1, **sums, "compute_s": compute, _SENT: sent}


def _told_apart(found: Sequence[Part]) -> list[Part]:
    """Return the parts with keys that differ: a span "a (rest)" may stand beside the rest of "a"."""
    taken: set[str] = set()
    told = []
    for part in sorted(found, key=lambda part: part.place is None):
        key = part.key
        while key in taken:
            key += " (rest)"
        taken.add(key)
        told.append(Part(part.path, key, part.row, part.place))
    order = {id(part.row): place for place, part in enumerate(found)}
    return sorted(told, key=lambda part: order[id(part.row)])
