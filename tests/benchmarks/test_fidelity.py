"""The rig that plays runs over real TCP: its parts, and itself where it may run."""

from collections import deque

import pytest

from analysis.replay import replay
from benchmarks.fidelity.cases import PARTIES, PATTERNS, predict, structure, twice
from benchmarks.fidelity.namespaces import Namespaces, NotPossible, refusal
from benchmarks.fidelity.player import _Game
from benchmarks.fidelity.rig import Rig
from mpcsim import Network

NETWORK = Network(latency="10 ms", bandwidth="50 Mbit/s")


@pytest.mark.parametrize("name", [*PATTERNS, "pomic_inference"])
def test_a_run_done_twice_takes_the_same_time_over_the_link_law(name):
    """The second time begins when the first has ended, and the link law remembers nothing."""
    one = structure(name, 5000)
    first = replay(one, NETWORK)
    borders = [*one.first, len(one.ops)]
    ends = [first.times[borders[party + 1] - 1] for party in range(len(one.roles))]
    start = first.makespan_ns + 10**9
    assert replay(twice(one, ends, start), NETWORK).makespan_ns - start == first.makespan_ns


def test_on_the_same_connections_a_message_finds_the_window_open_and_after_a_pause_not():
    one = structure("message", 200_000)
    fresh, soon, late = (
        predict(one, "10 ms", "50 Mbit/s", mode, pause)[1]
        for mode, pause in (("fresh", 0), ("again", 10**7), ("again", 10**10))
    )
    assert soon < late == pytest.approx(fresh, rel=0.02)


@pytest.mark.parametrize("name", [*PATTERNS, "pomic_inference"])
def test_players_come_to_the_end_of_what_they_play(name):
    """Messages are handed from player to player at once; every one that the run sent is sent."""
    one = structure(name, 5000)
    flying: deque[tuple[int, int]] = deque()
    games = [
        _Game(one, party, lambda to, box, size: flying.append((to, box)), 0)
        for party in range(len(one.roles))
    ]
    for game in games:
        game.run()
    count = 0
    while flying:
        to, box = flying.popleft()
        count += 1
        games[to].deliver(box)
        games[to].run()
    assert all(game.finished for game in games)
    assert count == len(one.sends)


def test_where_it_cannot_run_it_says_what_is_needed(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    why = refusal()
    assert why is not None
    with pytest.raises(NotPossible, match="TUN devices"):
        Namespaces(2)


@pytest.mark.skipif(refusal() is not None, reason=str(refusal()))
def test_a_message_over_real_tcp_is_no_earlier_than_the_link_lets_it():
    """How near it is is a benchmark's affair; other programs of this machine may make it late."""
    one = structure("message", 100_000)
    with Rig(PARTIES) as rig:
        rig.shape(10_000_000, 50_000_000)
        rig.load("message", one)
        rig.connect()
        rig.space.lateness()
        real = rig.play("message")
        seen = rig.space.lateness()
    ideal, _ = predict(one, "10 ms", "50 Mbit/s", "fresh", 0)
    assert real >= ideal
    assert seen.packets >= 100_000 // 1448
    assert seen.dropped == 0
