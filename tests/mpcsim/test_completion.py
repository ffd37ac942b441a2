"""What a shell offers behind TAB, and the options that every command has."""

import json
from importlib.metadata import version
from types import SimpleNamespace

import pytest

from mpcsim import plugins
from mpcsim.__main__ import main
from mpcsim.cli import completion
from mpcsim.scenario import load_scenario


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            main(list(arguments))
        return caught.value.code, *capsys.readouterr()

    return call


def test_scenarios_are_completed_shipped_ones_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pomade.toml").write_text("")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "own.toml").write_text("")
    assert {"pomade.toml", "pomic_inference"} <= set(completion.scenarios("pom"))
    assert completion.scenarios("deep/") == ["deep/own.toml"]
    assert completion.scenarios("no such") == []


def _offered(scenario, incomplete):
    return completion.keys(SimpleNamespace(params={"scenario": scenario}), incomplete)


def test_keys_are_completed_the_engines_the_workloads_and_the_scenarios_own():
    for start, wanted in {
        "network.lat": {"network.latency="},
        "network.tcp.": {"network.tcp.send_buffer="},
        "engine.": {"engine.compute=", "engine.clock="},
        "workload.": {"workload.op=", "workload.size="},
        "ring.": {"ring.bits=", "ring.fraction_bits="},
    }.items():
        assert wanted <= set(_offered("microbench", start)), start
    assert "model.layers.0.filters=" in _offered("pomic_inference", "model.")
    assert _offered("nowhere", "") == _offered(None, "") == []


@pytest.mark.parametrize("name", ["microbench", "pomic_inference", "training_step", "tree_training"])
def test_every_key_that_a_scenario_has_is_offered_and_each_once(name):
    found = _offered(name, "")
    assert found == sorted(set(found))
    document = load_scenario(name, (), None, plugins.scenario_folders()).document
    for table in ("network", "engine", "ring"):
        assert {f"{table}.{key}=" for key in document.get(table, {}) if key != "tcp"} <= set(found)


def test_the_version_is_printed(call):
    assert call("--version") == (0, f"mpcsim {version('mpcsim')}\n", "")


@pytest.mark.parametrize("arguments", [["-h"], ["run", "-h"], ["list", "-h"], ["list", "families", "-h"]])
def test_help_has_a_short_name_everywhere(call, arguments):
    status, out, _ = call(*arguments)
    assert status == 0
    assert "Usage" in out


@pytest.mark.parametrize("arguments", [["run", "link_probe", "--quiet"], ["-q", "run", "link_probe"]])
def test_a_quiet_run_prints_its_folder_alone(call, tmp_path, arguments):
    status, out, err = call(*arguments)
    assert (status, err) == (0, "")
    assert (tmp_path / out.strip() / "summary.json").is_file()


def test_quiet_leaves_errors_and_json_as_they_are(call):
    status, out, _ = call("run", "link_probe", "--quiet", "--json")
    assert (status, json.loads(out)["name"]) == (0, "link-probe")
    status, out, err = call("run", "nowhere", "--quiet")
    assert (status, out) == (2, "")
    assert "no such scenario file" in err


def test_logs_are_json_only_where_asked_for(call, monkeypatch):
    _, _, err = call("--log", "json", "run", "link_probe", "--json")
    assert [json.loads(line)["event"] for line in err.splitlines()] == ["run starts", "run ends"]
    status, out, err = call("--log", "loud", "run", "link_probe")
    assert (status, out) == (2, "")
    assert "--log: found 'loud'; accepted: text, json, off" in err
