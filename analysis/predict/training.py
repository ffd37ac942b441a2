"""Predictions for a private training: a row for each span, and for the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from analysis.costs import symbolic, training_of
from analysis.costs.replicated3 import NoFormula, Piece, Setting, layers
from analysis.predict.measuring import Measured
from analysis.predict.rows import Formula, Row, cost
from analysis.predict.written import NONE_YET, block_formulas, formula, settings_params
from mpcsim import InputError
from mpcsim.paths import Path, in_text
from mpcsim.scenario import validate
from scenarios.families import DEFAULT
from scenarios.networks import shapes
from scenarios.training import PrivateTrainingSettings


def training_rows(measured: Measured, label: str) -> list[Row]:
    """Return rows for every span of a private training, by the span around it, and for the run.

    A span that only one of measurement and formulas has is a row too: without a formula, or different.
    """
    setting: Any = measured.setting
    training = training_of(measured.family)
    if setting is None:
        raise InputError(f"the workload {measured.scenario.workload!r} says no ring or no protocol")
    if training is None:
        raise InputError(f"validate: there are no formulas of trainings for {measured.family!r}")
    settings = validate(PrivateTrainingSettings, measured.scenario.tables)
    spans, parties = measured.spans(), len(measured.sent)
    try:
        found = training(setting, settings, shapes(settings.model), measured.told("resumed_from"))
    except NoFormula as missing:
        params, reason = settings_params(setting), f"{NONE_YET}: {missing}"
        names = [(f"{label}{in_text(path)}", each) for path, each in spans.items()]
        names.append((f"{label}run", measured.whole()))
        return [Row(name, params, None, None, each, reason) for name, each in names]
    rows = []
    keys = {_path(*key): key for key in found.meter.spans}
    for path in dict.fromkeys([*spans, *keys]):
        op, each = label + in_text(path), spans.get(path, cost(0, [0] * parties))
        key = keys.get(path)
        if key is None:
            rows.append(Row(op, settings_params(setting), None, None, each, NONE_YET))
            continue
        span = found.meter.spans[key]
        predicted = cost(span.rounds, [*span.sent, *[0] * (parties - len(span.sent))])
        if key in found.meter.pieces:
            written, params, source = _passes(setting, key[1], found.meter.pieces[key], predicted)
        else:
            written, source = (_PHASES if measured.family == DEFAULT else _PROVEN)[key[1]]
            params = {"images": settings.data.count} | settings_params(setting)
        rows.append(Row(op, params, written, predicted, each, source))
    total = cost(found.whole.rounds, found.whole.sent)
    sums = Formula("longest chain through the spans", "sum of the spans")
    common = {"images": settings.data.count} | settings_params(setting)
    rows.append(Row(f"{label}run", common, sums, total, measured.whole(), "spans"))
    return [replace(row, family=measured.family) for row in rows]


def _path(outer: str, name: str) -> Path:
    return (outer, name) if outer else (name,)


def _passes(
    setting: Setting, name: str, pieces: Sequence[Piece], predicted: Mapping[str, Any]
) -> tuple[Formula, dict[str, Any], str]:
    """Return formula, parameters and source of a span, from all that ran in it.

    The formula is that of one pass whose servers start together; where some are a step ahead of others,
    it takes fewer rounds.
    """
    block, times = pieces[0].block, len(pieces)
    alone = layers.follow(setting, [block])[0][name]
    symbols = block_formulas(block)(name)
    general = symbols(setting.symbolic() if pieces[0].general else setting, symbolic.n)
    written = formula(symbols, setting, block.outputs, cost(alone.rounds, alone.sent), general)
    params = {"n": block.outputs} | dict(block.shape)
    if times > 1:
        params |= {"passes": times}
        written = Formula(
            f"Σ over passes: {written.rounds}",
            f"Σ over passes: {written.payload_bytes}",
            rf"\sum_{{\text{{passes}}}} {written.rounds_latex}",
            rf"\sum_{{\text{{passes}}}} {written.payload_latex}",
        )
    counts = Counter(map(id, pieces))
    once = {id(one): one for one in pieces}
    chains = sum(
        counts[key] * layers.follow(setting, [one.block])[0][name].rounds for key, one in once.items()
    )
    if predicted["rounds"] < chains:
        bound = f"{predicted['rounds']} ≤ {written.rounds}"
        latex = rf"{predicted['rounds']} \leq {written.rounds_latex}"
        written = replace(written, rounds=bound, rounds_latex=latex)
    return written, params | settings_params(setting), block.sources[name]


_PHASES = {
    "model": (Formula("1", "3·⌈l·n/8⌉ of n weights"), "masked components"),
    "setup": (
        Formula(
            "1; where servers draw first weights, those of a carry of 16 bits and bit → share more",
            "3·16 + Σ over shared arrays of n numbers, shape packed in h bytes: 4·16 + 3·h + 2·⌈l·n/8⌉; "
            "Σ over drawn kernels: carries of 16 bits, bit → share, halves → share",
        ),
        "Araki et al. 2016; PRF seeds; first weights: first principles",
    ),
    "step": (Formula("longest chain through the parts", "sum of the parts"), "its parts"),
    "test": (Formula("longest chain through the parts", "sum of the parts"), "its parts"),
    "reveal": (
        Formula("1 a time", "Σ over times: 3·⌈l·n/8⌉, n = 2, or 4 with test images"),
        "masked components",
    ),
    "inference": (
        Formula(
            "1 + longest chain through the layers and the class + 1, less what a client is behind",
            "sum of the layers + class + queries: 4·16 + 3·h + 2·⌈l·n/8⌉ + answers: 3·⌈l·n/8⌉",
        ),
        "its parts; PRF seeds; masked components",
    ),
}

_PROVEN = _PHASES | {
    "model": (Formula("1", "3·(⌈l·n/8⌉ + 32) of n weights"), "malicious.md#edges"),
    "setup": (
        Formula(
            "1; where servers draw first weights, 2 of 16 bits as numbers more",
            "3·16 + Σ over shared arrays of n numbers, shape packed in h bytes: 4·16 + 3·h + 2·⌈l·n/8⌉; "
            "Σ over drawn kernels: 16 bits as numbers",
        ),
        "malicious.md#training",
    ),
    "verification": (
        Formula(
            "longest chain of the proofs + verdicts, a batch", "Σ over batches: the proofs, and verdicts"
        ),
        "malicious.md#what-a-proof-sends",
    ),
    "reveal": (
        Formula("1 a time", "Σ over times: 3·(⌈l·n/8⌉ + 32), n = 2, or 4 with test images"),
        "malicious.md#edges",
    ),
    "inference": (
        Formula(
            "1 + longest chain through layers, class and proof + 1, less what a client is behind",
            "sum of the layers + class + proof + queries: 4·16 + 3·h + 2·⌈l·n/8⌉ "
            "+ answers: 3·(⌈l·n/8⌉ + 32)",
        ),
        "its parts; malicious.md#edges",
    ),
}
