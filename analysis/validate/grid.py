"""The grid of `mpcsim validate`: every operation, both rings, two sizes, the choices that matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, get_args

from analysis.costs.replicated3 import OPERATIONS
from analysis.predict import formulas_of
from scenarios.families import DEFAULT, find
from scenarios.probes import microbench
from scenarios.settings import ProtocolSettings

RINGS: dict[int, list[str]] = {
    64: [],
    32: ["ring.bits=32", "ring.fraction_bits=8", "ring.value_bits=20"],
}
SIZES: dict[str, tuple[int, int]] = {"matmul": (8, 5), "conv2d": (4, 3), "softmax": (16, 5)}
_SIZES = (48, 13)  # the second is no multiple of 8, nor of 3
_RADICES: dict[str, tuple[int, ...]] = {"table": (1, 2, 4, 8), "masked": (1, 2, 4)}
SIGNED = {"compare", "relu", "maxpool", "argmax"}
"""Operations that are a comparison and little else: every comparison at every radix with every select."""

_CHOSEN = ("comparison", "select", "truncation")
_BESIDE = {"verification": {"ring.fraction_bits": 0}}
"""What the choices of a key take beside them: checks that are no proofs know of no truncation."""
_APART = {"comparison": "masked", "select": "one_round", "truncation": "fused"}


def choices(op: str) -> list[dict[str, Any]]:
    """Return the protocol settings under which an operation is validated: those that it depends on."""
    formula = OPERATIONS.get(op)
    depends = formula.depends if formula else _CHOSEN
    if op in SIGNED:
        found: list[dict[str, Any]] = [
            {"comparison": comparison, "select": select} | radix
            for comparison, select in product(options("comparison"), options("select"))
            for radix in [{"radix": one} for one in _RADICES.get(comparison, ())] or [{}]
        ]
    else:  # each choice once, and several together
        found = [{}, *({"radix": one} for one in (1, 2, 8) if "digit" in depends)]
        found += [{key: value} for key in _CHOSEN if key in depends for value in options(key)[1:]]
        apart = {key: value for key, value in _APART.items() if key in depends}
        found += [apart] if len(apart) > 1 else []
    return [*found, *([{"rotate": False}] if "rotate" in depends else [])]


def options(key: str) -> list[str]:
    """Return the accepted values of a key of `[protocol]`, the default first."""
    return list(get_args(ProtocolSettings.model_fields[key].annotation))


def cells(
    operations: Sequence[str] | None = None, family: str = DEFAULT, parties: int | None = None
) -> Iterator[tuple[str, int, list[str]]]:
    """Yield (operation, size, overrides) of the microbench."""
    of = family_overrides(family, parties)
    for op in operations or microbench.OPERATIONS:
        chosen = choices(op) if family == DEFAULT else choices_of(family, op)
        for ring, size in product(RINGS.values(), SIZES.get(op, _SIZES)):
            for choice in chosen:
                yield op, size, [*ring, *of, *(override(key, value) for key, value in choice.items())]


def choices_of(family: str, op: str) -> list[dict[str, Any]]:
    """Return the settings of another family: the defaults, and each other choice of its formula."""
    formula, fields = formulas_of(family).get(op), find(family, Path.cwd()).Choices.model_fields
    depends = formula.depends if formula else ()
    found: list[dict[str, Any]] = [{}]
    for key in depends:
        if key in fields:
            accepted = get_args(fields[key].annotation) or (False, True)
            beside = _BESIDE.get(key, {})
            found += [{key: value} | beside for value in accepted if value != fields[key].default]
    return found


def family_overrides(family: str, parties: int | None = None) -> list[str]:
    """Return a family and its servers as the command line takes them; nothing for the defaults."""
    named = [] if family == DEFAULT else [f"protocol.family={family}"]
    return named if parties is None else [*named, f"parties.n={parties}"]


def override(key: str, value: Any) -> str:
    """Return a choice, of `[protocol]` or of the table in its name, as the command line takes it."""
    where = key if "." in key else f"protocol.{key}"
    return f"{where}={str(value).lower() if isinstance(value, bool) else value}"


# Networks


MODELS: dict[str, dict[str, Any]] = {
    "blocks": {
        "input": [13, 13, 1],
        "layers": [
            {"type": "conv2d", "filters": 4, "kernel": 3, "padding": "same", "activation": "relu"},
            {"type": "maxpool2d", "size": 2},
            {"type": "conv2d", "filters": 5, "kernel": [3, 2], "stride": 2, "padding": 1,
             "activation": "relu"},
            {"type": "dense", "units": 7, "activation": "relu"},
            {"type": "dense", "units": 3},
        ],
    },
    "apart": {
        "input": [12, 12, 3],
        "layers": [
            {"type": "conv2d", "filters": 2, "kernel": 1},
            {"type": "maxpool2d", "size": [2, 3]},
            {"type": "conv2d", "filters": 3, "kernel": 3, "padding": "same", "activation": "relu"},
            {"type": "maxpool2d", "size": 3, "stride": 2, "padding": 1},
            {"type": "avgpool2d", "size": 2, "stride": 1, "padding": 1},
            {"type": "conv2d", "filters": 5, "kernel": 2, "stride": [1, 2]},
            {"type": "dense", "units": 2},
        ],
    },
    "residual": {
        "input": [8, 8, 3],
        "layers": [
            {"type": "conv2d", "filters": 4, "kernel": 3, "padding": "same", "activation": "relu",
             "name": "stem"},
            {"type": "conv2d", "filters": 4, "kernel": 3, "padding": "same", "name": "branch"},
            {"type": "add", "from": "stem", "activation": "relu", "name": "identity"},
            {"type": "conv2d", "filters": 6, "kernel": 1, "stride": 2, "name": "shortcut"},
            {"type": "conv2d", "filters": 6, "kernel": 3, "stride": 2, "padding": "same",
             "name": "narrow", "from": "identity"},
            {"type": "add", "from": "shortcut", "activation": "relu", "name": "projection"},
            {"type": "avgpool2d", "size": "global"},
            {"type": "dense", "units": 2},
        ],
    },
}  # fmt: skip
"""Small networks that have every layer, by size, stride, padding and window, odd sizes among them."""


def network_choices() -> list[dict[str, Any]]:
    """Return the protocol settings under which the small networks are validated."""
    one = {"comparison": "masked", "select": "one_round", "truncation": "fused"}
    alone = {"comparison": "masked", "rotate": False}
    return [{}, one, {"select": "one_round"}, alone, {"layers": "separate"}]
