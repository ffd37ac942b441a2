"""Run records: written whole, read back the same, refused when damaged."""

import json
import math
from dataclasses import dataclass

import numpy as np
import pandas
import pytest

from mpcsim import InputError
from mpcsim.engine.trace import COLUMNS
from mpcsim.record import (
    Record,
    default_folder,
    json_safe,
    read_record,
    summary,
    to_json,
    write_record,
)
from mpcsim.scenario import load_scenario
from mpcsim.scenario.workload import build_program, run_program

_SCENARIO = """
# A comment
workload = "own.py:program"
name = "tri\\"cky / näme"

[network]
latency = "1 ms"

[[layers]]
kind = "a"
sizes = [1, 2]

[[layers]]
kind = "b"
rate = 1e-3
"""
_CODE = """
async def program(party, settings):
    with party.span("step"):
        party.send((party.id + 1) % 3, b"abc")
        await party.recv((party.id - 1) % 3)
    return len(settings["layers"])
"""


@dataclass
class _Made:
    scenario: object
    run: object
    summary: dict

    def write(self, folder=None):
        return write_record(folder, self.run, self.scenario, self.summary)


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(_CODE)
    (tmp_path / "case.toml").write_text(_SCENARIO)

    def made(*overrides, seed=5):
        scenario = load_scenario(tmp_path / "case.toml", overrides, seed)
        program = build_program(scenario, {})
        run = run_program(program, scenario)
        return _Made(scenario, run, summary(run, scenario, program.summarize(run)))

    return made


def test_a_summary_has_the_keys_of_the_design(made):
    found = made().summary
    keys = """format mpcsim name seed digest rounds makespan_s messages payload_bytes wire_bytes
        per_party wall_s peak_memory_mb network ring protocol spans output clock compute"""
    assert set(keys.split()) <= found.keys()
    assert found["rounds"] == 1
    assert found["payload_bytes"] == 9
    assert found["makespan_s"] == 0.001
    assert [party["role"] for party in found["per_party"]] == ["party0", "party1", "party2"]
    assert {"payload_bytes", "wire_bytes", "messages", "compute_s"} <= found["per_party"][0].keys()
    span_keys = {"name", "parent", "op", "rounds", "payload_bytes", "makespan_s", "compute_s"}
    assert span_keys <= found["spans"][0].keys()
    assert found["output"] == {"party0": 2, "party1": 2, "party2": 2}
    assert found["network"]["note"] == "1 ms is the one-way latency"
    assert 1 < found["peak_memory_mb"] < 100_000


def test_a_record_reads_back_with_the_same_scenario_summary_and_events(made, tmp_path):
    first = made("network.bandwidth=5 Mbit/s", "layers.1.kind=c")
    folder = first.write(tmp_path / "deep" / "record")
    found = read_record(folder)
    assert isinstance(found, Record)
    assert found.scenario == first.scenario
    assert found.scenario.tables["layers"][1] == {"kind": "c", "rate": 0.001}
    assert found.summary == first.summary
    assert list(found.events()) == first.run.events
    assert sorted(file.name for file in folder.iterdir()) == [
        "events.jsonl", "scenario.toml", "summary.json",
    ]  # fmt: skip


def test_running_a_records_scenario_again_gives_the_same_digest(made, tmp_path):
    first = made()
    again = load_scenario(first.write(tmp_path / "record") / "scenario.toml")
    assert run_program(build_program(again, {}), again).digest == first.run.digest


def test_the_default_folder_is_named_after_name_and_digest(made):
    first = made()
    folder = first.write()
    assert folder == default_folder(first.summary)
    assert str(folder) == f"runs/tri-cky-n-me-{first.run.digest[:12]}"


def test_the_same_record_is_replaced_in_its_default_folder(made):
    folder = made().write()
    (folder / "stale").touch()
    assert made().write() == folder
    assert not (folder / "stale").exists()
    assert [file.name for file in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_holds_something_is_refused_and_left_alone(made, tmp_path):
    first = made()
    folder = first.write(tmp_path / "record")
    with pytest.raises(InputError, match="is not empty; accepted for a run record: a new or an"):
        first.write(folder)
    other = default_folder(first.summary)
    other.mkdir(parents=True)
    (other / "thesis.tex").touch()
    with pytest.raises(InputError, match="is not empty"):
        first.write()
    assert [file.name for file in other.iterdir()] == ["thesis.tex"]
    with pytest.raises(InputError, match="is not a folder"):
        first.write(tmp_path / "case.toml")


def test_an_empty_folder_is_accepted(made, tmp_path):
    (tmp_path / "empty").mkdir()
    assert (made().write(tmp_path / "empty") / "summary.json").is_file()


def test_a_folder_that_cannot_be_made_is_refused(made, tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        made().write(tmp_path / "case.toml" / "inside")


def test_many_events_go_to_a_parquet_file_that_reads_back_the_same(made, tmp_path, monkeypatch):
    monkeypatch.setattr("mpcsim.record.writing._MOST_LINES", 5)
    first = made()
    folder = first.write(tmp_path / "record")
    assert sorted(file.name for file in folder.iterdir()) == [
        "events.parquet", "scenario.toml", "summary.json",
    ]  # fmt: skip
    assert list(read_record(folder).events()) == first.run.events
    table = pandas.read_parquet(folder / "events.parquet")
    assert tuple(table.columns) == COLUMNS
    (folder / "events.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"events\.parquet: damaged"):
        list(read_record(folder).events())


def test_a_run_without_a_trace_has_no_events(made, tmp_path):
    found = read_record(made("engine.trace=false").write(tmp_path / "record"))
    with pytest.raises(InputError, match=r"no events.jsonl.*engine\.trace"):
        next(found.events())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:50], "damaged"),
        (lambda text: "[]", "damaged"),
        (lambda text: "{}", "damaged"),
        (lambda text: text.replace('"format": 1', '"format": 99'), "found format 99; accepted: 1"),
        (lambda text: text.replace('"rounds"', '"rouns"', 1), "damaged: rounds: missing"),
    ],
)
def test_a_damaged_record_is_refused(made, tmp_path, damage, message):
    folder = made().write(tmp_path / "record")
    path = folder / "summary.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(InputError, match=message):
        read_record(folder)


def test_a_missing_record_and_a_damaged_event_are_refused(made, tmp_path):
    with pytest.raises(InputError, match=r"no run record here: there is no summary\.json"):
        read_record(tmp_path)
    folder = made().write(tmp_path / "record")
    events = folder / "events.jsonl"
    events.write_text(events.read_text().replace("}\n", "\n", 1))
    with pytest.raises(InputError, match="line 1 is no JSON"):
        list(read_record(folder).events())


# JSON


def test_numpy_dataclasses_and_numbers_become_plain_json():
    @dataclass
    class Point:
        x: object

    value = {
        "array": np.arange(4, dtype=np.uint64).reshape(2, 2),
        "scalar": np.float32(0.5),
        "flag": np.bool_(True),
        "point": Point((1, b"\xff")),
        3: None,
    }
    safe = json_safe(value)
    assert json.loads(to_json(safe)) == {
        "array": [[0, 1], [2, 3]],
        "scalar": 0.5,
        "flag": True,
        "point": {"x": [1, "ff"]},
        "3": None,
    }


def test_what_is_no_number_becomes_text_and_never_bare_nan():
    values = [math.nan, math.inf, -math.inf, np.float64("nan"), np.array([np.inf])]
    assert json_safe(values) == ["nan", "inf", "-inf", "nan", ["inf"]]
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"x": math.nan})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [0, {1, 2}]}, r"output\.a\.1: a run record cannot hold set; accepted: NumPy"),
        ({"a": object()}, r"output\.a: a run record cannot hold object"),
        ({"a": np.array([1j])}, r"output\.a\.0: a run record cannot hold complex"),
        ({1: 0, "1": 0}, "output: two keys are the same text"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_place(value, message):
    with pytest.raises(InputError, match=message):
        json_safe(value, "output")
