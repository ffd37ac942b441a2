"""What is dealt ahead is kept by each server in a file, and consumed by one run of the same scenario."""

import numpy as np
import pytest

import scenarios
from analysis.predict import SHIPPED
from mpcsim import InputError, MpcsimError
from mpcsim.scenario import load_scenario, workload
from protocols.dealer2.store import Shelf


def _run(*overrides):
    chosen = ["protocol.family=dealer2", "workload.size=9", *overrides]
    loaded = load_scenario("microbench", chosen, None, SHIPPED)
    program = workload.build_program(loaded, scenarios.WORKLOADS)
    run = workload.run_program(program, loaded)
    return program.summarize(run), run


def _filled(folder, *overrides):
    return _run(f"protocol.keep={folder}", "dry_run=true", *overrides)


@pytest.mark.parametrize("op", ["mul", "relu", "a2b", "div"])
def test_a_run_takes_what_another_kept(op, tmp_path):
    folder = tmp_path / "dealt"
    kept, _ = _filled(folder, f"workload.op={op}")
    usual, _ = _run(f"workload.op={op}")
    found, run = _run(f"workload.op={op}", f"protocol.stored={folder}")
    offline = usual["payload_bytes_per_party"][2]
    assert kept["payload_bytes"] == usual["payload_bytes"]
    assert found["payload_bytes"] == usual["payload_bytes"] - offline
    assert found["rounds"] == usual["rounds"]
    assert found["max_error"] <= 2.0**-14
    sizes = {(folder / f"server{i}.dealt").stat().st_size for i in (0, 1)}
    read = run.observed["stored bytes"].values()
    assert {size for one in read for size in one} == sizes
    assert max(sizes) > offline


def test_each_is_used_once(tmp_path):
    folder = tmp_path / "dealt"
    _filled(folder, "workload.op=relu")
    with pytest.raises(InputError, match=r"server0\.dealt is there; accepted: a new folder"):
        _filled(folder, "workload.op=relu")
    _run("workload.op=relu", f"protocol.stored={folder}")
    with pytest.raises(InputError, match=r"server0\.dealt has been used by a run; accepted: each once"):
        _run("workload.op=relu", f"protocol.stored={folder}")


def test_a_piece_is_taken_once(tmp_path):
    shelf = Shelf.new(str(tmp_path), "server1", {}, b"key")
    shelf.put("here", [np.arange(3, dtype=np.uint8)])
    opened = Shelf.open(str(tmp_path), "server1")
    assert opened.key == b"key"
    np.testing.assert_array_equal(opened.take("here")[0], [0, 1, 2])
    with pytest.raises(InputError, match="here was taken"):
        opened.take("here")
    with pytest.raises(InputError, match="there is not there"):
        opened.take("there")
    with pytest.raises(InputError, match="has been used"):
        Shelf.open(str(tmp_path), "server1")


@pytest.mark.parametrize(
    ("kept", "used", "said"),
    [
        (["workload.op=relu"], ["workload.op=relu", "ring.fraction_bits=12"], "ring.fraction_bits = 12"),
        (
            ["workload.op=relu", "protocol.radix=2"],
            ["workload.op=relu"],
            r"protocol.radix = 4 \(dealt for 2\)",
        ),
        (["workload.op=mul"], ["workload.op=relu"], "is not there: dealt for another scenario"),
        (["workload.op=relu", "workload.size=20"], ["workload.op=relu"], "dealt for another scenario"),
    ],
)
def test_another_scenario_is_refused_with_what_is_accepted(kept, used, said, tmp_path):
    folder = tmp_path / "dealt"
    _filled(folder, *kept)
    with pytest.raises(MpcsimError, match=said) as refused:
        _run(*used, f"protocol.stored={folder}")
    assert "accepted" in str(refused.value)


def test_a_ring_without_room_for_a_quotient_is_refused():
    with pytest.raises(InputError, match="accepted are fewer fraction_bits or fewer value_bits"):
        _run("workload.op=div", "ring.fraction_bits=8", "ring.value_bits=54")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["protocol.keep=here"], "accepted with dry_run = true"),
        (["protocol.keep=here", "protocol.stored=there", "dry_run=true"], "accepted is one of them"),
        (["protocol.stored=nowhere"], r"there is no server0\.dealt; accepted is a folder"),
    ],
)
def test_a_store_that_cannot_be_is_refused_before_the_run(overrides, said):
    with pytest.raises(InputError, match=said):
        _run(*overrides)
