"""What every function does in a ring: its bound, its rounds, its bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from analysis.costs import LOCAL, Cost, sequence
from analysis.costs.replicated3 import ACTIVATIONS, OPERATIONS, Setting, functions, operations
from mpcsim import InputError
from mpcsim.terminal import Column, Sheet
from scenarios.probes import FunctionBound, bounds

WINDOW = 9
"""Places of the window whose mean is listed: no power of two, which would be exact and cheaper."""

_VALUES = 240
"""A multiple of 24: no message of thirds has a broken byte."""


@dataclass(frozen=True)
class FunctionRow:
    """One function.

    Attributes:
        name: that of the microbench; `loss` and `gradient` are of training, for one image.
        bound: what the result may be off by.
        rounds, bytes: of the defaults; bytes a server and result (softmax, gradient: a row). None where no
            accuracy is accepted.
    """

    name: str
    bound: FunctionBound
    rounds: int | None
    bytes: float | None

    def describe(self) -> dict[str, Any]:
        """Return plain JSON."""
        cost = {"rounds": self.rounds, "bytes": self.bytes}
        return {"function": self.name} | asdict(self.bound) | cost


def parse(ring: str) -> tuple[int, int, int]:
    """Return the sizes of a ring written as "l,f,V".

    Raises:
        InputError: these are not three whole numbers.
    """
    try:
        bits, fraction_bits, value_bits = (int(part) for part in ring.split(","))
    except ValueError:
        raise InputError(
            f"--ring: found {ring!r}; accepted: bits,fraction_bits,value_bits, for example 64,16,31"
        ) from None
    return bits, fraction_bits, value_bits


def rows(sizes: tuple[int, int, int], classes: int) -> list[FunctionRow]:
    """Return a row for every function.

    Raises:
        InputError: the sizes of the ring do not fit together, or there are no classes.
    """
    if not 1 <= classes <= 1 << 20:
        raise InputError(f"--classes: found {classes}; accepted: 1 to {1 << 20}")
    costs: dict[str, Callable[[Setting], Cost]] = {
        "div": lambda setting: functions.divide(setting, _VALUES),
        "reciprocal": lambda setting: functions.reciprocal(setting, _VALUES),
        "sqrt": lambda setting: functions.square_root(setting, _VALUES),
        "rsqrt": lambda setting: functions.inverse_square_root(setting, _VALUES),
        "log": lambda setting: functions.logarithm(setting, _VALUES),
        "exp": lambda setting: functions.exponential(setting, _VALUES),
        "sigmoid": lambda setting: functions.sigmoid(setting, _VALUES),
        "softmax": lambda setting: functions.softmax(setting, _VALUES, classes),
        "avgpool": lambda setting: functions.average(setting, _VALUES, {WINDOW}),
        "loss": lambda setting: sequence(
            operations.multiply(setting, _VALUES * classes), functions.logarithm(setting, _VALUES)
        ),
        "gradient": lambda _: LOCAL,
        **{name: partial(_priced, op=name) for name in ACTIVATIONS},
    }
    setting = Setting(*sizes)
    found = []
    for name, bound in bounds(sizes, classes, WINDOW).items():
        if bound.refused is not None:
            found.append(FunctionRow(name, bound, None, None))
            continue
        cost = costs[name](setting)
        found.append(FunctionRow(name, bound, int(cost.rounds), cost.bytes / 3 / _VALUES))
    return found


def _priced(setting: Setting, op: str) -> Cost:
    return OPERATIONS[op].cost(setting, _VALUES)


def table(sizes: tuple[int, int, int], classes: int, found: list[FunctionRow]) -> Sheet:
    """Return what a terminal shows."""
    f = sizes[1]
    shown = Sheet(
        [
            Column("function"),
            Column("error at most"),
            Column(f"of max(1, |result|), in 2^−{f}", number=True, leaves=1),
            Column("computes in", leaves=2),
            Column("rounds", number=True),
            Column("bytes", number=True),
            Column("accepted"),
        ]
    )
    notes = []
    for row in found:
        bound = row.bound
        if bound.refused is not None:
            shown.add(row.name, "", "", "", "", "", "no")
            notes.append(f"{row.name}: {bound.refused}")
            continue
        relative = f" + {bound.relative:.3g} · |result|" if bound.relative else ""
        shown.add(
            row.name,
            f"{bound.units:.3g} · 2^−{f}{relative}",
            f"{bound.total:.3g}",
            f"{bound.bits} bits",
            str(row.rounds),
            f"{row.bytes:.1f}",
            "yes" if bound.accepted else 'with accuracy = "best"',
        )
    notes += [
        "",
        f"Bytes: a server and result; softmax: a row of {classes}; avgpool: windows of {WINDOW}; "
        "loss: an image, its probabilities known;",
        'gradient: p − y, as accurate as the softmax. Derivations: docs/constructions.md, "Accuracy".',
    ]
    shown.notes = notes
    return shown
