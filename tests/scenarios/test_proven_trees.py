"""Trees grown where one server may lie: those of the clear, refused by name where they do not grow."""

import os

import pytest

from analysis.predict import measure
from analysis.predict.run import rows
from mpcsim import InputError
from mpcsim.scenario import build_program, load_scenario, run_program
from protocols.trees import Statistics
from scenarios import WORKLOADS
from scenarios.checkpoints import Halted
from scenarios.trees import PrivateTreesSettings, scaled_bits, shape_of, target_bits

LONG = bool(os.environ.get("MPCSIM_LONG"))
HEADER = """name = "trees"
workload = "private_trees"
seed = 3
[protocol]
family = "replicated3_malicious"
"""
CHEAP = ["ring.fraction_bits=4", "ring.value_bits=8", "trees.digit=8"]
IRIS = ["data.source=iris", "data.train=9", "trees.height=2"]
TARGETS = [
    "data.source=diabetes",
    "data.train=9",
    "trees.height=1",
    "trees.attributes=2",
    "ring.fraction_bits=7",
]


def run(folder, *overrides):
    (folder / "trees.toml").write_text(HEADER, "utf-8")
    loaded = load_scenario(folder / "trees.toml", ["engine.trace=false", *CHEAP, *overrides])
    program = build_program(loaded, WORKLOADS)
    done = run_program(program, loaded)
    return done, program.summarize(done)


@pytest.mark.skipif(not LONG, reason="a forest, and a tree that goes on, are too")
def test_a_proven_tree_is_the_one_of_the_clear_and_answers_as_it_does(tmp_path):
    keys = ["data.rows=16", "data.train=7", "trees.height=1", "hospitals.count=3", "output.queries=2"]
    done, output = run(tmp_path, "data.source=random", "data.attributes=2", *keys)
    assert output["equal_to_clear"]
    assert output["answers_equal_to_clear"]
    assert {role for role, found in done.outputs.items() if found is not None} == {"hospital0", "owner"}


@pytest.mark.parametrize("kind", ["data.classes=3", "data.source=diabetes"] if LONG else ["data.classes=3"])
def test_a_proven_forest_votes_as_the_one_of_the_clear_and_has_its_formulas(tmp_path, kind):
    keys = [
        "data.source=random",
        "data.rows=20",
        "data.attributes=3",
        kind,
        "data.train=8",
        "trees.height=1",
    ]
    many = [
        "trees.count=2",
        "trees.bootstrap=true",
        "trees.attributes=1",
        "output.queries=3",
        "hospitals.count=3",
    ]
    (tmp_path / "trees.toml").write_text(HEADER, "utf-8")
    measured = measure(tmp_path / "trees.toml", [*CHEAP, *keys, *many])
    assert len(measured.output["trees"]) == 2
    assert measured.output["equal_to_clear"]
    assert measured.output["answers_equal_to_clear"]
    assert [row.difference() for row in rows(measured) if not row.equal] == []


def test_targets_grow_a_proven_tree_that_answers_with_means_as_the_formula_says(tmp_path):
    (tmp_path / "trees.toml").write_text(HEADER, "utf-8")
    measured = measure(
        tmp_path / "trees.toml", [*CHEAP, *TARGETS, "output.queries=2", "output.tree=nobody"]
    )
    assert measured.output["answers_equal_to_clear"]
    assert "trees" not in measured.output
    assert [row.difference() for row in rows(measured) if not row.equal] == []


@pytest.mark.skipif(not LONG, reason="formulas say so of dry runs, and of one on data")
def test_a_dry_run_of_proven_growth_has_the_bytes_and_rounds_of_a_real_one(tmp_path):
    keys = ["data.source=random", "data.rows=16", "data.attributes=2", "trees.height=2", "output.queries=2"]
    real, output = run(tmp_path, *keys)
    dry, _ = run(tmp_path, *keys, "dry_run=true")
    assert output["equal_to_clear"]
    assert (dry.rounds, dry.payload_bytes, dry.messages) == (real.rounds, real.payload_bytes, real.messages)


def test_a_proven_tree_goes_on_from_its_checkpoint_and_every_span_has_its_formula(tmp_path):
    keys = [*IRIS, "trees.attributes=2", "output.queries=3", "checkpoint.folder=kept"]
    with pytest.raises(Halted):
        run(tmp_path, *keys, "checkpoint.halt_after=2")  # one server has the tree, all have a level
    for levels in (1, 2) if LONG else (1,):
        measured = measure(tmp_path / "trees.toml", [*CHEAP, *keys])
        assert measured.output["resumed_from"] == levels
        assert measured.output["equal_to_clear"]
        assert measured.output["answers_equal_to_clear"]
        assert [row.difference() for row in rows(measured) if not row.equal] == []


@pytest.mark.parametrize("gain", [0.0, 0.01])
def test_targets_keep_the_bits_whose_scores_a_word_compares(gain):
    def settings(family):
        trees = {"least_gain": gain}
        return PrivateTreesSettings.model_validate({"protocol": {"family": family}, "trees": trees})

    def widest(rows, bits):
        shape = shape_of(settings("replicated3"), rows, 10, Statistics(1, classes=False, bits=bits))
        return max(shape.cross_bits, shape.gain_bits)

    for count in (1, 60, 127, 331, 500, 1000):
        bits = scaled_bits(settings("replicated3_malicious"), count, 10)
        assert scaled_bits(settings("replicated3"), count, 10) == target_bits(count)
        assert bits == 4 or widest(count, bits) <= 64
        assert bits == target_bits(count) or widest(count, bits + 1) > 64


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["trees.model=boosted"], "trees.model = 'boosted' with trees.grown = 'shares': not offered by"),
        (["trees.count=2", "checkpoint.folder=kept"], "trees.count = 2 with checkpoint.folder with"),
        (["data.partition=vertical"], "data.partition = 'vertical' with trees.grown = 'shares': not"),
        (["protocol.verification=mac"], "less_than.*replicated3_malicious|mac"),
        (["data.rows=30000", "data.train=29000"], r"accepted"),
        (["ring.value_bits=5", "ring.fraction_bits=0"], r"accepted: 6 and more, or output.queries = 0"),
    ],
)
def test_what_does_not_grow_is_refused_by_name_with_what_is_accepted(tmp_path, overrides, said):
    keys = ["data.source=random", "data.rows=50", "data.train=40", "output.queries=2", "dry_run=true"]
    with pytest.raises(InputError, match=said):
        run(tmp_path, *keys, *overrides)
