"""The table of operations in docs/protocols.md: every row measured, and equal to its formula.

`python -m analysis.validate.operation_table docs/protocols.md` writes the table into the page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from analysis.costs.replicated3 import OPERATIONS
from analysis.predict import Row, measure
from analysis.predict import run as predict
from analysis.validate import growth
from analysis.validate.grid import override

BEGIN, END = "<!-- costs: begin -->", "<!-- costs: end -->"
FEWEST_ROUNDS = {"comparison": "masked", "select": "one_round", "truncation": "fused"}
SIZES = {"matmul": 24, "conv2d": 6, "softmax": 48}
SIZE = 240  # all outputs are a multiple of 24: no message has a broken byte

_SECTION = re.compile(r"constructions\.md#([\w-]+)")
_HEAD = "| `op` | rounds | bytes | rounds, at fewest | bytes | source |\n|---|---|---|---|---|---|"


def rows(op: str) -> tuple[Row, Row]:
    """Return an operation's rows by default, and with the choices of fewest rounds that it depends on."""
    size = SIZES.get(op, SIZE)
    named = [f"workload.op={op}", f"workload.size={size}"]
    depends = OPERATIONS[op].depends
    fewest = [override(key, value) for key, value in FEWEST_ROUNDS.items() if key in depends]
    first, second = (predict.rows(measure("microbench", [*named, *more])) for more in ([], fewest))
    return first[0], second[0]


def table() -> str:
    """Return the table as Markdown."""
    return "\n".join([_HEAD, *map(_line, OPERATIONS)])


def written(page: str) -> str:
    """Return a page with the table of today between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _line(op: str) -> str:
    source = _SECTION.sub(r"[\1](\g<0>)", OPERATIONS[op].source.replace("|", "\\|"))
    cells = [f"`{op}`", *_cells(op), source]
    return f"| {' | '.join(cells)} |"


def _cells(op: str) -> Iterator[str]:
    for row in rows(op):
        if not row.equal:
            raise AssertionError(f"the formula of {op} is wrong: {row.difference()}")
        values = growth.outputs(op, row.params["n"])
        yield str(row.measured["rounds"])
        yield f"{row.measured['payload_bytes'] / 3 / values:.1f}"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(written(file.read_text(encoding="utf-8")), encoding="utf-8")
