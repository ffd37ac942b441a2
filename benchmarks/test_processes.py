"""Whole processes with a warm kernel cache: start-up, and the most memory that a run takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_PEAK = "from mpcsim.memory import peak_memory_mb; print(peak_memory_mb())"


def _python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def test_help(measure: Any) -> None:
    measure(lambda: _python("-m", "mpcsim", "--help"))


def test_import_of_the_protocols(measure: Any) -> None:
    measure(lambda: _python("-c", "import protocols"))


@pytest.mark.parametrize("images", [1, 32, 128])
def test_flagship_from_the_shell(measure: Any, benchmark: Any, tmp_path: Path, images: int) -> None:
    imports = float(_python("-c", f"import scenarios.inference, mpcsim.cli, mpcsim.record; {_PEAK}"))
    number = 0

    def run() -> str:
        nonlocal number
        number += 1
        folder = str(tmp_path / str(number))
        arguments = ("run", "pomic_inference", "--json", "--out", folder, "--set", f"data.count={images}")
        return _python("-m", "mpcsim", *arguments)

    summary = json.loads(measure(run))
    benchmark.extra_info["memory_above_imports_mb"] = summary["peak_memory_mb"] - imports
