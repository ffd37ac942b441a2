"""A family of 2 to 20 servers on additive shares that only reveals: for numbers of servers and choices."""

from typing import Literal

import numpy as np
from pydantic import BaseModel

from analysis.costs import Formula, packed
from analysis.costs.algebra import messages
from protocols.family import NO_PADDING, Family, NotOffered, Security


class Table(BaseModel):
    order: Literal["up", "down"] = "up"


class Crowd(Family):
    name, counts, Choices = "crowd", (2, 3, 20), Table

    @classmethod
    def security(cls, terms):
        return Security("semi-honest", terms.roster.threshold, "perfect", "not all servers")

    @classmethod
    def tolerates(cls, n):
        return n - 1

    @classmethod
    def give(cls, party, terms, words):
        rest = words
        for role in terms.roster.servers[1:]:
            part = party.rng("share").integers(0, 2**64, words.shape, np.uint64).astype(words.dtype)
            rest = terms.kernels.sub(rest, part)
            party.send(role, terms.kernels.pack(part, terms.ring.bits))
        party.send("server0", terms.kernels.pack(rest, terms.ring.bits))

    def _un(self, p, shape):
        return self.kernels.unpack(p, self.ring.bits, shape, self.ring.dtype)

    async def take(self, client, shape):
        return self._un(await self.party.recv(client), shape)

    def show(self, value, client):
        self.party.send(client, self.kernels.pack(value, self.ring.bits))

    @classmethod
    async def learn(cls, party, terms, shape):
        me, total = cls(party, terms), None
        for role in terms.roster.servers:
            part = me._un(await party.recv(role), shape)
            total = part if total is None else terms.kernels.add(total, part)
        return total

    async def open(self, value):
        others = [r for r in self.terms.roster.servers if r != self.party.role]
        for r in others:
            self.party.send(r, self.kernels.pack(value, self.ring.bits))
        for r in others:
            value = self.kernels.add(value, self._un(await self.party.recv(r), value.shape))
        return self.kernels.low_bits(value, self.ring.bits)

    def public(self, words):
        return words if self.place == 0 else self.kernels.zeros(words.shape, self.ring.dtype)

    @classmethod
    def together(cls, terms, values):
        return sum(values)

    def local(self, f, *v):
        return f(*v)

    async def product(self, kind, x, y, stride=(1, 1), padding=NO_PADDING):
        raise NotOffered(kind, self.name)

    async def close(self, z, shift=None):
        raise NotOffered("truncation", self.name)


def reveal(setting, n):
    size, N = packed(n, setting.l), setting.parties
    return messages(*((i, j, size) for i in range(N) for j in range(N) if i != j), parties=N)


FORMULAS = {"reveal": Formula(reveal, "all to all", ("l", "order"))}
