"""The figure of docs/architecture.md, from the code's imports; `python docs/rooms.py` writes it.

Every import counts, those inside functions and for type checkers too. Inside a room an arrow that follows
from others is left out; between rooms an arrow carries the number of imports.
"""

from __future__ import annotations

import ast
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("mpcsim", "protocols", "scenarios", "analysis")  # from the lowest
FIGURE = ROOT / "docs" / "rooms.svg"

Graph = dict[str, set[str]]
_WIDTH, _HEIGHT, _GAP, _ROW = 170, 30, 14, 56
_LEFT, _RIGHT = 24, 120
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.room{fill:#f4f6f8;stroke:#b8c2cc}"
    ".name{font-weight:600}.folder{fill:#fff;stroke:#52606d}.arrow{stroke:#52606d;fill:none}"
    "@media(prefers-color-scheme:dark){text{fill:#eee}.room{fill:#22262b;stroke:#556}"
    ".folder{fill:#2d333b;stroke:#9aa5b1}.arrow{stroke:#9aa5b1}}"
)


def modules() -> dict[str, Path]:
    """Return the file of every module, by name; a package's is its `__init__.py`."""
    found = {}
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(files: dict[str, Path]) -> set[tuple[str, str, str | None]]:
    """Return (importer, imported, name) of every import among modules; name is None for a whole module."""
    found: set[tuple[str, str, str | None]] = set()
    for importer, file in files.items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in files:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    found.add(
                        (importer, whole, None) if whole in files else (importer, node.module, alias.name)
                    )
            elif isinstance(node, ast.Import):
                found |= {(importer, alias.name, None) for alias in node.names if alias.name in files}
    return found


def folder(module: str, files: dict[str, Path]) -> str:
    """Return the folder that a module stands in; a module at the top of a room is one of its own."""
    if files[module].name == "__init__.py":
        return module
    parent = module.rpartition(".")[0]
    return module if parent in ROOMS else parent


def reach(graph: Graph, start: str) -> set[str]:
    """Return all that can be reached from a node."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        for node in graph.get(todo.pop(), ()):
            if node not in seen:
                seen.add(node)
                todo.append(node)
    return seen


def folders(files: dict[str, Path]) -> Graph:
    """Return which folders import which."""
    graph: Graph = {}
    for importer, imported, _ in imports(files):
        one, other = folder(importer, files), folder(imported, files)
        graph.setdefault(one, set())
        graph.setdefault(other, set())
        if one != other:
            graph[one].add(other)
    return graph


def drawn() -> str:
    """Return the figure as SVG."""
    files = modules()
    whole = folders(files)
    packages = {name for name in (folder(one, files) for one in files) if _holds_modules(name, files)}
    boxes: dict[str, tuple[int, int]] = {}
    body: list[str] = []
    widest = 0
    tops: dict[str, tuple[int, int]] = {}
    y = 20
    for room in reversed(ROOMS):
        names = sorted(name for name in packages if name.startswith(room + "."))
        graph = {name: {other for other in reach(whole, name) if other in names} for name in names}
        ranks: dict[str, int] = {}
        for name in sorted(names, key=lambda one: len(graph[one])):
            ranks[name] = max((ranks[other] + 1 for other in graph[name] if other in ranks), default=0)
        rows = [[name for name in names if ranks[name] == rank] for rank in range(max(ranks.values()) + 1)]
        height = _ROW * len(rows) + 24
        tops[room] = (y, height)
        for number, row in enumerate(reversed(rows)):
            for place, name in enumerate(row):
                boxes[name] = (_LEFT + 110 + place * (_WIDTH + _GAP), y + 30 + number * _ROW)
                widest = max(widest, boxes[name][0] + _WIDTH)
        for name in names:
            for other in sorted(graph[name]):
                if not any(other in graph[between] for between in graph[name]):
                    body.append(_arrow(boxes[name], boxes[other]))
        y += height + 20
    frame = "".join(
        f'<rect class="room" x="{_LEFT}" y="{top}" width="{widest + 12 - _LEFT}" height="{height}" rx="8"/>'
        f'<text class="name" x="{_LEFT + 12}" y="{top + height // 2 + 5}">{room}/</text>'
        for room, (top, height) in tops.items()
    )
    labels = "".join(
        f'<rect class="folder" x="{x}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" rx="4"/>'
        f'<text x="{x + _WIDTH // 2}" y="{top + 20}" text-anchor="middle">{escape(_short(name))}</text>'
        for name, (x, top) in boxes.items()
    )
    between = "".join(_between(files, tops, widest + 12))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {widest + 12 + _RIGHT} {y}" role="img">'
        f"<title>Rooms, their folders, and who imports whom</title><style>{_STYLE}</style>"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="#52606d"/></marker></defs>'
        f"{frame}{''.join(body)}{labels}{between}</svg>\n"
    )


def _holds_modules(name: str, files: dict[str, Path]) -> bool:
    inside = files[name].name == "__init__.py" and name not in ROOMS
    return inside and any(
        other.rpartition(".")[0] == name and file.name != "__init__.py" for other, file in files.items()
    )


def _short(name: str) -> str:
    return name.partition(".")[2].replace(".", "/")


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = start[0] + _WIDTH // 2, start[1] + _HEIGHT
    a, b = end[0] + _WIDTH // 2, end[1]
    return f'<path class="arrow" marker-end="url(#head)" d="M{x} {y}C{x} {y + 20} {a} {b - 20} {a} {b}"/>'


def _between(files: dict[str, Path], tops: dict[str, tuple[int, int]], edge: int) -> list[str]:
    counts: dict[tuple[str, str], int] = {}
    for importer, imported, _ in imports(files):
        pair = importer.partition(".")[0], imported.partition(".")[0]
        if pair[0] != pair[1]:
            counts[pair] = counts.get(pair, 0) + 1
    found = []
    for place, ((one, other), count) in enumerate(sorted(counts.items())):
        start, end = tops[one][0] + tops[one][1] * 3 // 4, tops[other][0] + tops[other][1] // 4
        x = edge + 14 + 18 * place
        found.append(
            f'<path class="arrow" marker-end="url(#head)" d="M{edge} {start}H{x}V{end}H{edge}"/>'
            f'<text x="{x + 3}" y="{(start + end) // 2}">{count}</text>'
        )
    return found


if __name__ == "__main__":
    FIGURE.write_text(drawn(), encoding="utf-8")
