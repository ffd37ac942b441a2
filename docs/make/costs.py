"""What every operation costs in every family, from the formulas that `mpcsim validate` holds runs to."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from pages import Pages, table

from analysis.costs import Formula, operations, symbolic
from analysis.predict import setting_of
from analysis.validate import growth
from mpcsim import plugins
from mpcsim.scenario import load_scenario
from scenarios.families import families

_VALUES = 240
"""A multiple of 24: no message has a broken byte."""
_LONG = 160
"""Characters of a formula that stand in the table as they are."""
_SIZES = {"matmul": 24, "conv2d": 6, "softmax": 48}
_INTRO = """# Costs

Rounds and payload bytes of every operation by itself, its input shared and its result still shared,
with the choices that are the family's defaults, in the ring of 64 bits, 16 of them a fraction, values
of 31. This page is printed from the formulas of `analysis/costs`, which are written from the
[constructions](constructions.md) and may not import the protocols; `mpcsim validate` holds every run to
them, to the byte, with other choices and in other rings too. One of them by hand: `mpcsim run
microbench --set workload.op=relu --set protocol.comparison=masked`.

Below, rounds and *bytes of all parties together, for one value of the result*, where {values} go at
once. What a dealer sends ahead is among them.
"""


def pages() -> Pages:
    """Return the page."""
    legend = table(("in a formula", "stands for"), [(f"`{a}`", b) for a, b in symbolic.LEGEND.items()])
    found = {name: rows for name in families() if (rows := dict(_rows(name)))}
    operations = dict.fromkeys(op for rows in found.values() for op in rows)
    side = [
        (f"`{op}`", *(" / ".join(rows[op][:2]) if op in rows else "–" for rows in found.values()))
        for op in operations
    ]
    parts = [
        _INTRO.format(values=_VALUES),
        "## Side by side: rounds / bytes",
        table(("operation", *(f"[{name}](#{name})" for name in found)), side),
        "## What the formulas say",
        legend,
    ]
    for name, rows in found.items():
        lines = [(f"`{op}`", *cells) for op, cells in rows.items()]
        parts += [f"## {name}", table(("operation", "rounds", "bytes", "bytes, for n at once"), lines)]
    return {"costs.md": "\n\n".join(parts) + "\n"}


def _rows(family: str) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Yield each operation with its rounds, its bytes, and their formula."""
    scenario = load_scenario("microbench", [f"protocol.family={family}"], search=plugins.scenario_folders())
    setting = setting_of(scenario)
    for op, known in operations(family).items():
        size = _SIZES.get(op, _VALUES)
        priced = known.cost(setting, size)
        each = priced.bytes / growth.outputs(op, size)
        shown = f"{each:,.0f}" if each >= 1000 else f"{each:.4g}"
        yield op, (str(priced.rounds), shown, _written(known, setting, size))


def _written(known: Formula, setting: Any, size: int) -> str:
    if not known.in_size:
        return f"{known.cost(setting, size).bytes:,} for {size}: steps, not a form"
    symbols = known.cost(known.symbols(setting), symbolic.n)
    text = symbolic.total_text(symbols.bytes)
    if len(text) <= _LONG:
        return f"`{text}`"
    return f"<details><summary>a long one</summary><code>{escape(text)}</code></details>"
