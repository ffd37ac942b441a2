"""Random programs over random networks: the engine and a simulator written from its documentation agree.

Programs cannot deadlock: their steps are drawn in one order of all parties, a receive after its send, so
that this order itself is a way to run them. Each pair of strands talks on a channel of its own.
"""

from dataclasses import dataclass, field
from functools import cache
from random import Random

import pytest
from independent import LAWS, Net, totals

from mpcsim import Network, simulate

PROGRAMS = 800
RATES = {
    "unlimited": None,
    "3333 bit/s": 3_333,
    "8 kbit/s": 8_000,
    "1 Mbit/s": 1_000_000,
    "7.5 Mbit/s": 7_500_000,
    "220 Mbit/s": 220_000_000,
    "3 Gbit/s": 3_000_000_000,
}
TIMES = {
    "0 s": 0,
    "1 ns": 1,
    "17 us": 17_000,
    "1 ms": 1_000_000,
    "10.25 ms": 10_250_000,
    "88.5 ms": 88_500_000,
    "2 s": 2_000_000_000,
}


# Programs


@dataclass(eq=False)
class _Strand:
    party: int
    steps: list = field(default_factory=list)
    unread: int = 0  # messages on their way to it that it will receive


class _Draw:
    """A program as it is drawn: strands that can go on, gathers, and messages that are on their way."""

    def __init__(self, random: Random, parties: int):
        self.random = random
        self.roots = self.open = [_Strand(party) for party in range(parties)]
        self.gathers: list[tuple[_Strand, list[_Strand]]] = []  # (parent, children)
        self.channels: dict[tuple[_Strand, _Strand], str] = {}
        self.choices = 0
        self.unread: list[tuple[_Strand, _Strand]] = []  # (from, to) of each message

    def program(self):
        moves = (self.send, self.receive, self.sleep, self.gather, self.join, self.choose)
        for _ in range(self.random.choice((10, 60, 250))):
            self.random.choices(moves, (35, 45, 8, 8, 12, 6))[0]()
        while self.unread:  # a message that nobody reads is refused
            self.receive()
        return [strand.steps for strand in self.roots]

    def size(self):
        if self.random.random() < 0.2:
            return self.random.choice((0, 1, 255, 256, 65_535, 65_536, 100_000))
        return self.random.randrange(self.random.choice((20, 300, 3_000, 20_000, 100_001)))

    def send(self):
        """Send to a strand of another party that is there now, which receives some time later."""
        source = self.random.choice(self.open)
        others = [strand for strand in self.open if strand.party != source.party]
        if others:
            pair = (source, self.random.choice(others))
            channel = self.channels.setdefault(pair, f"pair {len(self.channels)}")
            for _ in range(self.random.choice((1, 1, 1, 2, 5))):
                source.steps.append(("send", pair[1].party, channel, self.size()))
                self.unread.append(pair)
                pair[1].unread += 1

    def receive(self):
        if self.unread:
            pair = self.unread.pop(self.random.randrange(len(self.unread)))
            pair[1].steps.append(("recv", pair[0].party, self.channels[pair]))
            pair[1].unread -= 1

    def choose(self):
        """Have several strands send to one that takes what comes first, sleeps, and takes the others."""
        strand = self.random.choice(self.open)
        others = {one.party: one for one in self.open if one.party != strand.party}
        if others:
            self.choices += 1
            for source in others.values():
                source.steps.append(("send", strand.party, f"any {self.choices}", self.size()))
            for place in range(len(others)):
                wait = place * self.random.choice((0, 1, 100_000_000))
                strand.steps.append(("any", sorted(others), f"any {self.choices}", wait))

    def sleep(self):
        time = self.random.choice((0, 1, 1_000_000, 10_250_000, self.random.randrange(200_000_000)))
        self.random.choice(self.open).steps.append(("sleep", time))

    def gather(self):
        """Open a gather of up to four children; what its parent is to receive would have to wait."""
        parent = self.random.choice(self.open)
        if not parent.unread:
            children = [_Strand(parent.party) for _ in range(self.random.randrange(5))]
            parent.steps.append(("gather", [child.steps for child in children]))
            if children:
                self.open = [strand for strand in self.open if strand is not parent] + children
                self.gathers.append((parent, children))

    def join(self):
        """Close a gather whose children have no gather open and nothing to receive."""
        ready = [
            (parent, children)
            for parent, children in self.gathers
            if all(child in self.open and not child.unread for child in children)
        ]
        if ready:
            parent, children = self.random.choice(ready)
            self.gathers.remove((parent, children))
            self.open = [strand for strand in self.open if strand not in children] + [parent]


async def _play(party, steps):
    """Run steps as a protocol of the engine."""
    for kind, *arguments in steps:
        if kind == "send":
            to, channel, size = arguments
            with party.channel(channel):
                party.send(to, bytes(size))
        elif kind == "recv":
            source, channel = arguments
            with party.channel(channel):
                await party.recv(source)
        elif kind == "any":
            sources, channel, each = arguments
            with party.channel(channel):
                source, _ = await party.recv_any(sources)
            await party.sleep(f"{source * each} ns")
        elif kind == "sleep":
            await party.sleep(f"{arguments[0]} ns")
        else:
            await party.gather(*(_play(party, child) for child in arguments[0]))


# Networks


def _value(random, name):
    """Return a latency or a bandwidth as text and as a number."""
    return random.choice(list((TIMES if name == "latency" else RATES).items()))


def _network(random, parties):
    """Return (a network, the same by numbers, its faults as tables)."""
    text: dict = {}
    numbers: dict = {}
    square = range(parties)
    for name in ("latency", "bandwidth"):
        if random.random() < 0.3:
            rows = [[_value(random, name) for _ in square] for _ in square]
            text[name] = [[cell[0] for cell in row] for row in rows]
            numbers[name] = [[cell[1] for cell in row] for row in rows]
        else:
            text[name], number = _value(random, name)
            numbers[name] = [[number] * parties for _ in square]
    if random.random() < 0.5:
        text["links"], numbers["links"] = [], []
        for name in ("latency", "bandwidth"):
            named = random.randrange(2)  # of entries that name one end, all name the same side
            ends = [tuple(random.sample(square, 2)) for _ in range(3)]
            ends += [(end, None) if named else (None, end) for end in random.sample(square, 2)]
            ends += [(None, None)] * (random.random() < 0.2)
            for source, to in set(random.sample(ends, random.randrange(len(ends)))):
                words, number = _value(random, name)
                entry = {"source": source, "to": to, name: words}
                text["links"].append({key: value for key, value in entry.items() if value is not None})
                numbers["links"].append((source, to, name, number))
    text["sharing"] = numbers["sharing"] = random.choice(("uplink", "uplink", "link"))
    text["overhead_bytes"] = numbers["overhead"] = random.choice((0, 0, 40, 66))
    text["segment_bytes"] = numbers["segment"] = random.choice((None, None, 1, 536, 1460))
    faults, numbers["delays"] = [], []
    for _ in range(random.choice((0, 0, 0, 1, 3))):
        (source, to), (words, time) = random.sample(square, 2), random.choice(list(TIMES.items())[1:])
        message = random.randrange(3)
        if all(delay[:3] != (source, to, message) for delay in numbers["delays"]):
            faults.append({"kind": "delay", "source": source, "to": to, "messages": message, "by": words})
            numbers["delays"].append((source, to, message, time))
    return Network(**text), Net(**numbers), faults


# The comparison


@cache
def _case(seed):
    """Return (program, network, the network by numbers, faults)."""
    random = Random(seed)
    parties = random.randrange(2, 7)
    return _Draw(random, parties).program(), *_network(random, parties)


def _engine(programs, network, faults):
    run = simulate(
        lambda party: _play(party, programs[party.id]),
        parties=len(programs),
        network=network,
        faults=faults,
    )
    return run.makespan_ns, run.rounds, run.messages, run.payload_bytes, run.wire_bytes


@pytest.mark.parametrize("first", range(0, PROGRAMS, 100))
def test_the_engine_and_an_independent_simulator_agree_on_random_programs(first):
    for seed in range(first, first + 100):
        programs, network, net, faults = _case(seed)
        assert _engine(programs, network, faults) == totals(programs, net), f"seed {seed}"


# Two strands of one party send at one time, and the answer to one of them ends the run.
SAME_TIME = [
    [  # a child wakes, and forks: its own child sends before the sibling that wakes at the same time
        [
            (
                "gather",
                [[("sleep", 5), ("gather", [[("send", 1, "a", 9)]])], [("sleep", 5), ("send", 1, "b", 9)]],
            )
        ],
        [("recv", 0, "b"), ("send", 2, "c", 0), ("recv", 0, "a")],
        [("recv", 1, "c")],
    ],
    [  # a sleep of no time is an event: a grandchild starts before it ends
        [("gather", [[("sleep", 0), ("send", 1, "a", 9)], [("gather", [[("send", 1, "b", 9)]])]])],
        [("recv", 0, "a"), ("send", 2, "c", 0), ("recv", 0, "b")],
        [("recv", 1, "c")],
    ],
]


@pytest.mark.parametrize("programs", SAME_TIME)
def test_strands_that_start_or_go_on_take_no_turn_among_events_of_the_same_time(programs):
    net = Net([[0] * 3] * 3, [[8_000] * 3] * 3)
    assert _engine(programs, Network(bandwidth="8 kbit/s"), ()) == totals(programs, net)
    assert totals(programs, net) != totals(programs, net, "turns")


@pytest.mark.parametrize("law", [law for law in LAWS if law != "turns"])
def test_the_comparison_sees_each_law_that_a_simulator_does_not_keep(law):
    cases = (_case(seed) for seed in range(PROGRAMS))
    assert any(totals(programs, net, law) != totals(programs, net) for programs, _, net, _ in cases)


def _gathers(steps):
    """Return how deep gathers nest in steps."""
    return max(
        (1 + max(map(_gathers, step[1]), default=0) for step in steps if step[0] == "gather"), default=0
    )


def test_programs_and_networks_are_of_all_kinds():
    cases = [_case(seed) for seed in range(PROGRAMS)]
    assert {len(programs) for programs, *_ in cases} == {2, 3, 4, 5, 6}
    assert max(_gathers(steps) for programs, *_ in cases for steps in programs) >= 3
    assert {net.sharing for *_, net, _ in cases} == {"uplink", "link"}
    for kind in ("overhead", "segment", "links", "delays"):
        assert 0.1 < sum(bool(getattr(net, kind)) for *_, net, _ in cases) / PROGRAMS < 0.9
    runs = [totals(programs, net) for programs, _, net, _ in cases]
    assert max(rounds for _, rounds, *_ in runs) > 10
    assert sum(messages > 100 for _, _, messages, *_ in runs) > PROGRAMS / 10
