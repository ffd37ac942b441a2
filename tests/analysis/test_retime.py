"""Retiming equals a fresh run, to the nanosecond and the message, whatever the network does."""

import asyncio
import contextlib
import csv
import json
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_programs import random_program

from analysis.critical.path import Walker
from analysis.predict.measuring import SHIPPED
from analysis.replay.reading import build
from analysis.replay.stepping import replay
from analysis.replay.structure import SEND
from analysis.retime.retiming import NotRetimable, Retiming, load, retime_point
from mpcsim import InputError, Network, record, simulate
from mpcsim.__main__ import main
from mpcsim.faults.rules import read_faults
from mpcsim.network.profiles import PROFILES
from mpcsim.record import read_record
from mpcsim.scenario import load_scenario
from mpcsim.scenario.workload import build_program, run_program
from scenarios import WORKLOADS

JITTER = {"distribution": "exponential", "scale": "3 ms"}
SLOW = [{"source": 0, "to": 1, "latency": "40 ms", "bandwidth": "1 Mbit/s"}]
NETWORKS = {
    "no network at all": {},
    "latency alone": {"latency": "10 ms"},
    "bandwidth alone": {"bandwidth": "3 Mbit/s"},
    "the paper's": {"latency": "88.5 ms", "bandwidth": "220 Mbit/s"},
    "a link for each pair": {"latency": "1 ms", "bandwidth": "2 Mbit/s", "sharing": "link"},
    "a profile": {"profile": "lan"},
    "one slow link": {"latency": "1 ms", "bandwidth": "50 Mbit/s", "links": SLOW},
    "a downlink": {"latency": "1 ms", "bandwidth": "20 Mbit/s", "downlink": "5 Mbit/s"},
    "jitter": {"latency": "1 ms", "bandwidth": "20 Mbit/s", "jitter": JITTER},
    "loss": {
        "latency": "1 ms", "bandwidth": "20 Mbit/s", "loss": 0.3, "retransmission_timeout": "50 ms",
        "overhead_bytes": 40, "segment_bytes": 500,
    },
    "overhead": {"latency": "1 ms", "bandwidth": "2 Mbit/s", "overhead_bytes": 40, "segment_bytes": 100},
    "everything": {
        "latency": "2 ms", "bandwidth": "20 Mbit/s", "loss": 0.2, "retransmission_timeout": "20 ms",
        "overhead_bytes": 40, "segment_bytes": 700, "jitter": JITTER, "downlink": "15 Mbit/s",
        "links": SLOW,
    },
}  # fmt: skip
REGIONS = {"profile": "ibm-cloud", "bandwidth": "1 Gbit/s"}


def messages(events):
    """Return (sent, arrived) of every message, by link, channel and number on it."""
    found = {}
    for event in events:
        if event["kind"] == "send":
            key = (event["party"], event["peer"], event["channel"])
            found.setdefault(key, []).append((event["t"], event["arrival"]))
    return found


def replayed_messages(structure, timing):
    found = {}
    for position in range(len(structure.ops)):
        if structure.ops[position][0] == SEND:
            to, source, channel = structure.mailboxes[structure.ops[position][4]]
            times = (timing.times[position], timing.arrivals[position])
            found.setdefault((source, to, channel), []).append(times)
    return found


def span_times(structure, timing):
    found = {}
    for one in structure.occurrences[1:]:
        size = max(timing.times[at] for at in one.leaves) - max(timing.times[at] for at in one.enters)
        found[one.path] = found.get(one.path, 0) + size
    return found


def assert_retimed(program, source, target, seed=3, parties=3, **more):
    recorded = simulate(program, parties=parties, network=Network(**source), seed=seed, trace=True, **more)
    fresh = simulate(program, parties=parties, network=Network(**target), seed=seed, trace=True, **more)
    structure = build(recorded.events, [party.role for party in recorded.per_party], measured=False)
    timing = replay(structure, Network(**target), seed, recorded_faults(more))
    assert timing.makespan_ns == fresh.makespan_ns
    assert replayed_messages(structure, timing) == messages(fresh.events)
    assert span_times(structure, timing) == {span.path: span.makespan_ns for span in fresh.spans}
    again = build(fresh.events, structure.roles, measured=False)
    same = replay(again, Network(**target), seed, recorded_faults(more))
    assert span_times(structure, timing) == span_times(again, same)
    assert same.times == again.times
    assert timing.resent == fresh.resent
    assert [{**act, "message": 0} for act in timing.acts] == [{**act, "message": 0} for act in fresh.faults]


def recorded_faults(more):
    return read_faults(more.get("faults", ()))


@pytest.mark.parametrize("target", NETWORKS)
@pytest.mark.parametrize("source", ["the paper's", "everything"])
def test_a_retimed_run_equals_a_fresh_run_under_every_effect_of_the_network(source, target):
    for seed in range(3):
        assert_retimed(random_program(seed), NETWORKS[source], NETWORKS[target])


@given(
    seed=st.integers(0, 10_000),
    source=st.sampled_from(sorted(NETWORKS)),
    target=st.sampled_from(sorted(NETWORKS)),
    parties=st.integers(2, 5),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_protocol_of_any_shape_retimes_exactly(seed, source, target, parties):
    assert_retimed(random_program(seed), NETWORKS[source], NETWORKS[target], seed, parties)


def test_latencies_by_matrix_and_by_region_retime_exactly():
    matrix = [["0 ms", "5 ms", "9 ms"], ["1 ms", "0 ms", "30 ms"], ["2 ms", "4 ms", "0 ms"]]
    assert_retimed(random_program(5), {"latency": "1 ms"}, {"latency": matrix, "bandwidth": "9 Mbit/s"})
    regions = list(PROFILES["ibm-cloud"].regions)[:3]
    assert_retimed(random_program(5), {"latency": "1 ms"}, REGIONS | {"regions": regions})


def test_delays_and_duplicates_that_hold_at_all_times_retime_exactly():
    async def doubled(party):
        if party.id == 0:
            party.send(1, b"abc")
        elif party.id == 1:
            assert [await party.recv(0), await party.recv(0)] == [b"abc"] * 2

    faults = [{"kind": "duplicate", "source": 0}]
    assert_retimed(
        doubled, {"latency": "1 ms"}, {"latency": "9 ms", "bandwidth": "1 Mbit/s"}, faults=faults
    )
    faults = [{"kind": "delay", "by": "7 ms", "source": 1, "span": "step0"}]
    assert_retimed(random_program(8), {"latency": "1 ms"}, NETWORKS["everything"], faults=faults)


def test_the_order_on_an_uplink_changes_with_the_network_and_the_replay_follows():
    """Two concurrent parts wait for messages over links of different latency, then send large ones."""

    async def part(party, source, size):
        await party.recv(source)
        party.send(source, np.zeros(size, np.uint8))

    async def program(party):
        if party.id == 0:
            await party.gather(part(party, 1, 50_000), part(party, 2, 70_000))
        else:
            parts = [_rest, _rest]
            parts[party.id - 1] = _ask
            await party.gather(*(part(party) for part in parts))

    networks = [
        {"latency": "1 ms", "bandwidth": "8 Mbit/s", "links": [{"source": slow, "latency": "20 ms"}]}
        for slow in (1, 2)
    ]
    assert_retimed(program, networks[0], networks[1])
    orders = []
    for network in networks:
        events = simulate(program, network=Network(**network), seed=1, trace=True).events
        orders.append([e["peer"] for e in events if e["kind"] == "send" and e["party"] == 0])
    assert orders == [[2, 1], [1, 2]]


async def _rest(_party):
    return None


async def _ask(party):
    party.send(0, 1)
    await party.recv(0)


# Measured compute


async def _busy(party):
    async def part(source):
        party.send((party.id + 1) % party.n, sum(range(20_000)))
        await party.recv(source)
        sum(range(50_000))
        party.send((party.id + 1) % party.n, 1)
        await party.recv(source)

    with party.span("work"):
        await party.gather(*(part((party.id - 1) % party.n) for _ in range(3)))
        await party.sleep("1 ms")


def test_measured_segments_replayed_over_the_same_network_give_every_recorded_time():
    network = Network(latency="300 us", bandwidth="100 Mbit/s")
    run = simulate(_busy, network=network, seed=1, compute="measured", trace=True)
    structure = build(run.events, [party.role for party in run.per_party], measured=True)
    timing = replay(structure, network, 1)
    assert timing.times == structure.times
    assert timing.arrivals == structure.arrivals
    assert timing.makespan_ns == run.makespan_ns
    slower = replay(structure, Network(latency="30 ms", bandwidth="100 Mbit/s"), 1)
    assert slower.makespan_ns > timing.makespan_ns + 2 * 29_000_000


def test_segments_of_one_party_never_overlap_after_retiming():
    run = simulate(_busy, network=Network(latency="1 ms"), seed=1, compute="measured", trace=True)
    structure = build(run.events, [party.role for party in run.per_party], measured=True)
    for latency in ("0 ms", "10 us", "100 ms"):
        timing = replay(structure, Network(latency=latency), 1)
        for segments in timing.segments:
            assert [end for end, _ in segments] == sorted(end for end, _ in segments)
        total = [0] * 3
        for position, op in enumerate(structure.ops):
            total[structure.party_of(position)] += op[1]
        assert timing.makespan_ns >= max(total)


# What cannot be retimed


def refused(program, **more):
    run = simulate(program, seed=1, trace=True, **more)
    with pytest.raises(NotRetimable) as caught:
        build(run.events, [party.role for party in run.per_party], measured=False)
    return str(caught.value)


def test_a_run_that_used_a_timeout_is_refused_even_where_it_did_not_strike():
    async def patient(party):
        party.send(1 - party.id, 1)
        await party.recv(1 - party.id, timeout="10 s")

    assert "used a timeout" in refused(patient, parties=2)


def test_asyncio_waits_and_cancelled_parts_are_refused():
    async def sleepy(party):
        await asyncio.sleep(0.1)

    assert "party.sleep" in refused(sleepy)

    async def fails(party):
        raise ValueError("no")

    async def waits(party):
        await party.sleep(1)

    async def catching(party):
        with contextlib.suppress(ValueError):
            await party.gather(fails(party), waits(party))

    assert "cancelled" in refused(catching)


@pytest.mark.parametrize("compute", ["none", "measured"])
def test_an_error_is_retimed_where_it_cancels_nobody_and_refused_by_name_where_it_would(compute):
    """Party 0 hears 1 and 2 at once and fails on what 1 said; it answers what it has by then."""

    async def hear(party):
        await party.recv(1)
        await party.recv(1)
        raise ValueError("no")

    async def program(party):
        if party.id == 0:
            with contextlib.suppress(ValueError):
                await party.gather(party.gather(hear(party)), party.recv(2))
            party.send(1, "sorry")
        elif party.id == 1:
            with_two = party.gather(_tell_twice(party), _rest(party))
            await party.gather(with_two)
            await party.recv(0)
        else:
            await party.gather(_rest(party), _tell(party))

    async def _tell_twice(party):
        party.send(0, 1)
        party.send(0, 2)

    def over(one, two):
        links = [{"source": source, "latency": f"{ms} ms"} for source, ms in ((1, one), (2, two))]
        return Network(latency="1 ms", links=links)

    run = simulate(program, network=over(9, 4), seed=1, trace=True, compute=compute)
    structure = build(run.events, ["party0", "party1", "party2"], measured=compute == "measured")
    for one, two in ((9, 4), (30, 29), (100, 1)):
        fresh = simulate(program, network=over(one, two), seed=1)
        spent = 0 if compute == "none" else 5_000_000
        assert 0 <= replay(structure, over(one, two), 1).makespan_ns - fresh.makespan_ns <= spent
        assert fresh.rounds == run.rounds == 2
    with pytest.raises(NotRetimable, match=r"an error .* of party0 raises would cancel others"):
        replay(structure, over(4, 9), 1)


def test_concurrent_parts_on_one_named_channel_are_refused_only_where_their_order_changes():
    async def program(party):
        async def part(source, size):
            await party.recv(source)
            with party.channel("shared"):
                party.send(3, np.zeros(size, np.uint8))

        if party.id == 0:
            await party.gather(part(1, 10), part(2, 20))
        elif party.id == 3:
            with party.channel("shared"):
                await party.recv(0)
                await party.recv(0)
        else:
            parts = [_rest, _rest]
            parts[party.id - 1] = _tell
            await party.gather(*(part(party) for part in parts))

    first = Network(latency="1 ms", links=[{"source": 1, "latency": "9 ms"}])
    second = Network(latency="1 ms", links=[{"source": 2, "latency": "9 ms"}])
    run = simulate(program, parties=4, network=first, seed=1, trace=True)
    structure = build(run.events, [party.role for party in run.per_party], measured=False)
    assert replay(structure, first, 1).makespan_ns == run.makespan_ns
    with pytest.raises(NotRetimable, match="party0 to party3 on channel '@shared'"):
        replay(structure, second, 1)


async def _tell(party):
    party.send(0, 1)


# Records and the command


_CODE = """
import numpy as np
from mpcsim.engine.beside import aside

async def ring(party):
    for number in range(4):
        with party.span(f"lap{number}"):
            party.send((party.id + 1) % party.n, np.zeros(1000 * (number + 1), np.uint8))
            await party.recv((party.id - 1) % party.n)

class Clock:
    slow = False

async def exchange(party):
    party.send((party.id + 1) % party.n, 1)
    await party.recv((party.id - 1) % party.n)

async def by_time(party):
    await exchange(party)
    if party.now > 0.02:
        await exchange(party)

async def by_class(party):
    Clock.slow = True

    async def wait():
        await party.sleep("20 ms")
        Clock.slow = False

    async def play():
        await exchange(party)
        if not Clock.slow:
            await exchange(party)

    await party.gather(wait(), play())

async def logging(party):
    party.log.info("here")
    await exchange(party)
    aside(party, lambda: party.now)

async def impatient(party):
    party.send((party.id + 1) % party.n, 1)
    await party.recv((party.id - 1) % party.n, timeout=5)
"""


@pytest.fixture
def recorded(tmp_path, monkeypatch, capsys):
    """Return a function that runs a scenario and returns the folder of its record."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "ring.py").write_text(_CODE)

    def run(*overrides, name="run", function="ring", faults=""):
        head = f'workload = "ring.py:{function}"\nseed = 6\n[network]\nlatency = "10 ms"\n'
        (tmp_path / "case.toml").write_text(head + 'bandwidth = "10 Mbit/s"\n' + faults)
        sets = [word for override in overrides for word in ("--set", override)]
        with pytest.raises(SystemExit) as caught:
            main(["run", "case.toml", "--out", name, *sets])
        assert caught.value.code == 0
        capsys.readouterr()
        return tmp_path / name

    return run


@pytest.fixture
def call(capsys):
    """Return a function that calls `mpcsim retime`: (status, stdout, stderr)."""

    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            main(["retime", *map(str, arguments)])
        printed = capsys.readouterr()
        return caught.value.code, printed.out, printed.err

    return call


def test_the_command_says_what_a_run_over_that_network_says(recorded, call):
    first = recorded()
    second = recorded("network.latency=3 ms", "network.sharing=link", name="other")
    sets = ["--set", "network.latency=3 ms", "--set", "network.sharing=link"]
    status, out, _ = call(first, *sets, "--json")
    found, fresh = json.loads(out), read_record(second).summary
    assert status == 0
    assert {"makespan_s", "spans", "critical_path"} <= set(found)
    assert found["makespan_s"] == fresh["makespan_s"]
    assert [row["makespan_s"] for row in found["spans"]] == [row["makespan_s"] for row in fresh["spans"]]
    assert found["network"] == fresh["network"]
    status, out, _ = call(first, *sets)
    assert status == 0
    assert "critical path" in out
    assert "lap3" in out


def test_lists_make_a_grid_and_the_csv_has_a_row_for_each_network(recorded, call, tmp_path):
    folder = recorded()
    sets = ["--set", "network.latency=1 ms,2 ms", "--set", "network.bandwidth=1..3 Mbit/s"]
    status, out, _ = call(folder, *sets, "--csv", tmp_path / "grid.csv", "--json")
    grid = json.loads(out)
    assert (status, len(grid["points"])) == (0, 6)
    with (tmp_path / "grid.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["network.latency"] for row in rows] == ["1 ms"] * 3 + ["2 ms"] * 3
    for point, row in zip(grid["points"], rows, strict=True):
        words = [f"{key}={value}" for key, value in point["values"].items()]
        _, out, _ = call(folder, "--set", words[0], "--set", words[1], "--json")
        assert json.loads(out)["makespan_s"] == point["makespan_s"] == float(row["makespan_s"])
        assert [one["makespan_s"] for one in json.loads(out)["spans"]] == point["spans"]


def test_bad_settings_and_records_are_refused_with_their_reason(recorded, call, tmp_path):
    folder = recorded()
    for word, reason in {
        "seed=3": "needs another run",
        "network.latency=3": "is not a time",
        "network.speed=3": "unknown key",
        "network.loss=0.1": "network.retransmission_timeout: missing",
        'network.regions=["eu"]': "has no regions",
        "network.latency=1 ms,,2 ms": "an empty value",
    }.items():
        status, out, err = call(folder, "--set", word, "--json")
        assert (status, out, reason in err) == (2, "", True), (word, err)
    status, _, err = call(folder, "--set", "network.latency=1 ms", "--set", "network.latency=2 ms")
    assert (status, "there twice" in err) == (2, True)
    assert call(tmp_path / "nothing")[0] == 2


def test_retiming_is_verified_by_a_run_where_that_is_asked_for(recorded, call):
    """`by_class` takes another round over a slow network, by a class attribute: that nobody sees."""
    sets = ["--set", "network.latency=3 ms,4 ms", "--verify", "--json"]
    status, out, _ = call(recorded(), *sets)
    assert (status, json.loads(out)["verified"]) == (0, True)
    status, out, _ = call(recorded(name="one"), "--set", "network.bandwidth=1 Mbit/s", "--verify")
    assert (status, "verified: runs over these networks" in out) == (0, True)
    hidden = recorded(function="by_class", name="two")
    assert call(hidden, "--set", "network.latency=30 ms")[0] == 0
    status, out, err = call(hidden, "--set", "network.latency=30 ms", "--verify", "--json")
    assert (status, out) == (1, "")
    assert "rounds 1, run: 2" in err
    assert "does something else than retiming says: makespan_ns" in err
    measured = recorded("engine.compute=measured", name="three")
    status, _, err = call(measured, "--verify")
    assert (status, "measured compute does not repeat" in err) == (2, True)


def test_a_protocol_that_looks_at_its_clock_is_refused_unless_it_only_logs(recorded, call):
    folder = recorded(function="by_time")
    assert read_record(folder).summary["clock_reads"] == 3
    status, _, err = call(folder, "--set", "network.latency=30 ms")
    assert (status, "looked at its clock (party.now)" in err) == (2, True)
    logging = recorded(function="logging", name="log")
    assert "clock_reads" not in read_record(logging).summary
    assert call(logging, "--set", "network.latency=30 ms")[0] == 0


def test_a_run_without_events_says_so(recorded, call):
    status, _, err = call(recorded("engine.trace=false"))
    assert (status, "kept no trace (engine.trace)" in err) == (2, True)


def test_older_and_damaged_records_are_refused(recorded, call):
    folder = recorded()
    events, summary = folder / "events.jsonl", folder / "summary.json"
    whole = events.read_text()
    lines = whole.splitlines(keepends=True)
    for damaged, reason in {
        "".join(lines[:-1]): "has no end",
        whole[: len(whole) // 2]: "is no JSON",
        "".join([*lines[:7], "{nonsense\n", *lines[8:]]): "line 8 is no JSON",
        whole.replace('"arrival"', '"landed"'): "line 1: found no arrival; accepted",
        whole.replace('"recv"', '"receive"'): "kind: found 'receive'; accepted",
        "".join(line for line in lines if '"send"' not in line): "which were sent",
        "": "it ends before 3 parties have started",
    }.items():
        events.write_text(damaged)
        status, _, err = call(folder)
        assert (status, reason in err) == (2, True), err
    events.write_text(whole)
    summary.write_text(summary.read_text().replace('"format": 1', '"format": 0'))
    status, _, err = call(folder)
    assert (status, "found format 0" in err) == (2, True)


def test_timeouts_and_faults_that_depend_on_time_are_refused(recorded, call):
    status, _, err = call(recorded(function="impatient"))
    assert (status, "used a timeout" in err) == (2, True)
    late = '[[faults]]\nkind = "delay"\nby = "1 ms"\nstart = "1 ms"\n'
    status, _, err = call(recorded(faults=late, name="late"))
    assert (status, "holds from or to a time" in err) == (2, True)
    always = '[[faults]]\nkind = "delay"\nby = "1 ms"\n'
    assert call(recorded(faults=always, name="always"))[0] == 0


def test_no_damage_to_events_leads_to_anything_but_a_clear_refusal():
    run = simulate(random_program(200), network=Network(latency="1 ms"), seed=1, trace=True)
    whole = [dict(event) for event in run.events]
    draw = random.Random(5)
    refused = 0
    for _ in range(400):
        events = [dict(event) for event in whole]
        place = draw.randrange(len(events))
        if draw.random() < 0.2:
            del events[place]
        elif draw.random() < 0.2:
            events.insert(place, dict(draw.choice(events)))
        else:
            key = draw.choice(list(events[place]))
            other = draw.choice(whole)[key]
            events[place][key] = draw.choice([None, -1, 0, 1, 10**6, -(10**12), "x", 1.5, other])
        try:
            structure = build(events, ["a", "b", "c"], measured=False)
            timing = replay(structure, Network(latency="2 ms"), 1)
            walker = Walker(structure, timing, Network(latency="2 ms"))
            for path in [walker.run(), *(walker.span([one]) for one in structure.occurrences[1:])]:
                assert min(path.parts.values()) >= 0
        except InputError:
            refused += 1
    assert 100 < refused < 400


# Sweeps


def shipped(name, folder):
    """Run a shipped scenario: (scenario, program, folder of its record)."""
    scenario = load_scenario(name, search=SHIPPED)
    program = build_program(scenario, WORKLOADS)
    run = run_program(program, scenario)
    summary = record.summary(run, scenario, program.summarize(run), program.describe)
    return scenario, program, record.write_record(folder, run, scenario, summary)


def test_a_point_of_a_sweep_gets_the_summary_that_its_run_would_have(recorded):
    folder = recorded()
    other = recorded("network.bandwidth=2 Mbit/s", name="other")
    scenario = load_scenario(other / "scenario.toml")
    found = retime_point(read_record(folder), scenario)
    fresh = read_record(other).summary
    ran = {"digest", "wall_s", "peak_memory_mb"}
    assert {k: v for k, v in found.items() if k not in ran} == {
        k: v for k, v in fresh.items() if k not in ran
    }


def test_a_workload_that_reports_times_is_run_not_retimed(tmp_path):
    scenario, _, folder = shipped("link_probe", tmp_path / "probe")
    probe = read_record(folder)
    assert load(probe).over(scenario.network).makespan_ns == probe.summary["makespan_ns"]
    with pytest.raises(NotRetimable, match="tells times"):
        retime_point(probe, replace(scenario, network=Network(latency="1 ms")))


# The flagship


@pytest.fixture(scope="module")
def flagship(tmp_path_factory):
    """Return (scenario, program, retiming) of the flagship on one image."""
    scenario, program, folder = shipped("pomic_inference", tmp_path_factory.mktemp("flagship") / "run")
    return scenario, program, load(folder)


@pytest.mark.parametrize("name", ["bandwidth alone", "a link for each pair", "everything"])
def test_the_flagship_retimes_exactly(flagship, name):
    scenario, program, retiming = flagship
    network = Network(**NETWORKS[name])
    fresh = run_program(program, replace(scenario, network=network))
    timing = retiming.over(network)
    assert timing.makespan_ns == fresh.makespan_ns
    assert replayed_messages(retiming.structure, timing) == messages(fresh.events)
    assert retiming.span_ns(timing) == [span.makespan_ns for span in fresh.spans]


def test_retiming_the_flagship_takes_a_thirtieth_of_the_calls_of_running_it(flagship, calls):
    scenario, _, retiming = flagship

    def run():
        run_program(build_program(scenario, WORKLOADS), scenario)

    assert calls(lambda: retiming.over(Network(latency="20 ms"))) * 30 < calls(run)


def test_a_network_that_does_not_fit_the_parties_is_refused(flagship):
    with pytest.raises(InputError, match="3 rows"):
        flagship[2].over(Network(latency=[["1 ms"] * 3] * 3))


def test_spans_are_listed_as_a_run_lists_them_whatever_the_network():
    async def program(party):
        async def part(name, source):
            await party.recv(source)
            with party.span(name):
                await party.sleep("1 ms")

        if party.id == 0:
            with party.span("outer"):
                await party.gather(part("a", 1), part("b", 2))
        else:
            parts = [_rest, _rest]
            parts[party.id - 1] = _tell
            await party.gather(*(part(party) for part in parts))

    def over(slow):
        return Network(latency="1 ms", links=[{"source": slow, "latency": "9 ms"}])

    recorded, fresh = (simulate(program, network=over(slow), seed=1, trace=True) for slow in (1, 2))
    assert [span.name for span in recorded.spans] == ["outer", "b", "a"]
    assert [span.name for span in fresh.spans] == ["outer", "a", "b"]
    structure = build(recorded.events, [party.role for party in recorded.per_party], measured=False)
    spans = [span.describe() for span in recorded.spans]
    retiming = Retiming(None, structure, spans, structure.rows_of(spans))
    for slow, run in ((1, recorded), (2, fresh)):
        order = retiming.order(replay(structure, over(slow), 1))
        assert [spans[row]["name"] for row in order] == [span.name for span in run.spans]


def staged(party):
    """Three children of three stages each, 2, 3 and 1 rounds long."""

    async def child():
        for rounds in (2, 3, 1):
            await party.stage()
            for _ in range(rounds):
                party.send((party.id + 1) % party.n, np.zeros(1000, np.uint8))
                await party.recv((party.id - 1) % party.n)

    return party.gather(child(), child(), child())


async def staged_program(party):
    await staged(party)
    await staged(party)  # the children of another gather are no siblings


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_children_in_stages_are_retimed(network):
    run = simulate(staged_program, network=Network("5 ms", "1 Mbit/s"), seed=1, trace=True)
    structure = build(run.events, ["party0", "party1", "party2"], measured=False)
    fresh = simulate(staged_program, network=Network(**network), seed=1, trace=True)
    assert replay(structure, Network(**network), 1).makespan_ns == fresh.makespan_ns


@pytest.mark.parametrize("value", [0, 3, 5, 99, None])
def test_a_stage_that_no_sibling_leaves_is_damage(value):
    events = list(simulate(staged_program, network=Network("5 ms"), trace=True).events)
    last = max(event["strand"] for event in events)
    for event in events:
        if event["kind"] == "stage" and event["strand"] == last:
            assert event["value"] == last - 1
            event["value"] = value
    with pytest.raises(InputError, match="damaged"):
        build(events, ["party0", "party1", "party2"], measured=False)
