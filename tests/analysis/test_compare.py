"""Records side by side: totals, spans matched by path, what differs, and records that cannot be read."""

import json

import pytest

from analysis import frames
from analysis.compare import records as compare
from mpcsim import InputError
from mpcsim.__main__ import main
from mpcsim.record import read_record

_OWN = """
async def program(party, settings):
    with party.span("outer"):
        for place in range(settings["layers"]):
            with party.span(f"layer{place}", "conv2d"):
                for _ in range(settings["rounds"]):
                    party.send((party.id + 1) % party.n, bytes(1000))
                    await party.recv((party.id - 1) % party.n)
        party.send((party.id + 1) % party.n, bytes(10))
        await party.recv((party.id - 1) % party.n)
"""
_SCENARIO = 'workload = "own.py:program"\nseed = 4\nlayers = 2\nrounds = 1\n[network]\nlatency = "10 ms"\n'


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "own.py").write_text(_OWN)
    (tmp_path / "own.toml").write_text(_SCENARIO)


@pytest.fixture
def call(capsys):
    """Return a function that runs the command line: (exit status, stdout, stderr)."""

    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return caught.value.code, printed.out, printed.err

    return call


@pytest.fixture
def run(call, tmp_path):
    """Return a function that runs the scenario with overrides and returns the record's folder."""

    def run(name, *overrides):
        given = [part for override in overrides for part in ("--set", override)]
        assert call("run", "own.toml", *given, "--out", name, "--json")[0] == 0
        return tmp_path / name

    return run


def test_totals_and_spans_have_ratios_to_the_first_record(call, run):
    one, two = run("one"), run("two", "rounds=3", 'network.latency="20 ms"')
    status, out, _ = call("compare", one, two, "--json")
    assert status == 0
    found = json.loads(out)
    assert [each["label"] for each in found["runs"]] == [
        "rounds = 1, latency = 10 ms",
        "rounds = 3, latency = 20 ms",
    ]
    assert found["differences"] == {"rounds": [1, 3], "network.latency": ["10 ms", "20 ms"]}
    totals = {line["quantity"]: line for line in found["totals"]}
    assert totals["rounds"]["values"] == [3, 7]
    assert totals["rounds"]["ratios"] == [1.0, pytest.approx(7 / 3)]
    assert totals["makespan_s"]["values"] == [pytest.approx(0.03), pytest.approx(0.14)]
    spans = {span["path"]: span for span in found["spans"]}
    assert list(spans) == ["outer", "outer/layer0", "outer/layer1"]
    assert spans["outer/layer0"]["rounds"]["ratios"] == [1.0, 3.0]


def test_a_span_that_one_record_lacks_is_said_to_be_missing(call, run):
    one, two = run("one"), run("two", "layers=3")
    status, out, _ = call("compare", one, two)
    assert status == 0
    for part in ("What differs", "layers = 2", "outer/layer2", "–: no such span in that run", "×1.33"):
        assert part in out
    line = next(line for line in compare.compare([one, two]).spans["outer", "layer2"])
    assert line.values == [None, 1]
    assert line.ratios == [None, None]


def test_values_in_brackets_are_shown_as_they_are(call, run):
    one, two = run("one", "tags=['[red]a']"), run("two", "tags=['b', 'c']")
    status, out, _ = call("compare", one, two)
    assert status == 0
    assert '["[red]a"]' in out
    assert '["b","c"]' in out


def test_a_run_that_did_not_finish_is_said_to_have_not(call, run):
    one, two = run("one"), run("two")
    file = two / "summary.json"
    error = {"kind": "PartyError", "text": "it broke", "notes": []}
    found = json.loads(file.read_text()) | {"error": error, "finished": False}
    file.write_text(json.dumps(found))
    out = call("compare", one, two)[1]
    assert "two (unfinished): the run did not finish: its costs go as far as it went." in out
    assert "it broke" in out
    assert "×" not in out
    for pair in ((one, two), (two, one)):
        lines = json.loads(call("compare", *pair, "--json")[1])
        assert [row["finished"] for row in lines["runs"]] == [folder == one for folder in pair]
        ratios = [ratio for line in lines["totals"] for ratio in line["ratios"]]
        assert set(ratios) <= ({1.0, None} if pair[0] == one else {None})


def test_records_of_one_scenario_are_told_apart_by_folder(call, run):
    status, out, _ = call("compare", run("one"), run("two"))
    assert status == 0
    assert "The scenarios are the same." in out
    assert "one" in out
    assert "two" in out


def test_layers_are_leaves_and_spans_with_an_op_and_the_rest_is_kept(run):
    record = read_record(run("one"))
    layers = frames.layers(record)
    assert list(layers.index) == ["outer/layer0", "outer/layer1", "outer (rest)"]
    assert layers["rounds"].sum() == record.summary["rounds"]
    assert layers["payload_bytes"].sum() == record.summary["payload_bytes"]


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (lambda found: found | {"format": 0}, ["found format 0", "accepted"]),
        (lambda found: found | {"spans": [{"name": "conv1"}]}, ["damaged", "spans.0.parent: missing"]),
        (lambda found: found | {"per_party": 3}, ["damaged", "per_party: found 3"]),
        (
            lambda found: {key: found[key] for key in found if key != "rounds"},
            ["damaged", "rounds: missing"],
        ),
    ],
)
def test_a_damaged_or_older_record_is_refused(call, run, damage, parts):
    one, two = run("one"), run("two")
    file = two / "summary.json"
    file.write_text(json.dumps(damage(json.loads(file.read_text()))))
    status, out, err = call("compare", one, two)
    assert (status, out) == (2, "")
    for part in [str(two), *parts]:
        assert part in err


def test_one_record_is_nothing_to_compare(call, run):
    status, _, err = call("compare", run("one"))
    assert status == 2
    assert "accepted: two or more" in err
    with pytest.raises(InputError, match="no run record here"):
        compare.compare([run("two"), run("three").parent])
