"""Predictions for secret trees that are asked on any family: a row for each span, and for the run."""

from __future__ import annotations

from analysis.costs import FamilySetting, edges_of
from analysis.costs.written import Asked, answers
from analysis.predict.followed import Followed
from analysis.predict.measuring import Measured
from analysis.predict.rows import Formula, Row
from mpcsim import InputError
from mpcsim.scenario import validate
from scenarios.trees import PrivateTreesSettings

_RAW = 12
"""Fraction bits of a raw score."""
_HERE = "constructions.md#asking-trees; analysis/costs/written/asking.py"
WRITTEN = {
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
"""What spans of asking cost, in words."""


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
    run = Followed(edges.joining(setting), clients)
    parts = answers(edges.priced(setting), setting, asked)
    for name, part in parts.items():
        run.then(("answers", name), part)
    if edges.settled is not None:
        run.then(("verification",), edges.settled(setting, list(parts.values())))
    whole = run.shows(edges.shown(setting, asked.rows))
    params = {"rows": asked.rows, "attributes": asked.attributes, "height": asked.height}
    params |= setting.params(("l", "f", "V", *dict(setting.choices)))
    return run.rows(measured, label, WRITTEN, whole, params, _HERE)


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
