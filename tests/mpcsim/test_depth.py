"""Rounds after errors, cancellations and crashes: the longest chain of causes, whoever learned of what.

The oracle is a graph drawn from a run's events: what a strand did before, what its message carried, what
its children knew when they ended, and what the error that cancelled it came from.
"""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass

import pytest

from mpcsim import DeadlockError, Network, RecvTimeout, simulate
from mpcsim.faults.rules import Crash

MS = 1_000_000
TEN = Network("10 ms")


class Broken(Exception):
    """What a child raises."""


def longest_chains(events):
    """Return the depth of each event, by the definition: the most messages on a path of causes to it."""
    events = list(events)
    depths, last, sent = {}, {}, {}
    forks, ended = {}, {}
    raised = {}  # parent strand -> depth at which a child of its gather raised
    parents = {}
    for number, event in enumerate(events):
        strand, kind = event["strand"], event["kind"]
        depth = last.get(strand, 0)
        if kind == "start":
            parents[strand] = event["value"]
            depth = last.get(event["value"], 0)
        elif strand in forks and kind != "fault":  # it goes on: after its children, however they ended
            depth = max([depth, *(ended[child] for child in forks.pop(strand))])
        if kind == "recv":
            depth = max(depth, sent[event["message"]])
        elif kind == "send":
            sent[event["message"]] = depth + 1
        elif kind == "fork":
            forks[strand] = range(event["peer"], event["peer"] + event["value"])
        elif kind == "cancel":
            place = parents[strand]
            while place is not None and place not in raised:
                place = parents[place]
            depth = max(depth, raised.get(place, 0))
        if kind == "end" and event["value"] is not None:
            raised[parents[strand]] = depth
        if kind == "fork":
            raised.pop(strand, None)
        last[strand] = ended[strand] = depth
        depths[number] = sent[event["message"]] if kind == "send" else depth
    return depths


def checked(program, parties=3, network=TEN, **more):
    """Run a program, hold the depth of every event to the definition, and return the run."""
    run = simulate(program, parties=parties, network=network, seed=1, trace=True, **more)
    chains = longest_chains(run.events)
    assert [event["depth"] for event in run.events] == list(chains.values())
    ends = [depth for number, depth in chains.items() if run.events[number]["kind"] in ("end", "cancel")]
    assert run.rounds <= max(ends)
    return run


async def hear_and_raise(party):
    await hear(party)
    raise Broken


async def hear(party):
    with party.channel("ask"):
        await party.recv(1)


async def raise_later(party):
    await party.sleep("15 ms")
    raise Broken


async def stay(party):
    await party.recv(1)


async def hear_and_stay(party):
    await hear(party)
    await stay(party)


async def nested(party):
    with suppress(Broken):
        await party.gather(hear_and_raise(party), stay(party))
    raise Broken


CHILDREN = {
    "it raises": lambda party: [hear_and_raise(party)],
    "it raises beside one that waits": lambda party: [stay(party), hear_and_raise(party)],
    "it has ended when another raises": lambda party: [hear(party), raise_later(party)],
    "it is cancelled by another that raises": lambda party: [hear_and_stay(party), raise_later(party)],
    "a child of it is cancelled": lambda party: [
        party.gather(stay(party), hear_and_stay(party)), raise_later(party)
    ],
    "a child of it raises": lambda party: [party.gather(hear_and_raise(party), stay(party))],
    "a child of it raises, and then it does": lambda party: [nested(party)],
}  # fmt: skip


@pytest.mark.parametrize("case", CHILDREN)
def test_a_party_that_catches_an_error_has_heard_what_its_children_had(case):
    async def program(party):
        if party.id == 1:
            with party.channel("ask"):
                party.send(0, "ask")
            return await party.recv(0)
        with party.span("asked"), suppress(Broken):
            await party.gather(*CHILDREN[case](party))
        with party.span("answers"):
            party.send(1, "answer")
        return None

    run = checked(program, parties=2)
    assert (run.rounds, run.makespan_ns >= 20 * MS) == (2, True)
    assert run.span("asked").rounds == 1
    assert run.span("answers").rounds == 0  # the message leaves it, at depth 2


def test_what_a_cancelled_child_still_sends_comes_after_the_error_that_cancelled_it():
    """The error comes from what party 1 sent; the `finally` of a sibling tells party 2, which answers 1."""

    async def tell(party):
        try:
            await party.recv(2)
        finally:
            with party.channel("news"), party.span("cleans up"):
                party.send(2, "over")

    async def program(party):
        if party.id == 0:
            with suppress(Broken):
                await party.gather(party.gather(tell(party)), hear_and_raise(party))
        elif party.id == 1:
            with party.channel("ask"):
                party.send(0, "ask")
            await party.recv(2)
        else:
            with party.channel("news"):
                await party.recv(0)
            party.send(1, "done")

    run = checked(program)
    assert (run.rounds, run.makespan_ns) == (3, 30 * MS)


def test_a_timeout_adds_no_message_to_the_chain_and_a_party_goes_on_from_what_it_had():
    async def program(party):
        if party.id == 0:
            await party.recv(1)
            with pytest.raises(RecvTimeout):
                await party.recv(2, timeout="5 ms")
            party.send(1, "gave up")
            await party.recv(2)
        elif party.id == 1:
            party.send(0, "ask")
            await party.recv(0)
        else:
            await party.sleep("20 ms")
            party.send(0, "late")

    run = checked(program)
    assert run.rounds == 2


@pytest.mark.parametrize("trigger", [{"at": "45 ms"}, {"after_messages": 2}])
def test_a_crash_inside_a_gather_counts_what_the_party_had_heard_by_then(trigger):
    async def bounce(party):
        for _ in range(2):
            await party.recv(1)
            party.send(1, "back")
        await party.recv(1)

    async def program(party):
        if party.id == 0:
            await party.gather(stay(party), party.gather(bounce(party)))
        else:
            with suppress(RecvTimeout):
                await party.gather(party.sleep(0), party.gather(play(party)))

    async def play(party):
        for _ in range(2):
            party.send(0, "forth")
            await party.recv(0, timeout="1 s")
        await party.recv(0, timeout="1 s")

    run = checked(program, parties=2, faults=[Crash(party=0, **trigger)])
    assert [fault["kind"] for fault in run.faults] == ["crash"]
    assert run.rounds == 4


def random_failing(seed):
    """Return a protocol whose children raise at random, under gathers that catch, at all levels."""

    async def part(party, draw, level):
        for place in range(draw.randrange(1, 4)):
            kind = draw.randrange(6 if level < 3 else 4)
            with party.span(f"step{place}"):
                if kind == 0:
                    await party.sleep(draw.randrange(30) / 1e3)
                elif kind <= 3:
                    party.send((party.id + 1) % party.n, draw.randrange(100))
                    with suppress(RecvTimeout):
                        await party.recv((party.id - 1) % party.n, timeout=draw.randrange(5, 60) / 1e3)
                else:
                    children = range(draw.randrange(1, 4))
                    with suppress(Broken):
                        await party.gather(
                            *(part(party, random.Random(f"{seed}/{level}/{place}/{child}"), level + 1)
                              for child in children)
                        )  # fmt: skip
        if level and draw.random() < 0.4:
            raise Broken

    return lambda party: part(party, random.Random(seed), 0)


def test_depths_are_the_longest_chains_of_messages_whatever_fails():
    cancelled = 0
    for seed in range(150):
        jitter = {"distribution": "exponential", "scale": "9 ms"}
        try:
            checked(random_failing(seed), network=Network("5 ms", jitter=jitter))
        except DeadlockError as error:  # what came after its timeout was not read
            run = error.run
            chains = longest_chains(run.events)
            assert [event["depth"] for event in run.events] == list(chains.values())
            assert run.rounds == max(chains[number] for number, event in enumerate(run.events)
                                     if event["kind"] == "end" and event["strand"] < 3)  # fmt: skip
            cancelled += sum(event["kind"] == "cancel" for event in run.events)
    assert cancelled > 100


# Futures of asyncio


def released(way):
    """Return a protocol: a child hears party 2 and releases, by `way`, another that answers party 1."""

    async def program(party):
        if party.id == 0:
            box = Hidden({})

            async def hear():
                with party.channel("ask"):
                    await party.recv(2)
                    await party.recv(2)
                way.release(box)

            async def answer():
                await way.wait(box)
                with party.channel("answer"):
                    party.send(1, "answer")

            await party.gather(answer(), hear(), party.sleep("3 ms"))
        elif party.id == 1:
            with party.channel("answer"):
                await party.recv(0)
            with party.channel("back"):
                party.send(2, "go on")
        else:
            with party.channel("ask"):
                party.send(0, "one")
                party.send(0, "two")
            with party.channel("back"):
                await party.recv(1)

    return program


@dataclass(frozen=True)
class Hidden:
    """Where the engine does not look for what children share."""

    things: dict


class ByFuture:
    """The future is made by who waits."""

    @staticmethod
    async def wait(box):
        box.things["it"] = asyncio.get_running_loop().create_future()
        await box.things["it"]

    @staticmethod
    def release(box):
        box.things["it"].set_result(1)


class ByError(ByFuture):
    """The one who waits gets an error, and goes on."""

    @staticmethod
    async def wait(box):
        with suppress(Broken):
            await ByFuture.wait(box)

    @staticmethod
    def release(box):
        box.things["it"].set_exception(Broken())


class ByCallback(ByFuture):
    """One future releases another, some callbacks and a timer later."""

    @staticmethod
    def release(box):
        loop, first = asyncio.get_running_loop(), asyncio.Future()
        first.add_done_callback(lambda _: loop.call_later(0.002, loop.call_soon, ByFuture.release, box))
        first.set_result(1)


class ByLock:
    """A lock that is held until the message is there."""

    @staticmethod
    async def wait(box):
        box.things["it"] = asyncio.Lock()
        await box.things["it"].acquire()
        await box.things["it"].acquire()

    @staticmethod
    def release(box):
        box.things["it"].release()


@pytest.mark.parametrize("way", [ByFuture, ByError, ByCallback, ByLock])
@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_who_waits_for_a_future_goes_on_at_the_depth_of_who_released_it(way, clock):
    network = Network("4 ms")
    assert simulate(released(way), network=network, seed=1, clock=clock).rounds == 3


def test_a_timer_of_asyncio_adds_nothing_and_others_that_run_by_then_are_no_cause():
    async def program(party):
        async def chat():
            for _ in range(3):
                party.send(1 - party.id, 1)
                await party.recv(1 - party.id)

        async def wait():
            await asyncio.sleep(0.05)
            party.send(1 - party.id, "late")
            await party.recv(1 - party.id)

        await party.gather(chat(), party.gather(wait()))

    for clock in ("virtual", "wall"):
        run = simulate(program, parties=2, network=Network("2 ms"), seed=1, trace=True, clock=clock)
        late = [
            event["depth"]
            for event in run.events
            if event["kind"] == "send" and event["channel"] == "/0.1/0.0"
        ]
        assert (run.rounds, late) == (3, [1, 1])
