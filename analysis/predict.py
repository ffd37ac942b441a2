"""Predictions for a finished run: one row for each operation, span and layer.

A workload is known by name: `PREDICTORS` maps it to the function that gives its rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from analysis.costs import catalogue, layers, operations, symbolic
from analysis.costs.numbers import Number, packed
from analysis.costs.setting import FIELDS, RADIX, NoFormula, Setting
from analysis.costs.training import Piece
from analysis.costs.training_run import Training
from analysis.measure import Formulas, Measured
from analysis.rows import Formula, Row, cost
from mpcsim import InputError
from mpcsim.scenario import validate
from scenarios.batches import BatchSettings
from scenarios.link_probe import Probe
from scenarios.model import LayerPlan, ModelSettings, shapes
from scenarios.training_settings import PrivateTrainingSettings

_NONE_YET = "no formula yet"


Predictor = Callable[[Measured, str], list[Row]]


def rows(measured: Measured, label: str = "") -> list[Row]:
    """Return the rows of a run.

    Raises:
        InputError: there are no formulas for the workload.
    """
    return predictor(measured.scenario.workload, getattr(measured, "formulas", None))(measured, label)


def predictor(workload: str, formulas: Formulas | None = None) -> Predictor:
    """Return what gives the rows of a workload: one of ours, or one that brings its own formulas.

    Raises:
        InputError: there are no formulas for it.
    """
    if workload in PREDICTORS:
        return PREDICTORS[workload]
    if formulas is None:
        raise InputError(
            f"validate: there are no formulas for the workload {workload!r}; accepted: "
            f"{', '.join(PREDICTORS)}, or a file of yours that has FORMULAS (docs/protocols.md)"
        )
    return partial(microbench_row, formulas=formulas)


def settings_params(setting: Setting, keys: Sequence[str] = FIELDS) -> dict[str, Any]:
    """Return those parts of a setting as parameters of a row."""
    digits = setting.comparison in RADIX
    return {key: getattr(setting, key) for key in keys if digits or key != "radix"}


# Formulas


Symbolic = tuple[Any, Any]
"""Rounds and bytes, with symbols."""


def formula(
    build: Callable[[Setting, Number], Symbolic],
    setting: Setting,
    size: int,
    predicted: Mapping[str, Any],
    general: Symbolic,
) -> Formula:
    """Return the general formula, or the one for this ring and radix where the general does not apply.

    The general formula assumes at least three digits of a comparison, and that all servers end a tree
    of reshares together: where one that ends early goes on alone, its rounds are a bound. Whether it
    gives the predicted numbers is checked here.
    """
    wanted = (predicted["rounds"], predicted["payload_bytes"])
    found = tuple(symbolic.compiled(part)(*setting.numbers(size)) for part in general)
    if found == wanted:
        return _written(general)
    special = build(setting, symbolic.n)
    total = general[1] if found[1] == wanted[1] else special[1]
    exact = _written((special[0], total))
    if found[0] <= wanted[0]:
        return exact
    bound = _written((general[0], total))
    return replace(
        exact,
        rounds=f"{exact.rounds} ≤ {bound.rounds}",
        rounds_latex=rf"{exact.rounds_latex} \leq {bound.rounds_latex}",
    )


@cache
def _written(expressions: Symbolic) -> Formula:
    rounds, size = expressions
    return Formula(
        symbolic.text(rounds),
        symbolic.total_text(size),
        symbolic.latex(rounds),
        symbolic.total_latex(size),
    )


# Microbench


def microbench_row(measured: Measured, label: str, formulas: Formulas | None = None) -> list[Row]:
    """Return the row of one operation, from its span, which holds neither input nor output."""
    setting, output = measured.setting, measured.output
    if setting is None or not {"op", "size"} <= output.keys():
        raise InputError(
            "validate: FORMULAS go with a workload that `scenarios.microbench.measured` builds"
        )
    op, size = output["op"], output["size"]
    known = (catalogue.OPERATIONS if formulas is None else formulas).get(op)
    params = {"n": size} | settings_params(setting, known.depends if known else FIELDS)
    found = measured.span("operation")
    if known is None:
        return [Row(label + op, params, None, None, found, _NONE_YET)]
    try:
        priced = known.cost(setting, size)
    except NoFormula as missing:
        return [Row(label + op, params, None, None, found, f"{_NONE_YET}: {missing}")]
    predicted = cost(priced.rounds, list(priced.sent))

    def build(setting: Setting, n: Number) -> Symbolic:
        symbols = known.cost(setting, n)
        return symbols.rounds, symbols.bytes

    written = formula(build, setting, size, predicted, _general(known, known.symbols(setting)))
    return [Row(label + op, params, written, predicted, found, known.source)]


@cache
def _general(known: catalogue.Formula, setting: Setting) -> Symbolic:
    symbols = known.cost(setting, symbolic.n)
    return symbols.rounds, symbols.bytes


# Inference


def inference_rows(measured: Measured, label: str) -> list[Row]:
    """Return rows for the clients' sharing, every layer, argmax, the result, and the run."""
    setting, tables = _setting(measured), measured.scenario.tables
    plans = shapes(validate(ModelSettings, tables["model"]))
    images = measured.output["images"]
    in_classes = tables.get("output", {}).get("reveal", "class") == "class"
    sizes = validate(BatchSettings, tables.get("inference", {})).sizes(plans, images)
    chains = {size: layers.blocks(setting, plans, size) for size in set(sizes)}
    if in_classes:
        for size, blocks in chains.items():
            blocks.append(layers.classification(size, plans[-1].output[0]))
    chain, several = chains[sizes[-1]], len(sizes) > 1
    try:
        if several:
            spans, whole = layers.follow_batches(setting, [chains[size] for size in sizes])
        else:
            spans, whole = layers.follow(setting, chain)
    except NoFormula as missing:
        names = [name for block in chain for name in block.sources]
        params = settings_params(setting)
        reason = f"{_NONE_YET}: {missing}"
        return [Row(label + one, params, None, None, measured.span(one), reason) for one in names]
    found = [_sharing(measured, setting, plans, sizes, label)]
    common = {"images": images} | settings_params(setting)
    if several:
        common |= {"batches": len(sizes)}
        predicted = cost(spans["waiting"].rounds, spans["waiting"].sent)
        found.append(
            Row(f"{label}waiting", common, _WAITING, predicted, measured.span("waiting"), "flow shop")
        )
    for block in chain:
        symbols = _block_formulas(block)
        for name, source in block.sources.items():
            if name in spans:
                predicted = cost(spans[name].rounds, spans[name].sent)
                params = {"n": block.outputs} | dict(block.shape) | settings_params(setting)
                build = symbols(name)
                general = build(setting.symbolic(), symbolic.n)
                alone = predicted
                if several:
                    one = layers.follow(setting, [block])[0][name]
                    alone, params = cost(one.rounds, one.sent), params | {"batches": len(sizes)}
                written = formula(build, setting, block.outputs, alone, general)
                if several:
                    written = _of_batches(written, alone, predicted)
                found.append(Row(label + name, params, written, predicted, measured.span(name), source))
    total = cost(whole.rounds, whole.sent)
    sums = Formula(_PIPELINE if several else "sum of the layers", "sum of the layers")
    found.append(Row(label + "inference", common, sums, total, measured.span("inference"), "layers"))
    found.append(_result(measured, setting, images * (1 if in_classes else plans[-1].output[0]), label))
    first, last = found[0].predicted, found[-1].predicted
    assert first is not None
    assert last is not None
    sent = [
        a + b + c
        for a, b, c in zip(
            first["per_party"], [*total["per_party"], 0, 0], [*last["per_party"], 0, 0], strict=True
        )
    ]
    rounds = first["rounds"] + total["rounds"] + last["rounds"]
    found.append(Row(label + "run", common, sums, cost(rounds, sent), measured.whole(), "layers"))
    return found


_PIPELINE = "Σ r_s + (batches − 1)·max r_s over stages s; at most, where servers end a stage apart"
_WAITING = Formula("(batches − 1)·max r_s over stages s, of the last batch", "0")


def _of_batches(written: Formula, alone: Mapping[str, Any], predicted: Mapping[str, Any]) -> Formula:
    """Return the formula of a span that several batches go through; rounds are of the last of them."""
    rounds, latex = written.rounds, written.rounds_latex
    if predicted["rounds"] != alone["rounds"]:  # its servers do not enter together
        relation, sign = ("≤", r"\leq") if predicted["rounds"] < alone["rounds"] else ("≥", r"\geq")
        rounds = f"{predicted['rounds']} {relation} {rounds}"
        latex = rf"{predicted['rounds']} {sign} {latex}"
    return Formula(
        rounds,
        f"Σ over batches: {written.payload_bytes}",
        latex,
        rf"\sum_{{\text{{batches}}}} {written.payload_latex}",
    )


def _block_formulas(
    block: layers.Block,
) -> Callable[[str], Callable[[Setting, Number], tuple[Number, Number]]]:
    @cache
    def spans(setting: Setting) -> dict[str, tuple[Number, Number]]:
        return layers.formulas(setting, block, symbolic.n)

    def of_span(name: str) -> Callable[[Setting, Number], tuple[Number, Number]]:
        return lambda setting, _: spans(setting)[name]

    return of_span


def _sharing(
    measured: Measured, setting: Setting, plans: tuple[LayerPlan, ...], sizes: Sequence[int], label: str
) -> Row:
    """Return the row of the clients' input: servers, hospital, owner."""
    weights = [shape for plan in plans for shape in (plan.kernel, plan.bias) if shape is not None]
    hospital = sum(sum(operations.client_input(setting, (size, *plans[0].input))) for size in sizes)
    owner = sum(sum(operations.client_input(setting, shape)) for shape in weights)
    sent = [*operations.keys(setting).sent, hospital, owner]
    written = Formula(
        "1", "3·16 + Σ over arrays of n numbers, shape packed in h bytes: 4·16 + 3·h + 2·⌈l·n/8⌉",
        "1", r"48 + \sum_{\text{arrays}} \left(64 + 3 h + 2 \left\lceil \frac{l n}{8} \right\rceil\right)",
    )  # fmt: skip
    params = {"images": sum(sizes), "weights": len(weights)} | settings_params(setting)
    found = measured.span("sharing", len(sent))
    return Row(label + "sharing", params, written, cost(1, sent), found, "Araki et al. 2016; PRF seeds")


def _result(measured: Measured, setting: Setting, n: int, label: str) -> Row:
    sent = list(operations.client_output(setting, n))
    written = _written((1, 3 * packed(symbolic.n, symbolic.l)))
    params = {"n": n} | settings_params(setting)
    return Row(
        label + "reveal", params, written, cost(1, sent), measured.span("reveal"), "masked components"
    )


def _setting(measured: Measured) -> Setting:
    assert measured.setting is not None
    return measured.setting


# Training


def training_rows(measured: Measured, label: str) -> list[Row]:
    """Return rows for every span of a private training, by the span around it, and for the run.

    A span that only one of measurement and formulas has is a row too: without a formula, or different.
    """
    setting = _setting(measured)
    settings = validate(PrivateTrainingSettings, measured.scenario.tables)
    parties = len(measured.run.per_party)
    spans = {
        (span.parent or "", span.name): cost(
            span.rounds, [span.sent[i].payload_bytes if i in span.sent else 0 for i in range(parties)]
        )
        for span in measured.run.spans
    }
    try:
        found = Training(setting, settings, shapes(settings.model), measured.output["resumed_from"])
    except NoFormula as missing:
        params, reason = settings_params(setting), f"{_NONE_YET}: {missing}"
        names = [(f"{label}{_within(*key)}", each) for key, each in spans.items()]
        names.append((f"{label}run", measured.whole()))
        return [Row(name, params, None, None, each, reason) for name, each in names]
    rows = []
    for key in dict.fromkeys([*spans, *found.meter.spans]):
        op, each = label + _within(*key), spans.get(key, cost(0, [0] * parties))
        if key not in found.meter.spans:
            rows.append(Row(op, settings_params(setting), None, None, each, _NONE_YET))
            continue
        span = found.meter.spans[key]
        predicted = cost(span.rounds, [*span.sent, *[0] * (parties - len(span.sent))])
        if key in found.meter.pieces:
            written, params, source = _passes(setting, key[1], found.meter.pieces[key], predicted)
        else:
            written, source = _PHASES[key[1]]
            params = {"images": settings.data.count} | settings_params(setting)
        rows.append(Row(op, params, written, predicted, each, source))
    total = cost(found.whole.rounds, found.whole.sent)
    sums = Formula("longest chain through the spans", "sum of the spans")
    common = {"images": settings.data.count} | settings_params(setting)
    rows.append(Row(f"{label}run", common, sums, total, measured.whole(), "spans"))
    return rows


def _within(outer: str, name: str) -> str:
    return f"{outer}/{name}" if outer else name


def _passes(
    setting: Setting, name: str, pieces: Sequence[Piece], predicted: Mapping[str, Any]
) -> tuple[Formula, dict[str, Any], str]:
    """Return formula, parameters and source of a span, from all that ran in it.

    The formula is that of one pass whose servers start together; where some are a step ahead of others,
    it takes fewer rounds.
    """
    block, times = pieces[0].block, len(pieces)
    alone = layers.follow(setting, [block])[0][name]
    symbols = _block_formulas(block)(name)
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


# Link probe


def link_probe_rows(measured: Measured, label: str) -> list[Row]:
    """Return the row of one message that travels a ring of three parties."""
    probe = Probe(**measured.scenario.tables.get("workload", {}))
    size, repeats = probe.message_bytes, probe.repeats
    predicted = cost(3 * repeats, [size * repeats] * 3)
    written = Formula("3·repeats", "3·repeats·message_bytes")
    params = {"message_bytes": size, "repeats": repeats}
    return [Row(f"{label}link_probe", params, written, predicted, measured.whole(), "by definition")]


PREDICTORS: dict[str, Predictor] = {
    "microbench": microbench_row,
    "private_inference": inference_rows,
    "private_training": training_rows,
    "link_probe": link_probe_rows,
}
