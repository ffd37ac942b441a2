"""Predictions for a run of trees: a row for each span, and for the run."""

from __future__ import annotations

from typing import Any

from analysis.costs import boosting
from analysis.costs.replicated3 import NoFormula, trees
from analysis.predict.forest import Forest, Halves
from analysis.predict.growth import growth_shape, resumed
from analysis.predict.measuring import Measured
from analysis.predict.rows import Formula, Row, cost
from analysis.predict.written import NONE_YET, setting_of, settings_params
from mpcsim.paths import in_text
from mpcsim.scenario import validate
from scenarios.trees import PrivateTreesSettings


def tree_rows(measured: Measured, label: str) -> list[Row]:
    """Return rows for every span of a run of `private_trees`, by the span around it, and for the run.

    A span that only one of measurement and formulas has is a row too: without a formula, or different.
    """
    setting = setting_of(measured)
    settings = validate(PrivateTreesSettings, measured.scenario.tables)
    shape = growth_shape(measured, settings)
    params = {"rows": shape.n, "attributes": shape.m, "height": shape.height} | settings_params(setting)
    spans, parties = measured.spans(), len(measured.sent)
    try:
        found = Forest(
            setting,
            shape,
            settings.trees.count,
            measured.told("attributes"),
            settings.hospitals.count,
            settings.output.queries,
            settings.trees.grown == "shares",
            settings.output.tree == "owner" or settings.trees.grown == "clear",
            _boosting(shape, settings) if settings.trees.model == "boosted" else None,
            _halves(measured, settings) if settings.data.vertical else None,
            *resumed(measured, settings),
        )
    except NoFormula as missing:
        every = [(in_text(path), each) for path, each in spans.items()] + [("run", measured.whole())]
        reason = f"{NONE_YET}: {missing}"
        return [Row(label + name, params, None, None, each, reason) for name, each in every]
    rows = []
    for path in dict.fromkeys([*spans, *found.spans]):
        each, span = spans.get(path, cost(0, [0] * parties)), found.spans.get(path)
        predicted, written = None, None
        if span is not None:
            predicted = cost(span.rounds, [*map(int, span.sent), *[0] * (parties - len(span.sent))])
            written = _written(path[-1], found.boosted is not None)
        described = _SOURCE if found.boosted is None else _SOURCE_BOOSTED
        source = described if written is not None else NONE_YET
        rows.append(Row(label + in_text(path), params, written, predicted, each, source))
    total = cost(found.whole.rounds, [int(size) for size in found.whole.sent])
    sums = Formula("longest chain through the spans", "sum of the spans")
    rows.append(Row(f"{label}run", params, sums, total, measured.whole(), "spans"))
    return rows


def _halves(measured: Measured, settings: PrivateTreesSettings) -> Halves:
    """Return what is public of columns that two hospitals hold, as the run told it."""
    first, second = measured.told("joined")
    wide, other = measured.told("widths")
    return Halves((first, second), (wide, other), settings.data.unmatched == "drop")


def _boosting(shape: trees.Growth, settings: PrivateTreesSettings) -> boosting.Boosting:
    """Return what is public of boosted trees."""
    chosen = settings.trees
    return boosting.Boosting(
        shape.n, shape.m, shape.height, chosen.count, shape.value_bits, chosen.bins, chosen.penalty,
        shape.classes, shape.least_rows, shape.digit,
    )  # fmt: skip


def _written(name: str, boosted: bool) -> Formula:
    kind = name.rstrip("0123456789")
    return _BOOSTED[kind] if boosted and kind in _BOOSTED else _FORMULAS[kind]


_SOURCE = "constructions.md#trees; analysis/costs/replicated3/trees.py"
_SOURCE_BOOSTED = "constructions.md#boosting; analysis/costs/boosting/"
_PARTS: Any = Formula("longest chain through the parts", "sum of the parts")
_FORMULAS: dict[str, Formula] = {
    "sharing": Formula(
        "1", "3·16 + Σ over shared arrays of n numbers, shape packed in h bytes: 4·16 + 3·h + 2·⌈l·n/8⌉"
    ),
    "growth": _PARTS,
    "sort": Formula(
        "bits of k-bit keys + 3 a digit + 1 + 4", "keys to bits + radix sort + values and statistics moved"
    ),
    "level": Formula(
        "slots + places + scores + ⌈log2 m⌉·(sign + select) + ⌈log2 n⌉·(1 + sign + select) + rows + moves",
        "sum of the steps of constructions.md#trees",
    ),
    "leaves": Formula("1", "3·⌈l·columns·2^h/8⌉"),
    "answers": _PARTS,
    "classes": Formula("⌈log2 columns⌉·(sign + select) + 1", "arg-max of 2^h rows of `columns` counts"),
    "walk": Formula(
        "h·(3 + sign + bit → share)",
        "Σ over levels: 6·⌈l·2^d·q/8⌉ + 3·⌈l·q/8⌉ + sign + bit → share",
    ),
    "read": Formula("1", "3·⌈l·q/8⌉"),
    "means": Formula("4·(sign + bit → share) + 3", "4·31·2^h signs + 3·2^h products"),
    "joining": Formula(
        "bits of 31-bit keys + 3 a digit + 1 + equality + 17, and what is opened",
        "join of both hospitals' rows by key + whether all have met, or one stable pass",
    ),
    "known": Formula("1", "3·⌈l·q/8⌉"),
    "votes": Formula("equality + arg-max", "equalities of trees · q · columns classes + arg-max of q rows"),
    "reveal": Formula("1", "Σ over revealed arrays of n numbers: 3·⌈l·n/8⌉"),
}
_BOOSTED: dict[str, Formula] = {
    "bins": Formula(
        "bits of k-bit keys + 3 a digit + 1 + 4 + equality + 11 + 2 + sign + bit → share",
        "sort + values moved + neighbours equal + first of equals spread + n·m·(B − 1) signs",
    ),
    "base": Formula("curve + truncation + steps", "residuals and steps of one leaf"),
    "tree": _PARTS,
    "residuals": Formula("sign + bit → share + 1 + truncation", "37·n signs + 6·⌈l·n/8⌉ + truncation of n"),
    "level": Formula(
        "9 + ⌈log2 m(B − 1)⌉·(2 + sign + select) + sign + bit → share",
        "sums of m·(B − 1) candidates and 2^d slots + scores + tournament + rows",
    ),
    "steps": Formula("3·(sign + bit → share) + 4", "2·2^h sums + 3·31·2^h signs + 2·2^h products + n"),
    "scores": Formula("walk + 1", "T walks of q rows, and 3·⌈l·q/8⌉ a tree"),
    "classes": Formula("sign + bit → share", "q signs"),
}
