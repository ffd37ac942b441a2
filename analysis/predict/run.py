"""Predictions for a finished run: one row for each operation, span and layer.

A workload is known by name: `PREDICTORS` maps it to the function that gives its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

from analysis.costs import Formula as AnyFormula
from analysis.costs import (
    Number,
    edges_of,
    network_of,
    operations,
    phases_of,
    symbolic,
    training_of,
    verification_of,
)
from analysis.costs.replicated3 import FIELDS, NoFormula
from analysis.predict.asking import asking_rows
from analysis.predict.family_network import family_rows
from analysis.predict.growing import growing_rows
from analysis.predict.inference import inference_rows
from analysis.predict.measuring import Formulas, Measured
from analysis.predict.rows import Formula, Row, among, cost
from analysis.predict.training import training_rows
from analysis.predict.trees import tree_rows
from analysis.predict.written import NONE_YET, Symbolic, formula, settings_params
from mpcsim import InputError
from scenarios.families import DEFAULT
from scenarios.probes import Probe

Predictor = Callable[[Measured, str], list[Row]]


def rows(measured: Measured, label: str = "") -> list[Row]:
    """Return the rows of a run.

    Raises:
        InputError: there are no formulas for the workload.
    """
    workload, family = measured.scenario.workload, getattr(measured, "family", DEFAULT)
    if workload in PREDICTORS:
        check_family(workload, family)
    if workload == "private_inference" and family != DEFAULT:
        return family_rows(measured, label)
    if workload == "private_trees" and family != DEFAULT:
        grown = measured.scenario.tables.get("trees", {}).get("grown", "shares") == "shares"
        return (growing_rows if grown else asking_rows)(measured, label)
    return predictor(workload, getattr(measured, "formulas", None))(measured, label)


def check_family(workload: str, family: str) -> None:
    """Refuse a workload of a family that has formulas of operations alone.

    Raises:
        InputError: it is one.
    """
    networks = workload == "private_inference" and network_of(family) is not None
    networks |= workload == "private_training" and training_of(family) is not None
    networks |= workload == "private_trees" and edges_of(family) is not None
    if family != DEFAULT and workload not in ("microbench", "link_probe") and not networks:
        raise InputError(
            f"validate: of the family {family!r} there are formulas of operations, none of {workload!r}; "
            "accepted: microbench"
        )


def predictor(workload: str, formulas: Formulas | None = None) -> Predictor:
    """Return what gives the rows of a workload: one of ours, or one that brings its own formulas.

    Raises:
        InputError: there are no formulas for it.
    """
    if workload in PREDICTORS and (workload != "microbench" or formulas is None):
        return PREDICTORS[workload]
    if formulas is None:
        raise InputError(
            f"validate: there are no formulas for the workload {workload!r}; accepted: "
            f"{', '.join(PREDICTORS)}, or a file of yours that has FORMULAS (docs/protocols.md)"
        )
    return partial(microbench_row, formulas=formulas)


# Microbench


def microbench_row(measured: Measured, label: str, formulas: Formulas | None = None) -> list[Row]:
    """Return the row of one operation, from its span, which holds neither input nor output."""
    setting, output = measured.setting, measured.output
    if setting is None or not {"op", "size"} <= output.keys():
        raise InputError(
            "validate: FORMULAS go with a workload that `scenarios.probes.microbench.measured` builds"
        )
    op, size = output["op"], output["size"]
    setting = replace(setting, **output.get("sorting", {}), **output.get("asked", {}))
    known = (operations(measured.family) if formulas is None else formulas).get(op)
    of: dict[str, Any] = {"family": measured.family, "parties": measured.parties}
    params = {"n": size} | settings_params(setting, known.depends if known else FIELDS)
    found = measured.span("operation")
    if known is None:
        return [Row(label + op, params, None, None, found, NONE_YET, **of)]
    try:
        priced = known.cost(setting, size)
    except NoFormula as missing:
        return [Row(label + op, params, None, None, found, f"{NONE_YET}: {missing}", **of)]
    predicted = cost(priced.rounds, among(priced.sent, len(found["per_party"])))
    senders = phases_of(measured.family)
    if senders:
        parts = {name: sum(priced.sent[party] for party in parties) for name, parties in senders.items()}
        predicted |= {"phases": parts}
        split = {name: row["payload_bytes"] for name, row in output.get("phases", {}).items()}
        found |= {"phases": dict.fromkeys(parts, 0) | split}

    def build(setting: Any, n: Number) -> Symbolic:
        symbols = known.cost(setting, n)
        return symbols.rounds, symbols.bytes

    written = (
        formula(build, setting, size, predicted, _general(known, known.symbols(setting)))
        if known.in_size
        else Formula(str(priced.rounds), str(priced.bytes))
    )
    row = Row(label + op, params, written, predicted, found, known.source, **of)
    return [row, *_verification(measured, setting, label, of)]


def at_size(measured: Measured) -> Callable[[int], tuple[int, int]] | None:
    """Return rounds and payload bytes of a microbench's operation at any size; None without a formula."""
    op, setting = measured.told("op"), measured.setting
    known = operations(measured.family).get(op)
    if known is None or setting is None:
        return None
    chosen = replace(setting, **measured.output.get("sorting", {}), **measured.output.get("asked", {}))

    def cost_at(size: int) -> tuple[int, int]:
        found = known.cost(chosen, size)
        return int(found.rounds), int(found.bytes)

    return cost_at


def _verification(measured: Measured, setting: Any, label: str, of: dict[str, Any]) -> list[Row]:
    """Return the row of what a family checks of all that was sent, before the client learns anything."""
    checked, op, size = verification_of(measured.family), measured.output["op"], measured.output["size"]
    ours = measured.scenario.workload == "microbench"
    if checked is None or not ours or op == "reveal":  # which checks by itself
        return []
    priced, found = checked(setting, op, size), measured.span("verification")
    written = Formula(str(priced.rounds), str(priced.bytes))
    predicted = cost(priced.rounds, list(priced.sent))
    params = {"n": size} | settings_params(measured.setting, ("security", "verification"))
    source = "malicious.md#what-a-proof-sends"
    return [Row(f"{label}verification of {op}", params, written, predicted, found, source, **of)]


@cache
def _general(known: AnyFormula, setting: Any) -> Symbolic:
    symbols = known.cost(setting, symbolic.n)
    return symbols.rounds, symbols.bytes


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
    "private_trees": tree_rows,
    "link_probe": link_probe_rows,
}
