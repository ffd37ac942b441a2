"""Whole runs of trees against their formulas, every span: to the byte of each party, and to the round."""

import os

import pytest

from analysis.predict import measure
from analysis.predict.run import rows
from scenarios.families import families

SMALL = ["data.source=random", "data.rows=50", "data.attributes=4", "data.train=37", "dry_run=true"]
RUNS = {
    "a tree for its owner": ["trees.height=2", "output.queries=0"],
    "a tree and answers": ["trees.height=3", "output.queries=9", "hospitals.count=3"],
    "answers alone": ["trees.height=2", "output.tree=nobody", "output.queries=5", "data.classes=3"],
    "a tree grown in the clear": ["trees.height=2", "trees.grown=clear", "output.queries=7"],
    "a high tree, cut in two": ["trees.height=6", "trees.grown=clear", "output.queries=7"],
    "large leaves and gains": [
        "trees.height=2", "trees.least_rows=6", "trees.least_gain=0.01", "trees.digit=5",
        "output.queries=3",
    ],
    "the fewest rounds": [
        "trees.height=2", "protocol.comparison=masked", "protocol.select=one_round", "output.queries=4",
    ],
    "more slots than rows": ["data.rows=12", "data.train=9", "trees.height=7", "output.queries=2"],
    "fixed roles": ["trees.height=2", "protocol.rotate=false", "output.queries=4"],
}  # fmt: skip


@pytest.mark.parametrize("overrides", RUNS.values(), ids=RUNS)
def test_every_span_of_a_run_costs_what_its_formula_says(overrides):
    found = rows(measure("tree_training", [*SMALL, *overrides]))
    assert {"sharing", "reveal", "run"} <= {row.op for row in found}
    assert [row.difference() for row in found if not row.equal] == []


TARGETS = ["data.source=diabetes", "data.train=60", "trees.height=2", "dry_run=true"]


@pytest.mark.parametrize(
    "overrides",
    [
        ["output.queries=0"],
        ["output.queries=7", "output.tree=nobody"],
        ["output.queries=7", "trees.count=3", "trees.attributes=4"],
        ["output.queries=7", "trees.grown=clear"],
        ["output.queries=7", "trees.model=boosted", "trees.count=2"],
        ["output.queries=7", "trees.model=boosted", "trees.count=2", "trees.grown=clear"],
        ["output.queries=7", "trees.model=boosted", "trees.grown=clear", "trees.height=6"],
    ],
    ids=" ".join,
)
def test_targets_have_formulas_too(overrides):
    found = rows(measure("tree_training", [*TARGETS, *overrides]))
    assert [row.difference() for row in found if not row.equal] == []


@pytest.mark.parametrize(
    "overrides",
    [
        ["output.queries=0"],
        ["output.tree=nobody", "trees.least_rows=5", "protocol.rotate=false"],
        ["trees.grown=clear", "hospitals.count=1"],
        ["protocol.comparison=masked", "protocol.select=one_round", "trees.digit=4", "trees.penalty=9"],
    ],
    ids=" ".join,
)
def test_every_span_of_boosted_trees_costs_what_its_formula_says(overrides):
    small = ["trees.count=2", "trees.height=2", "trees.bins=5", "output.queries=6"]
    found = rows(measure("boosted_training", [*SMALL, *small, *overrides]))
    assert len(found) > 4
    assert [row.difference() for row in found if not row.equal] == []


@pytest.mark.parametrize(
    "overrides",
    [
        ["output.queries=0"],
        ["data.unmatched=drop", "data.absent=3", "dry_run=false"],
        ["output.tree=nobody", "trees.digit=5", "protocol.rotate=false", "data.attributes=5"],
        ["trees.model=boosted", "trees.count=2", "trees.bins=4", "data.unmatched=drop"],
    ],
    ids=" ".join,
)
def test_columns_of_two_hospitals_have_formulas_too(overrides):
    small = ["trees.height=2", "output.queries=6", "data.absent=0"]
    found = rows(measure("vertical_training", [*SMALL, *small, *overrides]))
    assert "joining" in {row.op for row in found}
    assert [row.difference() for row in found if not row.equal] == []


PROVEN = {
    "a tree and answers": [
        "data.train=9", "data.attributes=3", "output.queries=3", "hospitals.count=3", "trees.least_rows=2",
        "trees.least_gain=0.01",
    ],
    "one row": ["data.train=1", "hospitals.count=1", "data.attributes=2"],
    "targets": ["data.source=diabetes", "data.train=5", "trees.attributes=2", "output.tree=nobody"],
    "targets that nobody asks about": ["data.source=diabetes", "data.train=25", "output.queries=0"],
    "a tree for its owner": ["trees.height=4", "output.queries=0", "ring.value_bits=31", "trees.digit=3"],
    "classes, large leaves": ["data.classes=3", "trees.least_rows=3", "output.tree=nobody"],
    "one attribute of few rows": ["data.train=4", "data.attributes=1", "trees.least_gain=0.1"],
}  # fmt: skip
SOME = list(PROVEN) if os.environ.get("MPCSIM_LONG") else list(PROVEN)[:2]


@pytest.mark.parametrize("name", SOME)
def test_every_span_of_proven_growth_costs_what_its_formula_says(name):
    ring = ["ring.value_bits=8", "ring.fraction_bits=2", "trees.digit=8"]
    keys = ["trees.height=2", "output.queries=1", *ring]
    found = rows(measure("proven_trees", [*SMALL, *keys, *PROVEN[name]]))
    assert {"growth/sort", "growth/level1", "growth/leaves", "verification", "run"} <= {
        row.op for row in found
    }
    assert [row.difference() for row in found if not row.equal] == []


ASKED = [
    ["trees.height=1", "output.queries=1"],
    ["trees.height=6", "output.queries=5"],
    ["trees.height=3", "trees.count=3", "trees.attributes=2", "data.classes=3", "hospitals.count=2"],
    ["trees.height=2", "trees.model=boosted", "trees.count=2"],
    ["trees.height=3", "trees.model=boosted", "data.source=diabetes", "data.train=60"],
    ["trees.height=2", "trees.count=3", "data.source=diabetes", "data.train=60"],
]
CHOSEN = {
    "dealer2": ["protocol.dealing=on_demand"],
    "fss2": ["protocol.form=spline"],
    "shamir": ["parties.n=5", "protocol.multiplication=dn"],
}
OTHERS = [name for name in families() if name != "replicated3"]


def _turns():
    """Return families and cases: all with MPCSIM_LONG=1, else each case once and each family once."""
    if os.environ.get("MPCSIM_LONG"):
        return [(name, case) for name in OTHERS for case in range(len(ASKED))]
    return [(name, number % len(ASKED)) for number, name in enumerate(OTHERS)]


@pytest.mark.parametrize(("name", "case"), _turns())
def test_trees_that_are_asked_on_another_family_have_formulas(name, case):
    for chosen in ([], CHOSEN.get(name)):
        if chosen is not None:
            keys = [*SMALL, "output.queries=8", f"protocol.family={name}", *chosen, *ASKED[case]]
            found = rows(measure("tree_inference", keys))
            assert {"sharing", "answers/walk", "reveal", "run"} <= {row.op for row in found}
            assert [row.difference() for row in found if not row.equal] == []


def test_a_formula_of_another_height_is_found_out():
    measured = measure("tree_training", [*SMALL, "trees.height=2", "output.queries=0"])
    measured.scenario.tables["trees"]["height"] = 3
    differ = [row.op for row in rows(measured) if not row.equal]
    assert "growth" in differ
    assert "growth/level2" in differ
