"""What a client learns of a program that the servers of any family run on what it gives."""

from mpcsim import simulate
from protocols.family import Terms
from scenarios.families import families


def served(family, ring, program, *words, shape=None, **choices):
    """Return the elements that a client learns of program(view, *values), of a shape, or the first's."""
    chosen = families()[family]
    terms = Terms(ring, chosen.Choices(**choices), chosen.roster())
    shape = words[0].shape if shape is None else shape

    async def server(party):
        me = await chosen.join(party, terms)
        values = []
        for number, one in enumerate(words):
            with party.channel(f"input/{number}"):
                values.append(await me.take("client", one.shape))
        result = await program(me, *values)
        assert result.shape == shape
        await me.settle()
        with party.channel("result"):
            me.show(result, "client")

    async def client(party):
        for number, one in enumerate(words):
            with party.channel(f"input/{number}"):
                chosen.give(party, terms, one)
        with party.channel("result"):
            return await chosen.learn(party, terms, shape)

    run = simulate(roles={**dict.fromkeys(terms.roster.actors, server), "client": client}, seed=1)
    return run.outputs["client"]


def reals(family, ring, program, *arrays, **more):
    """Return the same of real numbers."""
    return ring.decode(served(family, ring, program, *map(ring.encode, arrays), **more))
