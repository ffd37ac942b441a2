"""Workloads: a user's own file of each kind, and how a wrong one is refused."""

import pytest

from mpcsim import ScenarioError
from mpcsim.scenario import load_scenario
from mpcsim.scenario.workload import build_program, load_workload, run_program

_EVERY_PARTY = """
async def program(party):
    party.send((party.id + 1) % party.n, party.id)
    return await party.recv((party.id - 1) % party.n)
"""
_WITH_TABLES = """
async def program(party, settings):
    return settings
"""
_WITH_MODEL = """
from __future__ import annotations
from pydantic import BaseModel, ConfigDict

class Further(BaseModel):
    model_config = ConfigDict(extra="forbid")
    times: int = 1

class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    workload: Further = Further()

async def program(party, settings: Settings):
    return settings.workload.times
"""
_BUILDS = """
from pydantic import BaseModel, ConfigDict
from mpcsim.scenario import Program

class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    greeting: str = "hello"

def build(settings: Settings, scenario):
    async def server(party):
        return await party.recv("client")

    async def client(party):
        party.send("server", settings.greeting)

    return Program(
        roles={"server": server, "client": client},
        summarize=lambda run: {"heard": run.outputs["server"], "seed": scenario.seed},
        describe={"protocol": {"kind": "greeting"}},
    )
"""


@pytest.fixture
def scenario(tmp_path):
    def scenario(code, function="program", more=""):
        (tmp_path / "own.py").write_text(code, encoding="utf-8")
        path = tmp_path / "case.toml"
        path.write_text(f'workload = "own.py:{function}"\nseed = 3\n{more}', encoding="utf-8")
        return load_scenario(path)

    return scenario


def _output(scenario):
    program = build_program(scenario, {})
    return program.summarize(run_program(program, scenario))


def test_a_program_that_every_party_runs(scenario):
    assert _output(scenario(_EVERY_PARTY)) == {"party0": 2, "party1": 0, "party2": 1}
    assert len(_output(scenario(_EVERY_PARTY, more="parties = 5"))) == 5


def test_a_program_takes_the_tables_that_are_not_the_engines(scenario):
    more = 'parties = 1\nx = 1\n[network]\nlatency = "1 ms"\n[y]\nz = [2]'
    assert _output(scenario(_WITH_TABLES, more=more)) == {"party0": {"x": 1, "y": {"z": [2]}}}


def test_a_programs_settings_are_validated_by_its_model(tmp_path):
    (tmp_path / "own.py").write_text(_WITH_MODEL)
    path = tmp_path / "case.toml"
    path.write_text('workload = "own.py:program"')
    assert _output(load_scenario(path, ["workload.times=4"]))["party2"] == 4
    with pytest.raises(ScenarioError, match=r"case\.toml.*workload\.time: unknown key 'time'"):
        _output(load_scenario(path, ["workload.time=4"]))


def test_a_function_that_builds_roles_gets_settings_and_scenario(scenario):
    built = scenario(_BUILDS, "build", 'greeting = "good day"')
    assert _output(built) == {"heard": "good day", "seed": 3}
    assert build_program(built, {}).describe == {"protocol": {"kind": "greeting"}}


def test_a_file_may_import_its_neighbours(scenario, tmp_path):
    (tmp_path / "neighbour_of_own.py").write_text("VALUE = 8")
    code = "from neighbour_of_own import VALUE\nasync def program(party):\n    return VALUE"
    assert _output(scenario(code))["party0"] == 8


def test_a_shipped_name_is_imported_when_it_is_asked_for(tmp_path):
    function = load_workload("text", tmp_path, {"text": "textwrap:dedent"})
    assert function.__name__ == "dedent"


@pytest.mark.parametrize(
    ("code", "function", "more", "parts"),
    [
        ("", "program", "", ["own.py: unknown function 'program'"]),
        (_EVERY_PARTY, "progam", "", ["unknown function 'progam' (did you mean 'program'?)"]),
        ("import nothing_of_that_name", "f", "", ["cannot be imported (line 1)", "ModuleNotFound"]),
        ("x = 1\nx / 0", "f", "", ["cannot be imported (line 2): ZeroDivisionError"]),
        ("def f(:", "f", "", ["cannot be imported", "SyntaxError"]),
        ("async def f(): pass", "f", "", ["signature ()", "`async def f(party)`"]),
        ("async def f(a, b, c): pass", "f", "", ["signature (a, b, c)", "(party, settings)`"]),
        ("def f(*settings): pass", "f", "", ["(*settings)", "`def f(settings)`"]),
        ("def f(settings, other): pass", "f", "", ["`def f(settings, scenario)`"]),
        ("def f(settings: Missing): pass", "f", "", ["cannot be imported (line 1): NameError"]),
        ("def f(settings: 'Missing'): pass", "f", "", ["annotation not found", "'Missing'"]),
        ("def f(settings): return 3", "f", "", ["returned int", "mpcsim.scenario.Program"]),
        (_EVERY_PARTY, "program", "parties = 0", ["parties: found 0", "whole number from 1"]),
        (_EVERY_PARTY, "program", 'parties = "3"', ["parties: found '3'"]),
        (
            _EVERY_PARTY,
            "program",
            "partys = 4",
            ["partys: unknown key 'partys' (did you mean 'parties'?)", "takes no settings"],
        ),
        (
            _BUILDS,
            "build",
            "greting = 1",
            ["greting: unknown key 'greting' (did you mean 'greeting'?)", "greeting, name", "seed"],
        ),
        (
            "from mpcsim import InputError\ndef f(settings):\n    raise InputError('shapes differ')",
            "f",
            "",
            ["shapes differ"],
        ),
    ],
)
def test_a_workload_that_cannot_be_used_is_refused(scenario, code, function, more, parts):
    with pytest.raises(ScenarioError) as caught:
        build_program(scenario(code, function, more), {})
    assert "case.toml: " in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("link_prob", ["unknown name 'link_prob' (did you mean 'link_probe'?)", "file.py:function"]),
        ("missing.py:f", ["there is no file", "missing.py"]),
        ("own.py", ["unknown name 'own.py'", "file.py:function"]),
    ],
)
def test_a_reference_to_nothing_is_refused(tmp_path, reference, parts):
    path = tmp_path / "case.toml"
    path.write_text(f'workload = "{reference}"')
    with pytest.raises(ScenarioError) as caught:
        build_program(load_scenario(path), {"link_probe": "scenarios.probes.link_probe:link_probe"})
    assert all(part in str(caught.value) for part in parts)
