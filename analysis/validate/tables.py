"""A validation for people and for papers: tables on the screen, Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.costs import LEGEND
from analysis.predict import Formula, Row, params_text
from analysis.validate.claim_formula import readable
from analysis.validate.judge import Validation
from mpcsim import InputError
from mpcsim.terminal import Column, Sheet
from mpcsim.texts import escaped, plural, storable

_SIGNS = {True: "yes", False: "NO", None: "?"}
_ROWS = (
    Column("op"),
    Column("params"),
    Column("formula", leaves=1),
    Column("predicted"),
    Column("measured"),
    Column("equal"),
    Column("source", leaves=2),
)
_COLUMNS = [one.title for one in _ROWS]
_UNIT = "Payload bytes, summed over the parties; rounds: the longest chain of messages."

Grid = list[list[str]]


class _Numbered:
    """Formulas by number: many rows share one, and it may be longer than a line."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.formulas: dict[Formula, int] = {}
        for row in rows:
            if row.formula is not None:
                self.formulas.setdefault(row.formula, len(self.formulas) + 1)

    def reference(self, row: Row) -> str:
        return f"({self.formulas[row.formula]})" if row.formula is not None else "none yet"


# Cells


def _cells(rows: Sequence[Row], numbered: _Numbered) -> Grid:
    return [
        [
            escaped(row.where),
            escaped(params_text(row.params)),
            numbered.reference(row),
            _cost_text(row.predicted),
            _cost_text(row.measured),
            _SIGNS[row.equal],
            row.source,
        ]
        for row in rows
    ]


def _cost_text(found: Mapping[str, Any] | None) -> str:
    if not found:
        return ""
    return f"{plural(found['rounds'], 'round')}, {found['payload_bytes']:,} B"


def _growth_cells(found: Validation) -> Grid:
    return [
        [
            one.op if one.family == "replicated3" else f"{escaped(one.family)}: {one.op}",
            params_text(one.params),
            f"{one.quantity} against {one.against}",
            {"1": "constant", "log": "logarithmic"}.get(one.fit.order, one.fit.order),
            one.fit.text(one.against),
            f"{one.fit.worst:.3g}",
        ]
        for one in found.growth
    ]


def _claim_cells(found: Validation) -> Grid:
    return [
        [
            one.paper,
            one.claim.row,
            readable(one.claim.formula) if one.claim.formula else "(not in our text)",
            one.claim.unit,
            " ".join([one.claim.op, *one.claim.set]),
            _value(one.claimed),
            _value(one.measured),
            one.text,
            one.claim.source,
        ]
        for one in found.judgements
    ]


def _value(value: float | str | None) -> str:
    return f"{value:.6g}" if isinstance(value, float) else value or ""


_GROWTH = (
    Column("op"),
    Column("params"),
    Column("quantity", leaves=1),
    Column("growth"),
    Column("fit"),
    Column("worst error", number=True),
)
_CLAIMS = (
    Column("paper"),
    Column("row"),
    Column("formula"),
    Column("unit", leaves=1),
    Column("measured on"),
    Column("claimed", number=True),
    Column("measured", number=True),
    Column("verdict"),
    Column("source"),
)
_GROWTH_COLUMNS, _CLAIM_COLUMNS = [one.title for one in _GROWTH], [one.title for one in _CLAIMS]


# Screen


def screen(found: Validation, *, every: bool = False, claims: bool = False) -> Iterator[Sheet | str]:
    """Yield what to print: the verdict, what differs, and with `every` all rows, fits and claims.

    Args:
        found: what was found.
        every: all of it, not only what differs.
        claims: published claims in any case.
    """
    yield found.verdict()
    yield from found.further()
    rows = found.rows if every else [row for row in found.rows if row.equal is False]
    if rows:
        yield from _rows_screen(rows, "Formula and measurement" if every else "What differs")
    if found.growth and every:
        yield _filled("Growth, measured and fitted", _GROWTH, _growth_cells(found))
    if found.judgements and (every or claims):
        shown = [[*cells[:4], *cells[5:8]] for cells in _claim_cells(found)]
        yield _filled("Published claims", [*_CLAIMS[:4], *_CLAIMS[5:8]], shown)
    if not every:
        yield "--all lists every row and formula; --out DIR writes them as Markdown, CSV and LaTeX"


def _rows_screen(rows: Sequence[Row], title: str) -> Iterator[Sheet]:
    numbered = _Numbered(rows)
    table = Sheet(_ROWS, title, [_UNIT])
    for row, cells in zip(rows, _cells(rows, numbered), strict=True):
        table.add(*cells, bad=row.equal is False)
    yield table
    formulas = Sheet(_FORMULAS, "Formulas", [f"{name}: {what}" for name, what in LEGEND.items()])
    for formula, number in numbered.formulas.items():
        formulas.add(f"({number})", formula.rounds, formula.payload_bytes)
    yield formulas


_FORMULAS = (Column(""), Column("rounds"), Column("payload bytes, summed over the parties"))


def _filled(title: str, columns: Sequence[Column], cells: Grid) -> Sheet:
    table = Sheet(columns, title)
    for line in cells:
        table.add(*map(escaped, line))
    return table


# Files


def write(found: Validation, folder: Path) -> list[Path]:
    """Write validation.md, .csv and .tex, and return their paths.

    Raises:
        InputError: the folder cannot be written.
    """
    texts = {
        "validation.md": markdown(found),
        "validation.csv": comma_separated(found),
        "validation.tex": latex(found),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from None
    return [folder / name for name in texts]


def markdown(found: Validation) -> str:
    """Return a Markdown document."""
    numbered = _Numbered(found.rows)
    formulas = [
        [f"({number})", f"`{formula.rounds}`", f"`{formula.payload_bytes}`"]
        for formula, number in numbered.formulas.items()
    ]
    parts = [
        "# Validation",
        f"{found.count()}. {_UNIT}",
        _markdown_table(_COLUMNS, _cells(found.rows, numbered)),
        "## Formulas",
        _markdown_table(("number", "rounds", "bytes"), formulas),
        "\n".join(f"- `{name}`: {what}" for name, what in LEGEND.items()),
    ]
    if found.growth:
        parts += ["## Growth", _markdown_table(_GROWTH_COLUMNS, _growth_cells(found))]
    if found.judgements:
        parts += ["## Published claims", _markdown_table(_CLAIM_COLUMNS, _claim_cells(found))]
    return "\n\n".join(parts) + "\n"


def _markdown_table(columns: Sequence[str], cells: Grid) -> str:
    escaped = [[one.replace("|", "\\|") for one in line] for line in cells]
    lines = [list(columns), ["---"] * len(columns), *escaped]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def comma_separated(found: Validation) -> str:
    """Return the rows as CSV, numbers in columns of their own."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    keys = ("rounds", "payload_bytes", "per_party")
    numbers = [f"{side}_{key}" for side in ("predicted", "measured") for key in keys]
    out.writerow(
        ["op", "params", "rounds_formula", "bytes_formula", *numbers, "equal", "source", "network"]
    )
    for row in found.rows:
        formula = (row.formula.rounds, row.formula.payload_bytes) if row.formula else ("", "")
        costs = [_number(side, key) for side in (row.predicted, row.measured) for key in keys]
        names = (storable(row.op), storable(params_text(row.params)))
        out.writerow([*names, *formula, *costs, row.equal, row.source, row.network])
    return text.getvalue()


def _number(found: Mapping[str, Any] | None, key: str) -> str:
    value = None if found is None else found.get(key)
    if value is None:  # nothing was measured: the family does not offer it
        return ""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


_TEX = str.maketrans(
    {
        "&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
        "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "\\": r"\textbackslash{}",
        "×": r"$\times$", "→": r"$\to$", "≥": r"$\geq$", "·": r"$\cdot$", "−": "$-$", "Σ": r"$\Sigma$",
        "⌈": r"$\lceil$", "⌉": r"$\rceil$", "⌊": r"$\lfloor$", "⌋": r"$\rfloor$", "≈": r"$\approx$",
        "β": r"$\beta$", "…": r"\dots{}", "§": r"\S{}", "–": "--", "≤": r"$\leq$", "³": "$^3$",
    }
)  # fmt: skip


def latex(found: Validation) -> str:
    """Return long tables for a paper (packages longtable, booktabs, amsmath)."""
    numbered = _Numbered(found.rows)
    lines = ["% longtable, booktabs, amsmath", _longtable(_COLUMNS, _cells(found.rows, numbered))]
    lines.append(r"\begin{align*}")
    for formula, number in numbered.formulas.items():
        rounds = formula.rounds_latex or rf"\text{{{formula.rounds.translate(_TEX)}}}"
        size = formula.payload_latex or rf"\text{{{formula.payload_bytes.translate(_TEX)}}}"
        lines.append(rf"({number})\quad & {rounds} \text{{ rounds}}, \quad {size} \text{{ bytes}} \\")
    lines.append(r"\end{align*}")
    if found.growth:
        lines.append(_longtable(_GROWTH_COLUMNS, _growth_cells(found)))
    if found.judgements:
        lines.append(_longtable(_CLAIM_COLUMNS, _claim_cells(found)))
    return "\n".join(lines) + "\n"


def _longtable(columns: Sequence[str], cells: Grid) -> str:
    body = [" & ".join(one.translate(_TEX) for one in line) + r" \\" for line in cells]
    head = " & ".join(columns) + r" \\"
    width = "l" * len(columns)
    return "\n".join(
        [rf"\begin{{longtable}}{{{width}}}", r"\toprule", head, r"\midrule", r"\endhead", *body,
         r"\bottomrule", r"\end{longtable}"]
    )  # fmt: skip
