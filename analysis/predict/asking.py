"""Predictions for secret trees that are asked on any family: a row for each span, and for the run."""

from __future__ import annotations

from typing import Any

from analysis.costs import Cost, FamilySetting, edges_of
from analysis.costs.written import Asked, answers
from analysis.predict.measuring import Measured
from analysis.predict.rows import Formula, Row, among, cost
from mpcsim import InputError
from mpcsim.paths import Path as SpanPath
from mpcsim.paths import in_text
from mpcsim.scenario import validate
from scenarios.trees import PrivateTreesSettings

_RAW = 12
"""Fraction bits of a raw score."""
_HERE = "constructions.md#asking-trees; analysis/costs/written/asking.py"
_WRITTEN = {
    "sharing": Formula("1", "keys + Σ over shared arrays of n numbers: what a client of the family sends"),
    "answers": Formula("sum of the parts", "sum of the parts"),
    "walk": Formula(
        "h·(sign + bit → share) + 2·h products",
        "Σ over levels: q signs, q bits as shares, q·(2^d gaps, one of them, 2^d places); q leaves; what "
        "is below the cut, in numbers a row",
    ),
    "votes": Formula("arg-max", "arg-max of q rows of classes"),
    "classes": Formula("sign + bit → share", "q signs"),
    "verification": Formula("of the family", "what the family verifies before it shows"),
    "reveal": Formula("1", "what servers of the family send a client of q numbers"),
    "run": Formula("longest chain through the spans", "sum of the spans"),
}


def asking_rows(measured: Measured, label: str) -> list[Row]:
    """Return rows for every span of a run of `private_trees` on a family that is asked alone.

    Raises:
        InputError: there are no formulas of the family's.
    """
    setting, edges = measured.setting, edges_of(measured.family)
    if edges is None or not isinstance(setting, FamilySetting):
        raise InputError(f"validate: there are no formulas of trees for the family {measured.family!r}")
    settings = validate(PrivateTreesSettings, measured.scenario.tables)
    asked = _asked(measured, settings)
    base = settings.trees.model == "boosted"
    nodes = (1 << asked.height) - 1
    tree = [(nodes, asked.attributes), (nodes,), (nodes + 1, asked.columns)]
    shared = tree * asked.trees + [(1,)] * base
    queries = edges.given(setting, (measured.told("attributes"), asked.rows))
    others = settings.hospitals.count - 1
    clients = [queries, *[0] * others, sum(edges.given(setting, shape) for shape in shared)]
    joined = edges.joining(setting)
    actors = len(joined)
    depths: tuple[int, ...] = (1,) * actors
    found: dict[SpanPath, dict[str, Any]] = {("sharing",): cost(1, [*joined, *clients])}
    parts = answers(edges.priced(setting), setting, asked)
    for name, part in parts.items():
        depths = _followed(found, ("answers", name), part, depths)
    if edges.settled is not None:
        depths = _followed(found, ("verification",), edges.settled(setting, list(parts.values())), depths)
    shown = edges.shown(setting, asked.rows)
    last = max(depth for depth, size in zip(depths, shown, strict=True) if size) + 1
    found["reveal",] = cost(max(last - max(depths), 0), list(shown))
    every = actors + len(clients)
    top = [row["per_party"] for path, row in found.items() if len(path) == 1]
    total = [sum(row[party] for row in top if party < len(row)) for party in range(every)]
    params = {"rows": asked.rows, "attributes": asked.attributes, "height": asked.height}
    params |= setting.params(("l", "f", "V", *dict(setting.choices)))

    def row(name: str, last: str, predicted: dict[str, Any] | None, taken: dict[str, Any]) -> Row:
        return Row(
            label + name, params, _WRITTEN[last], predicted, taken, _HERE,
            family=measured.family, parties=measured.parties,
        )  # fmt: skip

    rows = []
    spans = measured.spans()
    for path in dict.fromkeys([*spans, *found]):
        predicted = found.get(path)
        if predicted is not None:
            predicted = cost(predicted["rounds"], among(predicted["per_party"], every))
        rows.append(row(in_text(path), path[-1], predicted, spans.get(path, cost(0, [0] * every))))
    rounds = max(last, max(depths))
    rows.append(row("run", "run", cost(rounds, total), measured.whole()))
    return rows


def _asked(measured: Measured, settings: PrivateTreesSettings) -> Asked:
    """Return what is public of the trees, as the run told it."""
    trees, classes = settings.trees, measured.told("classes")
    boosted = trees.model == "boosted"
    voting = classes and trees.count > 1 and not boosted
    raw = _RAW + (4 * (trees.count + 1) + 8).bit_length() + 1
    return Asked(
        settings.output.queries,
        trees.attributes or measured.told("attributes"),
        classes if voting else 1,
        trees.height,
        trees.count,
        raw if boosted and classes else 0,
    )


def _followed(
    found: dict[SpanPath, dict[str, Any]],
    path: SpanPath,
    part: Cost,
    depths: tuple[int, ...],
) -> tuple[int, ...]:
    """Add a span's cost to it and to those around it, and return the depths after it."""
    after = part.among(len(depths)).after(depths)
    for around in range(1, len(path) + 1):
        name = path[:around]
        before = found.get(name, cost(0, [0] * len(depths)))
        sent = [
            had + int(more)
            for had, more in zip(before["per_party"], part.among(len(depths)).sent, strict=True)
        ]
        found[name] = cost(before["rounds"] + max(after) - max(depths), sent)
    return after
