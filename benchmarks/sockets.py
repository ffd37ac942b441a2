"""The flagship as processes on loopback, against one process: python -m benchmarks.sockets [TRIALS].

Start-up is apart: what is compared is the job, from the common start to the last party's end. Prints
medians of trials that alternate, and exits with 1 where a ratio is above what is asked of it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SCENARIO = "pomic_inference"
KINDS: dict[str, list[str]] = {
    "one process": [],
    "processes, plaintext": ["--processes", "--plaintext"],
    "processes, TLS": ["--processes"],
}
MOST_PLAINTEXT, MOST_TLS = 2.5, 1.3


def job_s(words: list[str], folder: Path) -> float:
    """Return how long one run's job took, in seconds of real time."""
    command = [sys.executable, "-m", "mpcsim", "run", SCENARIO, *words, "--json", "--out", str(folder)]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return float(found["sockets"]["job_s"] if "sockets" in found else found["wall_s"])


def main(trials: int) -> int:
    """Measure, print, and return the exit status."""
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as scratch:
        for trial in range(trials):
            for number, (kind, words) in enumerate(KINDS.items()):
                took[kind].append(job_s(words, Path(scratch, f"{trial}-{number}")))
    medians = {kind: statistics.median(times) for kind, times in took.items()}
    for kind, median in medians.items():
        each = ", ".join(f"{seconds * 1e3:.0f}" for seconds in took[kind])
        print(f"{kind}: {median * 1e3:.1f} ms (of {trials}: {each})")
    alone, plain, tls = medians.values()
    print(f"plaintext / one process: {plain / alone:.2f} (at most {MOST_PLAINTEXT})")
    print(f"TLS / plaintext: {tls / plain:.2f} (at most {MOST_TLS})")
    return int(plain > MOST_PLAINTEXT * alone or tls > MOST_TLS * plain)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
