"""Post-sacrifice (Lindell, Nof 2017; for rings Eerikson et al. 2020): a random product beside each product.

Beside z = x·y the servers compute c = a·y, a random and known to nobody, in one ring mod 2^(l+s). After
both a coin ρ is tossed, v = ρx − a is opened, and ρz − c − v·y must be zero: it is ρ times the lie about z
less that about c. One of the two factors of a bilinear map is opened so, the smaller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protocols.domains import Words
from protocols.replicated3.sharings import Share
from protocols.replicated3_malicious.baselines.check import Check
from protocols.replicated3_malicious.baselines.domain import Domain
from protocols.replicated3_malicious.baselines.steps import coin, must_vanish, opened, reshare
from protocols.replicated3_malicious.constructions import Product, Sum


@dataclass(frozen=True)
class _Factor:
    """A product as it is sacrificed: its smaller factor x, beside it a, and the map by the other factor."""

    x: Share
    other: Share
    mask: Share
    map: Callable[[Words, Words], Words]


@dataclass(frozen=True)
class Pair:
    """A sum of products and that of the random products: z, c, what is added to z, and the factors."""

    z: Share
    c: Share
    added: Share | None
    factors: tuple[_Factor, ...]


class Sacrifice(Check[Pair]):
    """Keeps sums of products with their random counterparts."""

    async def multiply(self, z: Sum) -> Share:
        """Return shares of a sum of products. Rounds: 1. Bits: 2 · 3(l + s) a sum."""
        domain, bits = self.domain, self.server.ring.bits
        factors = tuple(self._factor(one) for one in z.products)
        summands = [domain.crossed(one.map, one.x, one.other) for one in factors]
        added = None if z.share is None else domain.share_of(z.share)
        if added is not None:
            summands.append(added.a)
        masked = [domain.crossed(one.map, one.mask, one.other) for one in factors]
        both = [domain.total(parts, z.shape) for parts in (summands, masked)]
        value, c = await reshare(self.server, domain, both)
        self.keep(Pair(value, c, added, factors))
        return Share(domain.lowest(value.a, bits), domain.lowest(value.b, bits))

    def _factor(self, one: Product) -> _Factor:
        domain = self.domain
        x, y = domain.share_of(one.x), domain.share_of(one.y)
        first = x.size <= y.size
        small, other = (x, y) if first else (y, x)

        def product(a: Words, b: Words) -> Words:
            return domain.map(one, a, b) if first else domain.map(one, b, a)

        return _Factor(small, other, domain.random(self.server, "mask", small.shape), product)

    async def _verify(self, kept: list[Pair]) -> None:
        """Check ρz − c − v·y = 0 for every sum.

        Rounds: 3. Bits: 3(l + s) a number of the smaller factors, a coin and nine digests.
        """
        domain, server = self.domain, self.server
        rho = domain.drawn(await coin(server), "sacrifice", ())

        def hidden(x: Words, mask: Words) -> Words:
            return domain.sub(domain.mul(x, rho), mask)

        factors = [factor for pair in kept for factor in pair.factors]
        masked = [Share(hidden(one.x.a, one.mask.a), hidden(one.x.b, one.mask.b)) for one in factors]
        shown = iter(await opened(server, domain, masked))
        rest = []
        for pair in kept:
            known = [(one, next(shown)) for one in pair.factors]
            rest.append(Share(*(_rest(domain, pair, known, rho, part) for part in ("a", "b"))))
        await must_vanish(server, domain, rest)


def _rest(domain: Domain, pair: Pair, known: list[tuple[_Factor, Words]], rho: Words, part: str) -> Words:
    """Return a component of ρ(z − what is added) − c − v·y."""
    z, c = getattr(pair.z, part), getattr(pair.c, part)
    if pair.added is not None:
        z = domain.sub(z, getattr(pair.added, part))
    found = domain.sub(domain.mul(z, rho), c)
    for one, v in known:
        found = domain.sub(found, one.map(v, getattr(one.other, part)))
    return found
