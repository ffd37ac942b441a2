"""Predictions for a tree grown where every message is proven: a row for each span, and for the run."""

from __future__ import annotations

from analysis.costs import LOCAL, Cost, FamilySetting, edges_of, growth_of, sequence, together
from analysis.costs.replicated3 import trees
from analysis.costs.written import Asked, Written, means, walk
from analysis.predict.asking import WRITTEN
from analysis.predict.followed import Followed
from analysis.predict.growth import growth_shape, resumed
from analysis.predict.measuring import Measured
from analysis.predict.rows import Formula, Row
from mpcsim import InputError
from mpcsim.scenario import validate
from scenarios.trees import PrivateTreesSettings

_HERE = "malicious.md#trees; analysis/costs/replicated3_malicious/trees.py"
_PARTS = Formula("longest chain through the parts", "sum of the parts")
_PROOFS = Formula(
    "longest chain of the proofs + verdicts, a batch", "Σ over batches: the proofs, and verdicts"
)
_WRITTEN = WRITTEN | {
    "growth": _PARTS,
    "tree": _PARTS,
    "sort": Formula(
        "bits of k-bit keys + (7 + verification) a digit + 7 + verification",
        "keys to bits + radix sort + an opened order + values and statistics moved",
    ),
    "level": Formula(
        "slots + scores + ⌈log2 m⌉·(sign + select) + ⌈log2 n⌉·(2 + sign + bit → share) + rows + moves + "
        "verification",
        "sum of the steps of malicious.md#trees",
    ),
    "leaves": Formula("1 + lift", "3·⌈H·columns·2^h/8⌉ + lift of (columns + 1)·2^h"),
    "verified before": _PROOFS,
    "verified": _PROOFS,
    "answers": _PARTS,
    "classes": Formula("⌈log2 columns⌉·(sign + select)", "arg-max of 2^h rows of `columns` counts"),
    "means": Formula("4·(sign + bit → share) + 3", "4·31·2^h signs as numbers + 3·2^h products"),
    "votes": Formula("equality + arg-max", "equalities of trees · q · columns classes + arg-max of q rows"),
    "reveal": Formula("1", "Σ over shown arrays of n numbers: 3·(⌈l·n/8⌉ + 32)"),
}


def growing_rows(measured: Measured, label: str) -> list[Row]:
    """Return rows for every span of a run of `private_trees` that grows a tree on a family that proves.

    Raises:
        InputError: there are no formulas of the family's.
    """
    setting, edges, growth = measured.setting, edges_of(measured.family), growth_of(measured.family)
    if edges is None or growth is None or not isinstance(setting, FamilySetting):
        raise InputError(f"validate: there are no formulas of growth for the family {measured.family!r}")
    assert edges.settled is not None
    settings = validate(PrivateTreesSettings, measured.scenario.tables)
    shape, (levels, _) = growth_shape(measured, settings), resumed(measured, settings)
    m, queries, height = measured.told("attributes"), settings.output.queries, shape.height
    owner, count = settings.output.tree == "owner", settings.hospitals.count
    clients = []
    for number in range(count):
        rows = shape.n // count + (number < shape.n % count)
        arrays = [(m, rows), (shape.columns, rows)] + [(m, queries)] * bool(number == 0 and queries)
        clients.append(sum(edges.given(setting, one) for one in arrays))
    run = Followed(edges.joining(setting), clients + [0] * owner)
    many, kept = settings.trees.count, settings.checkpoint.folder is not None and not settings.dry_run
    course = growth(setting, shape, many, levels, kept)
    for path, cost in [((), LOCAL), *course.parts]:
        run.then(("growth", *path), cost)
    unproven = [course.cost]
    priced = edges.priced(setting)
    if queries:
        answers = _answers(priced, setting, shape, queries, many)
        for name, cost in answers.items():
            run.then(("answers", name), cost)
        unproven += answers.values()
    run.then(("verification",), edges.settled(setting, unproven))
    shown = [queries] * bool(queries)
    if owner:
        nodes = (1 << height) - 1
        shown += [nodes, nodes * shape.m, nodes, (nodes + 1) * shape.columns] * many
    sent = zip(*(edges.shown(setting, one) for one in shown), strict=True)
    whole = run.shows([sum(one) for one in sent])
    params = {"rows": shape.n, "attributes": shape.m, "height": height}
    params |= setting.params(("l", "f", "V", *dict(setting.choices)))
    return run.rows(measured, label, _WRITTEN, whole, params, _HERE)


def _answers(
    priced: Written, setting: FamilySetting, shape: trees.Growth, queries: int, many: int
) -> dict[str, Cost]:
    """Return what leaves answer, the way of rows down, side by side of all trees; and votes."""
    leaves = 1 << shape.height
    if shape.classes:
        found = {"classes": together(*[priced.argmax(setting, leaves, shape.columns)] * many)}
    else:
        found = {"means": together(*[means(priced, setting, leaves, shape.count)] * many)}
    walked = walk(priced, setting, Asked(queries, shape.m, 1, shape.height, many))
    found["walk"] = together(*[walked] * many)
    if shape.classes and many > 1:
        equal = priced.equal(setting, many * queries * shape.columns)
        found["votes"] = sequence(equal, priced.argmax(setting, queries, shape.columns))
    return found
