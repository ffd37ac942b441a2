"""Whatever is wrong in a scenario is refused in words of ours: where, what was found, what is accepted."""

import copy
import tempfile
import typing
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import scenarios
from mpcsim import InputError
from mpcsim.scenario import load_scenario, validate
from mpcsim.scenario.workload import load_workload
from mpcsim.scenario_file import ENGINE_KEYS

FOLDER = Path(scenarios.__file__).parent
_FOREIGN = ("Input should", "valid integer", "valid string", "valid number", "valid list", "valid dict",
            "valid boolean", "valid tuple", "Value error", "pydantic", "greater than or", "less than or",
            "Extra inputs", "Field required", "instance of", "Unable to", "for further information",
            "Settings", "discriminator")  # fmt: skip
_WRONG = st.one_of(
    st.sampled_from(["", "x", "10 ms", "-1", True, False, 0, -1, 2**70, 1.5, -0.0, float("nan"), 1e308]),
    st.lists(st.integers(-2, 70), max_size=3),
    st.sampled_from([{}, {"x": 1}, [{}], [{"type": "x"}], [[]], [{"kind": "drop"}], {"name": "x"}]),
    st.text(max_size=8).filter(str.isprintable),
)


def _names():
    """Return a shipped scenario of each workload."""
    found = {}
    for file in sorted(FOLDER.glob("*.toml")):
        found.setdefault(load_scenario(file).workload, file.stem)
    return sorted(found.values())


NAMES = _names()


def _model(workload):
    function = load_workload(workload, FOLDER, scenarios.WORKLOADS)
    model = next(iter(typing.get_type_hints(function).values()))
    assert issubclass(model, BaseModel)
    return model


def _places(value, before=()):
    """Yield every key path of a document, and a key that no table has."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        yield (*before, key)
        if isinstance(inner, dict) or (isinstance(inner, list) and inner and isinstance(inner[0], dict)):
            yield from _places(inner, (*before, key))
    if isinstance(value, dict):
        yield (*before, "no_such_key")


def _full(loaded):
    """Return a scenario's document with every default written out, so that every key has a place."""
    model = _model(loaded.workload)
    settings = validate(model, copy.deepcopy(loaded.tables), ENGINE_KEYS)
    tables = settings.model_dump(by_alias=True, exclude_none=True)
    if "workload" in tables:
        tables["workload"] = {"name": loaded.workload, **tables["workload"]}
    engine = loaded.engine.model_dump()
    network = {"latency": "1 ms", "bandwidth": "1 Mbit/s", "loss": 0.0, "tcp": {}}
    return {**copy.deepcopy(loaded.document), **tables, "engine": engine, "network": network}


def _with(document, place, value):
    changed = copy.deepcopy(document)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed


def _refusal(document, folder):
    file = folder / "changed.toml"
    file.write_text(tomli_w.dumps(document), encoding="utf-8")
    try:
        loaded = load_scenario(file)
        validate(_model(loaded.workload), loaded.tables, ENGINE_KEYS)
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_wrong_key_or_value_is_answered_in_another_s_words(name, data):
    document = _full(load_scenario(FOLDER / f"{name}.toml"))
    place = data.draw(st.sampled_from(list(_places(document))))
    value = data.draw(_WRONG)
    with tempfile.TemporaryDirectory() as folder:
        said = _refusal(_with(document, place, value), Path(folder))
    if said is None:
        return
    assert not [phrase for phrase in _FOREIGN if phrase in said], said
    assert str(place[0]) in said
    assert any(word in said for word in ("found", "unknown", "missing", "accepted", "write ")), said
