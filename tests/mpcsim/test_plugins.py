import os
import subprocess
import sys
from pathlib import Path

import mpcsim
from mpcsim import plugins

ROOT = Path(mpcsim.__file__).resolve().parent.parent


def package(folder, points, name="mine", **files):
    """Lay down what pip would install: modules, and metadata with entry points."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text(points, "utf-8")
    for module, text in files.items():
        (folder / f"{module}.py").write_text(text, "utf-8")


def run(*arguments, path=(), cwd=None):
    paths = os.pathsep.join(map(str, (*path, ROOT)))
    return subprocess.run(
        [sys.executable, "-m", "mpcsim", *arguments],
        env=os.environ | {"PYTHONPATH": paths, "COLUMNS": "200"},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_package_adds_a_command(tmp_path):
    package(
        tmp_path,
        "[mpcsim.commands]\nhello = mine_hello:hello\n",
        mine_hello='def hello(name: str) -> None:\n    """Greet."""\n    print("good day,", name)\n',
    )
    assert "Greet." in run("--help", path=[tmp_path]).stdout
    done = run("hello", "Ann", path=[tmp_path])
    assert (done.stdout, done.returncode) == ("good day, Ann\n", 0)


def test_a_package_adds_something_to_list(tmp_path):
    package(
        tmp_path,
        "[mpcsim.lists]\nsecrets = mine_lists:secrets\n",
        mine_lists='def secrets(all: bool = False) -> None:\n    """List none."""\n    print(all)\n',
    )
    assert "List none." in run("list", "--help", path=[tmp_path]).stdout
    assert run("list", "secrets", "--all", path=[tmp_path]).stdout == "True\n"
    assert "pomic_inference" in run("list", path=[tmp_path]).stdout


def test_a_command_that_cannot_be_loaded_is_named_and_hurts_no_other(tmp_path):
    package(
        tmp_path,
        "[mpcsim.commands]\nbroken = mine_broken:go\nabsent = mine_absent:go\n",
        mine_broken='raise ZeroDivisionError("on import")\n',
    )
    listed = run("list", path=[tmp_path])
    assert listed.returncode == 0
    assert "pomic_inference" in listed.stdout
    for name, cause in (
        ("broken", "ZeroDivisionError: on import"),
        ("absent", "No module named 'mine_absent'"),
    ):
        done = run(name, path=[tmp_path])
        assert done.returncode == 2
        assert "package mine" in done.stderr
        assert cause in done.stderr
        assert "Traceback" not in done.stderr


def test_a_package_cannot_take_the_name_of_a_command_of_ours(tmp_path):
    package(tmp_path, "[mpcsim.commands]\nlist = os:getcwd\n")
    assert "pomic_inference" in run("list", path=[tmp_path]).stdout


def test_a_package_adds_scenarios_and_workloads(tmp_path):
    package(tmp_path, "[mpcsim.scenarios]\nmine = mine_scenarios\n")
    folder = tmp_path / "mine_scenarios"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        'WORKLOADS = {"quiet": "mine_scenarios:quiet"}\nasync def quiet(party): ...\n', "utf-8"
    )
    (folder / "silence.toml").write_text('# Nobody speaks.\nworkload = "quiet"\n', "utf-8")
    assert "Nobody speaks." in run("list", path=[tmp_path]).stdout
    done = run("run", "silence", "--out", str(tmp_path / "record"), path=[tmp_path])
    assert done.returncode == 0, done.stderr
    assert "0 messages" in done.stdout


def test_a_file_of_the_users_in_the_way_of_a_package_of_ours_is_named(tmp_path):
    (tmp_path / "analysis.py").write_text("", "utf-8")
    done = run("compare", "a", "b", cwd=tmp_path, path=[tmp_path])
    assert done.returncode == 2
    assert f"{tmp_path / 'analysis.py'}: stands in the way of mpcsim's package 'analysis'" in done.stderr


def test_a_checkout_that_registers_more_than_was_installed_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "_HERE", tmp_path)
    assert plugins.stale() is None  # no checkout
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")
    assert plugins.stale() is None
    (tmp_path / "pyproject.toml").write_text(text.replace("\ntrace = ", "\ntraces = "), "utf-8")
    assert f"pip install --editable {tmp_path}" in plugins.stale()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "theirs"\n', "utf-8")
    assert plugins.stale() is None


def test_nothing_of_ours_fails_to_load():
    for group in (plugins.COMMANDS, plugins.SCENARIOS, plugins.COLUMNS, plugins.MAKESPANS):
        assert plugins.entries(group)
        for entry in plugins.entries(group):
            assert plugins.load(entry) is not None
