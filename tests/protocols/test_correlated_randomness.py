"""The PRF: both holders of a key draw the same, and nothing is drawn twice."""

from itertools import combinations

import numpy as np
import pytest
from harness import WIDE

from mpcsim import Party, simulate
from protocols.domains.ring import Ring
from protocols.replicated3.sharings.server import Choices, Server, in_thirds

SHAPE = (64,)


def _servers(program, seed=3):
    async def join(party: Party):
        return await program(await Server.join(party, WIDE))

    return simulate(join, parties=3, seed=seed).outputs


def _draw(server, *purposes):
    """Return all that a server draws, by (key, purpose, how often before)."""
    return {
        (key, purpose, call): server.random(key, purpose, SHAPE).tobytes()
        for key in (server.role, (server.role + 1) % 3)
        for purpose in purposes
        for call in range(2)
    }


def test_both_holders_of_a_key_draw_the_same_words_and_every_draw_differs():
    async def program(server):
        return _draw(server, "product", "split")

    outputs = _servers(program)
    together: dict = {}
    for drawn in outputs:
        for name, words in drawn.items():
            assert together.setdefault(name, words) == words
    assert len(together) == 3 * 2 * 2
    assert len(set(together.values())) == len(together)


def test_concurrent_children_draw_different_words_that_their_peers_draw_too():
    async def child(server, pause):
        for _ in range(pause[server.party.id]):  # the children interleave differently on each server
            server.send((server.role + 1) % 3, b"")
            await server.recv((server.role + 2) % 3)
        return _draw(server, "product")

    async def program(server):
        first = _draw(server, "product")
        same = await server.party.gather(*(child(server, (n, n, n)) for n in (2, 0, 1)))
        return [first, *same, _draw(server, "product")]

    outputs = _servers(program)
    for one, other in combinations(outputs, 2):
        for mine, theirs in zip(one, other, strict=True):
            assert all(theirs[name] == words for name, words in mine.items() if name in theirs)
    words = {words for server in outputs for drawn in server for words in drawn.values()}
    assert len(words) == 5 * 3 * 2


def test_rotated_roles_draw_from_the_keys_their_servers_hold():
    async def program(server):
        return [
            server.rotated(turns).random(server.rotated(turns).role, "x", SHAPE).tobytes()
            for turns in range(3)
        ]

    for drawn in _servers(program):
        assert len(set(drawn)) == 3  # one key, three calls


def test_a_server_does_not_draw_from_the_key_it_does_not_hold():
    async def program(server):
        with pytest.raises(AssertionError, match="does not hold key"):
            server.random((server.role + 2) % 3, "product", SHAPE)

    _servers(program)


@pytest.mark.parametrize("seed", [None, 4])
def test_keys_change_with_the_seed_and_without_one_always(seed):
    async def program(server):
        return server.random(server.role, "product", SHAPE).tobytes()

    assert not set(_servers(program, seed)) & set(_servers(program, 3 if seed else None))


def test_a_zero_share_adds_up_to_zero_and_its_parts_do_not():
    async def program(server):
        return server.zero_share("product", SHAPE)

    parts = _servers(program)
    assert not sum(parts).any()
    assert all(part.any() for part in parts)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 1000])
@pytest.mark.parametrize("rotate", [True, False])
def test_thirds_cover_a_vector_once_in_order_with_all_roles(size, rotate):
    async def third(server, part):
        return server.role, part.tolist()

    async def program(party: Party):
        server = await Server.join(party, Ring(), Choices(rotate=rotate))
        return await in_thirds(server, third, size, lambda part: (np.arange(size)[part],))

    outputs = simulate(program, parties=3, seed=1).outputs
    for party, thirds in enumerate(outputs):
        assert [i for _, part in thirds for i in part] == list(range(size))
        if size >= 3 and rotate:
            assert [role for role, _ in thirds] == [party, (party - 1) % 3, (party - 2) % 3]
