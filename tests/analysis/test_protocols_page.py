"""docs/protocols.md: its tutorial runs as printed, and its table is what `mpcsim validate` measures."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

from analysis.costs.replicated3.catalogue import OPERATIONS
from analysis.predict import measuring as measure
from analysis.predict import run as predict
from analysis.validate import operation_table
from mpcsim.__main__ import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(?:python|toml)\n# (\S+)\n(.*?)```", re.DOTALL)


def _files():
    """Return the tutorial's files: the blocks that name the same file, one after the other."""
    files = {}
    for name, text in BLOCK.findall(PAGE):
        files[name] = files.get(name, "") + text + "\n"
    return files


@pytest.fixture
def tutorial(tmp_path, monkeypatch):
    for name, text in _files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "protocols"))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for module in ("absolute", "test_absolute"):
        sys.modules.pop(module, None)


def _validated(scenario, capsys):
    with pytest.raises(SystemExit) as exit:
        main(["validate", str(scenario), "--json"])
    return exit.value.code, json.loads(capsys.readouterr().out)["rows"]


def test_the_tutorial_takes_less_than_60_lines_of_code():
    assert set(_files()) == {"absolute.py", "absolute.toml", "test_absolute.py"}
    lines = [line for text in _files().values() for line in text.splitlines() if line.strip()]
    assert len(lines) < 60


def test_every_block_of_the_page_is_part_of_it():
    assert len(BLOCK.findall(PAGE)) == PAGE.count("```") // 2


def test_the_tutorial_validates(tutorial, capsys):
    code, (row,) = _validated(tutorial / "absolute.toml", capsys)
    assert (code, row["op"], row["equal"]) == (0, "absolute", True)
    assert row["formula"].startswith("rounds = ⌈log2 ⌈(V - 1)/m⌉⌉ + 2; bytes = Σ_t [")


@pytest.mark.parametrize(
    "choices",
    [
        ["protocol.comparison=masked", "protocol.select=one_round", "size=13"],
        ["ring.bits=32", "ring.fraction_bits=8", "ring.value_bits=20", "protocol.rotate=false", "size=7"],
    ],
)
def test_the_tutorial_is_right_and_validates_with_other_choices(tutorial, choices):
    found = measure.measure(tutorial / "absolute.toml", choices)
    (row,) = predict.rows(found)
    assert row.equal is True, row.difference()
    assert found.output["max_error"] == 0


def test_a_dry_run_of_the_tutorial_costs_the_same(tutorial):
    (row,) = predict.rows(measure.measure(tutorial / "absolute.toml", ["dry_run=true"]))
    assert row.equal is True


def test_a_wrong_formula_in_the_tutorial_is_found(tutorial, capsys):
    file = tutorial / "absolute.py"
    right = file.read_text(encoding="utf-8")
    file.write_text(right.replace("setting.V),", "setting.V + 1),"), encoding="utf-8")
    code, (row,) = _validated(tutorial / "absolute.toml", capsys)
    assert (code, row["equal"]) == (1, False)


def test_the_privacy_test_of_the_tutorial_holds(tutorial):
    module = importlib.import_module("test_absolute")
    (test,) = (one for name, one in vars(module).items() if name.startswith("test_"))
    test()


def test_the_table_of_costs_is_what_is_measured():
    assert operation_table.written(PAGE) == PAGE
    assert set(re.findall(r"^\| `(\w+)` \| \d", PAGE, re.MULTILINE)) == set(OPERATIONS)


def test_files_that_the_page_names_exist():
    named = set(re.findall(r"`((?:protocols|scenarios|analysis|tests)/[\w/]+(?:\.py)?)`", PAGE))
    assert len(named) >= 5
    for path in named:
        assert (ROOT / path).exists(), path
