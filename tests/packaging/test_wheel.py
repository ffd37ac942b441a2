"""What is published: one version everywhere, and a wheel that runs the flagship by itself."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mpcsim.scenario import run_scenario

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LONG = pytest.mark.skipif("MPCSIM_LONG" not in os.environ, reason="MPCSIM_LONG=1 runs it: builds, installs")


def test_one_version_is_said_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "cite.md").read_text(encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    said = re.findall(r"^version: (\S+)$", citation, re.MULTILINE)
    said += re.findall(r"version = \{(\S+)\}", page)
    said += re.findall(r"^## \[(\d\S*)\]", changes, re.MULTILINE)[:1]
    assert said == [PROJECT["version"]] * 3


def test_the_oldest_python_that_is_declared_is_the_oldest_accepted():
    declared = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert declared == ["3.11", "3.12", "3.13", "3.14"]
    assert PROJECT["requires-python"] == f">={declared[0]}"


@LONG
def test_wheel_and_sdist_are_sound_and_the_wheel_runs_the_flagship_with_the_base_install(tmp_path):
    built, home, empty = tmp_path / "dist", tmp_path / "venv", tmp_path / "empty"
    empty.mkdir()

    def run(*words, cwd=empty, status=0):
        done = subprocess.run([*map(str, words)], cwd=cwd, capture_output=True, text=True)
        assert done.returncode == status, f"{words}\n{done.stdout}{done.stderr}"
        return done

    run(sys.executable, "-m", "build", "--outdir", built, ROOT)
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, source)
    run(sys.executable, "-m", "venv", home)
    python, mpcsim = home / "bin" / "python", home / "bin" / "mpcsim"
    run(python, "-m", "pip", "install", "--quiet", wheel)

    found = json.loads(run(mpcsim, "run", "pomic_inference", "--json").stdout)
    assert found["digest"] == run_scenario("pomic_inference", out=tmp_path / "here").run.digest
    assert [path.name for path in empty.iterdir()] == ["runs"]
    (record,) = (empty / "runs").iterdir()
    run(mpcsim, "retime", record, "--set", "network.latency=10 ms")
    installed = {file for file in home.rglob("*") if file.suffix != ".pyc"}
    keep = ("training.max_steps=1", "training.twin=none", "checkpoint.every=1", "checkpoint.folder=kept")
    run(mpcsim, "run", "training_step", *(word for one in keep for word in ("--set", one)))
    assert {file for file in home.rglob("*") if file.suffix != ".pyc"} == installed
    assert {path.name for path in empty.iterdir()} == {"runs", "kept"}
    refused = run(mpcsim, "plot", record, status=2)
    assert "mpcsim[report]" in refused.stderr
