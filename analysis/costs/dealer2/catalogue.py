"""Formulas by the names of the microbench, each with its source."""

from __future__ import annotations

from collections.abc import Callable

from analysis.costs.algebra import Cost, sequence
from analysis.costs.dealer2 import functions
from analysis.costs.dealer2.steps import opening, select, triple, truncation
from analysis.costs.families import FamilySetting, Formula
from analysis.costs.numbers import Number, packed

_CLASSES, _TAPS, _CHANNELS, _FILTERS = 10, 9, 4, 8
_DEALT = ("l", "dealing")
_CUT = ("l", "f", "dealing", "truncation")
_SIGN = ("l", "V", "radix", "arity", "dealing")
_ALL = ("l", "f", "V", "radix", "arity", "dealing", "truncation")

_TRIPLE = "Beaver 1991"
_CUTTING = "Beaver 1991; Dalskov et al. 2020; constructions.md#two-servers-and-a-dealer"
_COMPARED = "Escudero et al. 2020; Ishai et al. 2013; constructions.md#two-servers-and-a-dealer"
_PLACES = "Catrina, Saxena 2010, §5; constructions.md#two-servers-and-a-dealer"


def _product(
    x: Callable[[Number], Number], y: Callable[[Number], Number], out: Callable[[Number], Number]
) -> Callable[[FamilySetting, Number], Cost]:
    def cost(setting: FamilySetting, n: Number) -> Cost:
        cut = truncation(setting, out(n), setting.f)
        return sequence(triple(setting, x(n), y(n), out(n)), cut)

    return cost


def _specific(
    cost: Callable[[FamilySetting, Number], Cost], source: str, depends: tuple[str, ...]
) -> Formula:
    """Return a formula that holds for a ring in numbers: digits and plans are whole numbers."""
    return Formula(cost, source, depends, general=False)


OPERATIONS = {
    "reveal": Formula(lambda s, n: opening(s, packed(n, s.l)), "additive sharing", ("l",)),
    "mul": Formula(lambda s, n: triple(s, n, n, n), _TRIPLE, _DEALT),
    "mul_fixed": Formula(_product(lambda n: n, lambda n: n, lambda n: n), _CUTTING, _CUT),
    "dot": Formula(_product(lambda n: _CLASSES * n, lambda n: _CLASSES * n, lambda n: n), _CUTTING, _CUT),
    "matmul": Formula(_product(lambda n: n**2, lambda n: n**2, lambda n: n**2), _CUTTING, _CUT),
    "conv2d": Formula(
        _product(
            lambda n: n**2 * _CHANNELS, lambda n: _TAPS * _CHANNELS * _FILTERS, lambda n: n**2 * _FILTERS
        ),
        _CUTTING, _CUT,
    ),
    "avgpool": _specific(lambda s, n: truncation(s, n, 2), _CUTTING, _CUT),
    "trunc_exact": _specific(functions.WRITTEN.exact_truncation, _COMPARED, _ALL),
    "compare": _specific(functions.compare, _COMPARED, _SIGN),
    "equal": _specific(functions.WRITTEN.equal, _COMPARED, _SIGN),
    "a2b": _specific(functions.to_bits, "Escudero et al. 2020; Sklansky 1960", _DEALT),
    "b2a": _specific(functions.from_bits, "Rotaru, Wood 2019", _DEALT),
    "inject": Formula(lambda s, n: select(s, n), "Rotaru, Wood 2019; Beaver 1991", _DEALT),
    "select": Formula(lambda s, n: select(s, n), "Rotaru, Wood 2019; Beaver 1991", _DEALT),
    "relu": _specific(functions.relu, _COMPARED, _SIGN),
    "maxpool": _specific(lambda s, n: functions.largest(s, n, 4), _COMPARED, _SIGN),
    "max": _specific(lambda s, n: functions.largest(s, n, _CLASSES), _COMPARED, _SIGN),
    "argmax": _specific(lambda s, n: functions.argmax(s, n, _CLASSES), _COMPARED, _SIGN),
    "div": _specific(functions.WRITTEN.divide, _PLACES, _ALL),
    "reciprocal": _specific(functions.WRITTEN.reciprocal, _PLACES, _ALL),
    "exp": _specific(functions.WRITTEN.exponential, _PLACES, _ALL),
    "log": _specific(functions.WRITTEN.logarithm, _PLACES, _ALL),
    "sqrt": _specific(lambda s, n: functions.WRITTEN.root(s, n, "sqrt"), _PLACES, _ALL),
    "rsqrt": _specific(lambda s, n: functions.WRITTEN.root(s, n, "rsqrt"), _PLACES, _ALL),
    "sigmoid": _specific(functions.WRITTEN.sigmoid, _PLACES, _ALL),
    "softmax": _specific(lambda s, n: functions.WRITTEN.softmax(s, n, _CLASSES), _PLACES, _ALL),
}  # fmt: skip
