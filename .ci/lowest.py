"""Install every dependency at its lower bound, and run what a user runs first and the tests of each extra.

`python3.11 .ci/lowest.py` (or `make lowest`): a bound that is too low ends it with status 1. Its
environment, `.lowest`, is made anew where the bounds changed.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".lowest"
PYTHON = HOME / "bin" / "python"
_BOUND = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,-]+\])?>=(?P<version>[\w.]+)")

COMMANDS = (
    "list",
    "run link_probe --out RUNS/link",
    "run microbench --set workload.op=div --set workload.size=60 --out RUNS/division",
    "run pomic_inference --out RUNS/flagship",
    "run thin_training --dry-run --set training.max_steps=1 --out RUNS/training",
    'retime RUNS/link --set network.latency="10 ms"',
    "compare RUNS/link RUNS/division",
    "trace RUNS/link",
    "plot RUNS/flagship",
    "report RUNS/flagship",
    "sweep link_probe --set network.latency=1ms,2ms --out RUNS/sweep",
    "validate RUNS/division/scenario.toml",
)
TESTS = (  # one at least for each library
    "tests/analysis/test_figures.py",
    "tests/analysis/test_notebook.py",
    "tests/analysis/test_report.py",
    "tests/analysis/test_sweep.py",
    "tests/analysis/test_sweep_dask.py",
    "tests/analysis/test_costs_symbolic.py",
    "tests/mpcsim",
    "tests/protocols/test_arithmetic.py",
    "tests/protocols/test_kernels.py",
    "tests/scenarios/test_checkpoint.py",
    "tests/scenarios/test_data_files.py",
    "tests/scenarios/test_data_ihc.py",
)


def bounds() -> dict[str, str]:
    """Return the lower bound of every dependency, those of all extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    found: dict[str, str] = {}
    for line in [*project["dependencies"], *(line for extra in extras for line in extra)]:
        if line.startswith(f"{project['name']}["):
            continue
        bound = _BOUND.fullmatch(line)
        if bound is None:
            sys.exit(f"pyproject.toml: {line!r} has no lower bound; accepted: NAME>=VERSION")
        found[bound["name"]] = bound["version"]
    return found


def install(lowest: dict[str, str]) -> None:
    """Make the environment, with exactly these versions."""
    constraints, done = HOME / "constraints.txt", HOME / "installed.txt"
    text = "".join(f"{name}=={version}\n" for name, version in sorted(lowest.items()))
    if done.is_file() and done.read_text(encoding="utf-8") == text:
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(HOME)], check=True)
    constraints.write_text(text, encoding="utf-8")
    pip = [str(PYTHON), "-m", "pip", "--quiet"]
    subprocess.run([*pip, "install", "-c", str(constraints), "-e", ".[all]"], cwd=ROOT, check=True)
    subprocess.run([*pip, "check"], check=True)
    done.write_text(text, encoding="utf-8")


def main() -> None:
    """Install, run, test; say how long each took."""
    least = tuple(map(int, re.findall(r"\d+", _python())))
    if sys.version_info[:2] != least:
        print(f"lowest: Python {sys.version.split()[0]}, while requires-python begins at {_python()}")
    began = time.monotonic()
    install(bounds())
    print(f"lowest: installed in {time.monotonic() - began:.0f} s")
    runs = HOME / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    began = time.monotonic()
    for command in COMMANDS:
        words = [str(HOME / "bin" / "mpcsim"), *shlex.split(command.replace("RUNS", str(runs)))]
        done = subprocess.run(words, cwd=HOME, capture_output=True, text=True, check=False)
        if done.returncode or "Traceback" in done.stderr:
            sys.exit(f"lowest: mpcsim {command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    print(f"lowest: {len(COMMANDS)} commands in {time.monotonic() - began:.0f} s")
    began = time.monotonic()
    # old libraries warn of what newer ones under them call by another name
    tests = [str(PYTHON), "-m", "pytest", "-q", "-W", "default", "-p", "no:cacheprovider", *TESTS]
    subprocess.run(tests, cwd=ROOT, check=True)
    print(f"lowest: tests in {time.monotonic() - began:.0f} s")


def _python() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["requires-python"]).removeprefix(">=")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"lowest: {' '.join(map(str, error.cmd))}: status {error.returncode}")
