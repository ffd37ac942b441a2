"""Slots and places: what a slot holds is brought to its places, and what they hold is added up for it.

The places of a level belong to slots one after the other. A header for each slot, put before its places,
makes one list of both; where each of them goes in that list is linear in the places' slot numbers and the
slots' starts. So one order, opened under a fresh shuffle, carries anything either way: n + slots rows a
column, whatever the number of slots. docs/constructions.md#trees
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocols.domains import Words, word_type
from protocols.replicated3.sharings import Server, Share
from protocols.tables import Column, Opening, gathered, opened, prefix_sums, rank_bits, scattered


@dataclass(frozen=True)
class Lots:
    """The places of a level and its slots.

    Attributes:
        rows, slots: how many there are.
        opening: of the order that says where places and headers go; None at the root, which has all places.
    """

    rows: int
    slots: int
    opening: Opening | None

    async def to_places(self, server: Server, columns: Sequence[Column]) -> list[Share]:
        """Return at each place (rows,) what its slot holds, (slots,) each.

        Headers carry what they differ by from the one before, which prefix sums spread. Rounds: 4; none at
        the root.
        """
        k = server.kernels
        if self.opening is None:
            none = k.zeros((self.rows,), columns[0].share.a.dtype)
            return [Share(_spread(server, one.share.a, none), _spread(server, one.share.b, none))
                    for one in columns]  # fmt: skip
        listed = [self._listed(server, one, self._steps(server, one.share), False) for one in columns]
        return [one[: self.rows] for one in await self._summed(server, listed)]

    async def to_slots(self, server: Server, columns: Sequence[Column]) -> list[Share]:
        """Return for each slot (slots,) the sum of what its places hold, (rows,) each.

        A header has the sum of all places before it. Rounds: 4; none at the root.
        """
        k = server.kernels
        totals = [_sum(server, one.share) for one in columns]
        if self.opening is None:
            return totals
        listed = [self._listed(server, one, one.share, True) for one in columns]
        found = []
        for one, total in zip(await self._summed(server, listed), totals, strict=True):
            at = one[self.rows :]
            after = Share(k.concatenate([at.a[1:], total.a]), k.concatenate([at.b[1:], total.b]))
            found.append(Share(k.sub(after.a, at.a), k.sub(after.b, at.b)))
        return found

    async def _summed(self, server: Server, listed: Sequence[Column]) -> list[Share]:
        assert self.opening is not None
        server = _turned(server, self.slots)
        moved = await scattered(server, self.opening, listed)
        sums = [
            Column(prefix_sums(server, one), column.bits) for one, column in zip(moved, listed, strict=True)
        ]
        return await gathered(server, self.opening, sums)

    def _steps(self, server: Server, x: Share) -> Share:
        k = server.kernels

        def steps(words: Words) -> Words:
            stepped: Words = k.concatenate([words[:1], k.sub(words[1:], words[:-1])])
            return stepped

        return Share(steps(x.a), steps(x.b))

    def _listed(self, server: Server, column: Column, x: Share, places: bool) -> Column:
        """Return places and headers in one column, of which one kind has x and the other nothing."""
        k = server.kernels
        none = k.zeros((self.slots if places else self.rows,), x.a.dtype)

        def joined(words: Words) -> Words:
            both: Words = k.concatenate([words, none] if places else [none, words])
            return both

        return Column(Share(joined(x.a), joined(x.b)), column.bits)


async def lots_of(server: Server, numbers: Share, starts: Share) -> Lots:
    """Return the lots of a level: places by their slots' numbers (n,), headers by slots' starts (slots,).

    Place i goes behind the headers of its slot and of those before, header g before the places of slot g.
    Rounds: 2. Bits: 6b a place or slot, b those of n + slots.
    """
    k, (rows,), (slots,) = server.kernels, numbers.shape, starts.shape
    dtype = word_type(rank_bits(rows + slots))
    places = k.add(k.positions((rows,), dtype), k.full((), 1, dtype))
    public = k.concatenate([places, k.positions((slots,), dtype)])

    def order(numbers: Words, starts: Words, known: bool) -> Words:
        secret: Words = k.concatenate([k.astype(numbers, dtype), k.astype(starts, dtype)])
        return k.add(secret, public) if known else secret

    turned = _turned(server, slots)
    where = Share(
        order(numbers.a, starts.a, turned.role == 0), order(numbers.b, starts.b, turned.role == 2)
    )
    return Lots(rows, slots, await opened(turned, where))


def _turned(server: Server, slots: int) -> Server:
    """Return the server in the role that it plays for the lots of a level: roles rotate over levels."""
    return server.rotated(slots.bit_length() % len(server.servers)) if server.choices.rotate else server


def _spread(server: Server, words: Words, none: Words) -> Words:
    k = server.kernels
    spread: Words = k.add(k.astype(none, words.dtype), words)
    return spread


def _sum(server: Server, x: Share) -> Share:
    k = server.kernels
    return Share(k.sum(x.a, -1).reshape(1), k.sum(x.b, -1).reshape(1))
