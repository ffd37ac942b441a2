"""Formulas by the names of the microbench, each with its source."""

from __future__ import annotations

from collections.abc import Callable

from analysis.costs.algebra import Cost, messages, sequence, together
from analysis.costs.families import FamilySetting, Formula, chained_by, composed
from analysis.costs.numbers import Number, packed
from analysis.costs.pieces import norms, of_layers
from analysis.costs.replicated4 import steps
from analysis.costs.written import Written, activations, of_rows

_FILTERS = 8

_PAIRS = "Dalskov, Escudero, Keller 2021, §3"
_CUTTING = "Dalskov et al. 2021; constructions.md#four-servers"
_BITS = "constructions.md#four-servers; Sklansky 1960"
_PLACES = "constructions.md#four-servers; constructions.md#accuracy"


class Joint(Written):
    """The functions over the steps of this family."""

    def told(self, setting: FamilySetting, rows: Number, width: int) -> Cost:
        """Price digests, what is shown, and three components as seeds, the last as numbers."""
        client = steps.SERVERS
        size = 2 * packed(rows, setting.l) + steps.DIGEST
        words = 2 * steps.KEY + packed(rows * width, setting.l)
        there = messages(*((server, client, size) for server in range(client)))
        given = [words] * (client - 1) + [3 * steps.KEY]
        back = messages(*((client, server, size) for server, size in enumerate(given)))
        return sequence(steps.settled(), there, back)

    def product(self, setting: FamilySetting, n: Number) -> Cost:
        """Price halves of products, which are cut next."""
        return steps.halved(n, setting.l)

    def fixed(self, setting: FamilySetting, n: Number, shift: Number) -> Cost:
        """Price products over 2^shift."""
        return steps.rescaled(setting, n, shift)

    def cut(self, setting: FamilySetting, n: Number, terms: int, shift: Number) -> Cost:
        """Price sums of products over 2^shift, as one product."""
        return self.fixed(setting, n, shift)

    def truncation(self, setting: FamilySetting, n: Number, shift: Number) -> Cost:
        """Price a shift."""
        return steps.truncation(setting, n, shift)

    def lift(self, setting: FamilySetting, n: Number, bits: int) -> Cost:
        """Price a shift by nothing, into more bits."""
        return steps.shifted(n, setting.l, 0, bits) if bits > setting.l else steps.NOTHING

    def sign(self, setting: FamilySetting, n: Number, bits: Number) -> Cost:
        """Price a comparison."""
        return steps.sign(setting, n, bits)

    def numbers(self, setting: FamilySetting, n: Number, rows: int = 1) -> Cost:
        """Price bits as numbers, all rows as one."""
        return steps.numbers(setting, rows * n)

    def select(self, setting: FamilySetting, n: Number, known: int = 0) -> Cost:
        """Price a selection."""
        return steps.select(n, setting.l)

    def argmax(self, setting: FamilySetting, n: Number, entries: int) -> Cost:
        """Price pairs that compete, with their places."""
        return argmax(setting, n, entries)

    def largest(self, setting: FamilySetting, n: Number, entries: int) -> Cost:
        """Pairs compete; the winner is the second and, where it is not less, the difference."""
        return steps.tournament(setting, n, entries, setting.l)


WRITTEN = Joint()


def compare(setting: FamilySetting, n: Number) -> Cost:
    """Price the sign of a difference, as a number."""
    return sequence(steps.sign(setting, n, setting.V + 1), steps.numbers(setting, n))


def relu(setting: FamilySetting, n: Number) -> Cost:
    """Price a sign and a selection."""
    return sequence(steps.sign(setting, n, setting.V), steps.select(n, setting.l))


def argmax(setting: FamilySetting, n: Number, entries: int) -> Cost:
    """Pairs compete; beside the difference the gap of places is chosen, and in the end that alone."""
    levels = []
    while entries > 1:
        pairs = entries // 2 * n
        one = steps.select(pairs, setting.l)
        chosen = together(one, one) if entries > 2 else one
        levels += [steps.sign(setting, pairs, setting.V + 1), chosen]
        entries -= entries // 2
    return sequence(steps.NOTHING, *levels)


def _specific(
    cost: Callable[[FamilySetting, Number], Cost], source: str, depends: tuple[str, ...]
) -> Formula:
    """Return a formula that holds for a ring in numbers: digits and plans are whole numbers."""
    return Formula(cost, source, depends, general=False)


def _fixed(outputs: Callable[[Number], Number]) -> Formula:
    return _specific(lambda s, n: steps.rescaled(s, outputs(n), s.f), _CUTTING, ("l", "f"))


_RING, _SIGN, _ALL = ("l",), ("l", "V", "radix"), ("l", "f", "V", "radix")

OPERATIONS = {
    "reveal": Formula(steps.opened, "constructions.md#four-servers; Lamport et al. 1982", _RING),
    "mul": Formula(steps.product, _PAIRS, _RING),
    "mul_fixed": _fixed(lambda n: n),
    "dot": _fixed(lambda n: n),
    "matmul": _fixed(lambda n: n**2),
    "conv2d": _fixed(lambda n: n**2 * _FILTERS),
    "avgpool": _specific(lambda s, n: steps.truncation(s, n, 2), _CUTTING, _RING),
    "trunc_exact": _specific(WRITTEN.exact_truncation, _BITS, _ALL),
    "compare": _specific(compare, _BITS, _SIGN),
    "equal": _specific(WRITTEN.equal, _BITS, _SIGN),
    "a2b": _specific(steps.to_bits, _BITS, _RING),
    "b2a": _specific(steps.from_bits, "Demmler et al. 2015; constructions.md#four-servers", _RING),
    "inject": Formula(lambda s, n: steps.select(n, s.l), "constructions.md#four-servers", _RING),
    "select": Formula(lambda s, n: steps.select(n, s.l), "constructions.md#four-servers", _RING),
    "relu": _specific(relu, _BITS, _SIGN),
    "maxpool": _specific(lambda s, n: WRITTEN.largest(s, n, 4), _BITS, _SIGN),
    "max": _specific(lambda s, n: WRITTEN.largest(s, n, s.row), _BITS, _SIGN),
    "argmax": _specific(lambda s, n: argmax(s, n, s.row), _BITS, _SIGN),
    "div": _specific(WRITTEN.divide, _PLACES, _ALL),
    "reciprocal": _specific(WRITTEN.reciprocal, _PLACES, _ALL),
    "exp": _specific(WRITTEN.exponential, _PLACES, _ALL),
    "log": _specific(WRITTEN.logarithm, _PLACES, _ALL),
    "sqrt": _specific(lambda s, n: WRITTEN.root(s, n, "sqrt"), _PLACES, _ALL),
    "rsqrt": _specific(lambda s, n: WRITTEN.root(s, n, "rsqrt"), _PLACES, _ALL),
    "sigmoid": _specific(WRITTEN.sigmoid, _PLACES, _ALL),
    "softmax": _specific(lambda s, n: WRITTEN.softmax(s, n, s.row), _PLACES, _ALL),
    **{name: _specific(cost, _PLACES, _ALL) for name, cost in activations(lambda _: WRITTEN).items()},
    **{name: _specific(cost, _PLACES, _ALL) for name, cost in norms(WRITTEN.normalised).items()},
    **{name: _specific(cost, _PLACES, _ALL) for name, cost in of_rows(lambda _: WRITTEN).items()},
    **{name: _specific(cost, _PLACES, _ALL) for name, cost in of_layers(chained_by("replicated4")).items()},
}  # fmt: skip
OPERATIONS |= composed(OPERATIONS)
