"""A training that was stopped anywhere goes on, and ends where one that was not ends, within truncation."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from training_runs import CONVOLUTIONS, run, write

import scenarios
from mpcsim import InputError
from mpcsim.scenario import run_scenario
from scenarios.checkpoints import Halted, Store, fingerprint

SHIPPED = Path(scenarios.__file__).parent
TRAINING = "test = 3\nmomentum = 0.9\n"
QUERIES = "\n[hospitals]\ncount = 2\nasker = 1\nqueries = 3\n"
EVERY = "checkpoint.every=2"


def scenario(folder):
    return write(folder, CONVOLUTIONS, TRAINING, further=QUERIES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run gives that is never stopped and keeps nothing."""
    _, output = run(scenario(tmp_path_factory.mktemp("whole")), "training.twin=none")
    return output


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The scenario in a folder that a training went through and kept its checkpoints in."""
    file = scenario(tmp_path_factory.mktemp("trained"))
    run(file, "training.twin=none", "checkpoint.folder=kept")
    return file


@pytest.fixture(scope="module")
def halted(tmp_path_factory):
    """The scenario in a folder whose training was stopped after three steps."""
    file = scenario(tmp_path_factory.mktemp("halted"))
    with pytest.raises(Halted, match="after step 3"):
        run(file, "training.twin=none", "checkpoint.folder=kept", EVERY, "checkpoint.halt_after=3")
    return file


def copied(file, folder):
    """Return the scenario in a copy of its folder, checkpoints and all."""
    return shutil.copytree(file.parent, folder / "copy") / file.name


def assert_same_training(output, whole):
    """Truncation rounds by the shares that it meets, and those are others in a run that goes on."""
    assert output["answers"] == whole["answers"]
    assert len(output["history"]) == len(whole["history"])
    for row, wanted in zip(output["history"], whole["history"], strict=True):
        assert row == pytest.approx(wanted, abs=2.0**-10)


def test_a_shipped_scenario_keeps_its_checkpoints_in_the_working_directory(tmp_path, monkeypatch):
    """Its record's copy, which runs it again, goes on from them too."""
    monkeypatch.chdir(tmp_path)
    options = ("training.twin=none", "training.max_steps=1", "training.test=0", "checkpoint.folder=kept")
    done = run_scenario("logistic_training", *options, "checkpoint.every=1", out=tmp_path / "run")
    before = list(SHIPPED.rglob("*-run-*"))
    kept = {file.name for file in (tmp_path / "kept").iterdir()}
    assert before == []
    assert {"server0-00000001.npz", "server1-00000001.npz", "server2-00000001.npz"} <= kept
    run(done.folder / "scenario.toml")
    assert {file.name for file in (tmp_path / "kept").iterdir()} > kept


def test_a_scenario_of_ones_own_keeps_them_beside_its_file(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run(scenario(tmp_path), "training.twin=none", "training.max_steps=1", "checkpoint.folder=kept")
    assert (tmp_path / "kept").is_dir()
    assert not any((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("stops", [[3], [5], [6], [3, 5]])
def test_a_stopped_run_goes_on_to_the_same_results(tmp_path, whole, halted, stops):
    file = copied(halted, tmp_path) if stops[0] == 3 else scenario(tmp_path)
    options = ("training.twin=none", "checkpoint.folder=kept", EVERY)
    for stop in stops[stops[0] == 3 :]:
        with pytest.raises(Halted, match=f"after step {stop}"):
            run(file, *options, f"checkpoint.halt_after={stop}")
    _, output = run(file, *options)
    # a run that stops right after a checkpoint may leave some actors' files of it unwritten
    assert output["resumed_from"] in {stops[-1] // 2 * 2, (stops[-1] - 1) // 2 * 2}
    assert_same_training(output, whole)


@pytest.mark.parametrize("stop", [1, 2])
def test_a_run_that_is_stopped_before_its_first_checkpoint_begins_anew(tmp_path, whole, stop):
    """With first weights of its own: what the stopped run drew for its messages is used up."""
    file = scenario(tmp_path)
    options = ("training.twin=none", "checkpoint.folder=kept", "checkpoint.every=3")
    with pytest.raises(Halted):
        run(file, *options, f"checkpoint.halt_after={stop}")
    _, output = run(file, *options)
    assert output["resumed_from"] == 0
    assert len(output["history"]) == len(whole["history"])
    assert output["result_digest"] != whole["result_digest"]


def test_a_finished_training_answers_again_without_training_again(tmp_path, whole, trained):
    finished, output = run(copied(trained, tmp_path), "training.twin=none", "checkpoint.folder=kept")
    assert output["resumed_from"] == 6
    assert output["result_digest"] == whole["result_digest"]
    assert "step" not in {span.name for span in finished.spans}


def test_another_hospital_asks_the_trained_model_later(tmp_path, trained):
    options = ("training.twin=none", "checkpoint.folder=kept")
    finished, output = run(copied(trained, tmp_path), *options, "hospitals.asker=0", "hospitals.queries=5")
    assert "step" not in {span.name for span in finished.spans}
    assert len(finished.outputs["hospital0"]["answers"]) == 5
    assert finished.outputs["hospital1"]["answers"] is None
    assert output["resumed_from"] == 6


def test_checkpoints_do_not_change_the_results_or_the_cost(tmp_path, whole):
    finished, output = run(scenario(tmp_path), "training.twin=none", "checkpoint.folder=kept", EVERY)
    assert output["result_digest"] == whole["result_digest"]
    actors = ("server0", "server1", "server2", "hospital0")
    assert sorted(file.name for file in (tmp_path / "kept").iterdir()) == sorted(
        f"{actor}-{what}" for actor in actors for what in ("00000004.npz", "00000006.npz", "run-1")
    )
    assert finished.messages > 0


def test_a_resumed_run_is_compared_with_twins_from_there_on(tmp_path):
    file = scenario(tmp_path)
    options = ("checkpoint.folder=kept", EVERY)
    with pytest.raises(Halted):
        run(file, *options, "checkpoint.halt_after=4")
    _, output = run(file, *options)
    assert output["max_weight_error"]["fixed"]["end"] < 2.0**-10


@pytest.fixture
def stopped(tmp_path, halted):
    return copied(halted, tmp_path)


@pytest.mark.parametrize(
    "change", ["training.rate=0.0625", "seed=4", "data.offset=1", "training.epochs=3", "protocol.radix=1"]
)
def test_a_checkpoint_of_another_scenario_is_refused(stopped, change):
    with pytest.raises(InputError, match=r"server0-00000002.npz: a checkpoint of another scenario"):
        run(stopped, "checkpoint.folder=kept", change)


def test_another_network_of_links_or_another_interval_is_no_other_scenario(stopped):
    options = ("checkpoint.folder=kept", "checkpoint.every=5", 'network.latency="3 ms"')
    _, output = run(stopped, *options, "training.twin=none")
    assert output["resumed_from"] == 2


def test_a_checkpoint_of_fewer_servers_is_refused(stopped):
    for file in (stopped.parent / "kept").glob("server1-*.npz"):
        file.unlink()
    with pytest.raises(InputError, match="no file of server1; a run goes on from a checkpoint of all of"):
        run(stopped, "checkpoint.folder=kept")


def test_one_can_start_anew_instead(stopped):
    for actor in ("server0", "hospital0"):
        next((stopped.parent / "kept").glob(f"{actor}-*2.npz")).unlink()
    _, output = run(stopped, "checkpoint.folder=kept", "checkpoint.resume=false", "training.twin=none")
    assert output["resumed_from"] == 0


def test_the_newest_checkpoint_that_all_have_is_taken(stopped, whole):
    file, options = stopped, ("training.twin=none", "checkpoint.folder=kept", EVERY)
    with pytest.raises(Halted):
        run(file, *options, "checkpoint.halt_after=4")
    (file.parent / "kept" / "server2-00000004.npz").unlink(
        missing_ok=True
    )  # killed before this server wrote
    _, output = run(file, *options)
    assert output["resumed_from"] == 2
    assert_same_training(output, whole)


@pytest.mark.parametrize("damage", [b"", b"not an archive", None])
def test_a_damaged_file_is_refused_by_name(stopped, damage):
    file = stopped.parent / "kept" / "server2-00000002.npz"
    file.write_bytes(file.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(InputError, match=r"server2-00000002\.npz: damaged, or not a checkpoint"):
        run(stopped, "checkpoint.folder=kept")


def test_a_servers_file_holds_its_own_shares_alone(stopped):
    kept = stopped.parent / "kept"
    first, second = (np.load(kept / f"server{i}-00000002.npz") for i in (0, 1))
    name = "weight/conv1/kernel"
    np.testing.assert_array_equal(first[f"{name}/b"], second[f"{name}/a"])  # replicated: a part is common
    whole = first[f"{name}/a"] + first[f"{name}/b"] + second[f"{name}/b"]
    assert np.abs(whole.view(np.int64) / 2.0**30).max() < 1  # three parts are weights
    two = (first[f"{name}/a"] + first[f"{name}/b"]).view(np.int64) / 2.0**30
    assert np.abs(two).max() > 1e6  # two of them are noise


def test_a_half_written_file_is_never_taken_for_a_checkpoint(tmp_path, monkeypatch):
    store = Store(tmp_path / "kept", fingerprint("a scenario"), ["server0"])
    store.begin(0)
    store.save("server0", 1, {"x": np.arange(3)})

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(InputError, match=r"00000002.npz: the checkpoint cannot be written: No space left"):
        store.save("server0", 2, {"x": np.arange(3)})
    assert store.newest() == 1
    assert store.load("server0", 1)[0]["x"].tolist() == [0, 1, 2]


def _store(folder, actors=("server0", "server1", "server2")):
    return Store(folder / "kept", fingerprint("a scenario"), actors)


def test_files_of_two_runs_never_make_up_one_state(tmp_path):
    """Killed between two actors' files, gone on, killed between two others' files of the same step."""
    first = _store(tmp_path)
    first.begin(0)
    for actor in first.actors:
        first.save(actor, 2, {})
    first.save("server0", 4, {"of": np.arange(1)})
    second = _store(tmp_path)
    assert second.newest() == 2
    kept = (first.folder / "server0-00000004.npz").read_bytes()
    second.begin(2)
    assert not (first.folder / "server0-00000004.npz").exists()
    (first.folder / "server0-00000004.npz").write_bytes(kept)  # as if its disk had kept it all the same
    for actor in ("server1", "server2"):
        second.save(actor, 4, {"of": np.arange(2)})
    assert _store(tmp_path).newest() == 2
    second.save("server0", 4, {"of": np.arange(2)})
    assert _store(tmp_path).newest() == 4


def test_what_an_abandoned_run_kept_never_displaces_what_a_later_one_needs(tmp_path):
    first = _store(tmp_path)
    first.begin(0)
    for actor in first.actors:
        first.save(actor, 2, {})
    first.save("server0", 4, {})
    second = _store(tmp_path)  # with another interval
    second.begin(second.newest())
    for step in (3, 6):
        second.save("server0", step, {})
        assert _store(tmp_path).newest() in (2, 3)
        for actor in ("server1", "server2"):
            second.save(actor, step, {})
        assert _store(tmp_path).newest() == step


def test_every_run_in_a_folder_takes_a_number_of_its_own(tmp_path):
    for number in range(1, 5):
        assert _store(tmp_path).begin(0) == number
    (tmp_path / "kept" / "server0-run-7").touch()  # a process that was killed before the other marks
    assert _store(tmp_path).begin(0) == 8


def test_processes_that_begin_at_once_take_different_numbers(tmp_path):
    stores = [_store(tmp_path) for _ in range(24)]
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda store: store.begin(0), stores))
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) == 1


def test_numbers_go_on_where_the_marks_are_gone(tmp_path):
    store = _store(tmp_path)
    for _ in range(3):
        store.begin(0)
    store.save("server1", 1, {})
    for mark in store.folder.glob("*-run-*"):
        mark.unlink()
    assert _store(tmp_path).begin(0) == 4
