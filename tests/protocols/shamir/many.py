"""Runs of the family on any number of servers, and what their shares say."""

from itertools import combinations

from mpcsim import simulate
from protocols.domains import Ring
from protocols.family import Terms
from protocols.shamir import Shamir
from protocols.shamir.arithmetic import flat
from protocols.shamir.points import interpolation, points

PEOPLE = [(3, 1), (4, 1), (5, 2), (8, 3)]
"""Servers, and how many of them may collude."""


def terms_of(n=3, t=1, ring=None, **choices):
    """Return what the servers agree on."""
    return Terms(ring or Ring(), Shamir.Choices(**choices), Shamir.roster(n, t))


def on_servers(program, terms, *arrays, seed=1):
    """Return what each server's program(view, *values) returns, for integers that a client gives."""
    words = [terms.ring.encode_integers(array) for array in arrays]

    async def server(party):
        me = await Shamir.join(party, terms)
        values = []
        for number, one in enumerate(words):
            with party.channel(f"input/{number}"):
                values.append(await me.take("client", one.shape))
        return await program(me, *values)

    async def client(party):
        for number, one in enumerate(words):
            with party.channel(f"input/{number}"):
                Shamir.give(party, terms, one)

    roles = {**dict.fromkeys(terms.roster.servers, server), "client": client}
    run = simulate(roles=roles, seed=seed)
    return [run.outputs[role] for role in terms.roster.servers]


def said(arithmetic, shares, places, at=0):
    """Return what the shares of some servers say at a point, as integers."""
    row = interpolation(arithmetic.field, points(places), (at,))[0]
    found = arithmetic.combined(row, [flat(shares[place]) for place in places])
    return as_integers(found)


def as_integers(found):
    """Return elements as Python's integers."""
    if found.dtype.names:
        return [int(low) + (int(high) << 64) for low, high in found.tolist()]
    return [int(one) for one in found]


def lies_on(arithmetic, shares, degree):
    """Check that all shares lie on polynomials of that degree; return the secrets."""
    n = len(shares)
    some = list(range(degree + 1))
    for place in range(degree + 1, n):
        assert said(arithmetic, shares, some, place + 1) == as_integers(flat(shares[place]))
    found = [said(arithmetic, shares, places) for places in list(combinations(range(n), degree + 1))[:5]]
    assert all(one == found[0] for one in found)
    return found[0]
