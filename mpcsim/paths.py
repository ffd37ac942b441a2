r"""The path of a span: the names from the outermost span to it, as a tuple; () is the run itself.

Names may hold any character, so that names joined by "/" do not say which path they were. The text of
a path is therefore written with escapes: "/" between names, and in a name "\/" for "/", "\\" for "\", "\e"
for a name without characters, and `\n`, `\u202e` and the like for what cannot be seen. Different paths have
different texts; of common names it is the names joined by "/". `in_text` and `from_text` are each other's
inverse.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from mpcsim.errors import InputError
from mpcsim.texts import cut, escaped, shown

Path = tuple[str, ...]

_EMPTY = r"\e"
_KNOWN = {"/": "/", "\\": "\\", "n": "\n", "r": "\r", "t": "\t", "e": ""}
_PIECE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))|(/)|([^\\/]+)|(\\)", re.DOTALL)


@lru_cache(4096)
def in_text(path: Path) -> str:
    """Return the text of a path; "" for the run itself."""
    return "/".join(escaped(name.replace("\\", r"\\").replace("/", r"\/")) or _EMPTY for name in path)


@lru_cache(4096)
def from_text(text: str) -> Path:
    """Return the path of a text.

    Raises:
        InputError: it is not the text of a path.
    """
    names = [""] if text else []
    for piece in _PIECE.finditer(text):
        *codes, known, slash, plain, broken = piece.groups()
        code = next((one for one in codes if one), None)
        if slash:
            names.append("")
        elif code is not None:
            names[-1] += chr(int(code, 16))
        elif plain:
            names[-1] += plain
        elif broken or known not in _KNOWN:
            raise InputError(
                f"found {piece[0]!r} in {text!r}; accepted in the text of a path: \\/ \\\\ \\e \\n \\xHH"
            )
        else:
            names[-1] += _KNOWN[known]
    path = tuple(names)
    if in_text(path) != text:
        raise InputError(f"found {text!r}; accepted as the text of this path: {in_text(path)!r}")
    return path


def in_short(path: Path) -> str:
    """Return the text of a path for people: long names shortened."""
    return in_text(tuple(map(cut, path)))


def distinct(paths: Sequence[Path]) -> list[str]:
    """Return a short label for each path: the last name, or the path where two have the same last name.

    No two labels are equal: where shortened paths are, they are numbered.
    """
    last = Counter(path[-1:] for path in paths)
    labels = [shown(path[-1]) if last[path[-1:]] == 1 and path else in_short(path) for path in paths]
    taken: set[str] = set()
    for place, label in enumerate(labels):
        number = 1
        while labels[place] in taken:
            number += 1
            labels[place] = f"{label} ({number})"
        taken.add(labels[place])
    return labels


def span_paths(rows: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Return the path of each span of a record: parents first, each once.

    An older record has names of parents alone: they say the path where no two spans share a parent's name.

    Raises:
        InputError: a path is missing or cannot be that of its row.
    """
    known: dict[Path, None] = {(): None}
    by_name: dict[str, list[Path]] = {}
    for place, row in enumerate(rows):
        path = _of_row(row, by_name, f"spans.{place}")
        if path[:-1] not in known or path in known:
            raise InputError(
                f"spans.{place}: damaged: the path {list(path)} has no parent, or is there twice"
            )
        known[path] = None
        by_name.setdefault(path[-1], []).append(path)
    return list(known)[1:]


def _of_row(row: Mapping[str, Any], by_name: Mapping[str, list[Path]], where: str) -> Path:
    name, parent, names = row["name"], row.get("parent"), row.get("path")
    if isinstance(names, list) and names and all(type(one) is str for one in names) and names[-1] == name:
        return tuple(names)
    if names is not None or not isinstance(name, str):
        raise InputError(
            f"{where}: damaged: found the path {names!r}; accepted: names, the last of them {name!r}"
        )
    around = [()] if parent is None else by_name.get(parent, [])
    if len(around) != 1:
        raise InputError(
            f"{where}: an older record, which does not say in which span {parent!r} the span {name!r} is: "
            "run again"
        )
    return (*around[0], name)
