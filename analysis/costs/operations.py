"""Operations on sharings: what each costs the three servers, from the constructions' mathematics.

Each function takes the setting and a shape and returns the cost by server, without input and output
of the clients. Bytes are payload. With symbols for the numbers the same functions give formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from analysis.costs import halves
from analysis.costs.algebra import Cost, exchange, messages, reshare, rotated, sequence
from analysis.costs.numbers import Number, packed
from analysis.costs.setting import Setting
from analysis.costs.signs import sign

NOTES = "protocol-notes.md"
KEY_BYTES = 16
_INTEGER_BYTES = 8


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
    if setting.f == 0:
        return multiply(setting, n)
    step = TRUNCATIONS[setting.truncation]
    return rotated(lambda size: step(setting, size), n, setting.rotate)


def _fused(setting: Setting, n: Number) -> Cost:
    """1 round, 3l bits. Source: ABY3 §5.1 (Mohassel, Rindal 2018), written for sums z_0 + z_1 + z_2."""
    size = packed(n, setting.l)
    return messages((1, 2, size), (2, 1, size), (0, 2, size))


def _safe(setting: Setting, n: Number) -> Cost:
    """2 rounds, 3l + 3f bits: role 0 deals the bit of its half's wrap and its shifted half; the
    correction, f bits, is reshared by roles 1 and 2.

    Source: protocol-notes.md, "multiply and truncate, safe, cheaper".
    """  # noqa: D205, D209
    size, wrap = packed(n, setting.l), packed(n, setting.f)
    first = messages((1, 2, size), (2, 1, size), (0, 2, wrap + size))
    return sequence(first, exchange(wrap))


TRUNCATIONS: dict[str, Callable[[Setting, Number], Cost]] = {"fused": _fused, "safe": _safe}


def less_than(setting: Setting, n: Number) -> Cost:
    """x < y as an arithmetic 0 or 1: the sign of V + 1 bits of the difference, then bit → share.

    Source: POMIC algorithm 1 with the sign bit of the notes.
    """
    return _signed_bit(setting, n, setting.V + 1)


def is_negative(setting: Setting, n: Number) -> Cost:
    """x < 0 as an arithmetic 0 or 1: the sign of V bits, then bit → share."""
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
    n = 1
    for side in shape:
        n *= side
    head = _INTEGER_BYTES * len(shape)
    third = head + KEY_BYTES + packed(n, setting.l)
    return head + 2 * KEY_BYTES, third, third


def client_output(setting: Setting, n: Number) -> tuple[Number, Number, Number]:
    """Return what each server sends to reveal n values to a client: one masked component, l bits."""
    size = packed(n, setting.l)
    return size, size, size


# By name


@dataclass(frozen=True)
class Formula:
    """A named operation of the microbench: `cost(setting, size)` and where it comes from."""

    cost: Callable[[Setting, Number], Cost]
    source: str


OPERATIONS: dict[str, Formula] = {
    "reveal": Formula(reveal, "Araki et al. 2016"),
    "mul": Formula(multiply, "Araki et al. 2016"),
    "mul_fixed": Formula(truncate, "safe: protocol-notes.md; fused: ABY3 §5.1"),
    "matmul": Formula(
        lambda setting, side: truncate(setting, side * side),
        "Araki et al. 2016; safe: protocol-notes.md; fused: ABY3 §5.1",
    ),
    "compare": Formula(less_than, "POMIC algorithm 1; sign and bit → share: protocol-notes.md"),
    "relu": Formula(relu, "POMIC algorithm 3; sign and select: protocol-notes.md"),
    "maxpool": Formula(
        lambda setting, n: max_pool(setting, n, 4),
        "POMIC algorithm 4 and section 5.2; sign and select: protocol-notes.md",
    ),
    "argmax": Formula(
        lambda setting, n: argmax(setting, n, 10), "tournament; sign and select: protocol-notes.md"
    ),
}
"""By the names of the microbench: size is elements; the side for matmul; 2×2 windows; rows of 10."""
