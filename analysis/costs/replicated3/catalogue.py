"""Formulas by the names of the microbench."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from analysis.costs.algebra import Cost
from analysis.costs.families import Formula as AnyFormula
from analysis.costs.families import composed
from analysis.costs.numbers import Number
from analysis.costs.pieces import norms, of_layers
from analysis.costs.replicated3 import conversions, functions, layers, operations, tables
from analysis.costs.replicated3.setting import Setting

FILTERS = 8

_SIGN = ("comparison", "radix", "select")
_PRODUCT = ("l", "f", "truncation", "rotate")
_SIGNED = ("l", "V", *_SIGN, "rotate")
_FUNCTION = ("l", "f", "V", "select", "rotate")
_EVERYTHING = ("l", "f", "V", *_SIGN, "truncation", "rotate")
_EXPONENTIAL = ("l", "f", "V", *_SIGN, "rotate")

_TRUNCATION = "constructions.md#truncation-safe; fused: SecureML §4.1, constructions.md#truncation-fused"
_SUMS = f"Araki et al. 2016; {_TRUNCATION}"
_PLACE = "Catrina, Saxena 2010, §5; Sklansky 1960; constructions.md#leading-bit"


@dataclass(frozen=True)
class Formula(AnyFormula):
    """What a named operation costs three servers; it looks at everything where it does not say."""

    depends: tuple[str, ...] = _EVERYTHING


def _hastened(setting: Setting) -> Setting:
    """Return the choices of fewest rounds, where the operation is asked for them."""
    return setting.hastened() if setting.few_rounds else setting


def _image(setting: Setting, side: Number) -> Cost:
    return layers.conv2d(setting, 1, (side, side), (3, 3), FILTERS, padding=(1, 1))


def _sort(setting: Setting, n: Number) -> Cost:
    return tables.sort(setting, n, 1, setting.V, setting.sort_digit, setting.payload == "carried")


_GROUPS = "a sort, an equality of neighbours, a pass of one bit: constructions.md#groups"
_KEYED = ("l", "V", "digit", "select", "rotate", "sort_digit")
_SORTED = ("l", "V", "rotate", "sort_digit", "payload")
_SORTING = "radix sort by shuffled reveals: constructions.md#sorting"
_POOLING = "POMIC algorithm 4 and section 5.2; constructions.md#maximum"

ACTIVATIONS: dict[str, tuple[float, ...]] = {
    "gelu": (), "gelu_tanh": (), "silu": (), "tanh": (), "erf": (), "softplus": (), "logistic": (),
    "elu": (), "relu6": (), "clip": (-1.0, 1.0), "hard_sigmoid": (), "hard_swish": (), "leaky_relu": (),
}  # fmt: skip
"""With the parameters that the microbench gives them."""


_RECURRENT = "products with weights, logistic gates: constructions.md#recurrent-layers"
_LAYERS = {
    "attention": "scores, softmax, products; constructions.md#sigmoid-and-softmax",
    "embedding": f"one-hot rows times a table: {_SUMS}",
    "lstm": _RECURRENT,
    "gru": _RECURRENT,
}
"""Where what layers alone cost comes from."""


def _activation(setting: Setting, n: Number, name: str, parameters: tuple[float, ...]) -> Cost:
    return functions.activate(setting, n, name, parameters)


OPERATIONS: dict[str, Formula] = {
    "reveal": Formula(operations.reveal, "Araki et al. 2016", ("l",)),
    "mul": Formula(operations.multiply, "Araki et al. 2016", ("l",)),
    "mul_fixed": Formula(operations.truncate, _TRUNCATION, _PRODUCT),
    "dot": Formula(operations.truncate, _SUMS, _PRODUCT),
    "matmul": Formula(lambda setting, side: operations.truncate(setting, side * side), _SUMS, _PRODUCT),
    "conv2d": Formula(_image, _SUMS, _PRODUCT),
    "avgpool": Formula(
        lambda setting, n: functions.average(setting, n, {4}),
        "local sums × 1/4, truncated",
        ("l", "f", "V", "truncation", "select", "rotate"),
        general=False,
    ),
    "trunc_exact": Formula(
        conversions.truncate_exactly, "Catrina, Saxena 2010, §3", ("l", "f", *_SIGN, "rotate")
    ),
    "compare": Formula(
        operations.less_than,
        "POMIC algorithm 1; constructions.md#comparison, constructions.md#bit-to-number",
        _SIGNED,
    ),
    "equal": Formula(
        conversions.equal,
        "tables as in a sign, tree of ANDs: constructions.md#conversions",
        ("l", "V", "digit", "select", "rotate"),
    ),
    "a2b": Formula(conversions.to_bits, "ABY3 §5.3; Sklansky 1960", ("l", "rotate")),
    "b2a": Formula(conversions.from_bits, "constructions.md#conversions", ("l", "rotate")),
    "inject": Formula(
        conversions.inject, "ABY3 §5.4; constructions.md#selection", ("l", "select", "rotate")
    ),
    "select": Formula(
        conversions.inject, "y + b(x − y); constructions.md#selection", ("l", "select", "rotate")
    ),
    "relu": Formula(operations.relu, "POMIC algorithm 3; constructions.md#relu", _SIGNED),
    "maxpool": Formula(lambda setting, n: operations.max_pool(setting, n, 4), _POOLING, _SIGNED),
    "max": Formula(
        lambda setting, n: operations.max_pool(_hastened(setting), n, setting.row), _POOLING, _SIGNED
    ),
    "argmax": Formula(
        lambda setting, n: operations.argmax(_hastened(setting), n, setting.row),
        "tournament: constructions.md#maximum",
        _SIGNED,
    ),
    "div": Formula(functions.divide, f"Goldschmidt 1964; {_PLACE}", _FUNCTION, general=False),
    "reciprocal": Formula(functions.reciprocal, f"as div, of 1; {_PLACE}", _FUNCTION, general=False),
    "sqrt": Formula(functions.square_root, f"polynomial; {_PLACE}", _FUNCTION, general=False),
    "rsqrt": Formula(functions.inverse_square_root, f"polynomial; {_PLACE}", _FUNCTION, general=False),
    "log": Formula(functions.logarithm, f"polynomial; {_PLACE}", _FUNCTION, general=False),
    "exp": Formula(
        functions.exponential,
        "e^(v + w) = e^v e^w: a table, a sign and a select; constructions.md#exponential",
        _EXPONENTIAL,
        general=False,
    ),
    "sigmoid": Formula(
        functions.sigmoid,
        "e^−|x|, then Goldschmidt from a line; constructions.md#sigmoid-and-softmax",
        _EXPONENTIAL,
        general=False,
    ),
    "softmax": Formula(
        lambda setting, n: functions.softmax(setting, n, setting.row),
        "maximum, exponentials, Goldschmidt from a line; constructions.md#sigmoid-and-softmax",
        _EXPONENTIAL,
        general=False,
    ),
    **{
        name: Formula(
            partial(_activation, name=name, parameters=parameters),
            "intervals by one batch of comparisons, then polynomials; constructions.md#pieces",
            _EXPONENTIAL,
            general=False,
        )
        for name, parameters in ACTIVATIONS.items()
    },
    **{
        name: Formula(
            cost,
            "squares, their place, an inverse root; constructions.md#normalisation",
            _EXPONENTIAL,
            general=False,
        )
        for name, cost in norms(functions.norm_of_rows).items()
    },
    "one_hot": Formula(
        lambda setting, n: operations.FUNCTIONS["one_hot"](setting, n, setting.row),
        "two digits, each told by comparisons: constructions.md#one-hot-vectors",
        ("l", *_SIGN, "rotate"),
        general=False,
    ),
    "rotary": Formula(
        lambda setting, n: operations.truncate(setting, setting.row * n),
        f"public angles, then a cut: {_TRUNCATION}",
        _PRODUCT,
    ),
    **{
        name: Formula(cost, _LAYERS[name], general=False)
        for name, cost in of_layers(
            lambda setting, plans, n: layers.whole(layers.blocks(setting, plans, n), setting)
        ).items()
    },
    "shuffle": Formula(
        lambda setting, n: tables.shuffle(n, [setting.l]),
        "Araki et al., CCS 2021; constructions.md#shuffles",
        ("l",),
    ),
    "sort": Formula(_sort, _SORTING, _SORTED, general=False),
    "topk": Formula(_sort, f"a sort, descending: {_SORTING}", _SORTED, general=False),
    "group_sums": Formula(
        lambda setting, n: tables.group_sums(setting, n, 1, 1, setting.V, setting.sort_digit),
        f"{_GROUPS}; prefix sums",
        _KEYED,
        general=False,
    ),
    "group_max": Formula(
        lambda setting, n: tables.group_maxima(setting, n, 1, setting.V, setting.V, setting.sort_digit),
        _GROUPS,
        _KEYED,
        general=False,
    ),
    "join": Formula(
        lambda setting, n: tables.join(setting, 2 * n, 1, 1, setting.V, setting.sort_digit),
        f"{_GROUPS}; both tables of n rows together",
        _KEYED,
        general=False,
    ),
}
OPERATIONS |= composed(OPERATIONS)
"""Size is elements; the side for matmul and conv2d; 2×2 windows; rows of 10."""
