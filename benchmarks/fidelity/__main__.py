"""`python -m benchmarks.fidelity`: predicted beside real TCP, for scenarios, messages and exchanges."""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

from analysis.replay import Structure
from benchmarks.fidelity.calibration import calibrate
from benchmarks.fidelity.cases import MODES, PATTERNS, SCENARIOS, predict, structure
from benchmarks.fidelity.namespaces import NotPossible
from benchmarks.fidelity.processes import run_processes
from benchmarks.fidelity.rig import Rig
from mpcsim.units import NANOSECONDS, parse_bandwidth, parse_size, parse_time

PROCESSES = "processes"  # the mode of scenarios as `mpcsim party`: they compute, on new connections
_OPENING = 3  # bandwidth-delay products that open a window for the mode `warm`
_TOLERANCE, _LEAST = 0.03, 0.0005


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fidelity", description=__doc__)
    add = parser.add_argument
    add("--which", nargs="+", choices=SCENARIOS + PATTERNS, default=list(SCENARIOS + PATTERNS))
    add("--sizes", nargs="+", default=["10 B", "10 kB", "100 kB", "1 MB", "10 MB"], help="of patterns")
    add("--latencies", nargs="+", default=["10 ms", "88.5 ms"], help="one way")
    add("--bandwidths", nargs="+", default=["220 Mbit/s"])
    add("--modes", nargs="+", choices=(*MODES, PROCESSES), default=list(MODES))
    add("--pause", default="5 s", help="before a run on the same connections (again)")
    add("--repeats", type=int, default=5)
    add("--json", action="store_true", help="a line of JSON for each row")
    return parser.parse_args()


def measure(rig: Rig, name: str, mode: str, pause: float) -> float:
    """Return seconds that a run takes over real TCP."""
    rig.connect()
    if mode == "again":
        rig.play(name)
    elif mode == "warm":
        rig.open_windows(_OPENING)
    if mode != "fresh":
        time.sleep(pause)
    return rig.play(name)


def _rows(
    rig: Rig, given: argparse.Namespace, cases: list[tuple[str, str]], structures: list[Structure]
) -> Iterator[dict[str, Any]]:
    pause = parse_time(given.pause)
    for number, one in enumerate(structures):
        rig.load(str(number), one)
    for latency in given.latencies:
        for bandwidth in given.bandwidths:
            rig.shape(parse_time(latency), parse_bandwidth(bandwidth) or 0)
            yield {"latency": latency, "bandwidth": bandwidth, **calibrate(rig.space)}
            for number, (name, size) in enumerate(cases):
                for mode in given.modes:
                    one = structures[number]
                    if mode == PROCESSES:
                        if name in PATTERNS:
                            continue
                        one = structure(name, compute=True)
                    ideal, predicted = predict(one, latency, bandwidth, mode, pause)
                    rig.space.tune(mode == "warm")
                    rig.space.lateness()
                    seconds = pause / NANOSECONDS if mode == "again" else 0.5
                    real = sorted(
                        run_processes(rig.space, name, one.roles)
                        if mode == PROCESSES
                        else measure(rig, str(number), mode, seconds)
                        for _ in range(given.repeats)
                    )
                    median = statistics.median(real)
                    trip = 2 * parse_time(latency) / NANOSECONDS
                    allowed = max(_TOLERANCE * predicted, _LEAST)
                    if name not in PATTERNS:
                        allowed = max(allowed, trip, real[-1] - real[0])
                    yield {
                        "what": f"{name} {size}".strip(),
                        "mode": mode,
                        "latency": latency,
                        "bandwidth": bandwidth,
                        "ideal_s": ideal,
                        "predicted_s": predicted,
                        "real_s": median,
                        "ratio": median / predicted,
                        "spread_s": real[-1] - real[0],
                        "within": abs(median - predicted) <= allowed,
                        "late_ms": rig.space.lateness().worst_ms,
                    }


def _print(row: dict[str, Any]) -> None:
    if "what" not in row:
        print(
            f"\n{row['latency']} one way, {row['bandwidth']}: a round trip of the rig takes "
            f"{row['round_trip_ms']:.3f} ms, its uplink passes {row['rate_mbit']:.2f} Mbit/s\n"
            f"{'what':<24}{'mode':<7}{'link law':>10}{'predicted':>11}{'real':>10}{'real/pred':>11}"
            f"{'spread':>9}  {'within':<8}late"
        )
        return
    print(
        f"{row['what']:<24}{row['mode']:<7}{row['ideal_s']:>10.4f}{row['predicted_s']:>11.4f}"
        f"{row['real_s']:>10.4f}{row['ratio'] - 1:>+11.2%}{row['spread_s']:>9.4f}  "
        f"{'yes' if row['within'] else 'NO':<8}{row['late_ms']:.1f} ms",
        flush=True,
    )


def main() -> int:
    """Run what was asked for; return the exit status: 2 where the rig cannot run."""
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # namespaces are taken down
    try:
        cases = [
            (name, size) for name in given.which for size in (given.sizes if name in PATTERNS else [""])
        ]
        structures = [structure(name, parse_size(size) or 0 if size else 0) for name, size in cases]
        with Rig(1 + max(len(one.roles) for one in structures)) as rig:  # one collects a record
            for row in _rows(rig, given, cases, structures):
                if given.json:
                    print(json.dumps(row), flush=True)
                else:
                    _print(row)
    except NotPossible as error:
        print(f"benchmarks.fidelity cannot run here: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
