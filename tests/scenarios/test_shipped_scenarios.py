"""Every shipped scenario goes through every command that takes a scenario or a run.

What would be long is run small, and on shapes alone: a copy of the file with less data, for the commands
have no override in common. What a command refuses is refused by name.
"""

import json
import os
import tomllib
from pathlib import Path

import pytest
import tomli_w

import scenarios
from analysis.report import networks
from mpcsim.__main__ import main

FOLDER = Path(scenarios.__file__).parent
SHIPPED = sorted(
    file.stem
    for file in FOLDER.glob("*.toml")
    if tomllib.loads(file.read_text("utf-8")).get("expect") != "abort"
)
"""Those that end in an abort have no result: tests/protocols/replicated3_malicious runs them."""
_TRAINING = {"epochs": 1, "batch": 4, "test": 4}
SMALL = {  # what makes a long scenario short, by table
    "lenet_training": {
        "data": {"source": "random", "count": 8, "size": 28, "channels": 1, "path": None},
        "training": _TRAINING,
        "engine": {"trace": True},
        "dry_run": True,
    },
    "thin_training": {
        "data": {"count": 8},
        "training": _TRAINING,
        "engine": {"trace": True},
        "dry_run": True,
    },
    "pomic_training": {
        "data": {"count": 6},
        "hospitals": {"queries": 2},
        "training": _TRAINING | {"batch": 3},
        "engine": {"trace": True},
        "dry_run": True,
    },
    "local_cost": {"workload": {"samples": [4, 8]}, "training": {"epochs": 1}},
    "logistic_training": {"training": {"epochs": 1}, "engine": {"trace": True}, "dry_run": True},
    "training_step": {"dry_run": True},
    "boosted_training": {
        "data": {"source": "random", "rows": 60, "train": None},
        "trees": {"height": 2, "count": 2, "bins": 5},
        "output": {"queries": 10},
    },
    "forest_training": {
        "data": {"source": "random", "rows": 60, "train": None, "attributes": 7},
        "trees": {"height": 2, "count": 2},
        "output": {"queries": 10},
    },
    "tree_training": {
        "data": {"source": "random", "rows": 60, "train": None},
        "trees": {"height": 2},
        "output": {"queries": 10},
    },
    "proven_trees": {
        "data": {"source": "random", "rows": 40, "train": None, "attributes": 3},
        "trees": {"height": 2},
        "output": {"queries": 3},
        "dry_run": True,
    },
    "vertical_training": {
        "data": {"source": "random", "rows": 60, "train": None, "partition": "vertical", "absent": 4},
        "trees": {"height": 2},
        "output": {"queries": 10},
    },
}
LONG = bool(os.environ.get("MPCSIM_LONG"))
HEAVY = {
    "bert_base",
    "bert_large",
    "gpt2",
    "gpt2_generation",
    "vit_b16",
    "densenet121",
    "efficientnet_b0",
    "unet",
    "squeezenet",
    "alexnet",
    "resnet18",
    "mobilenet_v2",
    "vgg16",
    "resnet50",
    "resnet18_training",
    "pomic_paper_training",
    "pomic_training",
    "lenet_training",
}
"""Networks of tens and hundreds of nodes, and trainings: others stand for the kind unless MPCSIM_LONG=1."""
NO_FORMULAS = {"local_cost": "there are no formulas for the workload 'local_cost'"}
NO_FIGURE = {"link_probe": "which feeds no figure"}


@pytest.fixture
def call(capsys):
    """Call the command line; return (exit status, standard output, standard error)."""

    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return caught.value.code, printed.out, printed.err

    return call


def _scenario(name, folder):
    """Return a shipped scenario's name, or a small copy's path."""
    if name not in SMALL:
        return name
    document = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    for key, value in SMALL[name].items():
        if isinstance(value, dict):
            table = document.setdefault(key, {}) | value
            document[key] = {key: value for key, value in table.items() if value is not None}
        else:
            document[key] = value
    file = folder / f"{name}.toml"
    file.write_text(tomli_w.dumps(document), "utf-8")
    return file


@pytest.fixture
def coarse_sliders(monkeypatch):
    """Keep sliders at a run's own network (LONG: and one other): nearly all of the time is theirs."""

    def coarse(network):
        for steps, key, other in (
            ("LATENCIES", "latency", "20 ms"),
            ("BANDWIDTHS", "bandwidth", "50 Mbit/s"),
        ):
            own = network.get(key)
            monkeypatch.setattr(networks, steps, (own if isinstance(own, str) and not LONG else other,))

    return coarse


def test_scenarios_that_are_run_small_are_shipped():
    assert {*SMALL, *NO_FORMULAS, *NO_FIGURE} <= set(SHIPPED)


@pytest.mark.parametrize("name", [name for name in SHIPPED if LONG or name not in HEAVY])
def test_a_shipped_scenario_goes_through_every_command(name, call, tmp_path, monkeypatch, coarse_sliders):
    monkeypatch.chdir(tmp_path)
    scenario, run = _scenario(name, tmp_path), tmp_path / "run"

    status, out, err = call("run", scenario, "--out", run, "--json")
    assert status == 0, err
    ran = json.loads(out)
    assert ran["finished"]
    assert ran["rounds"] > 0
    assert ran["payload_bytes"] > 0

    status, out, err = call("validate", scenario, "--json")
    if name in NO_FORMULAS:
        assert (status, out) == (2, "")
        assert NO_FORMULAS[name] in err
    else:
        assert status == 0, err
        assert json.loads(out)["rows"]

    own = ran["network"]["latency"]
    status, out, err = call("retime", run, "--set", f"network.latency={own}", "--json")
    assert status == 0, err
    assert json.loads(out)["makespan_ns"] == ran["makespan_ns"]
    status, out, err = call("retime", run, "--set", "network.latency=1 ms", "--json")
    assert status == 0, err
    assert 0 < json.loads(out)["makespan_ns"] < ran["makespan_ns"]

    status, out, err = call("plot", run, "--format", "svg", "--out", tmp_path / "figures")
    if name in NO_FIGURE:
        assert (status, out) == (2, "")
        assert NO_FIGURE[name] in err
    else:
        assert status == 0, err
        assert out.split()
        assert all(Path(file).read_text("utf-8").lstrip().startswith("<?xml") for file in out.splitlines())

    coarse_sliders(ran["network"])
    status, _, err = call("report", run, "--out", tmp_path / "page.html")
    assert status == 0, err
    assert ran["name"] in (tmp_path / "page.html").read_text("utf-8")

    status, _, err = call("trace", run, "--out", tmp_path / "trace.json")
    assert status == 0, err
    assert len(json.loads((tmp_path / "trace.json").read_text("utf-8"))["traceEvents"]) > ran["messages"]

    status, out, err = call("compare", run, run, "--json")
    assert status == 0, err
    totals = json.loads(out)["totals"]
    assert {"rounds", "makespan_s"} <= {row["quantity"] for row in totals}
    assert all(row["values"][0] == row["values"][1] for row in totals)


@pytest.mark.parametrize("command", ["retime", "trace"])
def test_a_run_without_events_is_refused_by_name(command, call, tmp_path):
    """As the training scenarios ship: they keep no trace."""
    run = tmp_path / "run"
    assert call("run", "link_probe", "--set", "engine.trace=false", "--out", run)[0] == 0
    further = ("--set", "network.latency=1 ms") if command == "retime" else ()
    status, out, err = call(command, run, *further)
    assert (status, out) == (2, "")
    assert "the run kept no trace (engine.trace)" in err
