"""A page for each folder of the rooms: what its face offers, from the docstrings of each name."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import types
from typing import Any

from pages import ROOT, Pages, plain, table

_INDEX = """# Python

A page for each folder: what it is for, and what it offers. [The house](../architecture.md) draws who
imports whom. To write a protocol, [`mpcsim`](mpcsim.md) and [`protocols`](protocols.md) are enough.

{table}
"""


def pages() -> Pages:
    """Return a page for every package with names to offer, and one that lists them."""
    found: Pages = {}
    home: dict[str, str] = {}
    rows = []
    for package in _packages():
        face = importlib.import_module(package)
        names = [name for name in getattr(face, "__all__", ()) if _documented(getattr(face, name))]
        names.sort(key=lambda name: _is_error(getattr(face, name)))
        if names:
            found[f"api/{package}.md"] = _page(package, face, names, home)
            first = " ".join((face.__doc__ or "").split("\n\n")[0].split())
            rows.append((f"[`{package}`]({package}.md)", plain(first)))
    return {"api/index.md": _INDEX.format(table=table(("folder", "what it is for"), rows)), **found}


def _packages() -> list[str]:
    """Return the packages of the rooms, each after the one that it is in."""
    spec = importlib.util.spec_from_file_location("rooms", ROOT / "docs" / "rooms.py")
    assert spec is not None
    assert spec.loader is not None
    rooms: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = rooms
    spec.loader.exec_module(rooms)
    order = {room: place for place, room in enumerate(rooms.ROOMS)}
    faces = [name for name, file in rooms.modules().items() if file.name == "__init__.py"]
    return sorted(faces, key=lambda name: (order[name.partition(".")[0]], name))


def _documented(value: Any) -> bool:
    ours = getattr(value, "__module__", "").partition(".")[0] in (
        "mpcsim",
        "protocols",
        "scenarios",
        "analysis",
    )
    return ours and (inspect.isclass(value) or inspect.isfunction(value)) and bool(value.__doc__)


def _is_error(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, Exception)


def _page(package: str, face: types.ModuleType, names: list[str], home: dict[str, str]) -> str:
    """Return a page; a name that an earlier page has is a link to it."""
    own, elsewhere = [], []
    for name in names:
        value = getattr(face, name)
        path = f"{value.__module__}.{value.__qualname__}"
        if path in home:
            elsewhere.append(f"[`{name}`]({home[path]}.md#{path})")
        else:
            home[path] = package
            own.append(f"::: {path}")
    parts = [f"# {package}", plain(inspect.cleandoc(face.__doc__ or ""))]
    parts += [f"Also offered here: {', '.join(elsewhere)}."] if elsewhere else []
    return "\n\n".join([*parts, *own]) + "\n"
