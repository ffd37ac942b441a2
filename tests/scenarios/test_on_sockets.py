"""Every shipped scenario that is no dry run does on sockets what it does in the simulation."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import scenarios

SHIPPED = Path(scenarios.__file__).parent
CUT = {  # long ones, cut short by their own keys
    "local_cost": ["workload.samples=[8]", "training.epochs=1"],
    "pomic_training": ["training.max_steps=2", "data.count=64"],
    "lenet_training": ["training.max_steps=2"],
    "thin_training": ["training.max_steps=2"],
    "pomic_paper": ["data.count=1"],
}
TIMED = {"makespan_ns", "makespan_s", "equal", "rows"}  # of link_probe and local_cost: times
WITH_VALUES = sorted(
    file.stem for file in SHIPPED.glob("*.toml") if not tomllib.loads(file.read_text()).get("dry_run")
)
SHORT = [name for name in WITH_VALUES if name in ("pomic_inference", "link_probe")]


def summary(name, folder, *words):
    sets = [word for change in CUT.get(name, []) for word in ("--set", change)]
    command = [sys.executable, "-m", "mpcsim", "run", name, *sets, *words, "--json", "--out", str(folder)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def costs(found):
    return {
        tuple(span["path"]): (span["rounds"], span["count"], span["payload_bytes_per_party"])
        for span in found["spans"]
    }


@pytest.mark.parametrize("name", WITH_VALUES if os.environ.get("MPCSIM_LONG") else SHORT)
def test_outputs_costs_and_payloads_equal_the_simulations(tmp_path, name):
    virtual = summary(name, tmp_path / "virtual")
    real = summary(name, tmp_path / "real", "--processes", "--reproducible")
    for key in ("rounds", "links", "payload_digest", "messages", "payload_bytes", "wire_bytes"):
        assert real[key] == virtual[key], key
    assert costs(real) == costs(virtual)
    differ = {key for key in virtual["output"] if real["output"].get(key) != virtual["output"][key]}
    assert differ <= TIMED
