"""SPDZ-wise MACs (Chida et al. 2018; for rings Abspoel, Dalskov, Escudero, Nof 2019).

Beside a value x the servers share its tag r·x, r a key that nobody knows: of a product, [r·x]·[y] beside
[x]·[y], in one ring mod 2^(l+s). Whoever changes one would have to change the other by r times as much. At
the end two random combinations of all tags less r times the values must be zero; their coefficients stay
shared, the key is opened. docs/malicious.md has the argument, and why there are two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from protocols.domains import Words
from protocols.replicated3.sharings import Share
from protocols.replicated3_malicious.baselines.check import Check
from protocols.replicated3_malicious.baselines.steps import must_vanish, opened, reshare
from protocols.replicated3_malicious.constructions import Product, Sum
from protocols.replicated3_malicious.sharings import Checked

COMBINATIONS = 2


@dataclass(frozen=True)
class Authentic(Share):
    """Shares mod 2^l, and what they are the lowest bits of, with its tag.

    Attributes:
        value: the number mod 2^(l+s).
        tag: r times it.
        key: r.
    """

    value: Share
    tag: Share
    key: Share


class Mac(Check[tuple[Share, Share]]):
    """Keeps values and their tags.

    Attributes:
        key: shares of r; another after each verification.
    """

    def __init__(self, server: Checked, security: int) -> None:
        super().__init__(server, security)
        self.key = self._fresh()

    def _fresh(self) -> Share:
        return self.domain.random(self.server, "key", ())

    # Values and tags

    def tagged(self, x: Share) -> Authentic | None:
        """Return the share itself where it has a tag under the present key."""
        return x if isinstance(x, Authentic) and x.key is self.key else None

    def value(self, x: Share) -> Share:
        """Return the number mod 2^(l+s) that a share stands for: without a tag, its components' sum."""
        found = self.tagged(x)
        return self.domain.share_of(x) if found is None else found.value

    def authentic(self, value: Share, tag: Share) -> Authentic:
        """Return shares with their tag."""
        bits = self.server.ring.bits
        a, b = (self.domain.lowest(part, bits) for part in (value.a, value.b))
        return Authentic(a, b, value, tag, self.key)

    def linear(self, function: Callable[..., Words], *given: Share) -> Authentic | None:
        """Return a function of values and of tags, linear mod 2^(l+s); None where one has no tag."""
        known = [found for found in map(self.tagged, given) if found is not None]
        if len(known) < len(given):
            return None
        value, tag = (
            Share(function(*(one.a for one in parts)), function(*(one.b for one in parts)))
            for parts in ([one.value for one in known], [one.tag for one in known])
        )
        return self.authentic(value, tag)

    # Products

    async def multiply(self, z: Sum) -> Share:
        """Return shares of a sum of products with a tag, from the tag of one factor of each.

        Rounds: 1; 2 where no factor of a product has a tag. Bits: 2 · 3(l + s) a sum; 3(l + s) a number of
        the smaller factor where none has a tag.
        """
        domain, server = self.domain, self.server
        factors = [self._factor(one) for one in z.products]
        tags = {id(x): found.tag for x in factors if (found := self.tagged(x)) is not None}
        bare = list({id(x): x for x in factors if id(x) not in tags}.values())
        sums = [self._summand(z)]
        if bare:
            scaled = [self._times_key(self.value(x)) for x in bare]
            value, *found_tags = await reshare(server, domain, [*sums, *scaled])
            for x, tag in zip(bare, found_tags, strict=True):
                tags[id(x)] = tag
                self.keep((self.value(x), tag))
            (tag,) = await reshare(server, domain, [self._summand_of_tag(z, factors, tags)])
        else:
            value, tag = await reshare(server, domain, [*sums, self._summand_of_tag(z, factors, tags)])
        self.keep((value, tag))
        return self.authentic(value, tag)

    def _factor(self, one: Product) -> Share:
        """Return the factor whose tag gives that of the product: one that has a tag, or is the smaller."""
        return min((one.x, one.y), key=lambda x: (self.tagged(x) is None, x.size))

    def _times_key(self, x: Share) -> Words:
        return self.domain.crossed(self.domain.mul, x, self.key)

    def _summand(self, z: Sum) -> Words:
        domain = self.domain
        parts = [
            domain.crossed(partial(domain.map, one), self.value(one.x), self.value(one.y))
            for one in z.products
        ]
        if z.share is not None:
            parts.append(self.value(z.share).a)
        return domain.total(parts, z.shape)

    def _summand_of_tag(self, z: Sum, factors: Sequence[Share], tags: Mapping[int, Share]) -> Words:
        """Return this server's summand of r·z, its factors' tags in their places."""
        domain, parts = self.domain, []
        for one, factor in zip(z.products, factors, strict=True):
            tag = tags[id(factor)]
            pair = (tag, self.value(one.y)) if factor is one.x else (self.value(one.x), tag)
            parts.append(domain.crossed(partial(domain.map, one), *pair))
        if z.share is not None:
            known = self.tagged(z.share)
            parts.append(self._times_key(self.value(z.share)) if known is None else known.tag.a)
        return domain.total(parts, z.shape)

    # The check

    async def _verify(self, kept: list[tuple[Share, Share]]) -> None:
        """Check Σ α (tag − r·value) = 0, for shared α, twice.

        Rounds: 2. Bits: 3 · 5(l + s), and nine digests.
        """
        domain, server, key = self.domain, self.server, self.key
        self.key = self._fresh()
        sums = []
        values, tags = (domain.joined_shares([pair[place] for pair in kept]) for place in (0, 1))
        weights = domain.random(server, "weights", (COMBINATIONS, values.size))
        for part in (tags, values):
            sums.append(domain.sum(domain.crossed(domain.mul, weights, part), -1))
        (of_tags, of_values), (r,) = await server.party.gather(
            reshare(server, domain, sums), opened(server, domain, [key])
        )

        def rest(tag: Words, value: Words) -> Words:
            return domain.sub(tag, domain.mul(value, r))

        left = Share(rest(of_tags.a, of_values.a), rest(of_tags.b, of_values.b))
        await must_vanish(server, domain, [left])
