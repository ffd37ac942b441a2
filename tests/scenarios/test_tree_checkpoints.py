"""Trees that were stopped after any level go on from it, to the very trees of a run that was not."""

import os
import shutil
from collections import Counter

import numpy as np
import pytest

from analysis.predict import measure
from analysis.predict.run import rows
from mpcsim import InputError
from mpcsim.scenario import build_program, load_scenario, run_program
from protocols.correlated import prf
from protocols.trees import Stand
from scenarios import WORKLOADS
from scenarios.checkpoints import Halted
from scenarios.trees.kept import arrays_of, state_of

HEADER = """name = "trees"
workload = "private_trees"
seed = 3
[checkpoint]
folder = "kept"
"""
IRIS = ["data.source=iris", "data.train=24", "trees.height=2", "output.queries=9"]
SPLIT = ["data.source=iris", "data.train=24", "trees.height=2", "data.partition=vertical", "data.absent=4"]
KINDS = {
    "a tree": (IRIS, [1, 2]),
    "a tree of targets": (["data.source=diabetes", "data.train=20", "trees.height=2"], [1]),
    "a forest": ([*IRIS, "trees.count=2", "trees.bootstrap=true", "trees.attributes=2"], [2]),
    "rows that two hospitals hold halves of": ([*SPLIT, "data.unmatched=drop", "output.queries=5"], [1]),
    "boosted trees": (
        [
            "data.source=breast_cancer", "data.train=24", "trees.height=1", "trees.model=boosted",
            "trees.count=2", "trees.bins=4", "output.queries=9",
        ],
        [1],
    ),
}  # fmt: skip


LONG = bool(os.environ.get("MPCSIM_LONG"))
SHORT = KINDS if LONG else {name: KINDS[name] for name in ("a tree", "a forest", "boosted trees")}


def scenario(folder):
    folder.mkdir(exist_ok=True)
    (folder / "trees.toml").write_text(HEADER, "utf-8")
    return folder / "trees.toml"


def run(file, *overrides):
    loaded = load_scenario(file, list(overrides))
    program = build_program(loaded, WORKLOADS)
    done = run_program(program, loaded)
    return done, program.summarize(done)


def arrays_in(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def halted(file, *overrides, after):
    with pytest.raises(Halted, match=f"stopped after step {after}"):
        run(file, *overrides, f"checkpoint.halt_after={after}")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The scenario in a folder whose run was stopped after its second level."""
    file = scenario(tmp_path_factory.mktemp("stopped"))
    halted(file, *IRIS, after=2)
    return file


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """The scenario in a folder whose run went to its end, and kept its tree."""
    file = scenario(tmp_path_factory.mktemp("grown"))
    run(file, *IRIS)
    return file


def copied(file, folder):
    """Return the scenario in a copy of its folder, checkpoints and all."""
    return shutil.copytree(file.parent, folder / "copy") / file.name


@pytest.mark.parametrize(("kind", "stops"), SHORT.values(), ids=SHORT)
def test_a_stopped_run_goes_on_to_the_same_trees_and_answers(tmp_path, kind, stops):
    file = scenario(tmp_path)
    _, whole = run(file, *kind, "checkpoint.resume=false", "checkpoint.folder=whole")
    for after in stops:
        halted(file, *kind, after=after)
    measured = measure(file, kind)
    output = measured.output
    # a server stops the run as soon as it has written, before all others have
    assert output["resumed_from"] in {stops[-1] - 1, stops[-1]}
    assert output["equal_to_clear"]
    for told in {"trees", "answers", "base"} & set(whole):
        assert output[told] == whole[told], told
    assert [row.difference() for row in rows(measured) if not row.equal] == []


@pytest.mark.parametrize("kind", [kind for kind, _ in (SHORT.values() if LONG else [KINDS["a tree"]])])
def test_grown_trees_answer_again_without_growing_again(tmp_path, kind):
    file = scenario(tmp_path)
    first, _ = run(file, *kind)
    again, output = run(file, *kind, "output.queries=4")
    assert output["answers_equal_to_clear"]
    assert output["equal_to_clear"]
    assert again.span("growth").payload_bytes == 0 < first.span("growth").payload_bytes


def test_checkpoints_change_neither_messages_nor_results(tmp_path):
    file = scenario(tmp_path)
    kept, _ = run(file, *IRIS)
    (tmp_path / "plain.toml").write_text(HEADER.partition("[checkpoint]")[0], "utf-8")
    plain, _ = run(tmp_path / "plain.toml", *IRIS)
    assert kept.digest == plain.digest


def test_a_run_that_goes_on_draws_nothing_that_the_one_before_drew(tmp_path, monkeypatch):
    runs, expand = [], prf.expand

    def recording(key, address, size):
        runs[-1][bytes(key), bytes(address)] += 1
        return expand(key, address, size)

    monkeypatch.setattr(prf, "expand", recording)
    file, kind = scenario(tmp_path), IRIS
    for after in (1, 2):
        runs.append(Counter())
        halted(file, *kind, after=after)
    for queries in (9, 9, 4):
        runs.append(Counter())
        run(file, *kind, f"output.queries={queries}")
    assert all(sum(one.values()) > 50 for one in runs)
    seen = Counter(drawn for one in runs for drawn in one)
    assert {drawn for drawn, count in seen.items() if count > 1} == set()


@pytest.mark.parametrize("change", ["seed=4", "trees.least_rows=2", "protocol.radix=1"])
def test_a_checkpoint_of_another_scenario_is_refused(tmp_path, stopped, change):
    file = copied(stopped, tmp_path)
    with pytest.raises(InputError, match=r"server0-tree0-0000000\d.npz: a checkpoint of another scenario"):
        run(file, *IRIS, change)


def test_another_network_and_other_questions_are_no_other_scenario(tmp_path, stopped):
    file = copied(stopped, tmp_path)
    _, output = run(file, *IRIS, 'network.latency="3 ms"', "output.queries=2", "output.tree=nobody")
    assert output["answers_equal_to_clear"]
    assert output["resumed_from"] > 0


@pytest.mark.parametrize("damage", [b"not an archive", None])
def test_a_damaged_file_is_refused_by_name(tmp_path, grown, damage):
    file = copied(grown, tmp_path)
    hurt = file.parent / "kept" / "server2-tree0-00000002.npz"
    hurt.write_bytes(hurt.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(InputError, match=r"server2-tree0-00000002\.npz: damaged, or not a checkpoint"):
        run(file, *IRIS)


def test_a_file_without_one_of_its_arrays_is_refused_with_the_arrays_name(tmp_path, stopped):
    file = copied(stopped, tmp_path)
    [hurt] = (file.parent / "kept").glob("server1-tree0-00000001.npz")
    for late in (file.parent / "kept").glob("*2.npz"):
        late.unlink()
    arrays = arrays_in(hurt)
    del arrays["/table/rows/a"]
    np.savez(hurt, **arrays)
    with pytest.raises(InputError, match=r"server1-tree0, step 1: damaged.*it lacks '/table/rows/a'"):
        run(file, *IRIS)


def test_files_of_a_server_that_are_gone_are_missed_and_one_can_start_anew(tmp_path, stopped):
    file = copied(stopped, tmp_path)
    for gone in (file.parent / "kept").glob("server1-*.npz"):
        gone.unlink()
    with pytest.raises(
        InputError, match="no file of server1-tree0; a run goes on from a checkpoint of all"
    ):
        run(file, *IRIS)
    _, output = run(file, *IRIS, "checkpoint.resume=false")
    assert output["resumed_from"] == 0
    assert output["equal_to_clear"]


def test_a_tree_that_its_owner_grew_keeps_nothing(tmp_path):
    with pytest.raises(InputError, match=r"accepted: without it, or trees.grown = 'shares'"):
        run(scenario(tmp_path), *IRIS, "trees.grown=clear")


def test_a_servers_file_holds_its_own_shares_alone(tmp_path, stopped):
    """Three parts add up to row numbers, two of them are noise."""
    file = copied(stopped, tmp_path)
    kept = file.parent / "kept"
    first, second = (arrays_in(kept / f"server{i}-tree0-00000001.npz") for i in (0, 1))
    name, bits = "/table/rows", (1 << 5) - 1
    np.testing.assert_array_equal(first[f"{name}/b"] & bits, second[f"{name}/a"] & bits)
    two = first[f"{name}/a"] + first[f"{name}/b"]
    rows_of = np.sort((two + second[f"{name}/b"]) & bits, -1)
    assert (rows_of == np.arange(24)).all()
    assert not (np.sort(two & bits, -1) == np.arange(24)).all(-1).any()


def test_a_state_is_the_one_that_was_written(tmp_path, stopped):
    """All of a state comes back: fields that are None, empty tuples, whole numbers."""
    file = copied(stopped, tmp_path)
    arrays = arrays_in(file.parent / "kept" / "server0-tree0-00000001.npz")
    del arrays["note"]
    stand = state_of(Stand, arrays)
    assert len(stand.levels) == 1
    by = stand.slots.lots.opening.by
    assert sum(part is None for part in (by.first, by.second, by.third)) == 1  # each server lacks a part
    assert isinstance(stand.slots.lots.rows, int)
    again = arrays_of(stand)
    assert set(again) == set(arrays)
    for name, words in arrays.items():
        np.testing.assert_array_equal(again[name], words)
