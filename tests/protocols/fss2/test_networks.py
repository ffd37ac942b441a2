"""Every span of a private inference costs what its formula says, on both families with a dealer."""

import tomllib

import pytest
import tomli_w
from compared import shipped

from analysis.costs.dealer2 import steps
from analysis.predict import SHIPPED, measure
from analysis.predict import run as predict

BATCHES = {"data": {"count": 3}, "inference": {"batch": 2}}
FAMILIES = {
    "digits": {"family": "dealer2"},
    "digits on demand": {"family": "dealer2", "dealing": "on_demand"},
    "digits, cut apart": {"family": "dealer2", "truncation": "local"},
    "keys": {"family": "fss2"},
    "keys on demand": {"family": "fss2", "dealing": "on_demand"},
    "splines": {"family": "fss2", "form": "spline"},
    "splines on demand": {"family": "fss2", "form": "spline", "dealing": "on_demand"},
}
NETWORKS = {
    "flagship": ("pomic_inference", {}),
    "flagship in batches": ("pomic_inference", BATCHES),
    "logits": ("lenet", {"output": {"reveal": "logits"}, "data": {"count": 2}}),
    "sums, strides, means": ("resnet50", {}),
    "the same in batches": ("resnet50", {"data": {"count": 2}, "inference": {"batch": 1}}),
}


def _rows(folder, name, protocol, changed, dry=True):
    tables = tomllib.loads((SHIPPED[0] / f"{name}.toml").read_text())
    tables |= {"protocol": protocol, "dry_run": dry}
    for key, value in changed.items():
        tables[key] = tables.get(key, {}) | value
    (folder / "s.toml").write_text(tomli_w.dumps(tables))
    return predict.rows(measure(str(folder / "s.toml"), []))


CASES = [
    (family, network)
    for family in FAMILIES
    for network in NETWORKS
    if network != "the same in batches" or family in ("digits on demand", "digits, cut apart", "keys")
]


@pytest.mark.parametrize(("family", "network"), CASES)
def test_every_span_of_a_network_costs_what_its_formula_says(family, network, tmp_path):
    name, changed = NETWORKS[network]
    found = _rows(tmp_path, name, FAMILIES[family], changed)
    assert len(found) > 10
    assert {row.family for row in found} == {FAMILIES[family]["family"]}
    assert [row.op for row in found if not row.equal] == []


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize("family", ["dealer2", "fss2"])
def test_what_was_kept_costs_nothing_more(family, dry, tmp_path):
    kept, small = tmp_path / "dealt", {"data": {"count": 1}}
    if not dry:
        shipped("pomic_inference", f"protocol.family={family}", f"protocol.keep={kept}", "dry_run=true")
    found = _rows(tmp_path, "pomic_inference", {"family": family, "stored": str(kept)}, small, dry)
    assert [row.op for row in found if not row.equal] == []
    (whole,) = (row for row in found if row.op.endswith("inference"))
    assert not sum(whole.predicted["per_party"][2:])


def test_a_formula_that_is_a_word_off_shows(tmp_path, monkeypatch):
    right = steps.triple
    monkeypatch.setattr(steps, "triple", lambda setting, x, y, out: right(setting, x + 1, y, out))
    found = _rows(tmp_path, "pomic_inference", {"family": "fss2"}, {})
    differ = {row.op.rpartition("/")[2] for row in found if not row.equal}
    assert differ == {"conv1", "conv2", "conv3", "conv4", "dense1", "inference"}


@pytest.mark.parametrize("op", ["mul_fixed", "relu", "b2a", "div"])
@pytest.mark.parametrize("family", ["dealer2", "fss2"])
def test_an_operation_that_takes_what_was_kept_costs_what_its_formula_says(family, op, tmp_path):
    chosen = [f"protocol.family={family}", f"workload.op={op}", "workload.size=9"]
    shipped("microbench", *chosen, f"protocol.keep={tmp_path / 'dealt'}", "dry_run=true")
    (row,) = predict.rows(measure("microbench", [*chosen, f"protocol.stored={tmp_path / 'dealt'}"]))
    assert row.equal, row.difference()
