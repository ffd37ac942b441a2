"""The items of POMIC's table 3 (communication complexity), as a run measured them.

The table itself is not in the text that we have; its caption and section 5.3 name the items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mpcsim import Run
from mpcsim.scenario import Scenario
from mpcsim.texts import plural

Render = Callable[[dict[str, Any]], Iterable[Any]]

ITEMS = {"convolution": "conv2d", "dense": "dense", "ReLU": "relu", "max pooling": "max pooling"}
"""Item, and the `op` of the spans that make it up."""


def table3(run: Run, whole: str, span: str) -> list[dict[str, Any]]:
    """Return rows `item`, `rounds` and `payload_bytes` (summed over parties): the whole, then its layers.

    A run without the whole, such as a training that had already ended, gives no rows.

    Args:
        whole: "inference" or "training".
        span: the span that is the whole; a repeated one counts all its occurrences.
    """
    if all(one.name != span for one in run.spans):
        return []
    measured = run.span(span)
    rows = [_row(whole, measured.rounds, measured.payload_bytes)]
    for item, op in ITEMS.items():
        spans = [one for one in run.spans if one.op == op]
        rows.append(_row(item, sum(s.rounds for s in spans), sum(s.payload_bytes for s in spans)))
    return rows


def with_items(render: Render, scenario: Scenario) -> Render:
    """Return what a workload prints; of the paper's scenarios, which are named after it, the items too."""

    def both(output: dict[str, Any]) -> Iterable[Any]:
        yield from render(output)
        if output.get("table3"):
            yield table3_text(output["table3"])

    return both if scenario.name.startswith("pomic") else render


def table3_text(rows: list[dict[str, Any]]) -> str:
    """Return the rows as one line for people."""
    cells = [
        f"{r['item']} {plural(r['rounds'], 'round')}, {r['payload_bytes'] / 1000:,.1f} kB" for r in rows
    ]
    return "items of POMIC's table 3 (sums over the servers): " + "; ".join(cells)


def _row(item: str, rounds: int, payload_bytes: int) -> dict[str, Any]:
    return {"item": item, "rounds": rounds, "payload_bytes": payload_bytes}
