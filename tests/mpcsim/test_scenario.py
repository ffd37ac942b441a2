"""Scenario files: what is read, how it can be overridden, and how it is refused."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mpcsim import InputError, Network, ScenarioError, record
from mpcsim.scenario import load_scenario, run_scenario, validate

_GOOD = """
name = "probe"
workload = "link_probe"
seed = 7

[network]
latency = "88.5 ms"
bandwidth = "220 Mbit/s"

[[model.layers]]
type = "conv2d"
filters = 32
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "case.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_scenario_is_read_with_its_defaults(write, tmp_path):
    scenario = load_scenario(write(_GOOD))
    assert scenario.name == "probe"
    assert scenario.workload == "link_probe"
    assert scenario.seed == 7
    assert scenario.network == Network("88.5 ms", "220 Mbit/s", "uplink")
    assert (scenario.engine.clock, scenario.engine.compute) == ("virtual", "none")
    assert scenario.engine.trace is True
    assert scenario.tables == {"model": {"layers": [{"type": "conv2d", "filters": 32}]}}
    assert scenario.folder == tmp_path


def test_only_the_workload_is_required(write):
    scenario = load_scenario(write('workload = "x"'))
    assert (scenario.name, scenario.seed, scenario.network) == ("case", None, Network())


def test_a_workload_table_hands_its_further_keys_down(write):
    scenario = load_scenario(write('[workload]\nname = "microbench"\nop = "mul"\nsize = 5'))
    assert scenario.workload == "microbench"
    assert scenario.tables == {"workload": {"op": "mul", "size": 5}}


# Overrides


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("x.a=3", 3),
        ("x.a=3.5", 3.5),
        ("x.a=true", True),
        ('x.a="3"', "3"),
        ("x.a=[1, 2]", [1, 2]),
        ("x.a={b = 1}", {"b": 1}),
        ("x.a=10 ms", "10 ms"),
        ("x.a=table", "table"),
        ("x.a=", ""),
        ("x.a=b=c", "b=c"),
        ("x.a=1\ny = 2", "1\ny = 2"),
        ('x."a"=3', 3),
    ],
)
def test_an_override_is_a_toml_value_or_else_plain_text(write, override, expected):
    assert load_scenario(write(_GOOD), [override]).tables["x"] == {"a": expected}


def test_overrides_reach_tables_arrays_of_tables_and_the_engines_own_keys(write):
    overrides = [
        "network.latency=10ms",
        "model.layers.0.filters=8",
        "engine.compute=measured",
        "new.deep.key=1",
        "new.deep.key=2",
    ]
    scenario = load_scenario(write(_GOOD), overrides)
    assert scenario.network.latency_ns == 10_000_000
    assert scenario.engine.compute == "measured"
    assert scenario.tables["model"]["layers"][0]["filters"] == 8
    assert scenario.tables["new"] == {"deep": {"key": 2}}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["network.profile=lan"], Network(profile="lan")),
        (["network.profile=lan", 'network.latency="2 ms"'], Network(profile="lan", latency="2 ms")),
        (
            ['network.bandwidth="1 Gbit/s"', "network.profile=lan"],
            Network(profile="lan", bandwidth="1 Gbit/s"),
        ),
        (
            ["network.profile=ibm-cloud", 'network.regions=["london", "tokyo", "dallas"]'],
            Network(profile="ibm-cloud", regions=["london", "tokyo", "dallas"], bandwidth="220 Mbit/s"),
        ),
    ],
)
def test_a_profile_that_is_asked_for_replaces_what_the_file_says_of_the_network(write, overrides, expected):
    assert load_scenario(write(_GOOD), overrides).network == expected


def test_in_a_file_keys_beside_a_profile_replace_what_it_says(write):
    text = _GOOD.replace("[network]", '[network]\nprofile = "lan"')
    assert (
        load_scenario(write(text)).network.latency
        == Network(latency="88.5 ms", bandwidth="1 Gbit/s").latency
    )


def test_an_unknown_profile_is_refused_by_name(write):
    with pytest.raises(ScenarioError, match=r"network\.profile: unknown profile 'lam'.*did you mean 'lan'"):
        load_scenario(write(_GOOD), ["network.profile=lam"])


def test_an_override_of_a_workloads_key_turns_its_name_into_a_table(write):
    scenario = load_scenario(write(_GOOD), ["workload.repeats=2"])
    assert scenario.workload == "link_probe"
    assert scenario.tables["workload"] == {"repeats": 2}
    assert load_scenario(write(_GOOD), ["workload=other"]).workload == "other"


def test_a_seed_given_apart_replaces_the_scenarios(write):
    assert load_scenario(write(_GOOD), ["seed=8"], seed=9).seed == 9


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("nonsense", ["KEY=VALUE"]),
        ("=3", ["'' is not a key"]),
        ("a..b=3", ["'a..b' is not a key"]),
        ("a\nb=3", ["is not a key"]),
        ("seed.x=3", ["seed is 7, not a table"]),
        ("model.layers.1.filters=3", ["model.layers.1: found index '1'; accepted: 0 to 0"]),
        ("model.layers.first.filters=3", ["model.layers.first: found index 'first'"]),
    ],
)
def test_an_override_that_fits_nowhere_is_refused(write, override, parts):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(write(_GOOD), [override])
    assert all(part in str(caught.value) for part in ["case.toml: --set ", *parts])


# Refusals


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("seed = -1", ["seed: found -1", "accepted: 0 or more"]),
        ("seed = true", ["seed: found true", "accepted: a whole number"]),
        ("seed = nan", ["seed: found nan", "accepted: a whole number"]),
        ('seed = "7"', ["seed: found '7'", "accepted: a whole number"]),
        ("name = 3", ["name: found 3", "accepted: text"]),
        ('name = ""', ["name: found ''", "accepted: text of 1 or more characters"]),
        ("network = 3", ["network: found 3; accepted: a table"]),
        (
            '[network]\nlatency = "88.5 parsecs"',
            ["network.latency: '88.5 parsecs' is not a time", "units: ns, us, µs, ms, s, min"],
        ),
        ("[network]\nlatency = 88.5", ["network.latency: 88.5 is not a time", "'88.5 ms'"]),
        ('[network]\nbandwidth = "220 MB/s"', ["network.bandwidth", "unknown unit 'MB/s'", "Mbit/s"]),
        ('[network]\nsharing = "switch"', ["network.sharing: 'switch'", "accepted: uplink, link"]),
        (
            "[network]\nlatncy = 3",
            ["network.latncy: unknown key 'latncy' (did you mean 'latency'?)", "latency, bandwidth"],
        ),
        ("engine = []", ["engine: found []", "accepted: "]),
        (
            '[engine]\nclock = "virtul"',
            ["engine.clock: found 'virtul' (did you mean 'virtual'?)", "'virtual' or 'wall'"],
        ),
        ('[engine]\ntrace = "yes"', ["engine.trace: found 'yes'", "accepted: true or false"]),
        (
            "[engine]\nclok = 1",
            ["engine.clok: unknown key 'clok' (did you mean 'clock'?)", "clock, compute, trace"],
        ),
    ],
)
def test_a_bad_scenario_is_refused_with_file_key_and_what_is_accepted(write, text, parts):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(write(f'workload = "link_probe"\n{text}'))
    message = str(caught.value)
    assert "case.toml" in message
    for part in parts:
        assert part in message
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["workload: missing", 'accepted: a shipped name, "file.py:function"']),
        ("workload = 3", ["workload: found 3", "accepted: a shipped name"]),
        ("[workload]\nop = 1", ["workload: found {'op': 1}", "a table with such a `name`"]),
        ("a = 1\nb = = 2", ["not valid TOML", "line 2"]),
        ("a = 1\na = 2", ["not valid TOML", "Cannot overwrite a value"]),
        ("a = " + "[" * 5000, ["not valid TOML"]),
    ],
)
def test_a_file_that_is_no_toml_or_names_no_workload_is_refused(write, text, parts):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(write(text))
    assert all(part in str(caught.value) for part in ["case.toml", *parts])


def test_an_error_names_the_overrides_that_were_in_force(write):
    with pytest.raises(ScenarioError, match=r"case.toml --set engine.clock=sundial: engine.clock"):
        load_scenario(write(_GOOD), ["engine.clock=sundial"])


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "case.toml"
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(ScenarioError, match=r"case\.toml: not UTF-8 text"):
        load_scenario(path)


def test_a_shipped_name_is_found_and_an_unknown_one_lists_what_ships(tmp_path):
    (tmp_path / "flagship.toml").write_text('workload = "x"')
    assert load_scenario("flagship", search=[tmp_path]).name == "flagship"
    with pytest.raises(ScenarioError, match=r"did you mean 'flagship'\?\); accepted: flagship"):
        load_scenario("flagshp", search=[tmp_path])
    with pytest.raises(ScenarioError, match="is a folder"):
        load_scenario(tmp_path, search=[tmp_path])
    (tmp_path / "scenario.toml").write_text('workload = "x"\nname = "kept"')
    assert load_scenario(tmp_path).name == "kept"  # a run record names its scenario


# A workload's own model


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Conv(_Strict):
    type: Literal["conv2d"] = "conv2d"
    filters: Annotated[int, Field(ge=1)]
    kernel: int | tuple[int, int] = 3


class _Pool(_Strict):
    type: Literal["maxpool2d"] = "maxpool2d"
    size: int = 2


class _Ring(_Strict):
    bits: Literal[32, 64] = 64
    fraction_bits: int = 16

    @model_validator(mode="after")
    def _fits(self):
        if self.fraction_bits >= self.bits:
            raise ValueError(f"fraction_bits: found {self.fraction_bits}; accepted: below bits")
        return self


class _Model(_Strict):
    ring: _Ring = _Ring()
    comparison: Literal["ripple", "prefix", "table"] = "table"
    layers: list[Annotated[_Conv | _Pool, Field(discriminator="type")]] = []


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"rnig": {}}, "rnig: unknown key 'rnig' (did you mean 'ring'?); accepted: ring, comparison, "
                       "layers, network"),
        ({"netwrk": {}}, "netwrk: unknown key 'netwrk' (did you mean 'network'?)"),
        ({"ring": {"bit": 64}}, "ring.bit: unknown key 'bit' (did you mean 'bits'?); accepted: bits, "
                                "fraction_bits"),
        ({"ring": {"bits": 48}}, "ring.bits: found 48; accepted: 32 or 64"),
        ({"ring": {"fraction_bits": 99}}, "ring: fraction_bits: found 99; accepted: below bits"),
        ({"comparison": "tabel"}, "comparison: found 'tabel' (did you mean 'table'?); accepted: "
                                  "'ripple', 'prefix' or 'table'"),
        ({"layers": [{"type": "conv"}]}, "layers.0.type: unknown type 'conv' (did you mean 'conv2d'?); "
                                         "accepted: conv2d, maxpool2d"),
        ({"layers": [{"filters": 3}]}, "layers.0.type: missing; accepted: conv2d, maxpool2d"),
        ({"layers": [{"type": "conv2d"}]}, "layers.0.filters: missing, and there is no default"),
        ({"layers": [{"type": "maxpool2d", "sise": 2}]}, "layers.0.sise: unknown key 'sise' (did you "
                                                         "mean 'size'?); accepted: type, size"),
        ({"layers": [{"type": "conv2d", "filters": 0}]}, "layers.0.filters: found 0; accepted: 1 or more"),
        ({"layers": [{"type": "conv2d", "filters": 1, "kernel": "x"}]},
         "layers.0.kernel: found 'x'; accepted: a whole number or an array"),
        ({"layers": "none"}, "layers: found 'none'; accepted: an array"),
    ],
)  # fmt: skip
def test_a_workloads_tables_are_refused_in_the_same_words(tables, message):
    with pytest.raises(InputError) as caught:
        validate(_Model, tables, ["network"])
    assert message in str(caught.value)


def test_every_problem_of_a_model_is_named_at_once():
    with pytest.raises(InputError) as caught:
        validate(_Model, {"ring": {"bits": 1}, "comparison": 3, "x": 0})
    assert len(str(caught.value).splitlines()) == 3


def test_a_scenario_runs_from_python_as_from_the_command_line(tmp_path):
    changes = ("workload.repeats=1", "network.latency=10 ms")
    found = run_scenario("link_probe", *changes, seed=5, out=tmp_path / "run")
    assert (found.summary["rounds"], found.summary["seed"]) == (3, 5)
    assert record.read_record(tmp_path / "run").summary["digest"] == found.run.digest
    with pytest.raises(ScenarioError, match="did you mean 'link_probe'"):
        run_scenario("link_prob")
