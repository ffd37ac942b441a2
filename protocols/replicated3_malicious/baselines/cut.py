"""Cut and choose (Furukawa et al. 2017; Araki et al. 2017): some triples are opened, others sacrificed.

All products of a batch were sent, mod 2^l. Then N = B·M + C random triples are made, and a coin deals them
out: C are opened, and each of the M products gets a bucket of B. A product and a triple agree where
z − c − w·a − v·b − v·w = 0, v = x − a and w = y − b opened; where one is wrong both must be, by as much. So
a lie passes only if all triples of its bucket were spoilt beforehand, and no others. An opened triple is
one that has to agree with 0 · 0 = 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from protocols.correlated import prf
from protocols.domains import Words
from protocols.replicated3.sharings import Share
from protocols.replicated3_malicious.baselines.check import Check
from protocols.replicated3_malicious.baselines.steps import coin, must_vanish, opened, reshare
from protocols.replicated3_malicious.constructions import Sum


@cache
def buckets(products: int, security: int) -> tuple[int, int]:
    """Return B and C, with the fewest triples B·M + C for M products and an error of at most 2^−s.

    Who lies about m products must have spoilt the B·m triples of their buckets, and no others, before the
    coin: one of so many sets of that size, of which there are fewest for m = 1 or m = M.
    """
    found = []
    for size in range(1, security + 2):
        below, enough = 0, 1
        while not _suffice(products, size, enough, security):
            below, enough = enough, 2 * enough
        while enough - below > 1:
            middle = (below + enough) // 2
            if _suffice(products, size, middle, security):
                enough = middle
            else:
                below = middle
        found.append((size * products + enough, size, enough))
    _, size, enough = min(found)
    return size, enough


def _suffice(products: int, size: int, opened: int, security: int) -> bool:
    total = size * products + opened
    return all(_sets(total, chosen) >= 1 << security for chosen in (size, opened))


def _sets(total: int, chosen: int) -> int:
    """Return how many sets of so many there are; above 2^100, less."""
    count = 1
    for one in range(min(chosen, total - chosen)):
        if count >= 1 << 100:
            break
        count = count * (total - one) // (one + 1)
    return count


@dataclass(frozen=True)
class Dots:
    """Sums of products of one length K: x and y (n, K), z (n)."""

    x: Share
    y: Share
    z: Share

    @property
    def length(self) -> int:
        """Products in each sum."""
        return self.x.shape[1]


class Cut(Check[Dots]):
    """Keeps sums of elementwise products."""

    kinds = ("mul", "dot")

    @classmethod
    def further(cls, security: int) -> int:
        """Return none: it computes mod 2^l."""
        return 0

    async def multiply(self, z: Sum) -> Share:
        """Return shares of a sum of products. Rounds: 1. Bits: 3l a sum."""
        domain, columns = self.domain, []
        for one in z.products:
            for factor in (one.x, one.y):
                full = z.shape if one.kind == "mul" else (*z.shape, factor.shape[-1])
                wide = self._each(lambda part, full=full: domain.add(domain.zeros(full), part), factor)
                columns.append(wide.reshape(math.prod(z.shape), math.prod(full[len(z.shape) :])))
        x, y = (self._joined(columns[place::2], 1) for place in (0, 1))
        own = domain.sum(domain.crossed(domain.mul, x, y), -1)
        added = (
            None
            if z.share is None
            else self._each(lambda part: domain.add(domain.zeros(z.shape), part).reshape(-1), z.share)
        )
        (value,) = await reshare(self.server, domain, [own if added is None else domain.add(own, added.a)])
        product = value if added is None else self._each(domain.sub, value, added)
        self.keep(Dots(x, y, product))
        return self._each(lambda part: domain.lowest(part, domain.bits), value).reshape(*z.shape)

    @staticmethod
    def _each(function: Callable[..., Words], *given: Share) -> Share:
        return Share(function(*(one.a for one in given)), function(*(one.b for one in given)))

    def _joined(self, given: Sequence[Share], axis: int = 0) -> Share:
        return self._each(lambda *parts: self.domain.kernels.concatenate(list(parts), axis), *given)

    async def _verify(self, kept: list[Dots]) -> None:
        """Make triples, deal them out, open some and sacrifice the others; sums of one length together.

        Rounds: 4. Bits: 3l · (2K + 1) a triple, a coin and nine digests.
        """
        domain, server = self.domain, self.server
        batches = []
        for length in sorted({one.length for one in kept}):
            alike = [one for one in kept if one.length == length]
            x, y, z = (self._joined([getattr(one, name) for one in alike]) for name in ("x", "y", "z"))
            if z.size:
                batches.append(_Batch(self, Dots(x, y, z)))
        if not batches:
            return
        made = await reshare(server, domain, [batch.summand() for batch in batches])
        seed = await coin(server)
        masked = [
            part
            for number, (batch, c) in enumerate(zip(batches, made, strict=True))
            for part in batch.dealt(c, self._order(seed, number, batch.triples))
        ]
        shown = await opened(server, domain, masked)
        rests = [batch.rest(v, w) for batch, v, w in zip(batches, shown[::2], shown[1::2], strict=True)]
        await must_vanish(server, domain, rests)

    def _order(self, seed: bytes, number: int, count: int) -> Words:
        """Return a random order: of numbers of 128 bits, of which no two will be alike."""
        k, address = self.domain.kernels, prf.nonce(number, "order", 0)
        words = k.expand_words(seed[: prf.KEY_BYTES], address, (2, count), np.dtype(np.uint64))
        return k.order_of(words)  # type: ignore[no-any-return]


class _Batch:
    """Sums of one length in their slots, and triples to be dealt to them.

    The first C slots hold 0 · 0 = 0; then each sum stands in B slots.
    """

    def __init__(self, check: Cut, sums: Dots) -> None:
        self.each, self.domain = check._each, check.domain
        count = sums.z.size
        size, opened = buckets(count, check.security)
        self.triples = size * count + opened

        def slots(part: Words) -> Words:
            shape = part.shape
            many = self.domain.add(self.domain.zeros((count, size, *shape[1:])), part[:, None])
            empty = self.domain.zeros((opened, *shape[1:]))
            found: Words = self.domain.kernels.concatenate([empty, many.reshape(-1, *shape[1:])])
            return found

        self.sums = Dots(*(self.each(slots, one) for one in (sums.x, sums.y, sums.z)))
        shape = (self.triples, sums.length)
        self.a, self.b = (check.domain.random(check.server, name, shape) for name in ("a", "b"))

    def summand(self) -> Words:
        """Return this server's summands of c = Σ a·b."""
        return self.domain.sum(self.domain.crossed(self.domain.mul, self.a, self.b), -1)

    def dealt(self, c: Share, order: Words) -> tuple[Share, Share]:
        """Put triples into slots by an order; return x − a and y − b."""
        k = self.domain.kernels
        self.c = self.each(lambda part: k.permuted(part, order), c)
        self.a, self.b = (
            self.each(lambda part: k.permuted(part.T, order).T, one) for one in (self.a, self.b)
        )
        v, w = (
            self.each(self.domain.sub, one, mask)
            for one, mask in ((self.sums.x, self.a), (self.sums.y, self.b))
        )
        return v, w

    def rest(self, v: Words, w: Words) -> Share:
        """Return z − c − Σ (w·a + v·b + v·w) = z − c − Σ (w·x + v·b): zero where sum and triple agree."""
        domain = self.domain

        def of(z: Words, c: Words, x: Words, b: Words) -> Words:
            terms = domain.add(domain.mul(w, x), domain.mul(v, b))
            return domain.sub(domain.sub(z, c), domain.sum(terms, -1))

        return self.each(of, self.sums.z, self.c, self.sums.x, self.b)
