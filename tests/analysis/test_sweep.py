"""Sweeps: the syntax of values, points in parallel, failures as rows, and a start after an interruption."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future
from pathlib import Path

import pandas as pd
import pytest

from analysis.points import combine, read_axes, read_axis
from analysis.sweep import engines
from analysis.sweep import sweep as sweeps
from analysis.sweep.engines import LocalEngine
from mpcsim import InputError, plugins
from mpcsim.__main__ import main
from mpcsim.record import read_record

LONG = bool(os.environ.get("MPCSIM_LONG"))
_OWN = """
import os, signal, time

async def program(party, settings):
    if party.id == 0:
        with open("ran.txt", "a") as log:
            log.write(f"{settings['size']} {os.getpid()}\\n")
    time.sleep(settings.get("sleep", 0))
    if settings["size"] == settings.get("fails"):
        raise ValueError("this size fails")
    if settings["size"] == settings.get("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    party.send((party.id + 1) % party.n, bytes(settings["size"]))
    await party.recv((party.id - 1) % party.n)
"""
_SCENARIO = 'name = "own"\nworkload = "own.py:program"\nseed = 4\nsize = 1\n[network]\nlatency = "1 ms"\n'


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "own.py").write_text(_OWN)
    (tmp_path / "own.toml").write_text(_SCENARIO)


def _call(*arguments, **more):
    """Run the command line in a process of its own: loky and pytest share none."""
    command = [sys.executable, "-m", "mpcsim", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False, **more)


class Here:
    """An engine of this process, for sweeps of which no worker is to die: it starts none."""

    width = 2

    def submit(self, function, *arguments):
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def blame(self, error):
        return None

    def check(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


@pytest.fixture
def call(capsys, monkeypatch):
    """Run the command line in this process, points too; LONG in one of its own, with workers."""
    if LONG:
        return _call
    monkeypatch.setattr(engines, "LocalEngine", lambda jobs: Here())

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        return subprocess.CompletedProcess(arguments, ended.value.code, *capsys.readouterr())

    return call


def _sweep(*overrides, engine=None, scenario="own.toml", **more):
    """Sweep without figures, in this process unless an engine is given; LONG starts workers."""
    planned = sweeps.plan(scenario, overrides, Path(), out=Path("s"))
    return sweeps.run(planned, engine or (workers if LONG else Here), jobs=2, **more)


def workers():
    return LocalEngine(2)


def _ran(folder):
    return [int(line.split()[0]) for line in (folder / "ran.txt").read_text().splitlines()]


# Values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=1,2,4", ["1", "2", "4"]),
        ("a=1..4", ["1", "2", "3", "4"]),
        ("a=10..40:15", ["10", "25", "40"]),
        ("a=3..1:-1", ["3", "2", "1"]),
        ("a=0.1..0.4:0.1", ["0.1", "0.2", "0.3", "0.4"]),
        ("a=1..1000:*10", ["1", "10", "100", "1000"]),
        ("a=1..4:*1.35", ["1", "1.350", "1.822", "2.460", "3.322"]),
        ("a=1 ms,10 ms", ["1 ms", "10 ms"]),
        ("a=10..30:10 ms,1 s", ["10 ms", "20 ms", "30 ms", "1 s"]),
        ("a=1..10:*10 Mbit/s", ["1 Mbit/s", "10 Mbit/s"]),
        ("a=[1, 2],[3, 4]", ["[1, 2]", "[3, 4]"]),
        ('a="1..3","x,y"', ['"1..3"', '"x,y"']),
        ("a=../one.npz,../two.npz", ["../one.npz", "../two.npz"]),
    ],
)
def test_a_list_or_a_range_gives_its_values(text, values):
    assert list(read_axis(text).values) == values


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a=1..", "is no range"),
        ("a=1..x", "is no range"),
        ("a=..3", "is no range"),
        ("a=4..1", "does not lead"),
        ("a=1..4:0", "does not lead"),
        ("a=1..4:*1", "does not lead"),
        ("a=1..100000", "more than 10,000"),
        ("a=1,,2", "an empty value"),
        ("a=", "an empty value"),
        ("a", "KEY=V1"),
        ("a=1,2,1", "there twice"),
    ],
)
def test_values_that_cannot_be_read_are_refused(text, part):
    with pytest.raises(InputError, match="--set") as caught:
        read_axis(text)
    assert part in str(caught.value)


def test_several_keys_give_every_combination_or_go_side_by_side():
    axes = read_axes(["a=1,2", "b=x,y", "c=5"], zipped=False)
    assert [tuple(point.values()) for point in combine(axes, zipped=False)] == [
        ("1", "x", "5"), ("1", "y", "5"), ("2", "x", "5"), ("2", "y", "5"),
    ]  # fmt: skip
    assert [tuple(point.values()) for point in combine(axes, zipped=True)] == [
        ("1", "x", "5"), ("2", "y", "5"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "zipped", "part"),
    [
        ([], False, "an empty sweep"),
        (["a=1"], False, "an empty sweep"),
        (["a=1,2", "a=3"], False, "one --set for each key"),
        (["a=1,2", "b=1,2,3"], True, "a has 2, b has 3"),
        (["a=1..2000", "b=1..2000"], False, "4,000,000 points"),
    ],
)
def test_a_sweep_over_nothing_or_too_much_is_refused(overrides, zipped, part):
    with pytest.raises(InputError) as caught:
        combine(read_axes(overrides, zipped=zipped), zipped=zipped)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("network.latency=1 ms,3 parsecs", ["network.latency=3 parsecs", "units"]),
        ("network.lag=1,2", ["--set network.lag=1", "unknown key 'lag'"]),
        ("size.deep=1,2", ["--set size.deep=1", "size is 1, not a table"]),
    ],
)
def test_a_wrong_key_or_value_names_the_point_before_anything_runs(tmp_path, call, override, parts):
    done = call("sweep", "own.toml", "--set", override)
    assert done.returncode == 2
    for part in parts:
        assert part in done.stderr
    assert not (tmp_path / "ran.txt").exists()
    assert not (tmp_path / "runs").exists()


# Points


def test_points_run_in_parallel_processes_that_are_used_again(tmp_path):
    done = _call("sweep", "own.toml", "--set", "size=1..12", "--set", "sleep=0.05", "--jobs", 2, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [found[key] for key in ("points", "failed", "ran", "reused")] == [12, 0, 12, 0]
    assert [row["size"] for row in found["rows"]] == list(range(1, 13))
    assert [row["payload_bytes"] for row in found["rows"]] == [3 * size for size in range(1, 13)]
    assert "12 of 12 points" in done.stderr
    assert len({line.split()[1] for line in (tmp_path / "ran.txt").read_text().splitlines()}) == 2


def test_results_are_csv_and_parquet_and_a_figure_and_each_point_is_a_record(tmp_path):
    done = _call(
        "sweep", "own.toml", "--set", "size=1,5", "--set", "network.latency=1 ms,2 ms", "--out", "s"
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "s" / "results.csv")
    assert list(table["makespan_s"]) == [0.001, 0.002, 0.001, 0.002]
    assert list(table["latency_s"]) == [0.001, 0.002, 0.001, 0.002]
    columnar = pd.read_parquet(tmp_path / "s" / "results.parquet")
    assert list(columnar["network.latency"]) == ["1 ms", "2 ms", "1 ms", "2 ms"]
    assert columnar["rounds"].dtype == "Int64"
    record = read_record(tmp_path / "s" / "points" / table["point"][3])
    assert record.summary["payload_bytes"] == 15
    assert record.scenario.network.latency == "2 ms"
    for kind in ("sweep", "latency"):
        assert (tmp_path / "s" / "figures" / f"{kind}.svg").is_file()


def test_a_point_that_fails_is_a_row_with_its_error_and_the_others_go_on(tmp_path, call):
    done = call("sweep", "own.toml", "--set", "size=1..4", "--set", "fails=2", "--out", "s")
    assert done.returncode == 3
    table = pd.read_csv(tmp_path / "s" / "results.csv")
    assert list(table["status"]) == ["ok", "failed", "ok", "ok"]
    assert list(table["exit_status"]) == [0, 3, 0, 0]
    assert "this size fails" in table["error"][1]
    assert "failed: size = 2: " in done.stdout
    assert _sweep("size=1..4", "fails=2").exit_status() == 3
    assert len(_ran(tmp_path)) == 4  # the failure is kept, too
    _sweep("size=1..4", "fails=2", retry=True)
    assert _ran(tmp_path)[4:] == [2]


_SUMMARY_FAILS = """
from mpcsim.scenario import Program

async def actor(party):
    with party.span("work"):
        pass

def program(settings):
    def summarize(run):
        if settings["size"] == 2:
            raise KeyError("no such figure")
        return {}
    return Program({"a": actor}, summarize=summarize)
"""


@pytest.mark.parametrize(("code", "finished"), [(_OWN, False), (_SUMMARY_FAILS, True)])
def test_a_point_that_fails_keeps_its_record_as_far_as_it_went(tmp_path, code, finished):
    (tmp_path / "own.py").write_text(code)
    _sweep("size=1,2", "fails=2")
    table = pd.read_csv(tmp_path / "s" / "results.csv")
    assert list(table["status"]) == ["ok", "failed"]
    assert "mpcsim-point" not in table["error"][1]  # a folder that is gone
    folder = Path(table["error"][1].rpartition("its record: ")[2])
    assert read_record(folder).finished is finished
    _sweep("size=1,2", "fails=2", retry=True)  # in its place
    assert list(folder.parent.glob("*.failed")) == [folder]


def test_where_every_point_is_refused_so_is_the_sweep(tmp_path, call):
    (tmp_path / "own.py").write_text(
        "from pydantic import BaseModel\n\nclass Wanted(BaseModel):\n    other: int\n\n\n"
        "async def program(party, settings: Wanted):\n    pass\n"
    )
    done = call("sweep", "own.toml", "--set", "size=0,1", "--out", "s")
    assert done.returncode == 2
    assert "all 2 points failed; the first, size=0" in done.stderr
    assert "other: missing" in done.stderr


@pytest.mark.parametrize(
    ("scenario", "overrides", "said"),
    [
        ("link_probe", ["workload.repeats=0,-1"], "workload.repeats: found 0; accepted: from 1 to"),
        ("microbench", ["workload.sise=1..20"], "unknown key 'sise' (did you mean 'size'?)"),
        ("microbench", ["protocol.family=shamir,plain", "protocol.radx=2"], "protocol.radx: unknown key"),
    ],
)
def test_a_shipped_workload_that_accepts_no_point_is_asked_before_anything_runs(
    tmp_path, scenario, overrides, said
):
    planned = sweeps.plan(scenario, overrides, plugins.scenario_folders(), out=tmp_path / "s")

    def engine():
        raise AssertionError("a point was to be run")

    with pytest.raises(InputError, match=r"none of .* points can run; the first: ") as refused:
        sweeps.run(planned, engine)
    assert said in str(refused.value)
    assert not (tmp_path / "s").exists()


def test_a_sweep_of_which_some_points_are_accepted_runs(tmp_path):
    planned = sweeps.plan("link_probe", ["workload.repeats=0,2"], plugins.scenario_folders(), out=Path("s"))
    done = sweeps.run(planned, workers if LONG else Here, jobs=2)
    assert list(done.results.table["status"]) == ["failed", "ok"]


def test_workers_that_die_and_sweeps_that_are_gone_leave_no_folders_behind(tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True,
                          text=True, check=True).stdout.strip()  # fmt: skip
    for name in (f"mpcsim-point-{gone}-x", f"mpcsim-point-{os.getppid()}-x", "mpcsim-point-of-mine"):
        (place / name / "record").mkdir(parents=True)
    _sweep("size=1..4", "dies=3", engine=lambda: LocalEngine(1))
    left = [folder.name for folder in place.glob("mpcsim-*")]
    assert sorted(left) == [f"mpcsim-point-{os.getppid()}-x", "mpcsim-point-of-mine"]


def test_a_worker_that_dies_costs_its_point_alone(tmp_path):
    done = _sweep("size=1..8", "dies=3", engine=workers)
    assert done.exit_status() == 3
    table = pd.read_csv(tmp_path / "s" / "results.csv")
    assert list(table["status"]) == ["ok", "ok", "failed", *["ok"] * 5]
    assert "the worker process died" in table["error"][2]
    before = len(_ran(tmp_path))
    _sweep("size=1..8", "dies=3", engine=workers)
    assert set(_ran(tmp_path)[before:]) == {3}  # tried again, and nothing else


def test_a_sweep_that_was_killed_goes_on_and_repeats_no_finished_point(tmp_path):
    command = [
        "sweep",
        "own.toml",
        "--set",
        "size=1..20",
        "--set",
        "sleep=0.1",
        "--jobs",
        "2",
        "--out",
        "s",
    ]
    first = subprocess.Popen(
        [sys.executable, "-m", "mpcsim", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    points = tmp_path / "s" / "points"
    deadline = time.monotonic() + 100
    while len(list(points.glob("[0-9a-f]*"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    finished = {read_record(path).summary["payload_bytes"] // 3 for path in points.glob("[0-9a-f]*")}
    time.sleep(0.8)  # what the orphans had begun, they end
    assert 5 <= len(finished) < 20
    before = len(_ran(tmp_path))
    done = _call(*command, "--json")
    assert done.returncode == 0, done.stderr
    again = set(_ran(tmp_path)[before:])
    assert again == set(range(1, 21)) - finished
    found = json.loads(done.stdout)
    assert (found["reused"], found["ran"]) == (len(finished), 20 - len(finished))


def test_more_values_of_the_same_keys_use_the_points_that_are_there(tmp_path):
    _sweep("size=1,2")
    second = _sweep("size=1..4")
    assert (second.reused, second.ran) == (2, 2)
    (tmp_path / "own.py").write_text(_OWN + "\n")  # another program: nothing is known of it
    assert _sweep("size=1..4").ran == 4


def test_the_default_folder_stands_for_the_scenario_and_the_keys_that_vary(tmp_path):
    folders = [
        sweeps.plan("own.toml", overrides, tmp_path).folder
        for overrides in (["size=1,2"], ["size=1..4"], ["size=1,2", "sleep=0"], ["sleep=0,1"])
    ]
    assert folders[0] == folders[1]
    assert len(set(folders)) == 3
    assert folders[0].name.startswith("own-sweep-")


def test_a_folder_that_is_no_sweep_or_in_use_is_refused(tmp_path, call):
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious.txt").write_text("mine")
    done = call("sweep", "own.toml", "--set", "size=1,2", "--out", "other")
    assert done.returncode == 2
    assert "neither empty nor the folder of a sweep" in done.stderr
    assert [file.name for file in other.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--engine", "dask"], "--scheduler ADDRESS"),
        (["--scheduler", "tcp://127.0.0.1:1"], "--engine dask"),
        (["--engine", "spark"], "accepted: local, dask"),
    ],
)
def test_engine_options_that_do_not_fit_are_refused(capsys, options, part):
    with pytest.raises(SystemExit) as caught:
        main(["sweep", "own.toml", "--set", "size=1,2", *options])
    assert caught.value.code == 2
    assert part in capsys.readouterr().err


# Retiming


def test_points_that_differ_in_network_alone_are_retimed_and_equal_a_run(tmp_path):
    axes = ["size=100,5000", "network.latency=1 ms,20 ms", "network.bandwidth=1 Mbit/s,1 Gbit/s"]
    retimed = _sweep(*axes)
    assert (retimed.ran, retimed.retimed) == (2, 6)
    again = _sweep(*axes)
    assert (again.ran, again.retimed, again.reused) == (0, 0, 8)
    (tmp_path / "s").rename(tmp_path / "retimed")
    run = _sweep(*axes, retimes=False)
    assert (run.ran, run.retimed) == (8, 0)
    columns = ["rounds", "makespan_s", "messages", "payload_bytes", "wire_bytes", "latency_s"]
    pd.testing.assert_frame_equal(retimed.results.table[columns], run.results.table[columns])


_FIRST = """
async def program(party, settings):
    if party.id == 0:
        heard = []

        async def listen(source):
            await party.recv(source)
            if not heard:
                heard.append(source)
                with party.channel("answer"):
                    party.send(1, b"answer")

        await party.gather(listen(1), listen(2))
        return
    await party.gather(*(tell(party, one == party.id) for one in (1, 2)))
    if party.id == 1:
        with party.channel("answer"):
            await party.recv(0)

async def tell(party, mine):
    if mine:
        party.send(0, b"here")
"""


def _latencies(*pairs):
    """Return an axis of matrices: party 0 hears party 1 and party 2 after so many milliseconds."""
    rows = [
        [["10 ms"] * 3, [f"{one} ms", *["10 ms"] * 2], [f"{two} ms", *["10 ms"] * 2]] for one, two in pairs
    ]
    return f"network.latency={','.join(map(json.dumps, rows))}"


def test_a_sweep_of_the_first_of_several_is_right_and_runs_every_point_where_asked(tmp_path, call):
    """The first of two to be heard releases an answer; over the second network it is the other one."""
    (tmp_path / "first.py").write_text(_FIRST)
    (tmp_path / "first.toml").write_text('workload = "first.py:program"\nseed = 1\n')
    axis = _latencies((10, 5), (10, 6), (10, 100), (5, 5))
    done = _sweep(axis, scenario="first.toml")
    assert list(done.results.table["makespan_s"]) == [0.015, 0.016, 0.1, 0.015]
    assert (done.ran, done.retimed) == (3, 1)  # the last two change who is first
    every = _sweep(axis, scenario="first.toml", retimes=False)
    assert (every.ran, every.retimed, every.reused) == (1, 0, 3)
    pd.testing.assert_frame_equal(
        every.results.table[["makespan_s", "rounds"]], done.results.table[["makespan_s", "rounds"]]
    )
    again = _sweep(axis, scenario="first.toml", retimes=False)
    assert (again.ran, again.retimed, again.reused) == (0, 0, 4)
    printed = call("run", "first.toml", "--set", axis.partition(",[[")[0], "--out", "run").stdout
    assert "concurrent sub-protocols share and change heard of party0" in printed


def test_a_point_that_cannot_be_retimed_is_run(tmp_path):
    done = _sweep("engine.trace=false", "network.latency=1 ms,20 ms")
    assert (done.ran, done.retimed) == (2, 0)


def test_one_point_of_each_group_is_run_and_its_record_is_what_is_retimed(tmp_path, monkeypatch):
    planned = sweeps.plan(
        "own.toml",
        ["size=1,2", "network.latency=1 ms,2 ms,3 ms"],
        tmp_path,
        out=tmp_path / "s",
    )
    points = {point.key: point for point in planned.points}
    bases = sweeps._Work(sweeps.Store(planned.folder), points, 1)._bases()
    assert len(bases) == 4
    assert set(bases.values()) == {planned.points[0].key, planned.points[3].key}

    def retimer(record, scenario):
        return record.summary | {"makespan_s": scenario.network.latency_ns / 1e9}

    monkeypatch.setattr(sweeps, "retime_point", retimer)
    outcome = sweeps.retime(_record(), planned.points[2].scenario)
    summary = json.loads(outcome.files["summary.json"])
    assert summary["makespan_s"] == 0.003
    assert summary["retimed_from"] == "record"
    assert b'latency = "3 ms"' in outcome.files["scenario.toml"]

    def refuse(record, scenario):
        raise InputError("a timeout was used")

    monkeypatch.setattr(sweeps, "retime_point", refuse)
    assert sweeps.retime(_record(), planned.points[2].scenario).error == "a timeout was used"


def _record():
    if not Path("record").exists():
        with pytest.raises(SystemExit):
            main(["run", "own.toml", "--out", "record", "--json"])
    return Path("record")
