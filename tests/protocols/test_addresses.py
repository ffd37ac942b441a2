"""No server draws one output of a PRF twice in a run, however protocols are put together."""

import threading
from collections import Counter

import numpy as np
import pytest
from harness import NARROW, run
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcsim import UsageError, simulate
from mpcsim.engine.strand import Channel, named
from protocols.correlated import prf
from protocols.replicated3.constructions.arithmetic import multiply, multiply_fixed
from protocols.replicated3.constructions.comparison import less_than
from protocols.replicated3.constructions.conversion import from_bit, to_bits
from protocols.replicated3.functions.exponentials import sigmoid
from protocols.replicated3.layers.activation import relu
from protocols.replicated3.sharings.server import Server
from protocols.replicated3.sharings.sharing import reveal

NAMES = ["x", "", "0.1", "0.0/0.1", "/0.0", "x/0.0", "x/0.1", r"x/\0.1", "@x", "step/1"]


async def _bits(server, x):
    for third, planes in await to_bits(server, x, 3):
        await from_bit(third, planes[0], 1)


LEAVES = {
    "multiply": lambda server, x: multiply(server, x, x),
    "multiply fixed": lambda server, x: multiply_fixed(server, x, x),
    "relu": relu,
    "less": lambda server, x: less_than(server, x, x),
    "bits": _bits,
    "sigmoid": sigmoid,
    "reveal": reveal,
}
PROGRAMS = st.recursive(
    st.sampled_from(sorted(LEAVES)).map(lambda name: ("leaf", name)),
    lambda inner: (
        st.tuples(st.just("after"), st.lists(inner, max_size=3))
        | st.tuples(st.just("beside"), st.lists(inner, max_size=3))
        | st.tuples(st.just("named"), st.sampled_from(NAMES), inner)
        | st.tuples(st.just("rotated"), st.integers(0, 2), inner)
    ),
    max_leaves=7,
)


async def _play(server, x, program):
    kind, *what = program
    if kind == "leaf":
        await LEAVES[what[0]](server, x)
    elif kind == "after":
        for part in what[0]:
            await _play(server, x, part)
    elif kind == "beside":
        await server.party.gather(*(_play(server, x, part) for part in what[0]))
    elif kind == "named":
        with server.party.channel(what[0]):
            await _play(server, x, what[1])
    else:
        turned = server.rotated(what[0])
        turned.zero_share("rotated", x.shape)
        await _play(server, x, what[1])


class Draws:
    """What each server draws, by (server, key, address)."""

    def __init__(self):
        self.counts = Counter()

    def __enter__(self):
        self.patch = pytest.MonkeyPatch()
        expand, random = prf.expand, Server.random
        drawing = []

        def recording(key, address, size):
            if drawing:
                self.counts[drawing[-1], key, address] += 1
            return expand(key, address, size)

        def by_server(server, *what, **more):
            drawing.append(server.party.id)
            try:
                return random(server, *what, **more)
            finally:
                drawing.pop()

        self.patch.setattr(prf, "expand", recording)
        self.patch.setattr(Server, "random", by_server)
        return self

    def __exit__(self, *_):
        self.patch.undo()

    def twice(self):
        return {draw for draw, count in self.counts.items() if count > 1}

    def alone(self):
        """Return what one server drew and nobody else."""
        of = Counter((key, address) for _, key, address in self.counts)
        return {draw for draw, servers in of.items() if servers != 2}


def _draws(program):
    async def protocol(server, x):
        await _play(server, x, program)

    with Draws() as draws:
        run(protocol, [-5, 0, 7, 300], ring=NARROW)
    return draws


@settings(max_examples=60, deadline=None, derandomize=True)
@given(PROGRAMS)
def test_no_output_is_drawn_twice_by_a_server_and_each_by_both_that_have_its_key(program):
    try:
        draws = _draws(program)
    except UsageError:  # two children on one named channel: the tests below
        return
    assert draws.twice() == set()
    assert draws.alone() == set()


BOTH = ("beside", [("leaf", "relu"), ("leaf", "relu")])


def test_a_count_that_begins_anew_is_found(monkeypatch):
    monkeypatch.setattr(Channel, "call", lambda channel, purpose: 0)
    assert _draws(("after", [("leaf", "multiply"), ("leaf", "multiply")])).twice()


def test_a_name_that_reads_as_a_path_would_draw_what_a_child_draws(monkeypatch):
    """A named channel x whose child is x/0.0, and a channel of that name, each with counts of its own."""
    program = ("after", [("named", "x", BOTH), ("named", "x/0.0", ("leaf", "relu"))])
    assert _draws(program).twice() == set()

    def unescaped(name, owner):
        return Channel(f"@{name}", owner)

    monkeypatch.setattr("mpcsim.engine.party.named", unescaped)
    assert _draws(program).twice()


@given(st.lists(st.text("01./\\@x", max_size=8), min_size=2, max_size=2, unique=True))
def test_different_names_are_different_channels_and_none_is_a_childs(names):
    paths = [named(name, 0).path for name in names]
    assert len(set(paths)) == 2
    children = {child.path for name in names for child in named(name, 0).fork(2)}
    below = {child.path for name in names for first in named(name, 0).fork(2) for child in first.fork(2)}
    assert not set(paths) & (children | below)


@pytest.mark.parametrize("inner", [("leaf", "multiply"), BOTH], ids=["draws", "gathers"])
def test_concurrent_children_on_one_named_channel_are_refused(inner):
    """Their order could differ from server to server: one output would mask two messages."""
    child = ("named", "x", inner)
    with pytest.raises(UsageError, match=r"'x': concurrent children of party 0 .server0. draw"):
        _draws(("beside", [child, child]))
    with pytest.raises(UsageError, match="concurrent children"):
        _draws(("beside", [child, ("beside", [("beside", [child])])]))


def test_children_of_different_gathers_may_use_one_named_channel():
    child = ("named", "x", ("leaf", "relu"))
    each = [("beside", [child, ("leaf", "relu")]), child, ("named", "x", BOTH), ("beside", [child])]
    draws = _draws(("after", each))
    assert draws.twice() == set()


def test_runs_in_several_threads_do_not_read_each_others_streams():
    def drawn():
        async def program(party):
            server = await Server.join(party, NARROW)
            return [server.zero_share("product", (500,)) for _ in range(40)]

        return simulate(program, parties=3, seed=1).outputs

    want, got = drawn(), []
    threads = [threading.Thread(target=lambda: got.append(drawn())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    for outputs in got:
        np.testing.assert_array_equal(outputs, want)


def test_an_output_never_runs_into_the_next_address():
    with pytest.raises(AssertionError, match="up to"):
        prf.expand(bytes(16), bytes(12), (1 << 36) + 1)
