"""Predictions for a run: the formulas of its spans beside what was measured, as rows.

In flow a scenario and a run; out flow rows that are equal or differ. It may import `analysis.costs`.
"""

from analysis.predict import run
from analysis.predict.measuring import SHIPPED, Measured, formulas_of, measure, own_formulas, setting_of
from analysis.predict.rows import Formula, Row, params_text
from analysis.predict.run import at_size

__all__ = [
    "SHIPPED",
    "Formula",
    "Measured",
    "Row",
    "at_size",
    "formulas_of",
    "measure",
    "own_formulas",
    "params_text",
    "run",
    "setting_of",
]
