"""Accuracy of private training beside its plaintext twins, over runs with several seeds, as a table.

`python -m analysis.compare.training RUN…` takes run records of `private_training` that had test images
(training.test > 0), and prints a row a run and a row of means for each scenario, in Markdown.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mpcsim import InputError
from mpcsim.record import read_record

COLUMNS = {"secure": "on shares", "fixed": "fixed point", "float": "float64"}


def table(summaries: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a row a run: test accuracies in percent, differences in points, largest weight differences.

    Raises:
        InputError: a record is of another workload, or had no test images.
    """
    rows = []
    for summary in summaries:
        output = summary["output"]
        test = output.get("test", {}) if summary.get("workload") == "private_training" else {}
        if "secure" not in test or len(test) < 2:
            raise InputError(
                f"{summary['name']}: no test accuracy beside a twin's; accepted: records of "
                "private_training with training.test > 0 and training.twin"
            )
        row: dict[str, Any] = {"scenario": summary["name"], "seed": summary["seed"]}
        row |= {"steps": output["steps"], "test images": test["secure"]["images"]}
        for twin, name in COLUMNS.items():
            if twin in test:
                row[name] = 100 * test[twin]["accuracy"]
        for twin in ("fixed", "float"):
            if twin in test:
                row[f"to {COLUMNS[twin]}"] = row["on shares"] - row[COLUMNS[twin]]
        fixed = output["max_weight_error"].get("fixed")
        if fixed:
            row["weights, first steps"] = fixed["followed"]
            row["weights, end"] = fixed["end"]
        rows.append(row)
    return pd.DataFrame(rows)


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row a scenario: means over the seeds; of weight differences the largest."""
    numbers = {name: "mean" for name in rows if name.startswith(("on ", "fixed", "float", "to "))}
    largest = {name: "max" for name in rows if name.startswith("weights")}
    found = rows.groupby("scenario", sort=False).agg({"seed": "count"} | numbers | largest)
    return found.rename(columns={"seed": "seeds"}).reset_index()


def markdown(rows: pd.DataFrame) -> str:
    """Return a table in Markdown."""
    lines = [[str(name) for name in rows], ["---"] * len(rows.columns)]
    lines += [
        [_shown(name, value) for name, value in zip(rows, row, strict=True)] for row in rows.to_numpy()
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(name: str, value: Any) -> str:
    if name.startswith("weights"):
        return f"{value:.1e}"
    if name.startswith("to "):
        return f"{value:+.2f}"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables; return the exit status."""
    folders = [Path(one) for one in (sys.argv[1:] if arguments is None else arguments)]
    try:
        if not folders:
            raise InputError("no run record given; accepted: folders of `mpcsim run`")
        rows = table([read_record(folder).summary for folder in folders])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    print(markdown(rows), markdown(means(rows)), sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
