"""What children of a gather share besides messages: counted, and replayed right or refused by name.

The case: party 0 listens to parties 1 and 2 at once, and the first to hear releases an answer to party 1.
Who is first, the network decides.
"""

import asyncio
import functools
from collections import deque

import numpy as np
import pytest
from random_programs import random_program

from analysis.replay.reading import build
from analysis.replay.stepping import replay
from analysis.replay.structure import NotRetimable
from mpcsim import Network, plugins, simulate
from mpcsim.faults.rules import Duplicate
from mpcsim.scenario import load_scenario
from mpcsim.scenario.workload import build_program, run_program
from scenarios import WORKLOADS

MS = 1_000_000
ROLES = ["party0", "party1", "party2"]
HEARD = []
WINNER = None


def over(one, two, back=10):
    """Return a network on which party 0 hears party 1 and party 2 after so many milliseconds."""
    ends = ((1, 0, one), (2, 0, two), (0, 1, back))
    return Network(links=[{"source": a, "to": b, "latency": f"{ms} ms"} for a, b, ms in ends])


class Flag:
    """A flag that two children share."""

    def __init__(self):
        self.set = False


class Slot:
    """A flag without a dict of attributes."""

    __slots__ = ("set",)

    def __init__(self):
        self.set = False


# How the first child to hear tells the other: what each way returns says whether nobody was before


def by_list():
    heard = []
    return lambda: not heard and not heard.append(1)


def by_dict():
    heard = {}
    return lambda: not heard and not heard.update(first=1)


def by_value_of_a_dict():
    heard = {"first": False}

    def first():
        was, heard["first"] = heard["first"], True
        return not was

    return first


def by_set():
    heard = set()
    return lambda: not heard and not heard.add(1)


def by_deque():
    left = deque([1])
    return lambda: bool(left and left.pop())


def by_bytes():
    heard = bytearray(1)

    def first():
        was, heard[0] = heard[0], 1
        return not was

    return first


def by_array():
    heard = np.zeros(2, bool)

    def first():
        was, heard[1] = heard[1], True
        return not was

    return first


def by_variable():
    heard = False

    def first():
        nonlocal heard
        was, heard = heard, True
        return not was

    return first


def by_attribute():
    flag = Flag()

    def first():
        was, flag.set = flag.set, True
        return not was

    return first


def by_slot():
    flag = Slot()

    def first():
        was, flag.set = flag.set, True
        return not was

    return first


def by_method():
    flag = Flag()
    flag.first = functools.partial(_first_of, flag)
    return flag.first


def _first_of(flag):
    was, flag.set = flag.set, True
    return not was


def by_default():
    def first(heard=[]):  # noqa: B006  # shared on purpose
        return not heard and not heard.append(1)

    return first


def by_attribute_of_a_function():
    def first():
        was, first.set = first.set, True
        return not was

    first.set = False
    return first


def by_event_that_is_asked():
    event = asyncio.Event()

    def first():
        was = event.is_set()
        event.set()
        return not was

    return first


def by_future_that_is_asked():
    future = asyncio.Future()
    return lambda: not future.done() and not future.set_result(1)


def by_deep_nesting():
    heard = {"a": [({"b": []},)]}
    return lambda: not heard["a"][0][0]["b"] and not heard["a"][0][0]["b"].append(1)


def by_global_list():
    HEARD.clear()
    return _first_by_global_list


def _first_by_global_list():
    return not HEARD and not HEARD.append(1)


def by_global_variable():
    global WINNER
    WINNER = None
    return _first_by_global_variable


def _first_by_global_variable():
    global WINNER
    was, WINNER = WINNER, 1
    return was is None


WAYS = [value for name, value in sorted(globals().items()) if name.startswith("by_")]


def first_of_two(way, nested=False):
    """Return a protocol in which the first child to hear sends an answer."""

    async def program(party):
        if party.id == 0:
            first = way()

            async def listen(source):
                await party.recv(source)
                if first():
                    with party.channel("answer"):
                        party.send(1, "answer")

            parts = [listen(1), listen(2)]
            if nested:
                parts = [party.gather(part) for part in parts]
            await party.gather(*parts)
        else:
            parts = telling(party)
            if nested:
                parts = [party.gather(part) for part in parts]
            await party.gather(*parts)
            if party.id == 1:
                with party.channel("answer"):
                    await party.recv(0)

    return program


async def tell(party):
    party.send(0, "here")


async def rest():
    pass


def telling(party):
    """Return the children of parties 1 and 2, each of which meets one child of party 0."""
    return [tell(party), rest()] if party.id == 1 else [rest(), tell(party)]


def structure_of(program, network, measured=False, **more):
    compute = "measured" if measured else "none"
    run = simulate(program, network=network, seed=1, trace=True, compute=compute, **more)
    return run, build(run.events, ROLES, measured=measured)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("nested", [False, True], ids=["children", "grandchildren"])
def test_the_first_of_several_is_replayed_right_or_refused_whatever_they_share(way, nested):
    program = first_of_two(way, nested)
    run, structure = structure_of(program, over(10, 5))
    assert run.makespan_ns == 15 * MS
    assert [one["party"] for one in run.shared] == ["party0"] * len(run.shared)
    assert run.shared
    for one, two in ((10, 5), (40, 39), (100, 1)):
        fresh = simulate(program, network=over(one, two), seed=1)
        assert replay(structure, over(one, two), 1).makespan_ns == fresh.makespan_ns
    for one, two in ((10, 100), (5, 10), (39, 40)):
        with pytest.raises(NotRetimable, match=f"sub-protocols of party0 share '{run.shared[0]['name']}'"):
            replay(structure, over(one, two), 1)


@pytest.mark.parametrize("way", [by_list, by_variable, by_attribute])
def test_measured_compute_is_held_to_the_same_order(way):
    _, structure = structure_of(first_of_two(way), over(10, 5), measured=True)
    assert replay(structure, over(10, 5), 1).times == structure.times
    assert replay(structure, over(30, 1), 1).makespan_ns > 30 * MS
    with pytest.raises(NotRetimable, match="share"):
        replay(structure, over(10, 100), 1)


def test_a_party_whose_children_write_on_it_is_seen():
    async def listen(party, source):
        await party.recv(source)
        if not hasattr(party, "heard"):
            party.heard = source
            with party.channel("answer"):
                party.send(1, "answer")

    async def program(party):
        if party.id == 0:
            await party.gather(listen(party, 1), listen(party, 2))
        else:
            await party.gather(*telling(party))
        if party.id == 1:
            with party.channel("answer"):
                await party.recv(0)

    run, structure = structure_of(program, over(10, 5))
    assert run.shared == [{"party": "party0", "name": "party"}]
    with pytest.raises(NotRetimable, match="share 'party'"):
        replay(structure, over(5, 10), 1)


@pytest.mark.parametrize("waits", ["future", "event", "queue", "lock"])
def test_what_waits_for_a_sibling_goes_on_at_its_depth_and_is_not_retimed(waits):
    async def program(party):
        if party.id == 0:
            future, event, queue = asyncio.Future(), asyncio.Event(), asyncio.Queue()
            lock = asyncio.Lock()
            await lock.acquire()
            tells = {"future": lambda: future.set_result(1), "event": event.set, "lock": lock.release,
                     "queue": lambda: queue.put_nowait(1)}  # fmt: skip
            awaits = {
                "future": lambda: future,
                "event": event.wait,
                "lock": lock.acquire,
                "queue": queue.get,
            }

            async def hear():
                await party.recv(2)
                tells[waits]()

            async def answer():
                await awaits[waits]()
                with party.channel("answer"):
                    party.send(1, "answer")

            await party.gather(answer(), hear())
        elif party.id == 1:
            with party.channel("answer"):
                await party.recv(0)
        else:
            await party.gather(*telling(party))

    run = simulate(program, network=over(10, 5), seed=1, trace=True)
    assert (run.rounds, run.makespan_ns) == (2, 15 * MS)
    with pytest.raises(NotRetimable, match="something of asyncio"):
        build(run.events, ROLES, measured=False)
    assert simulate(program, network=over(10, 5), seed=1, clock="wall").rounds == 2


def test_a_child_that_looks_again_and_again_counts_what_it_saw_and_is_refused_where_it_would_look_more():
    async def program(party):
        if party.id == 0:
            heard = []

            async def hear():
                heard.append(await party.recv(2))

            async def answer():
                while not heard:
                    await party.sleep("2 ms")
                with party.channel("answer"):
                    party.send(1, "answer")

            await party.gather(answer(), hear())
        elif party.id == 1:
            with party.channel("answer"):
                await party.recv(0)
        else:
            await party.gather(*telling(party))

    run, structure = structure_of(program, over(10, 5))
    assert (run.rounds, run.makespan_ns) == (2, 16 * MS)
    fresh = simulate(program, network=over(10, 5, back=30), seed=1)
    assert replay(structure, over(10, 5, back=30), 1).makespan_ns == fresh.makespan_ns == 36 * MS
    with pytest.raises(NotRetimable, match="share 'heard'"):
        replay(structure, over(10, 9), 1)


def test_what_a_parent_reads_after_its_children_is_held_to_their_order():
    async def program(party):
        if party.id == 0:
            order = []

            async def hear(source):
                await party.recv(source)
                order.append(source)

            await party.gather(hear(1), hear(2))
            party.send(order[0], "first")
            party.send(order[1], np.zeros(1000))
        else:
            await party.gather(*telling(party))
            await party.recv(0)

    _, structure = structure_of(program, over(10, 5))
    assert replay(structure, over(50, 20), 1).makespan_ns == 60 * MS
    with pytest.raises(NotRetimable, match="share 'order'"):
        replay(structure, over(5, 10), 1)


def test_duplicates_and_something_shared_are_refused_together():
    async def program(party):
        if party.id == 0:
            heard = []

            async def hear(source):
                heard.append(await party.recv(source))
                heard.append(await party.recv(source))

            await party.gather(hear(1), hear(2))
        else:
            await party.gather(*telling(party))

    _, structure = structure_of(program, over(10, 5), faults=[Duplicate()])
    with pytest.raises(NotRetimable, match="share 'heard'"):
        replay(structure, over(10, 5), 1, [Duplicate()])


# What shares nothing that changes


async def reading(party):
    """Three children that read one model, and return what they find."""
    model = {"weights": [np.arange(20.0), (1, 2)], "settings": Flag(), "table": {1: [2]}}

    async def part(number):
        party.send((party.id + 1) % 3, model["weights"][0] * number)
        got = await party.recv((party.id - 1) % 3)
        mine = [got.sum() + model["table"][1][0]]
        mine.append(model["settings"].set)
        return mine

    await party.gather(*(part(number) for number in range(3)))


@pytest.mark.parametrize("seed", range(6))
def test_programs_that_share_nothing_that_changes_are_retimed(seed):
    program = random_program(seed) if seed else reading
    run, structure = structure_of(program, Network("5 ms", "3 Mbit/s"))
    assert run.shared == []
    target = Network("1 ms", "9 Mbit/s", links=[{"source": 1, "latency": "70 ms"}])
    fresh = simulate(program, network=target, seed=1)
    assert replay(structure, target, 1).makespan_ns == fresh.makespan_ns


def ring_that_shares(seed):
    """Children exchange messages in a ring and let what they share decide what they send."""
    sizes = np.random.default_rng(seed).integers(1, 3000, (3, 3, 4))

    async def program(party):
        shared = {"sum": 0, "log": []}

        async def part(number):
            for step in range(3):
                size = int(sizes[party.id, number, step])
                if number % 2 and shared["sum"] % 3 == 1:
                    size += 1000
                shift = 1 + number % 2
                party.send((party.id + shift) % 3, np.zeros(size, np.uint8))
                got = await party.recv((party.id - shift) % 3)
                if number < 2:
                    shared["sum"] += len(got)
                    shared["log"].append(number)

        await party.gather(*(part(number) for number in range(3)))

    return program


def test_random_sharing_is_replayed_right_or_refused():
    replayed = refused = other = 0
    for seed in range(30):
        program = ring_that_shares(seed)
        networks = [_ring_of_links(seed, kind) for kind in range(8)]
        recorded, structure = structure_of(program, networks[0])
        for network in networks:
            fresh = simulate(program, network=network, seed=1, trace=True)
            sent = sends_of(fresh)
            other += sorted(size for _, size in sends_of(recorded)) != sorted(size for _, size in sent)
            try:
                timing = replay(structure, network, 1)
            except NotRetimable:
                refused += 1
                continue
            replayed += 1
            assert timing.makespan_ns == fresh.makespan_ns
            sends = structure.sends.values()
            assert sorted((timing.times[at], structure.ops[at][3]) for at in sends) == sent
    assert min(replayed, refused, other) >= 10


def sends_of(run):
    """Return (time, wire bytes) of every message."""
    return sorted((event["t"], event["wire_bytes"]) for event in run.events if event["kind"] == "send")


def _ring_of_links(seed, kind):
    draw = np.random.default_rng([seed, kind])
    base, rate = draw.integers(1, 9), draw.integers(1, 20)
    ends = [{"source": a, "to": b, "latency": f"{base + draw.integers(0, 1 + 4 * (kind % 2))} ms"}
            for a in range(3) for b in range(3) if a != b]  # fmt: skip
    return Network("1 ms", f"{rate} Mbit/s", links=ends)


SHIPPED = [
    ("pomic_inference", ["data.count=4", "inference.batch=2"]),
    ("training_step", []),
    *(("microbench", [f"workload.op={op}"]) for op in ("div", "softmax", "argmax", "maxpool")),
]


@pytest.mark.parametrize(("name", "overrides"), SHIPPED, ids=lambda value: str(value))
def test_shipped_scenarios_share_nothing_that_changes(name, overrides):
    scenario = load_scenario(name, overrides, search=plugins.scenario_folders())
    run = run_program(build_program(scenario, WORKLOADS), scenario)
    assert (run.shared, run.clock_reads) == ([], 0)
    assert any(event["kind"] == "fork" and event["value"] > 1 for event in run.events)
