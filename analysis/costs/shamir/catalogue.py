"""Formulas by the names of the microbench, each with its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from analysis.costs.algebra import Cost, messages, sequence, together
from analysis.costs.families import FamilySetting, Formula, chained_by, composed
from analysis.costs.numbers import Number
from analysis.costs.pieces import norms, of_layers
from analysis.costs.shamir import steps
from analysis.costs.written import Written, activations, of_rows

_FILTERS = 8
_PRODUCTS = ("multiplication", "doubles")
_CUT = ("f", *_PRODUCTS, "truncation")
_SIGN = ("V", *_PRODUCTS)
_ALL = ("f", "V", *_PRODUCTS, "truncation")
_HERE = "constructions.md#many-servers-on-polynomials"
_MULTIPLIED = "Gennaro et al. 1998; Damgård, Nielsen 2007; Cramer et al. 2005"
_COMPARED = f"Brent, Kung 1982; {_HERE}"
_PLACES = f"Catrina, Saxena 2010, §5; {_HERE}"

_KEY = 16


class _Shared(Written):
    """The functions over the steps of this family; values are of one width, so that nothing is lifted."""

    void = False

    def told(self, setting: FamilySetting, rows: Number, width: int) -> Cost:
        """Price terms of t + 1 servers, then keys to t and elements to the others."""
        client, t, size = setting.parties, setting.threshold, steps.of_numbers(setting)
        there = messages(*((server, client, size(rows)) for server in range(t + 1)), parties=client + 1)
        given = [_KEY if server < t else size(rows * width) for server in range(client)]
        return sequence(there, messages(*((client, server, one) for server, one in enumerate(given))))

    def product(self, setting: FamilySetting, n: Number) -> Cost:
        """Price a multiplication."""
        return steps.product(setting, n)

    def truncation(self, setting: FamilySetting, n: Number, shift: Number) -> Cost:
        """Price what the choice says."""
        return steps.truncation(setting, n, shift)

    def lift(self, setting: FamilySetting, n: Number, bits: int) -> Cost:
        """Price nothing."""
        return steps.nothing(setting)

    def sign(self, setting: FamilySetting, n: Number, bits: Number) -> Cost:
        """Price a comparison."""
        return steps.sign(setting, n, bits)

    def numbers(self, setting: FamilySetting, n: Number, rows: int = 1) -> Cost:
        """Price bits as numbers."""
        return steps.numbers(setting, rows * n)

    def select(self, setting: FamilySetting, n: Number, known: int = 0) -> Cost:
        """Price a selection."""
        return steps.select(setting, n)

    def largest(self, setting: FamilySetting, n: Number, entries: int) -> Cost:
        """Pairs compete: the sign of a difference, and what it selects of it."""
        levels = [steps.nothing(setting)]
        while entries > 1:
            pairs = entries // 2 * n
            levels += [steps.sign(setting, pairs, setting.V + 1), steps.select(setting, pairs)]
            entries -= entries // 2
        return sequence(*levels)

    def argmax(self, setting: FamilySetting, n: Number, entries: int) -> Cost:
        """Price the same; beside the difference the gap of places is chosen, in the end that alone."""
        levels = []
        while entries > 1:
            pairs = entries // 2 * n
            one = steps.select(setting, pairs)
            levels += [
                steps.sign(setting, pairs, setting.V + 1),
                together(one, one) if entries > 2 else one,
            ]
            entries -= entries // 2
        return sequence(*levels)


WRITTEN = _Shared()


def relu(setting: FamilySetting, n: Number) -> Cost:
    """Price a sign, and what it selects."""
    return sequence(steps.sign(setting, n, setting.V), steps.select(setting, n))


def _in_field(cost: Callable[[FamilySetting, Number], Cost]) -> Callable[[FamilySetting, Number], Cost]:
    """Return a cost in the bits that the prime leaves, whatever the ring of the clients."""
    return lambda setting, n: cost(replace(setting, l=steps.room(setting)), n)


def _of(cost: Callable[[FamilySetting, Number], Cost], source: str, depends: tuple[str, ...]) -> Formula:
    return Formula(cost, source, depends, general=False)


def _cut(
    out: Callable[[Number], Number], shift: Callable[[FamilySetting], int]
) -> Callable[[FamilySetting, Number], Cost]:
    """Return the cost of products of which only results are sent, and their rescaling."""
    return lambda s, n: sequence(steps.product(s, out(n)), steps.truncation(s, out(n), shift(s)))


def _f(setting: FamilySetting) -> int:
    return int(setting.f)


OPERATIONS = {
    "reveal": _of(lambda s, n: steps.opening(s, steps.of_numbers(s)(n)), "Shamir 1979", ("prime",)),
    "mul": _of(steps.product, _MULTIPLIED, ("prime", *_PRODUCTS)),
    "mul_fixed": _of(_cut(lambda n: n, _f), _HERE, _CUT),
    "dot": _of(_cut(lambda n: n, _f), _HERE, _CUT),
    "matmul": _of(_cut(lambda n: n**2, _f), _HERE, _CUT),
    "conv2d": _of(_cut(lambda n: n**2 * _FILTERS, _f), _HERE, _CUT),
    "avgpool": _of(lambda s, n: steps.truncation(s, n, 2), _HERE, _CUT),
    "trunc_exact": _of(lambda s, n: steps.exact_truncation(s, n, s.f), _HERE, _CUT),
    "compare": _of(
        lambda s, n: sequence(steps.sign(s, n, s.V + 1), steps.numbers(s, n)), _COMPARED, _SIGN
    ),
    "equal": _of(WRITTEN.equal, _COMPARED, _SIGN),
    "a2b": _of(lambda s, n: steps.to_bits(s, n, s.l), "Sklansky 1960", ("l", *_PRODUCTS)),
    "b2a": _of(lambda s, n: steps.numbers(s, s.l * n), _HERE, ("l", *_PRODUCTS)),
    "inject": _of(steps.select, _HERE, _PRODUCTS),
    "select": _of(steps.select, _HERE, _PRODUCTS),
    "relu": _of(relu, _COMPARED, _SIGN),
    "maxpool": _of(lambda s, n: WRITTEN.largest(s, n, 4), _COMPARED, _SIGN),
    "max": _of(lambda s, n: WRITTEN.largest(s, n, s.row), _COMPARED, _SIGN),
    "argmax": _of(lambda s, n: WRITTEN.argmax(s, n, s.row), _COMPARED, _SIGN),
    "div": _of(_in_field(WRITTEN.divide), _PLACES, _ALL),
    "reciprocal": _of(_in_field(WRITTEN.reciprocal), _PLACES, _ALL),
    "exp": _of(_in_field(WRITTEN.exponential), _PLACES, _ALL),
    "log": _of(_in_field(WRITTEN.logarithm), _PLACES, _ALL),
    "sqrt": _of(_in_field(lambda s, n: WRITTEN.root(s, n, "sqrt")), _PLACES, _ALL),
    "rsqrt": _of(_in_field(lambda s, n: WRITTEN.root(s, n, "rsqrt")), _PLACES, _ALL),
    "sigmoid": _of(_in_field(WRITTEN.sigmoid), _PLACES, _ALL),
    "softmax": _of(_in_field(lambda s, n: WRITTEN.softmax(s, n, s.row)), _PLACES, _ALL),
    **{name: _of(_in_field(cost), _PLACES, _ALL) for name, cost in activations(lambda _: WRITTEN).items()},
    **{name: _of(_in_field(cost), _PLACES, _ALL) for name, cost in norms(WRITTEN.normalised).items()},
    **{name: _of(_in_field(cost), _PLACES, _ALL) for name, cost in of_rows(lambda _: WRITTEN).items()},
    **{name: _of(_in_field(cost), _PLACES, _ALL) for name, cost in of_layers(chained_by("shamir")).items()},
}  # fmt: skip
OPERATIONS |= composed(OPERATIONS)
