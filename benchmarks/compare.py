"""Hold a run of the benchmarks to the stored base: ``python -m benchmarks.compare RESULTS [--update]``.

Every time is divided by that of a calibration kernel, measured beside it in the same run, so that a
slower or busier machine cancels out. A benchmark fails when its ratio is more than `factor` times the
base's, and a bar when it is missed; both are listed and the exit status is 1. The base is one machine's: on
another kind of processor, make your own with ``--update --base FILE``.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BASE = Path(__file__).with_name("base.json")
FACTOR = 1.6
"""How much slower than the base is a failure; shared machines differ by up to a third from run to run."""


@dataclass(frozen=True)
class Bar:
    """A bound that does not depend on the base.

    Attributes:
        text: what must hold.
        value: measured.
        limit: at most this.
    """

    text: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        """Whether the value is within the limit."""
        return self.value <= self.limit


def ratios(results: Mapping[str, Any]) -> dict[str, float]:
    """Return each benchmark's median over its calibration, from the JSON of pytest-benchmark.

    One that did not calibrate, as it did not use the `measure` fixture, takes the whole run's.
    """
    general = calibration(results)
    return {
        _name(found): found["stats"]["median"] / found["extra_info"].get("calibration_s", general)
        for found in results["benchmarks"]
    }


def calibration(results: Mapping[str, Any]) -> float:
    """Return the median seconds of the calibration kernel over the whole run."""
    times = (found["extra_info"].get("calibration_s") for found in results["benchmarks"])
    return float(statistics.median(time for time in times if time is not None))


def slower(measured: Mapping[str, float], base: Mapping[str, float], factor: float) -> dict[str, float]:
    """Return how many times slower than the base each benchmark is that exceeds the factor."""
    quotients = {name: ratio / base[name] for name, ratio in measured.items() if name in base}
    return {name: quotient for name, quotient in quotients.items() if quotient > factor}


def bars(results: Mapping[str, Any], base_calibration: float) -> list[Bar]:
    """Return the bars whose benchmarks ran; seconds are scaled to the base's machine."""
    measured = ratios(results)
    found = {_name(entry): entry for entry in results["benchmarks"]}
    bounds = []

    def quotient(text: str, name: str, over: str, limit: float) -> None:
        if name in measured and over in measured:
            bounds.append(Bar(text, measured[name] / measured[over], limit))

    def seconds(text: str, name: str, limit: float) -> None:
        if name in measured:
            bounds.append(Bar(text, measured[name] * base_calibration, limit))

    quotient("matrix product 512³ over NumPy's", "test_matmul[512]", "test_matmul_numpy_512", 1 / 6)
    quotient("flagship, 32 images over 1", "test_flagship[32]", "test_flagship[1]", 28)
    seconds("start-up and flagship, whole process, CPU s", "test_flagship_from_the_shell[1]", 1.1)
    seconds("mpcsim --help, CPU s", "test_help", 0.3)
    shell = {images: found.get(f"test_flagship_from_the_shell[{images}]") for images in (1, 32, 128)}
    memory = {n: one["extra_info"]["memory_above_imports_mb"] for n, one in shell.items() if one}
    if 1 in memory:
        bounds.append(Bar("flagship, one image, MB above the imports", memory[1], 400))
    for more, fewer, limit in ((32, 1, 8), (128, 32, 2)):
        if more in memory and fewer in memory:
            text = f"flagship, memory above the imports, {more} images over {fewer}"
            bounds.append(Bar(text, memory[more] / memory[fewer], limit))
    return bounds


def report(results: Mapping[str, Any], base: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the comparison as text, and whether all is well."""
    measured, stored = ratios(results), base["ratios"]
    failed = slower(measured, stored, base["factor"])
    lines = [f"{'benchmark':<52} {'ms':>9} {'ratio':>9} {'base':>9} {'now/base':>9}"]
    for entry in results["benchmarks"]:
        name = _name(entry)
        before = stored.get(name)
        change = "new" if before is None else f"{measured[name] / before:.2f}"
        lines.append(
            f"{name:<52} {entry['stats']['median'] * 1e3:9.3f} {measured[name]:9.3f} "
            f"{'' if before is None else f'{before:.3f}':>9} {change:>9}"
            + (f"   SLOWER than {base['factor']} times the base" if name in failed else "")
        )
    lines.append("")
    bounds = bars(results, base["calibration_s"])
    for bar in bounds:
        verdict = "met" if bar.met else "MISSED"
        lines.append(f"{verdict:<7} {bar.text}: {bar.value:.3g}, at most {bar.limit:.3g}")
    missing = sorted(set(stored) - set(measured))
    if missing:
        lines.append(f"not run: {', '.join(missing)}")
    well = not failed and all(bar.met for bar in bounds)
    lines.append("all within the base and the bars" if well else "FAILED: see SLOWER and MISSED above")
    return "\n".join(lines), well


def make_base(results: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a base of these results; benchmarks that did not run keep what they had before."""
    kept = dict(before["ratios"]) if before else {}
    cpu = results.get("machine_info", {}).get("cpu", {}).get("brand_raw", "unknown")
    return {
        "made_on": cpu,
        "factor": before["factor"] if before else FACTOR,
        "calibration_s": calibration(results),
        "ratios": {name: round(ratio, 4) for name, ratio in sorted({**kept, **ratios(results)}.items())},
    }


def _name(entry: Mapping[str, Any]) -> str:
    name: str = entry["name"]
    return name


def main() -> int:
    """Compare, print, and say by the exit status how it went."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare")
    parser.add_argument("results", type=Path, help="what --benchmark-json wrote")
    parser.add_argument("--base", type=Path, default=BASE)
    parser.add_argument("--update", action="store_true", help="write these results as the base")
    arguments = parser.parse_args()
    results = json.loads(arguments.results.read_text(encoding="utf-8"))
    before = json.loads(arguments.base.read_text(encoding="utf-8")) if arguments.base.exists() else None
    if arguments.update or before is None:
        before = make_base(results, before)
        arguments.base.write_text(json.dumps(before, indent=1) + "\n", encoding="utf-8")
    text, well = report(results, before)
    print(text)
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
