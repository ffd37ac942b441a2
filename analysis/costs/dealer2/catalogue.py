"""Formulas by the names of the microbench, each with its source."""

from __future__ import annotations

from collections.abc import Callable

from analysis.costs.algebra import Cost, sequence
from analysis.costs.dealer2 import functions
from analysis.costs.dealer2.functions import DIGITS, Dealt
from analysis.costs.dealer2.network import chained
from analysis.costs.dealer2.steps import opening, select, triple, truncation
from analysis.costs.families import FamilySetting, Formula, composed
from analysis.costs.numbers import Number, packed
from analysis.costs.pieces import norms, of_layers
from analysis.costs.written import activations, of_rows

_CLASSES, _TAPS, _CHANNELS, _FILTERS = 10, 9, 4, 8
_DEALT = ("l", "dealing")
_CUT = ("l", "f", "dealing", "truncation")

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


SHARED = {
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
    "avgpool": Formula(lambda s, n: truncation(s, n, 2), _CUTTING, _CUT, general=False),
    "a2b": Formula(functions.to_bits, "Escudero et al. 2020; Sklansky 1960", _DEALT, general=False),
    "b2a": Formula(functions.from_bits, "Rotaru, Wood 2019", _DEALT, general=False),
    "inject": Formula(lambda s, n: select(s, n), "Rotaru, Wood 2019; Beaver 1991", _DEALT),
    "select": Formula(lambda s, n: select(s, n), "Rotaru, Wood 2019; Beaver 1991", _DEALT),
}  # fmt: skip
"""What compares nothing."""


def comparing(
    priced: Callable[[FamilySetting], Dealt], choices: tuple[str, ...], signs: str, reals: str
) -> dict[str, Formula]:
    """Return the formulas of what compares, for a ring in numbers: digits and plans are whole numbers.

    Args:
        priced: what prices comparisons, by setting.
        choices: the keys of `[protocol]` that they depend on.
        signs: the source of comparisons.
        reals: the source of functions of reals.
    """
    sign, every = ("l", "V", *choices), ("l", "f", "V", *choices, "truncation")

    def of(
        cost: Callable[[Dealt, FamilySetting, Number], Cost], source: str, depends: tuple[str, ...]
    ) -> Formula:
        return Formula(lambda s, n: cost(priced(s), s, n), source, depends, general=False)

    return {
        "trunc_exact": of(lambda p, s, n: p.exact_truncation(s, n), signs, every),
        "compare": of(lambda p, s, n: p.compare(s, n), signs, sign),
        "equal": of(lambda p, s, n: p.equal(s, n), signs, sign),
        "relu": of(lambda p, s, n: p.relu(s, n), signs, sign),
        "maxpool": of(lambda p, s, n: p.largest(s, n, 4), signs, sign),
        "max": of(lambda p, s, n: p.largest(s, n, s.row), signs, sign),
        "argmax": of(lambda p, s, n: p.argmax(s, n, s.row), signs, sign),
        "div": of(lambda p, s, n: p.divide(s, n), reals, every),
        "reciprocal": of(lambda p, s, n: p.reciprocal(s, n), reals, every),
        "exp": of(lambda p, s, n: p.exponential(s, n), reals, every),
        "log": of(lambda p, s, n: p.logarithm(s, n), reals, every),
        "sqrt": of(lambda p, s, n: p.root(s, n, "sqrt"), reals, every),
        "rsqrt": of(lambda p, s, n: p.root(s, n, "rsqrt"), reals, every),
        "sigmoid": of(lambda p, s, n: p.sigmoid(s, n), reals, every),
        "softmax": of(lambda p, s, n: p.softmax(s, n, s.row), reals, every),
        **{name: Formula(cost, reals, every, general=False) for name, cost in activations(priced).items()},
        **{
            name: Formula(cost, reals, every, general=False)
            for name, cost in norms(lambda s, *sizes: priced(s).normalised(s, *sizes)).items()
        },
        **{name: Formula(cost, reals, every, general=False) for name, cost in of_rows(priced).items()},
        **{
            name: Formula(cost, reals, every, general=False)
            for name, cost in of_layers(chained(priced)).items()
        },
    }


OPERATIONS = SHARED | comparing(lambda _: DIGITS, ("radix", "arity", "dealing"), _COMPARED, _PLACES)
OPERATIONS |= composed(OPERATIONS)
