"""Formulas by the names of the microbench, each with its source: what is sent before the proof."""

from __future__ import annotations

from collections.abc import Callable

from analysis.costs.algebra import LOCAL, Cost, messages, rotated, sequence, together
from analysis.costs.families import FamilySetting, Formula, chained_by, composed
from analysis.costs.numbers import Number, packed
from analysis.costs.pieces import norms, of_layers
from analysis.costs.replicated3 import Setting, operations
from analysis.costs.replicated3_malicious import baselines, proof, steps, tables
from analysis.costs.written import Written, activations, of_rows

_CLASSES, _TAPS, _CHANNELS, _FILTERS = 10, 9, 4, 8
_CLIENT = 3


class Proven(Written):
    """The functions over the steps of this family, whose roles rotate over thirds of a vector."""

    def told(self, setting: FamilySetting, rows: Number, width: int) -> Cost:
        """Price what is shown, all that it depends on being verified, and what the client shares."""
        shown = packed(rows, setting.l) + steps.DIGEST
        given = operations.client_input(Setting(l=setting.l), (int(rows), 1, 1, width))
        there = messages(*((server, _CLIENT, shown) for server in range(_CLIENT)))
        return sequence(there, messages(*((_CLIENT, server, size) for server, size in enumerate(given))))

    def product(self, setting: FamilySetting, n: Number) -> Cost:
        """Price products of two."""
        return steps.product(n, setting.l)

    def dot(self, setting: FamilySetting, n: Number, terms: int) -> Cost:
        """Price sums of products, each of two terms."""
        return steps.product(n, setting.l, 2 * terms)

    def bilinear(
        self, setting: FamilySetting, kind: str, x: Number, y: Number, out: Number, inner: int
    ) -> Cost:
        """Price a map, whose relations are combined, or a relation of each sum of products."""
        if kind == "matmul":
            return steps.mapped(out, setting.l, [2 * inner])
        return self.dot(setting, out, inner)

    def truncation(self, setting: FamilySetting, n: Number, shift: Number) -> Cost:
        """Price the wraps of components that both their holders shift."""
        return LOCAL if shift == 0 else rotated(lambda part: steps.wraps(part, setting.l, shift), n)

    def lift(self, setting: FamilySetting, n: Number, bits: int) -> Cost:
        """Price the wraps of components."""
        if bits <= setting.l:
            return LOCAL
        return rotated(lambda part: steps.wraps(part, setting.l, bits - setting.l), n)

    def sign(self, setting: FamilySetting, n: Number, bits: Number) -> Cost:
        """Price a comparison by a tree."""
        return rotated(lambda part: steps.sign(part, bits), n)

    def numbers(self, setting: FamilySetting, n: Number, rows: int = 1) -> Cost:
        """Price bits as numbers."""
        return rotated(lambda part: steps.number(part, setting.l), rows * n)

    def select(self, setting: FamilySetting, n: Number, known: int = 0) -> Cost:
        """Price a bit times a number."""
        return rotated(lambda part: steps.select(part, setting.l), n)

    def compare(self, setting: FamilySetting, n: Number) -> Cost:
        """Price a sign and the bit as a number, each third from end to end in its rotation."""
        return compare(setting, n)

    def argmax(self, setting: FamilySetting, n: Number, entries: int) -> Cost:
        """Price pairs that compete, with their places."""
        return argmax(setting, n, entries)

    def largest(self, setting: FamilySetting, n: Number, entries: int) -> Cost:
        """Price a tournament, each third from end to end in its rotation."""
        return rotated(lambda part: tournament(part, entries, setting.V + 1, setting.l), n)


WRITTEN = Proven()


def tournament(n: Number, entries: int, compared: int, bits: Number) -> Cost:
    """Pairs compete, in one rotation: a sign, then a selection of the difference."""
    levels = []
    while entries > 1:
        pairs = entries // 2 * n
        levels += [steps.sign(pairs, compared), steps.select(pairs, bits)]
        entries -= entries // 2
    return sequence(*levels)


def argmax(setting: FamilySetting, n: Number, entries: int) -> Cost:
    """Price a tournament of values and places, whose levels are joined."""
    levels = []
    while entries > 1:
        pairs = entries // 2 * n
        gap = WRITTEN.select(setting, pairs)
        chosen = together(gap, gap) if entries > 2 else gap
        levels += [WRITTEN.sign(setting, pairs, setting.V + 1), chosen]
        entries -= entries // 2
    return sequence(*levels)


def relu(setting: FamilySetting, n: Number) -> Cost:
    """Price a sign and a selection, in one rotation."""
    return rotated(lambda part: sequence(steps.sign(part, setting.V), steps.select(part, setting.l)), n)


def compare(setting: FamilySetting, n: Number) -> Cost:
    """Price a sign and the bit as a number, in one rotation."""
    return rotated(lambda part: sequence(steps.sign(part, setting.V + 1), steps.number(part, setting.l)), n)


def _cut(setting: FamilySetting, product: Cost, n: Number) -> Cost:
    return sequence(product, WRITTEN.truncation(setting, n, setting.f))


def _product(
    outputs: Callable[[Number], Number], inner: Callable[[Number], Number] | None = None, terms: int = 2
) -> Callable[[FamilySetting, Number], Cost]:
    """Return the formula of a fixed-point product: elementwise sums, or a map of that inner side."""

    def cost(setting: FamilySetting, n: Number) -> Cost:
        count = outputs(n)
        sent = (
            steps.product(count, setting.l, terms)
            if inner is None
            else steps.mapped(count, setting.l, [2 * inner(n)])
        )
        return _cut(setting, sent, count)

    return cost


_BASELINES = {
    "mul": baselines.Products(lambda n: n, lambda n: (n, n)),
    "mul_fixed": baselines.Products(lambda n: n, lambda n: (n, n)),
    "dot": baselines.Products(lambda n: n, lambda n: (_CLASSES * n, _CLASSES * n), _CLASSES),
    "matmul": baselines.Products(lambda n: n**2, lambda n: (n**2, n**2)),
    "conv2d": baselines.Products(
        lambda n: n**2 * _FILTERS, lambda n: (n**2 * _CHANNELS, _TAPS * _CHANNELS * _FILTERS)
    ),
}
"""What checks other than proofs are about."""


def _proven_or(
    op: str, proven: Callable[[FamilySetting, Number], Cost]
) -> Callable[[FamilySetting, Number], Cost]:
    """Return the formula of a product that is proven, or checked otherwise."""

    def cost(setting: FamilySetting, n: Number) -> Cost:
        if baselines.way(setting) == "proof":
            return proven(setting, n)
        return baselines.product(setting, _BASELINES[op], n)

    return cost


def _reveal(setting: FamilySetting, n: Number) -> Cost:
    return sequence(proof.verification((), setting.choice("security")), steps.opened(n, setting.l))


def _specific(
    cost: Callable[[FamilySetting, Number], Cost], source: str, depends: tuple[str, ...]
) -> Formula:
    """Return a formula that holds for a ring in numbers: digits and plans are whole numbers."""
    return Formula(cost, source, depends, general=False)


_ARAKI = "Araki et al. 2016; Boyle et al. 2019; malicious.md#older-checks"
_DEALT = "malicious.md#truncation-by-dealing"
_SIGN = "malicious.md#comparison"
_ALL = "malicious.md; docs/constructions.md#accuracy"
_SORTING = "radix sort, a verification a pass: malicious.md#shuffles"
_GROUPS = "a sort, an equality of neighbours, a pass of one bit: malicious.md#shuffles"
_KEYED, _SORTED = ("l", "V", "sort_digit"), ("l", "V", "sort_digit", "payload")
_WAY = "verification"
_RING, _VALUE, _CUT, _WHOLE = ("l",), ("l", "V"), ("l", "f"), ("l", "f", "V")

OPERATIONS = {
    "reveal": Formula(_reveal, "malicious.md#edges", _RING),
    "mul": Formula(_proven_or("mul", lambda s, n: steps.product(n, s.l)), _ARAKI, (*_RING, _WAY)),
    "mul_fixed": _specific(_proven_or("mul_fixed", _product(lambda n: n)), _DEALT, (*_CUT, _WAY)),
    "dot": _specific(
        _proven_or("dot", _product(lambda n: n, terms=2 * _CLASSES)), _DEALT, (*_CUT, _WAY)
    ),
    "matmul": _specific(
        _proven_or("matmul", _product(lambda n: n**2, lambda n: n)), _DEALT, (*_CUT, _WAY)
    ),
    "conv2d": _specific(
        _proven_or("conv2d", _product(lambda n: n**2 * _FILTERS, lambda n: _TAPS * _CHANNELS)),
        _DEALT, (*_CUT, _WAY),
    ),
    "avgpool": _specific(lambda s, n: WRITTEN.truncation(s, n, 2), _DEALT, _CUT),
    "trunc_exact": _specific(WRITTEN.exact_truncation, _SIGN, _WHOLE),
    "compare": _specific(compare, _SIGN, _VALUE),
    "equal": _specific(WRITTEN.equal, _SIGN, _VALUE),
    "a2b": _specific(lambda s, n: rotated(lambda part: steps.all_bits(part, s.l), n), _SIGN, _RING),
    "b2a": _specific(
        lambda s, n: rotated(lambda part: steps.numbers_of_bits(part, s.l), n),
        "malicious.md#conversions", _RING,
    ),
    "inject": Formula(lambda s, n: WRITTEN.select(s, n), "malicious.md#selection", _RING),
    "select": Formula(lambda s, n: WRITTEN.select(s, n), "malicious.md#selection", _RING),
    "relu": _specific(relu, _SIGN, _VALUE),
    "maxpool": _specific(lambda s, n: WRITTEN.largest(s, n, 4), _SIGN, _VALUE),
    "max": _specific(lambda s, n: WRITTEN.largest(s, n, s.row), _SIGN, _VALUE),
    "argmax": _specific(lambda s, n: argmax(s, n, s.row), _SIGN, _VALUE),
    "div": _specific(WRITTEN.divide, _ALL, _WHOLE),
    "reciprocal": _specific(WRITTEN.reciprocal, _ALL, _WHOLE),
    "exp": _specific(WRITTEN.exponential, _ALL, _WHOLE),
    "log": _specific(WRITTEN.logarithm, _ALL, _WHOLE),
    "sqrt": _specific(lambda s, n: WRITTEN.root(s, n, "sqrt"), _ALL, _WHOLE),
    "rsqrt": _specific(lambda s, n: WRITTEN.root(s, n, "rsqrt"), _ALL, _WHOLE),
    "sigmoid": _specific(WRITTEN.sigmoid, _ALL, _WHOLE),
    "softmax": _specific(lambda s, n: WRITTEN.softmax(s, n, s.row), _ALL, _WHOLE),
    **{name: _specific(cost, _ALL, _WHOLE) for name, cost in activations(lambda _: WRITTEN).items()},
    **{name: _specific(cost, _ALL, _WHOLE) for name, cost in norms(WRITTEN.normalised).items()},
    **{name: _specific(cost, _ALL, _WHOLE) for name, cost in of_rows(lambda _: WRITTEN).items()},
    **{
        name: _specific(cost, _ALL, _WHOLE)
        for name, cost in of_layers(chained_by("replicated3_malicious")).items()
    },
}  # fmt: skip


def _as_it_goes(
    cost: Callable[[FamilySetting, int], Cost], source: str, depends: tuple[str, ...]
) -> Formula:
    """Return a formula of what verifies as it goes, for a size in numbers."""
    return Formula(lambda s, n: cost(s, int(n)), source, depends, general=False, in_size=False)


TABLES = {
    "shuffle": Formula(lambda s, n: tables.shuffle(n, [s.l]), "malicious.md#shuffles", _RING),
    "sort": _as_it_goes(tables.sort, _SORTING, _SORTED),
    "topk": _as_it_goes(tables.sort, f"a sort, descending: {_SORTING}", _SORTED),
    "group_sums": _as_it_goes(tables.group_sums, _GROUPS, _KEYED),
    "group_max": _as_it_goes(tables.group_maxima, _GROUPS, _KEYED),
    "join": _as_it_goes(lambda s, n: tables.join(s, 2 * n), _GROUPS, _KEYED),
}
"""Of those that verify as they go, what is left to verify is in the claims."""
OPERATIONS |= composed(OPERATIONS) | TABLES

_OUTSIDE: dict[str, Callable[[FamilySetting, Number], Cost]] = {
    "a2b": OPERATIONS["b2a"].cost,
    "b2a": OPERATIONS["a2b"].cost,
    "inject": OPERATIONS["a2b"].cost,
    "select": OPERATIONS["a2b"].cost,
    "shuffle": lambda setting, n: tables.shuffle(n, [setting.l], back=True),
}
"""What the microbench does before or after an operation, so that there is something to convert."""


def verification(setting: FamilySetting, op: str, n: int) -> Cost:
    """Return what it costs to verify a run of the microbench."""
    if baselines.way(setting) != "proof":
        return baselines.verification(setting, _BASELINES.get(op), n)
    claims = OPERATIONS[op].cost(setting, n).claims
    if op in _OUTSIDE:
        claims += _OUTSIDE[op](setting, n).claims
    if op in TABLES and not claims:
        return steps.verdict(True)
    return proof.verification(claims, setting.choice("security"))
