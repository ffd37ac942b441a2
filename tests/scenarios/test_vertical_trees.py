"""Two hospitals that hold different attributes of the same patients: the tree of the joined table."""

import os

import numpy as np
import pytest
from test_private_trees import HEADER, SHIPPED, run

from mpcsim import InputError
from mpcsim.scenario import build_program, load_scenario, run_program
from scenarios import WORKLOADS
from scenarios.data import VerticalSettings, load_vertical

VERTICAL = ["data.partition=vertical"]
LONG = "MPCSIM_LONG" in os.environ
SMALL = ["data.train=60", "trees.height=2", "output.queries=9"]


@pytest.mark.parametrize("model", ["cart", "boosted"] if LONG else ["cart"])
def test_the_result_is_that_of_rows_on_the_joined_table(tmp_path, model):
    keys = [*SMALL, f"trees.model={model}", "trees.count=1"]
    _, whole = run(tmp_path, *keys)
    _, output = run(tmp_path, *keys, *VERTICAL)
    assert output["equal_to_clear"]
    assert output["trees"] == whole["trees"]
    assert output["answers"] == whole["answers"]
    assert output["joined"] == [60, 569]


def written(folder, seed=0, rows=40, known=30, other=8):
    """Write two hospitals' files, and one of the patients that both have; return the keys of each."""
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(size=(rows + other, 4)), 2)
    keys = rng.choice(2**30, rows + other, replace=False) * rng.choice([-1, 1], rows + other)
    classes = np.where(values.sum(1) + rng.normal(size=rows + other) > 0, "ill", "well")
    held = rng.permutation(np.concatenate([np.arange(known), rows + np.arange(other)]))

    def lines(name, header, found):
        text = "\n".join([header, *(",".join(map(str, row)) for row in found)])
        (folder / name).write_text(text + "\n", "utf-8")

    lines(
        "first.csv",
        "a,id,b,class",
        [(values[i, 0], keys[i], values[i, 1], classes[i]) for i in range(rows)],
    )
    lines("second.csv", "id,c,d", [(keys[i], values[i, 2], values[i, 3]) for i in held])
    lines("both.csv", "a,b,c,d,class", [(*values[i], classes[i]) for i in range(known)])
    return keys[:rows], keys[held]


FILES = [
    "data.source=csv", "data.path=first.csv", "data.other=second.csv", "data.key=id", "trees.height=3",
    *VERTICAL,
]  # fmt: skip


@pytest.mark.parametrize("seed", range(3 if LONG else 1))
def test_patients_that_one_hospital_lacks_are_left_out(tmp_path, seed):
    """The tree is that of the rows that both have, whichever they are; their number alone is opened."""
    written(tmp_path, seed)
    _, output = run(tmp_path, *FILES, "data.unmatched=drop", "data.train=40")
    keys = ["data.source=csv", "data.path=both.csv", "data.train=30", "trees.height=3"]
    _, whole = run(tmp_path, *keys)
    assert output["rows"] == 30
    assert output["equal_to_clear"]
    assert output["trees"] == whole["trees"]


def test_a_patient_that_is_asked_about_and_not_known_is_not_answered(tmp_path):
    first, second = written(tmp_path, 5)
    done, output = run(tmp_path, *FILES, "data.unmatched=drop", "data.train=20", "output.queries=20")
    held = load_vertical(
        VerticalSettings(
            source="csv", path="first.csv", other="second.csv", key="id", train=20, partition="vertical"
        ),
        tmp_path,
        3,
    )
    unknown = [int(key) not in set(map(int, second)) for key in held.first.keys[20:]]
    assert 0 < sum(unknown) < 20
    assert [one is None for one in output["answers"]] == unknown
    assert output["answers_equal_to_clear"]
    assert set(map(int, held.first.keys)) == set(map(int, first))
    assert [role for role, found in done.outputs.items() if found] == ["hospital0", "owner"]


@pytest.mark.parametrize("queries", [0, 3] if LONG else [3])
def test_a_run_ends_where_a_patient_is_missing_and_none_may_be(tmp_path, queries):
    written(tmp_path)
    scenario = load_scenario(_file(tmp_path), [*FILES, "data.train=30", f"output.queries={queries}"])
    done = run_program(build_program(scenario, WORKLOADS), scenario)
    assert {"server0", "server1", "server2"} <= done.aborts.keys()
    assert "the second hospital lacks rows of the first" in done.aborts["server0"]
    assert not any(done.outputs.values())


def test_a_run_ends_where_no_patient_is_in_common(tmp_path):
    written(tmp_path, known=0)
    scenario = load_scenario(_file(tmp_path), [*FILES, "data.unmatched=drop", "data.train=30"])
    done = run_program(build_program(scenario, WORKLOADS), scenario)
    assert "none of the first's rows" in done.aborts["server1"]


def _file(folder):
    (folder / "trees.toml").write_text(HEADER, "utf-8")
    return folder / "trees.toml"


@pytest.mark.parametrize("unmatched", ["refuse", "drop"] if LONG else ["drop"])
def test_a_dry_run_costs_what_the_run_does(tmp_path, unmatched):
    keys = [
        "data.source=random", "data.rows=30", "data.attributes=5", f"data.unmatched={unmatched}", *VERTICAL,
        "trees.height=1", "output.queries=4",
    ]  # fmt: skip
    real, _ = run(tmp_path, *keys)
    dry, _ = run(tmp_path, *keys, "dry_run=true")
    assert (dry.rounds, dry.payload_bytes) == (real.rounds, real.payload_bytes)


@pytest.mark.skipif(not LONG, reason="long: the formulas' tests run a part of it")
def test_the_shipped_halves_are_those_of_the_clear(tmp_path):
    _, output = run(tmp_path, "trees.height=2", name="vertical_training")
    assert output["equal_to_clear"]
    assert output["answers_equal_to_clear"]
    assert output["rows"] == 406
    assert SHIPPED.joinpath("vertical_training.toml").exists()


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["hospitals.count=3"], r"accepted: hospitals\.count = 2 and trees\.grown = 'shares'"),
        (["trees.grown=clear", "output.queries=3"], r"accepted: hospitals\.count = 2"),
        (["data.absent=426"], r"data\.absent = 426: accepted are 0 to 425 rows"),
        (["data.source=random", "data.attributes=1"], "the table has 1 attribute"),
        (["data.source=csv"], r"data\.path: missing"),
        (["data.source=csv", "data.path=first.csv"], r"data\.other: missing"),
        ([*FILES, "data.key=none"], r"data\.key: 'none': .*first\.csv has the columns a, id, b"),
        ([*FILES, "data.key=a"], r"column 'a': found the key .*; accepted: whole numbers below 2\^30"),
        ([*FILES, "data.absent=1"], r"data\.absent = 1: files say whom they lack"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path, overrides, named):
    written(tmp_path)
    with pytest.raises(InputError, match=named):
        run(tmp_path, *VERTICAL, *overrides)


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("{key},1,2", "the key {key} stands twice"),
        ("1.5,1,2", "found the key 1.5; accepted: whole numbers"),
        ("1073741824,1,2", "accepted: whole numbers below 2^30"),
        (",1,2", "column 'id': found ''"),
    ],
)
def test_a_hospitals_own_keys_are_looked_at_before_the_run(tmp_path, row, named):
    _, second = written(tmp_path)
    with (tmp_path / "second.csv").open("a", encoding="utf-8") as file:
        file.write(row.format(key=second[0]) + "\n")
    with pytest.raises(InputError) as caught:
        run(tmp_path, *FILES, "data.missing=mean")
    assert named.format(key=second[0]) in str(caught.value)


def test_an_attribute_of_both_files_is_refused(tmp_path):
    written(tmp_path)
    text = (tmp_path / "second.csv").read_text("utf-8").replace("id,c,d", "id,a,d")
    (tmp_path / "second.csv").write_text(text, "utf-8")
    with pytest.raises(InputError, match="'a' is an attribute of both files"):
        run(tmp_path, *FILES)
