"""No output of a PRF masks two messages, over a training, what goes on from it, and what is asked of it.

Every word that hides something comes out of `prf.expand`, from a key at an address. What is recorded is
every (key, address) of every run; two runs that have one in common have masked two messages alike.
"""

import shutil
from collections import Counter

import numpy as np
import pytest
from training_runs import CONVOLUTIONS, run, write

from protocols.correlated import prf
from protocols.replicated3.sharings.server import Server
from scenarios.checkpoints import Halted
from scenarios.training.plan import Start

QUERIES = "\n[hospitals]\ncount = 2\nasker = 1\nqueries = 3\n"
OPTIONS = ("training.twin=none", "checkpoint.folder=kept", "checkpoint.every=2")
HOLDERS = 3  # of a client's seed: the client, and the two servers that it goes to


class Record:
    """Draws of the runs so far: the number of a run, a key and an address, each counted."""

    def __init__(self, monkeypatch):
        self.runs = []
        self.draws = []
        expand, random = prf.expand, Server.random
        drawing = []

        def recording(key, address, size):
            self.runs[-1][bytes(key), bytes(address)] += 1
            if drawing:
                self.draws[-1][drawing[-1], bytes(key), bytes(address)] += 1
            return expand(key, address, size)

        def by_server(server, *what, **more):
            drawing.append(server.party.id)
            try:
                return random(server, *what, **more)
            finally:
                drawing.pop()

        monkeypatch.setattr(prf, "expand", recording)
        monkeypatch.setattr(Server, "random", by_server)

    def run(self, file, *options):
        self.runs.append(Counter())
        self.draws.append(Counter())
        return run(file, *OPTIONS, *options)

    def after(self, *earlier):
        """Count what was drawn by runs that other tests start from as well."""
        for one in earlier:
            self.runs += one.runs
            self.draws += one.draws

    def halted(self, file, *options):
        with pytest.raises(Halted):
            self.run(file, *options)

    def used_twice(self):
        """Return what more than one run drew, and what one server drew twice in one run."""
        seen = Counter(drawn for each in self.runs for drawn in each)
        twice = {drawn for drawn, count in seen.items() if count > 1}
        for most, each in (*((1, one) for one in self.draws), *((HOLDERS, one) for one in self.runs)):
            twice |= {drawn for drawn, count in each.items() if count > most}
        return twice


@pytest.fixture
def record(monkeypatch):
    return Record(monkeypatch)


def scenario(folder):
    return write(folder, CONVOLUTIONS, "test = 3\n", further=QUERIES)


@pytest.fixture(scope="module")
def halted(tmp_path_factory):
    """A folder whose training was stopped after three steps, and what was drawn until then."""
    folder = tmp_path_factory.mktemp("halted") / "one"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        record = Record(patch)
        record.halted(scenario(folder), "checkpoint.halt_after=3")
    return folder, record


@pytest.fixture(scope="module")
def finished(tmp_path_factory, halted):
    """The folder after the training went on to its end, and what was drawn on the way."""
    folder = shutil.copytree(halted[0], tmp_path_factory.mktemp("finished") / "one")
    with pytest.MonkeyPatch.context() as patch:
        record = Record(patch)
        record.run(folder / "scenario.toml")
    return folder, record


def copied(one, folder):
    """Return the scenario in a copy of what a fixture left, for runs of the test's own."""
    return shutil.copytree(one[0], folder / "copy") / "scenario.toml"


def questions(record, file):
    """Ask two different questions, and one of them again."""
    record.run(file, "hospitals.queries=5")
    record.run(file, "hospitals.asker=0")
    record.run(file, "hospitals.asker=0")


def test_nothing_is_drawn_twice_over_a_training_its_resumption_and_questions(
    tmp_path, record, halted, finished
):
    record.after(halted[1], finished[1])
    questions(record, copied(finished, tmp_path))
    assert len(record.runs) == 5
    assert all(sum(each.values()) > 100 for each in record.runs)
    assert record.used_twice() == set()


def test_what_runs_with_one_seed_share_without_a_number_is_found(tmp_path, record, monkeypatch):
    monkeypatch.setattr(Start, "begin", lambda start: start.store.begin(start.step) and "")
    file = scenario(tmp_path)
    record.halted(file, "checkpoint.halt_after=3")
    record.run(file)
    assert len(record.used_twice()) > 100


def test_two_runs_that_go_on_from_one_checkpoint_draw_apart(tmp_path, record, halted):
    """Killed after the first's checkpoint, and killed between the files of a checkpoint and its end."""
    record.after(halted[1])
    file = copied(halted, tmp_path)
    for stop in (4, 5):
        record.halted(file, f"checkpoint.halt_after={stop}")
    for late in (file.parent / "kept").glob("server[02]-00000004.npz"):
        late.unlink()
    record.run(file)
    assert record.used_twice() == set()


def test_a_training_that_starts_anew_in_a_folder_draws_apart_from_the_one_before(tmp_path, record, halted):
    record.after(halted[1])
    record.run(copied(halted, tmp_path), "checkpoint.resume=false", "training.rate=0.0625")
    assert record.used_twice() == set()


CHANGES = [
    "hospitals.queries=4",
    "hospitals.asker=0",
    "data.pixels=unit",
    "training.reveal=never",
    "seed=4",
]


@pytest.mark.parametrize("change", CHANGES)
def test_copies_of_a_folder_that_are_asked_different_things_draw_apart(
    tmp_path, record, halted, finished, change
):
    """Each copy counts its runs by itself; what is asked tells them apart."""
    record.after(halted[1], finished[1])
    anew = () if change.startswith("hospitals") else ("checkpoint.resume=false",)
    record.run(copied(halted, tmp_path), change, *anew)
    assert record.used_twice() == set()


def test_other_images_of_the_asker_are_another_question(tmp_path, record):
    """The query's bytes count, and not the settings alone; the training images stay."""
    (tmp_path / "one").mkdir()
    file = write(tmp_path / "one", CONVOLUTIONS, further=QUERIES)
    record.run(file)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    with np.load(tmp_path / "two" / "images.npz") as found:
        arrays = dict(found)
    arrays["test_images"] ^= 1
    np.savez(tmp_path / "two" / "images.npz", **arrays)
    record.run(file)
    record.run(tmp_path / "two" / "scenario.toml")
    assert record.used_twice() == set()


def test_the_first_run_in_a_folder_is_the_run_without_checkpoints(tmp_path):
    file = scenario(tmp_path)
    kept, _ = run(file, *OPTIONS)
    plain, _ = run(file, "training.twin=none")
    assert kept.digest == plain.digest
