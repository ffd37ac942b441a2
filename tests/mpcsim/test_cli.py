"""The command line: what is printed where, and what each kind of error exits with."""

import json
import re
import subprocess
import sys

import pytest

from mpcsim.__main__ import main
from mpcsim.cli import build
from scenarios import WORKLOADS

_PROBE = ["run", "link_probe", "--set", "workload.repeats=2"]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("MPCSIM_DEBUG", raising=False)


@pytest.fixture
def call(capsys):
    """Return a function that runs the command line: (exit status, stdout, stderr)."""

    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return caught.value.code, printed.out, printed.err

    return call


@pytest.fixture
def own(tmp_path):
    """Return a function that writes a workload of the user's own and its scenario."""

    def own(code, more=""):
        (tmp_path / "own.py").write_text(code)
        path = tmp_path / "own.toml"
        path.write_text(f'workload = "own.py:program"\nseed = 4\n{more}')
        return path

    return own


def test_run_prints_one_json_object_and_nothing_else(call, tmp_path):
    status, out, err = call(*_PROBE, "--json", "--out", "record")
    assert status == 0
    found = json.loads(out)
    assert found == json.loads((tmp_path / "record" / "summary.json").read_text())
    assert found["output"]["hops"] == found["rounds"] == 6
    assert found["output"]["equal"] is True
    assert err == ""


def test_run_for_people_says_what_was_run_what_it_cost_and_where_the_record_is(call):
    status, out, _ = call(*_PROBE, "--seed", 12)
    assert status == 0
    for part in (
        "link-probe: workload link_probe, 3 parties, seed 12, clock virtual, compute none",
        "latency 88.5 ms, bandwidth 220 Mbit/s for each uplink; 88.5 ms is the one-way latency",
        "6 rounds",
        "all parties together sent 6 messages",
        "0 party0",
        "equal to the nanosecond",
        "record: runs/link-probe-",
    ):
        assert part in out


def test_spans_outputs_and_measured_compute_are_printed(call, own):
    scenario = own(
        "async def program(party):\n"
        "    with party.span('outer', 'conv2d'):\n"
        "        for _ in range(2):\n"
        "            with party.span('inner'):\n"
        "                party.send((party.id + 1) % 3, bytes(1500))\n"
        "                await party.recv((party.id - 1) % 3)\n"
        "    return {'answer': 42}\n"
    )
    status, out, _ = call("run", scenario, "--set", "engine.compute=measured")
    assert status == 0
    for part in ("outer", "conv2d", "inner ×2", "3.0", "compute (sum)", '"answer": 42'):
        assert part in out


def test_what_a_workload_prints_stays_out_of_the_json(call, own):
    scenario = own("async def program(party):\n    print('hello')\n")
    status, out, err = call("run", scenario, "--json")
    assert status == 0
    assert json.loads(out)["output"] == {"party0": None, "party1": None, "party2": None}
    assert "hello" in err


def test_list_names_shipped_scenarios_and_workloads(call):
    status, out, _ = call("list")
    assert status == 0
    assert "link_probe" in out
    assert "A probe of the link law" in out
    status, out, _ = call("list", "--json")
    found = json.loads(out)
    assert "link_probe" in [row["name"] for row in found["scenarios"]]
    assert all(row["description"] for row in found["scenarios"])
    assert found["workloads"] == list(WORKLOADS)


# Errors


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "nowhere.toml"], ["no such scenario file", "link_probe"]),
        (["run", "link_prob"], ["did you mean 'link_probe'?"]),
        (["run", "link_probe", "--set", "network.latency=3 parsecs"], ["network.latency", "ms"]),
        (["run", "link_probe", "--set", "network.lag=3"], ["network.lag", "latency, bandwidth"]),
        (["run", "link_probe", "--set", "workload.repeats=0"], ["workload.repeats: found 0"]),
        (
            ["run", "link_probe", "--set", "workload.message_bytes=-1"],
            ["workload.message_bytes: found -1", "accepted: from 0 to"],
        ),
        (["run", "link_probe", "--set", "workload.size=3"], ["workload.size", "message_bytes"]),
        (["run", "link_probe", "--set", "rnig.bits=3"], ["rnig: unknown key 'rnig'", "network"]),
        (["run", "link_probe", "--set", "workload=link_prob"], ["did you mean 'link_probe'?"]),
        (["run", "link_probe", "--set", "seed"], ["--set seed: accepted: KEY=VALUE"]),
        (["run", "link_probe", "--out", "/dev/null"], ["/dev/null: is not a folder"]),
        (["run", "link_probe", "--seed", "-1"], ["--seed"]),
        (["run"], ["Missing argument", "SCENARIO"]),
        (["rum"], ["rum"]),
    ],
)
def test_unusable_input_exits_with_2_one_message_and_nothing_on_stdout(call, arguments, parts):
    more = ["--json"] if "link_probe" in arguments else []
    status, out, err = call(*arguments, *more)
    assert (status, out) == (2, "")
    assert "raceback" not in err
    assert all(part in err for part in parts), err


def test_a_refused_run_leaves_no_record(call, tmp_path):
    call("run", "link_probe", "--set", "workload.repeats=0")
    assert list(tmp_path.iterdir()) == []


def test_a_deadlock_exits_with_3_and_says_how_to_repeat_it(call, own):
    scenario = own("async def program(party):\n    await party.recv((party.id + 1) % 3)\n")
    status, out, err = call("run", scenario, "--json")
    assert (status, out) == (3, "")
    assert "deadlock" in err
    assert "seed 4: the same command repeats this run exactly" in err
    assert "Traceback" not in err


def test_a_failing_program_exits_with_3_and_the_traceback_is_shown_when_asked_for(call, own, monkeypatch):
    scenario = own("async def program(party):\n    return 1 / 0\n")
    status, out, err = call("run", scenario, "--json")
    assert (status, out) == (3, "")
    assert re.search(r"party 0 \(party0\) failed at program \(.*own.py:2\): ZeroDivisionError", err)
    assert "MPCSIM_DEBUG=1 shows the traceback" in err
    assert "Traceback" not in err
    monkeypatch.setenv("MPCSIM_DEBUG", "1")
    _, _, err = call("run", scenario, "--json")
    assert "return 1 / 0" in err


def test_a_failed_check_exits_with_1(call, own):
    scenario = own(
        "from mpcsim import CheckFailed\nasync def program(party):\n    raise CheckFailed('7 is not 8')\n"
    )
    status, out, err = call("run", scenario, "--json")
    assert (status, out) == (1, "")
    assert "mpcsim: 7 is not 8" in err


def test_an_unexpected_error_exits_with_3_in_one_line(call, own):
    scenario = own("def program(settings):\n    return [][1]\n")
    status, out, err = call("run", scenario, "--json")
    assert (status, out) == (3, "")
    assert "mpcsim: unexpected IndexError: list index out of range" in err
    assert "Traceback" not in err


# In a process of its own


def test_help_imports_nothing_that_only_a_run_needs():
    code = (
        "import sys\nfrom mpcsim.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('numba', 'skimage', 'uvloop', 'structlog', 'scenarios', "
        "'pandas', 'analysis.validate.judge', 'mpcsim.scenario') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


_NOT_OF_AN_INFERENCE = {
    "protocols.shamir", "protocols.replicated4", "protocols.dealer2", "protocols.replicated3_malicious",
    "protocols.trees", "analysis.commands", "analysis.report", "analysis.validate", "analysis.sweep",
    "analysis.retime.grid", "protocols.training",
    "pandas", "matplotlib", "sympy", "numba", "uvloop", "html", "numpy.ma", "numpy.polynomial",
}  # fmt: skip


def test_a_run_imports_what_it_needs_alone_and_is_not_looked_through_for_garbage_at_its_end(tmp_path):
    __import__("protocols.kernels")  # compiled by now
    code = (
        "import atexit, gc, sys\nfrom mpcsim.__main__ import main\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 0))\n"
        "try:\n    main(['run', 'pomic_inference', '--out', 'r'])\nexcept SystemExit:\n    pass\n"
        f"print({_NOT_OF_AN_INFERENCE!r} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.splitlines()[-2:] == ["set()", "True"]


def test_of_a_command_that_is_called_by_its_name_alone_parameters_are_read():
    def names(*arguments):
        app = build(arguments)
        return [one.name for one in app.registered_commands + app.registered_groups]

    every = names()
    assert every[-1] == "list"
    assert {"run", "retime"} < set(every)
    assert all(names(name, "--seed") == [name] for name in every)
    assert names("--quiet", "run") == names("rum") == every


def test_the_module_runs_as_a_command_and_returns_its_status(tmp_path):
    def run(*arguments):
        command = [sys.executable, "-m", "mpcsim", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    good = run(*_PROBE, "--json")
    assert good.returncode == 0
    assert json.loads(good.stdout)["output"]["equal"] is True
    bad = run("run", "link_probe", "--set", "network.bandwidth=fast", "--json")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "network.bandwidth: 'fast' is not a bandwidth" in bad.stderr
