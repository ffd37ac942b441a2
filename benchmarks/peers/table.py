"""The comparison as a table, and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

OURS = "mpcsim"


@dataclass(frozen=True)
class Result:
    """One system on one job: medians over the repetitions, or why there are none."""

    job: str
    system: str
    cpu_s: float | None = None
    wall_s: float | None = None
    max_error: float | None = None
    problem: str | None = None


def result(job: str, system: str, runs: Iterable[dict[str, Any]]) -> Result:
    """Return the medians over the repetitions of several runs of a worker."""
    found = list(runs)
    errors = [run["max_error"] for run in found if run["max_error"] is not None]
    return Result(
        job,
        system,
        statistics.median(time for run in found for time in run["cpu_s"]),
        statistics.median(time for run in found for time in run["wall_s"]),
        max(errors) if errors else None,
    )


def render(results: list[Result]) -> str:
    """Return a Markdown table: processor time and wall time, and ours over the peer's."""
    ours = {found.job: found.cpu_s for found in results if found.system == OURS}
    lines = [
        "| job | system | CPU s | wall s | largest error | ours / theirs (CPU) |",
        "|---|---|---|---|---|---|",
    ]
    for found in results:
        if found.cpu_s is None:
            lines.append(f"| {found.job} | {found.system} | {found.problem} | | | |")
            continue
        own = ours.get(found.job)
        ratio = "" if found.system == OURS or own is None else f"{own / found.cpu_s:.3f}"
        wall = "" if found.wall_s is None else f"{found.wall_s:.3g}"
        error = "" if found.max_error is None else f"{found.max_error:.1e}"
        lines.append(f"| {found.job} | {found.system} | {found.cpu_s:.3g} | {wall} | {error} | {ratio} |")
    return "\n".join(lines)


def as_rows(results: list[Result]) -> list[dict[str, Any]]:
    """Return the results as plain rows for JSON."""
    return [asdict(found) for found in results]
