"""Predictions for a private inference on any family that has formulas of networks: a row for each span."""

from __future__ import annotations

from analysis.costs import FamilySetting, network_of
from analysis.predict.measuring import Measured
from analysis.predict.rows import Formula, Row, among, cost
from mpcsim import InputError
from mpcsim.scenario import validate
from scenarios.inference import BatchSettings, GenerationSettings, OutputSettings
from scenarios.networks import ModelSettings, located


def family_rows(measured: Measured, label: str) -> list[Row]:
    """Return rows for the clients' input, every layer, and the result.

    Raises:
        InputError: the family has no formulas of networks.
    """
    setting, tables = measured.setting, measured.scenario.tables
    network = network_of(measured.family)
    if network is None or not isinstance(setting, FamilySetting):
        raise InputError(f"validate: there are no formulas of networks for the family {measured.family!r}")
    model = located(validate(ModelSettings, tables["model"]), measured.scenario.folder)
    asked = validate(OutputSettings, tables.get("output", {}))
    cut = validate(BatchSettings, tables.get("inference", {}))
    generation = validate(GenerationSettings, tables.get("generation", {}))
    plans, images = generation.plans(model, asked, cut), measured.told("images")
    in_classes = asked.reveal == "class" and not generation.several
    batches = cut.sizes(plans, images)
    params = {"images": images} | setting.params(("l", "f", "V", *dict(setting.choices)))
    rows = []
    for name, one in network(setting, plans, batches, in_classes).items():
        found = measured.span(name, last=name == "verification")  # others are parts of what is told before
        predicted = cost(one.rounds, among(one.sent, len(found["per_party"])))
        written = Formula(one.rounds_text, one.bytes_text)
        of = {"family": measured.family, "parties": measured.parties}
        rows.append(Row(label + name, params, written, predicted, found, one.source, **of))  # type: ignore[arg-type]  # of two types
    return rows
