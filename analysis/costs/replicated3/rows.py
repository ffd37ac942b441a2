"""Functions of values and of rows, as networks have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis.costs.algebra import LOCAL, Cost, sequence, together
from analysis.costs.families import LONG
from analysis.costs.numbers import Number
from analysis.costs.replicated3 import functions
from analysis.costs.replicated3.operations import max_pool, relu, truncate
from analysis.costs.replicated3.setting import Setting
from scenarios.networks import LayerPlan


def priced(setting: Setting, n: Number, plan: LayerPlan) -> Cost:
    """Price a function's layer of n values, or rows of them; a mask is free."""
    name, width = plan.layer.function, plan.output[-1]
    more = {key: value for key, value in plan.arguments if key != "mask"}
    if name in ("layer_norm", "rms_norm"):
        learned = width, 0 if plan.bias is None else width
        return functions.norm_of_rows(setting, n, width, more["epsilon"], *learned, name == "layer_norm")
    if name in FUNCTIONS:
        return FUNCTIONS[name](setting, n, width, **more)
    return functions.activate(setting, n, name, more.get("parameters", ()))


def _of_values(cost: Callable[[Setting, Number], Cost]) -> Callable[..., Cost]:
    """Return the price of a function of every value, whatever the width of rows."""
    return lambda setting, n, width: cost(setting, n)


def halved(exponent: int) -> list[int]:
    """Return how many products each level of a power takes: of the powers that it needs, halves first."""
    needed, levels = {exponent}, []
    while max(needed) > 1:
        top = max((one - 1).bit_length() for one in needed)
        here = {one for one in needed if (one - 1).bit_length() == top}
        needed = needed - here | {half for one in here for half in (one // 2, one - one // 2)}
        levels.append(len(here))
    return levels[::-1]


def _power(setting: Setting, n: Number, width: int, parameters: Sequence[float]) -> Cost:
    """Price each level's products side by side."""
    levels = [[truncate(setting, n)] * count for count in halved(int(parameters[0]))]
    return sequence(LOCAL, *(together(*level) for level in levels))


def _log_softmax(setting: Setting, rows: Number, width: int) -> Cost:
    """Price the maximum (of a long row in few rounds), exponentials, a logarithm of their sum."""
    hasty = setting.hastened() if width > LONG else setting
    return sequence(
        max_pool(hasty, rows, width),
        functions.exponential(setting, rows * width),
        functions.logarithm(setting, rows),
    )


ROWS = frozenset(("softmax", "log_softmax", "layer_norm", "rms_norm"))
"""Functions of rows; n counts rows then."""
FUNCTIONS: dict[str, Callable[..., Cost]] = {
    "relu": _of_values(relu),
    "sigmoid": _of_values(functions.sigmoid),
    "exponential": _of_values(functions.exponential),
    "logarithm": _of_values(functions.logarithm),
    "square_root": _of_values(functions.square_root),
    "absolute": _of_values(relu),
    "power": _power,
    "softmax": functions.softmax,
    "log_softmax": _log_softmax,
}
