"""One uplink for all links of a party, those without a limit included: engine, replay and critical path."""

import random

import numpy as np
import pytest
from random_programs import random_program

from analysis.critical.halving import doubled_bandwidth, halvings
from analysis.critical.path import Walker
from analysis.replay.reading import build
from analysis.replay.stepping import replay
from mpcsim import Network, simulate
from mpcsim.faults.rules import Partition

NEVER = Partition(start="900000 s")
STILL = {"distribution": "uniform", "maximum": "0 ms"}
EFFECTS = {
    "nothing": ({}, ()),
    "jitter of nothing": ({"jitter": STILL}, ()),
    "jitter of nothing on one link": ({"more": {"source": 1, "to": 0, "jitter": STILL}}, ()),
    "a loss that never strikes": ({"loss": 1e-30, "retransmission_timeout": "1 s"}, ()),
    "a fault that never acts": ({}, (NEVER,)),
}
"""What leaves every arrival as it is; all but the first take the way of networks that draw or fail."""


def built(table, effect):
    """Return (network, faults): a table of a network with an effect that changes nothing."""
    more, faults = EFFECTS[effect]
    more = dict(more)
    extra = more.pop("more", None)
    links = [*table.get("links", ()), *([extra] if extra else [])]
    return Network(**{**table, **more, "links": links}), faults


def random_network(draw, parties):
    """Return a table of links of all rates, some without limit, by matrix or by entries."""
    rates = ["unlimited", "1 Mbit/s", "3 Mbit/s", "700 kbit/s"]
    table = {"sharing": draw.choice(["uplink", "uplink", "link"]), "latency": draw.choice(["0 s", "2 ms"])}
    if draw.random() < 0.5:
        table["bandwidth"] = [[draw.choice(rates) for _ in range(parties)] for _ in range(parties)]
        table["latency"] = [[f"{draw.randrange(9)} ms" for _ in range(parties)] for _ in range(parties)]
    else:
        table["bandwidth"] = draw.choice(rates)
        pairs = [(a, b) for a in range(parties) for b in range(parties) if a != b]
        table["links"] = [
            {"source": a, "to": b, "bandwidth": draw.choice(rates)} for a, b in draw.sample(pairs, 3)
        ]
    if draw.random() < 0.5:
        table |= {"overhead_bytes": 40, "segment_bytes": draw.choice([100, 1460])}
    return table


def two_sends(party):
    """Party 0 sends 1001 bytes of wire to party 1, then a byte to party 2; they return when it came."""

    async def program():
        if party.id == 0:
            party.send(1, np.zeros(978, np.uint8))
            party.send(2, b"x")
            return None
        await party.recv(0)
        return round(party.now * 1e9)

    return program()


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize(("sharing", "arrival"), [("uplink", 1_001_000_000), ("link", 0)])
@pytest.mark.parametrize("described", ["by entry", "by matrix"])
def test_a_link_without_limit_waits_for_its_uplink(effect, sharing, arrival, described):
    """1001 bytes at 8 kbit/s keep the uplink for 1.001 s; a message that takes no time goes then."""
    if described == "by entry":
        table = {"bandwidth": "8 kbit/s", "links": [{"source": 0, "to": 2, "bandwidth": "unlimited"}]}
    else:
        table = {"bandwidth": [["unlimited", "8 kbit/s", "unlimited"]] * 3}
    network, faults = built(table | {"sharing": sharing}, effect)
    run = simulate(two_sends, network=network, faults=faults, seed=1, trace=True)
    assert run.outputs == [None, 1_001_000_000, arrival]
    structure = build(run.events, ["party0", "party1", "party2"], measured=False)
    timing = replay(structure, network, 1, faults)
    assert timing.times == structure.times
    first, second = structure.sends.values()
    walker = Walker(structure, timing, network)
    assert walker.sent(first) == (0, 1_001_000_000)
    assert walker.sent(second) == (arrival, arrival)
    assert walker.message(second)["queueing"] == arrival
    assert sum(walker.message(second).values()) == arrival


def arrivals(run):
    return [(event["t"], event["arrival"]) for event in run.events if event["kind"] == "send"]


@pytest.mark.parametrize("seed", range(12))
def test_every_path_through_the_emulator_gives_the_same_arrivals_on_any_links(seed):
    draw = random.Random(seed)
    parties = draw.choice([3, 4])
    table, program = random_network(draw, parties), random_program(seed)
    plain, _ = built(table, "nothing")
    want = simulate(program, parties=parties, network=plain, seed=3, trace=True)
    other = simulate(program, parties=parties, network=Network("7 ms", "9 Mbit/s"), seed=3, trace=True)
    structure = build(other.events, [f"party{id}" for id in range(parties)], measured=False)
    parts = None
    for effect in EFFECTS:
        network, faults = built(table, effect)
        run = simulate(program, parties=parties, network=network, seed=3, faults=faults, trace=True)
        assert arrivals(run) == arrivals(want)
        timing = replay(structure, network, 3, () if NEVER in faults else faults)
        assert timing.makespan_ns == want.makespan_ns
        walker = Walker(structure, timing, network)
        sends = [walker.message(send) for send in structure.sends.values()]
        found = (walker.run().parts, sends)
        assert found == (parts or found)
        assert all(min(pieces.values()) >= 0 for pieces in sends)
        parts = found


@pytest.mark.parametrize("seed", range(4))
def test_segments_of_measured_compute_meet_the_same_uplink(seed):
    draw = random.Random(seed)
    table = random_network(draw, 3)
    run = simulate(random_program(seed), network=Network("1 ms"), seed=3, compute="measured", trace=True)
    structure = build(run.events, ["party0", "party1", "party2"], measured=True)
    makespans = set()
    for effect in EFFECTS:
        network, faults = built(table, effect)
        makespans.add(replay(structure, network, 3, faults).makespan_ns)
    assert len(makespans) == 1


def test_twice_the_bandwidth_halves_the_wait_for_the_uplink_of_a_link_without_limit():
    table = {"bandwidth": "8 kbit/s", "links": [{"source": 0, "to": 2, "bandwidth": "unlimited"}]}
    network = Network(**table)
    run = simulate(two_sends, network=network, seed=1, trace=True)
    structure = build(run.events, ["party0", "party1", "party2"], measured=False)
    second = list(structure.sends.values())[1]
    assert replay(structure, doubled_bandwidth(network), 1).arrivals[second] == 500_500_000
    assert halvings(structure, network, 1, ())["bandwidth"].makespan_ns == 500_500_000
