"""Operations on sharings: what each costs the three servers, from the constructions' mathematics.

Each function takes the setting and a shape and returns the cost by server, without input and output
of the clients. Bytes are payload. With symbols for the numbers the same functions give formulas.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from analysis.costs.algebra import LOCAL, Cost, messages, reshare, rotated, sequence, together
from analysis.costs.families import LONG
from analysis.costs.numbers import Number, packed
from analysis.costs.pieces import learned, one_hot
from analysis.costs.replicated3 import conversions, functions, halves
from analysis.costs.replicated3.setting import Setting
from analysis.costs.replicated3.signs import sign
from analysis.costs.replicated3.truncations import product
from scenarios.networks import FREE, NORMS, LayerPlan

KEY_BYTES = 16


def reveal(setting: Setting, n: Number) -> Cost:
    """Every server sends its neighbour the component it lacks: 1 round, 3l bits a value.

    Source: Araki et al. 2016.
    """
    size = packed(n, setting.l)
    return messages((0, 1, size), (1, 2, size), (2, 0, size))


def multiply(setting: Setting, n: Number) -> Cost:
    """Integer products or sums of products, n outputs: a reshare, 1 round, 3l bits an output.

    Source: Araki et al. 2016. The terms of a dot product, a matrix product or a convolution are
    added before the reshare, so that their number costs nothing.
    """
    return reshare(packed(n, setting.l))


def truncate(setting: Setting, n: Number) -> Cost:
    """Lose f bits of n sums of products that are not yet reshared; f = 0 is the reshare alone."""
    return rescale(setting, n, setting.f)


def rescale(setting: Setting, n: Number, shift: Number) -> Cost:
    """Lose so many bits of n sums that are not yet reshared; none is the reshare alone."""
    if shift == 0:
        return multiply(setting, n)
    return rotated(lambda size: product(setting, size, shift), n, setting.rotate)


def less_than(setting: Setting, n: Number) -> Cost:
    """Comparison x < y, as an arithmetic 0 or 1: the sign of V + 1 bits, then bit → share.

    Source: POMIC algorithm 1 with the sign bit of the notes.
    """
    return _signed_bit(setting, n, setting.V + 1)


def is_negative(setting: Setting, n: Number) -> Cost:
    """Sign x < 0, as an arithmetic 0 or 1: the sign of V bits, then bit → share."""
    return _signed_bit(setting, n, setting.V)


def _signed_bit(setting: Setting, n: Number, k: Number) -> Cost:
    def step(size: Number) -> Cost:
        return sequence(sign(setting, size, k), halves.bit_to_share(setting, size))

    return rotated(step, n, setting.rotate)


def relu(setting: Setting, n: Number) -> Cost:
    """max(x, 0): the sign of V bits, bit × value on halves mod 2^l, halves → share.

    Source: POMIC algorithm 3 with the sign bit and the select of the notes.
    """

    def step(size: Number) -> Cost:
        return sequence(
            sign(setting, size, setting.V),
            halves.select(setting, size, setting.l),
            halves.to_share(setting, size),
        )

    return rotated(step, n, setting.rotate)


def max_pool(setting: Setting, n: Number, entries: int) -> Cost:
    """Maximum of each of n windows of `entries` values: a tournament on halves mod 2^l.

    Source: POMIC algorithm 4 and its section 5.2: pairs, then pairs of the results.
    """

    def step(size: Number) -> Cost:
        best = halves.tournament(setting, size, entries, setting.l)
        return sequence(best, halves.to_share(setting, size))

    return rotated(step, n, setting.rotate)


def argmax(setting: Setting, rows: Number, classes: int) -> Cost:
    """Position of the largest of each row: a tournament that carries the indices along."""

    def step(size: Number) -> Cost:
        best = halves.tournament_with_index(setting, size, classes)
        return sequence(best, halves.to_share(setting, size))

    return rotated(step, rows, setting.rotate)


# Keys and clients


def keys(setting: Setting) -> Cost:
    """Each server draws a key and sends it to one neighbour: 16 bytes, 1 round. Source: Araki 2016."""
    return messages((0, 1, KEY_BYTES), (1, 2, KEY_BYTES), (2, 0, KEY_BYTES))


def client_input(setting: Setting, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return what a client sends to each server to share an array: two components are seeds.

    One server holds both seeds, the others one seed and the third component; each learns the shape.
    """
    head = sum(map(integer_bytes, shape))
    third = head + KEY_BYTES + packed(math.prod(shape), setting.l)
    return head + 2 * KEY_BYTES, third, third


def integer_bytes(value: int) -> int:
    """Return the bytes of a natural number of less than 2^64 as msgpack packs it.

    Source: the msgpack specification: fixint below 2^7, then a byte before 1, 2, 4 or 8 bytes.
    """
    if value < 1 << 7:
        return 1
    return 1 + next(size for size in (1, 2, 4, 8) if value < 1 << 8 * size)


def client_output(setting: Setting, n: Number) -> tuple[Number, Number, Number]:
    """Return what each server sends to reveal n values to a client: one masked component, l bits."""
    size = packed(n, setting.l)
    return size, size, size


# Functions of values and of rows, as networks have them


def priced(setting: Setting, n: Number, plan: LayerPlan) -> Cost:
    """Price a function's layer of n values, or rows of them; a mask is free."""
    name, width = plan.layer.function, plan.output[-1]
    more = {key: value for key, value in plan.arguments if key != "mask"}
    if name in NORMS:
        epsilon, numbers = more["epsilon"], learned(plan, n)
        return functions.norm_of_rows(setting, n, plan.row, epsilon, *numbers, name != "rms_norm")
    if name == "argmax":
        return argmax(setting.hastened() if more else setting, n, plan.input[-1])
    if name in FUNCTIONS:
        return FUNCTIONS[name](setting, n, width, **more)
    return functions.activate(setting, n, name, more.get("parameters", ()))


def _of_values(cost: Callable[[Setting, Number], Cost]) -> Callable[..., Cost]:
    """Return the price of a function of every value, whatever the width of rows."""
    return lambda setting, n, width, **said: cost(setting, n)


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


def _one_hot(setting: Setting, rows: Number, width: int) -> Cost:
    """Price comparisons with the values of digits, and their products."""
    return one_hot(
        width,
        lambda limits, bits: functions.inside(setting, rows, limits, limits, bits),
        lambda first, second: multiply(setting, first * second * rows),
    )


def _log_softmax(setting: Setting, rows: Number, width: int) -> Cost:
    """Price the maximum (of a long row in few rounds), exponentials, a logarithm of their sum."""
    hasty = setting.hastened() if width > LONG else setting
    return sequence(
        max_pool(hasty, rows, width),
        functions.exponential(setting, rows * width),
        functions.logarithm(setting, rows),
    )


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
    "one_hot": _one_hot,
    "less_than": _of_values(less_than),
    "equal": _of_values(conversions.equal),
    "divide": _of_values(functions.divide),
    "reciprocal": _of_values(functions.reciprocal),
    **dict.fromkeys(("both", "either", "unequal", "choose"), _of_values(multiply)),
    **dict.fromkeys(FREE, _of_values(lambda setting, n: LOCAL)),
}
