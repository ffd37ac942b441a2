"""Predictions for a private inference: a row for each layer, for the clients, and for the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.costs import packed, symbolic
from analysis.costs.replicated3 import NoFormula, Setting, layers, operations
from analysis.predict.measuring import Measured
from analysis.predict.rows import Formula, Row, among, cost
from analysis.predict.written import (
    NONE_YET,
    as_formula,
    block_formulas,
    formula,
    setting_of,
    settings_params,
)
from mpcsim.scenario import validate
from scenarios.inference import BatchSettings, GenerationSettings, OutputSettings
from scenarios.networks import LayerPlan, ModelSettings, given, located


def inference_rows(measured: Measured, label: str) -> list[Row]:
    """Return rows for the clients' sharing, every layer, argmax, the result, and the run."""
    setting, tables = setting_of(measured), measured.scenario.tables
    model = located(validate(ModelSettings, tables["model"]), measured.scenario.folder)
    asked = validate(OutputSettings, tables.get("output", {}))
    batches = validate(BatchSettings, tables.get("inference", {}))
    generation = validate(GenerationSettings, tables.get("generation", {}))
    plans, images = generation.plans(model, asked, batches), measured.told("images")
    in_classes, end = asked.reveal == "class" and not generation.several, plans[-1]
    sizes = batches.sizes(plans, images)
    chains = {size: layers.blocks(setting, plans, size) for size in set(sizes)}
    if in_classes:
        for size, blocks in chains.items():
            blocks.append(layers.classification(size * end.places, end.channels, asked.few_rounds))
    chain, several = chains[sizes[-1]], len(sizes) > 1
    parties = layers.parties(plans)
    try:
        spans, whole = layers.follow_batches(setting, [chains[size] for size in sizes], parties)
    except NoFormula as missing:
        names = [name for block in chain for name in block.sources]
        params = settings_params(setting)
        reason = f"{NONE_YET}: {missing}"
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
        symbols = block_formulas(block)
        for name, source in block.sources.items():
            if name in spans:
                taken = measured.span(name)
                predicted = cost(spans[name].rounds, among(spans[name].sent, len(taken["per_party"])))
                params = {"n": block.outputs} | dict(block.shape) | settings_params(setting)
                build = symbols(name)
                general = build(setting.symbolic() if block.general else setting, symbolic.n)
                alone = predicted
                if several:
                    one = layers.follow(setting, [block])[0][name]
                    alone, params = cost(one.rounds, one.sent), params | {"batches": len(sizes)}
                written = formula(build, setting, block.outputs, alone, general)
                if several:
                    written = _of_batches(written, alone, predicted)
                found.append(Row(label + name, params, written, predicted, taken, source))
    for name, token in layers.tokens(setting, chain, plans, parties).items():
        written, taken = Formula(_LAYERS, _LAYERS), measured.span(name)
        predicted = cost(token.rounds, among(token.sent, len(taken["per_party"])))
        found.append(Row(label + name, common, written, predicted, taken, "layers"))
    total = cost(whole.rounds, whole.sent)
    sums = Formula(_PIPELINE if several else _LAYERS, _LAYERS)
    found.append(Row(label + "inference", common, sums, total, measured.span("inference"), "layers"))
    found.append(_result(measured, setting, images * end.revealed(in_classes), label))
    first, last = found[0].predicted, found[-1].predicted
    assert first is not None
    assert last is not None
    every = len(first["per_party"])
    parts = (among(part["per_party"], every) for part in (first, total, last))
    sent = [sum(each) for each in zip(*parts, strict=True)]
    rounds = first["rounds"] + total["rounds"] + last["rounds"]
    found.append(Row(label + "run", common, sums, cost(rounds, sent), measured.whole(), "layers"))
    return found


_LAYERS = "sum of the layers"
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


def _sharing(
    measured: Measured, setting: Setting, plans: tuple[LayerPlan, ...], sizes: Sequence[int], label: str
) -> Row:
    """Return the row of the clients' input: servers, hospital, owner."""
    weights = [shape for plan in plans for shape in plan.secrets]
    hospital, *others = (
        sum(sum(operations.client_input(setting, (size, *shape))) for size in sizes)
        for shape in given(plans).values()
    )
    owner = sum(sum(operations.client_input(setting, shape)) for shape in weights)
    sent = [*operations.keys(setting).sent, hospital, owner, *others]
    written = Formula(
        "1", "3·16 + Σ over arrays of n numbers, shape packed in h bytes: 4·16 + 3·h + 2·⌈l·n/8⌉",
        "1", r"48 + \sum_{\text{arrays}} \left(64 + 3 h + 2 \left\lceil \frac{l n}{8} \right\rceil\right)",
    )  # fmt: skip
    params = {"images": sum(sizes), "weights": len(weights)} | settings_params(setting)
    found = measured.span("sharing", len(sent))
    return Row(label + "sharing", params, written, cost(1, sent), found, "Araki et al. 2016; PRF seeds")


def _result(measured: Measured, setting: Setting, n: int, label: str) -> Row:
    sent = list(operations.client_output(setting, n))
    written = as_formula((1, 3 * packed(symbolic.n, symbolic.l)))
    params = {"n": n} | settings_params(setting)
    return Row(
        label + "reveal", params, written, cost(1, sent), measured.span("reveal"), "masked components"
    )
