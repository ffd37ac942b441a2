"""Whatever happened to a record's files: each command works, or says what is wrong; never a raw error."""

import json
import random
import shutil

import pytest

from analysis import report as reports
from analysis.compare.records import compare
from analysis.figures import plot
from analysis.retime import screen as retime_report
from mpcsim import InputError
from mpcsim.__main__ import main
from mpcsim.record import chrome, read_record

_CODE = """
async def ring(party):
    async def part(number):
        with party.span(f"part{number}"):
            party.send((party.id + 1) % party.n, bytes(10 * number + 1))
            await party.recv((party.id - 1) % party.n)

    with party.span("all", "conv2d"):
        await party.sleep(0.002)
        await party.gather(part(1), part(2))
    return {"x": [1, 2.5, None], "y": "z"}
"""
_SCENARIO = 'workload = "own.py:ring"\nseed = 4\n[network]\nlatency = "5 ms"\nbandwidth = "1 Mbit/s"\n'


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Records of one run: with lines, and with a table."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "own.py").write_text(_CODE)
    (folder / "case.toml").write_text(_SCENARIO)
    with pytest.MonkeyPatch.context() as patch:
        for name, most in (("lines", 10**6), ("table", 1)):
            patch.setattr("mpcsim.record.writing._MOST_LINES", most)
            with pytest.raises(SystemExit) as caught:
                main(["run", str(folder / "case.toml"), "--out", str(folder / name), "--json"])
            assert caught.value.code == 0
    return folder


def _trace(record, _other):
    found = read_record(record)
    roles = [party["role"] for party in found.summary["per_party"]]
    chrome.write_trace(found.events(), roles, record / "trace.json")


def _plot(record, _other):
    plot.plot([record], ["layers-sum", "messages"], record / "figures", "svg", "part1")


COMMANDS = {
    "trace": _trace,
    "retime": lambda record, _: retime_report.retime(record, ["network.latency=9 ms"], None),
    "report": lambda record, _: reports.write(record),
    "compare": lambda record, other: compare([other, record]).describe(),
    "plot": _plot,
}


def _refusal(command, record, other):
    """Return what a command says of a record that it refuses, naming it; "" where it works."""
    said = ""
    try:
        COMMANDS[command](record, other)
    except InputError as error:
        said = str(error)
    assert not said or str(record) in said, said
    return said


def _mutated(data, numbers):
    """Return a file's bytes with a flipped bit, a hole, a cut, or a number or word replaced."""
    place = numbers.randrange(len(data))
    kind = numbers.randrange(5)
    if kind == 0:
        return data[:place] + bytes([data[place] ^ 1 << numbers.randrange(8)]) + data[place + 1 :]
    if kind == 1:
        return data[:place]
    if kind == 2:
        return data[:place] + data[place + numbers.randrange(1, 40) :]
    digits = [at for at, byte in enumerate(data) if chr(byte).isdigit()]
    place = numbers.choice(digits) if digits else place
    if kind == 3:
        new = numbers.choice(
            [b"-1", b"null", b'"x"', b"[]", b"{}", b"1e999", b"true", b"99999999999999999999"]
        )
        return data[:place] + new + data[place + 1 :]
    return data[:place] + bytes([48 + numbers.randrange(10)]) + data[place + 1 :]


@pytest.mark.parametrize(
    ("form", "file", "times", "commands"),
    [
        ("lines", "summary.json", 150, ("trace", "retime", "compare")),
        ("lines", "summary.json", 12, ("report", "plot")),
        ("lines", "events.jsonl", 200, ("trace", "retime")),
        ("lines", "events.jsonl", 10, ("report", "plot")),
        ("lines", "scenario.toml", 100, ("trace", "retime", "compare")),
        ("lines", "scenario.toml", 8, ("report", "plot")),
        ("table", "events.parquet", 120, ("trace", "retime")),
        ("table", "events.parquet", 6, ("report", "plot")),
    ],
)
def test_a_damaged_file_is_refused_or_harmless(whole, tmp_path, form, file, times, commands):
    numbers = random.Random(f"{form} {file} {times}")
    record = tmp_path / "record"
    shutil.copytree(whole / form, record)
    data = (whole / form / file).read_bytes()
    refused = 0
    for _ in range(times):
        (record / file).write_bytes(_mutated(data, numbers))
        for name in commands:
            refused += bool(_refusal(name, record, whole / form))
    assert refused > times / 3


def _at(value, path=()):
    """Yield the places of a JSON value."""
    yield path
    inner = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, one in inner:
        yield from _at(one, (*path, key))


@pytest.mark.parametrize("new", [None, -1, "x", [], {}, 1.5, True, 10**30])
def test_each_value_of_the_summary_in_turn_may_be_anything(whole, tmp_path, new):
    record = tmp_path / "record"
    shutil.copytree(whole / "lines", record)
    text = (record / "summary.json").read_text()
    for path in list(_at(json.loads(text)))[1:]:
        found = json.loads(text)
        place = found
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = new
        (record / "summary.json").write_text(json.dumps(found))
        for name in ("trace", "compare"):
            _refusal(name, record, whole / "lines")


def test_an_undamaged_record_goes_through_every_command(whole, tmp_path):
    for form in ("lines", "table"):
        shutil.copytree(whole / form, tmp_path / form)
        for command in COMMANDS.values():
            command(tmp_path / form, whole / form)
