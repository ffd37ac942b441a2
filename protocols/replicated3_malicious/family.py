"""Three servers on 2-out-of-3 replicated sharing, one of them malicious: what is sent is proven.

A view hands every call on to the constructions of this folder. A value is a `Share`, a sum the products
that it is made of, a bit replicated Boolean shares in thirds with rotated roles. Everything sent becomes a
claim in the ledger; `settle` has all of them verified, and nothing is opened before. All that the interface
asks for stands here, in one file.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from mpcsim import Party
from mpcsim.units import parse_time
from protocols.domains import Words
from protocols.family import (
    NO_PADDING,
    Family,
    Kind,
    Linear,
    NotOffered,
    Padding,
    Pooling,
    Security,
    Shape,
    Terms,
    check_product,
)
from protocols.functions import check_room
from protocols.layers import pooling_entries
from protocols.replicated3.sharings import (
    Bits,
    Share,
    concatenate,
    in_thirds,
    narrow_share,
    opposite,
    pick,
    public,
    share_by_client,
    xor,
)
from protocols.replicated3_malicious import constructions, edges, layers, verdicts
from protocols.replicated3_malicious.constructions import Product, Sum
from protocols.replicated3_malicious.proofs import prove
from protocols.replicated3_malicious.sharings import Checked, digest
from protocols.replicated3_malicious.trainer import ProvenTrainer

_Whole = Annotated[int, Field(strict=True)]


class MaliciousChoices(BaseModel):
    """The `[protocol]` table of this family."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    security: Annotated[_Whole, Field(ge=1, le=80)] = Field(
        default=40, description="s: a lie goes unnoticed with probability at most 2^−s"
    )
    verification: Literal["proof", "cut", "sacrifice", "mac"] = Field(
        default="proof",
        description="how it would be noticed: by proofs; products alone also by older checks, to compare",
    )
    patience: str = Field(
        default="",
        description='how long a party waits for a message before it aborts, such as "5 s"; empty: for ever',
    )

    @field_validator("patience")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        if text and parse_time(text) <= 0:
            raise ValueError('accepted is a time above zero, such as "5 s", or nothing')
        return text

    def waits(self) -> str | None:
        """Return the patience; None for ever."""
        return self.patience or None


@dataclass(frozen=True)
class ThirdsOfBits:
    """Bits of a value, a third of them in each rotation of the roles."""

    shape: Shape
    thirds: list[tuple[Checked, Bits]]

    @property
    def sizes(self) -> list[int]:
        """How many bits each third has."""
        return thirds_of(math.prod(self.shape))


def thirds_of(size: int) -> list[int]:
    """Return the sizes of the parts that `in_thirds` makes."""
    ends = [size * third // 3 for third in range(4)]
    found = [ends[turn + 1] - ends[turn] for turn in range(3)]
    return [count for turn, count in enumerate(found) if count or turn == size == 0]


class ReplicatedMalicious(Family):
    """One of the three servers.

    Attributes:
        views: classes of those whose products are checked otherwise, by `[protocol] verification`.
        noted: what clients shared, by channel and number: digests of both components.
        withheld: whether a batch is verified of which nobody has let out a token yet.
    """

    views: ClassVar[dict[str, type[ReplicatedMalicious]]] = {}
    name = "replicated3_malicious"
    Choices = MaliciousChoices
    counts = (3, 3, 3)

    def __init__(self, party: Party, terms: Terms, server: Checked) -> None:
        super().__init__(party, terms)
        self.server = server
        self.noted: list[tuple[tuple[int, int], tuple[bytes, bytes]]] = []
        self.withheld = False

    def __init_subclass__(cls, verifies: Sequence[str] = (), **more: Any) -> None:
        super().__init_subclass__(**more)
        ReplicatedMalicious.views |= dict.fromkeys(verifies, cls)

    # Identity

    @classmethod
    def security(cls, terms: Terms) -> Security:
        """Return an honest majority of three, against lies."""
        return Security(
            "malicious",
            1,
            f"computational (AES-128 as a PRF), statistical 2^-{terms.choices.security}",
            "no two servers",
            "with abort",
        )

    @classmethod
    def tolerates(cls, n: int) -> int:
        """Return 1."""
        return 1

    @classmethod
    def check(cls, terms: Terms, function: str, **arguments: Any) -> None:
        """Refuse what a family refuses, and too little precision.

        Raises:
            InputError: it is one of these.
        """
        view = cls.views.get(terms.choices.verification)
        if view is not None:
            view.check(terms, function, **arguments)
            return
        super().check(terms, function, **arguments)
        check_room(terms.ring, function, **arguments)

    def trainer(self) -> ProvenTrainer:
        """Return the steps of training."""
        return ProvenTrainer(self)

    # In and out

    @classmethod
    async def join(cls, party: Party, terms: Terms) -> Self:
        """Return the view, keys agreed on. Rounds: 1."""
        waits = terms.choices.waits()
        server = await Checked.enter(party, terms.ring, _names(terms), terms.kernels, waits)
        return cls.views.get(terms.choices.verification, cls)(party, terms, server)  # type: ignore[return-value]

    @classmethod
    def give(cls, party: Party, terms: Terms, words: Words) -> None:
        """Send shares; see `share_by_client`."""
        share_by_client(party, terms.ring, words, terms.kernels, _names(terms))

    async def take(self, client: str, shape: Shape) -> Share:
        """Return shares that a client sent, noted for the comparison before anything is shown."""
        share, digests = await edges.take(self.server, client, shape)
        self.noted.append((self.party.call("taken"), digests))
        return share

    async def settle(self, shows: bool = True, name: str = "verification") -> None:
        """Have all that was sent verified, and what clients shared; abort where anything is wrong.

        Before something is shown both honest servers know that both go on; see `verdicts.release`.
        """
        checks = self.unverified
        if not checks and not (shows and self.withheld):
            return
        with self.party.span(name, "verification"):
            if checks:
                mine, theirs = self._given()
                await self.party.gather(edges.compare(self.server, mine, theirs), self.verify())
            await (verdicts.release if shows else verdicts.agree)(self.server)
        self.withheld = not shows

    def _given(self) -> tuple[bytes, bytes]:
        """Return digests of what this server was given as the one before was, and as the one after was.

        Each pair of servers has a component of a client's value in common, and the image of the third.
        """
        noted, images, place = sorted(self.noted), self.server.tokens.images, self.server.role
        self.noted.clear()
        mine, theirs = (
            digest(*(pair[1][j] for pair in noted), images[(place + 1 + j) % 3]) for j in (0, 1)
        )
        return mine, theirs

    @property
    def unverified(self) -> bool:
        """Whether anything was sent, or shared by a client, since the last verification."""
        return bool(self.server.ledger or self.noted)

    async def verify(self) -> None:
        """Prove what this server sent, and check what the others did."""
        await prove(self.server, self.server.ledger.take(), self.choices.security)

    def show(self, value: Share, client: str) -> None:
        """Send a component and the digest of the other, once all is settled."""
        self._must_be_settled()
        edges.show(self.server, value, client)

    @classmethod
    async def learn(cls, party: Party, terms: Terms, shape: Shape) -> Words:
        """Return the sum of three components of which both holders say the same."""
        waits = terms.choices.waits()
        return await edges.learn(party, terms.ring, shape, _names(terms), terms.kernels, waits)

    async def open(self, value: Share) -> Words:
        """Return the numbers to all servers, once all is settled."""
        await self.settle()
        return await edges.reveal(self.server, value)

    async def disclose(self, value: Share, bits: int) -> Words:
        """Return numbers mod 2^bits to all servers: of those that are uniform, whatever was shared.

        What they depend on is verified before. That is heard in plain words, for nothing of value is shown:
        a server that is left alone has learned what it could have drawn (docs/malicious.md#shuffles).
        """
        await self.settle(False, "verified before")
        return await edges.reveal(self.server, value, bits)

    def _must_be_settled(self) -> None:
        if self.unverified or self.withheld:
            raise AssertionError(
                "something would be shown before what it depends on is verified: settle first"
            )

    def public(self, words: Words) -> Share:
        """Return the shares (c, 0, 0)."""
        return public(self.server, words)

    @classmethod
    def enough(cls, terms: Terms) -> tuple[int, ...]:
        """Return two servers: they hold all three components."""
        return (0, 1)

    @classmethod
    def together(cls, terms: Terms, values: Sequence[Share]) -> Words:
        """Return x_0 + x_1 + x_2."""
        zero, one = values
        words: Words = zero.a + zero.b + one.b
        return words

    # Products

    def local(self, function: Callable[..., Words], *values: Share) -> Share:
        """Return the function of both components."""
        return Share(function(*(x.a for x in values)), function(*(x.b for x in values)))

    async def product(
        self,
        kind: Kind,
        x: Share,
        y: Share,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = NO_PADDING,
    ) -> Sum:
        """Return a sum of one product; it is computed where it is closed."""
        check_product(kind, x.shape, y.shape)
        return Sum(
            _shape_of(kind, x.shape, y.shape, stride, padding), (Product(kind, x, y, stride, padding),)
        )

    def plus(self, z: Sum, other: Sum) -> Sum:
        """Return the sum of both: one relation, one message.

        Raises:
            NotOffered: elementwise products beside matrix products or convolutions.
        """
        if len({one.kind in ("mul", "dot") for one in (*z.products, *other.products)}) > 1:
            raise NotOffered("a sum of elementwise products and of maps", self.name)
        shape = np.broadcast_shapes(z.shape, other.shape)
        shares = [one.share for one in (z, other) if one.share is not None]
        share = None if not shares else shares[0] if len(shares) == 1 else self.add(*shares)
        return Sum(shape, z.products + other.products, share)

    def as_sum(self, x: Share) -> Sum:
        """Return a sum without products."""
        return Sum(x.shape, (), x)

    async def close(self, z: Sum, shift: int | None = None) -> Share:
        """Return shares of the sum, truncated, within 1.5 units. Rounds: 1 with products, 2 to shift."""
        by = self.ring.fraction_bits if shift is None else shift
        x = await constructions.shared(self.server, z, self.ring.bits)
        return await constructions.truncate(self.server, x, by)

    async def truncate_exact(self, x: Share) -> Share:
        """Return ⌊x / 2^f⌋: truncation of half a unit less is at most one off, and two signs say where."""
        f = self.ring.fraction_bits
        if f == 0:
            return x
        below = self.ring.encode_integers(np.asarray(1 << (f - 1)))
        found = await self.close(self.as_sum(self.subtract_public(x, below)))
        rest = self.subtract(x, self.scale(found, self.constant(1, f)))  # from −2^f to 2^(f+1) − 1
        over = self.add_public(rest, self.ring.encode_integers(np.asarray(-(1 << f))))
        low, high = await self.party.gather(self.negative(rest, f + 3), self.negative(over, f + 3))
        down, up = await self.party.gather(self.to_value(low), self.to_value(self.opposite(high)))
        exact: Share = self.add(self.subtract(found, down), up)
        return exact

    # Bits

    async def _planes(
        self, step: Callable[[Checked, Share], Awaitable[Bits]], x: Share
    ) -> list[tuple[Checked, Bits]]:
        flat = x.flat()

        async def third(server: Checked, part: Share) -> tuple[Checked, Bits]:
            return server, await step(server, part)

        return await in_thirds(self.server, third, flat.size, lambda part: (flat[part],))

    async def negative(self, x: Share, bits: int | None = None) -> ThirdsOfBits:
        """Return signs; see `sign`."""
        width = bits or self.ring.value_bits
        return ThirdsOfBits(
            x.shape, await self._planes(lambda server, part: constructions.sign(server, part, width), x)
        )

    async def select(self, bit: ThirdsOfBits, x: Share) -> Share:
        """Return bit · x; see `select` of the constructions."""
        return await layers.select_in_thirds(self.server, bit.thirds, x, self.ring.bits)

    def _local_bits(self, step: Callable[..., Bits], *bits: ThirdsOfBits) -> ThirdsOfBits:
        thirds = [
            (parts[0][0], step(parts[0][0], *(part for _, part in parts)))
            for parts in zip(*(one.thirds for one in bits), strict=True)
        ]
        return replace(bits[0], thirds=thirds)

    def xor(self, bit: ThirdsOfBits, other: ThirdsOfBits) -> ThirdsOfBits:
        """Return the exclusive or."""
        return self._local_bits(xor, bit, other)

    def opposite(self, bit: ThirdsOfBits) -> ThirdsOfBits:
        """Return 1 − bit: component 0 is flipped."""
        return self._local_bits(opposite, bit)

    async def both(self, bit: ThirdsOfBits, other: ThirdsOfBits) -> ThirdsOfBits:
        """Return the conjunction. Rounds: 1."""
        found = await self.party.gather(
            *(
                constructions.conjunction(server, one, two)
                for (server, one), (_, two) in zip(bit.thirds, other.thirds, strict=True)
            )
        )
        thirds = [(server, part) for (server, _), part in zip(bit.thirds, found, strict=True)]
        return replace(bit, thirds=thirds)

    async def to_value(self, bit: ThirdsOfBits) -> Share:
        """Return the integers; see `number`."""
        found = await self.party.gather(
            *(
                constructions.number(server, plane, count, self.ring.bits)
                for (server, plane), count in zip(bit.thirds, bit.sizes, strict=True)
            )
        )
        return concatenate(self.server, found).reshape(*bit.shape)

    async def from_value(self, x: Share) -> ThirdsOfBits:
        """Return the lowest bits of the components; no message."""

        async def step(server: Checked, part: Share) -> Bits:
            return constructions.lowest(server, part)

        return ThirdsOfBits(x.shape, await self._planes(step, x))

    async def decompose(self, x: Share) -> ThirdsOfBits:
        """Return all bits, a plane each; see `all_bits`."""
        width = self.ring.bits
        return ThirdsOfBits(
            x.shape, await self._planes(lambda server, part: constructions.all_bits(server, part, width), x)
        )

    def pick(self, bits: ThirdsOfBits, place: int) -> ThirdsOfBits:
        """Return a plane."""
        return self._local_bits(lambda server, planes: pick(server, planes, [place]), bits)

    async def compose(self, bits: ThirdsOfBits) -> Share:
        """Return the numbers of planes; see `compose`."""
        found = await self.party.gather(
            *(
                constructions.compose(server, planes, count)
                for (server, planes), count in zip(bits.thirds, bits.sizes, strict=True)
            )
        )
        return concatenate(self.server, found).reshape(*bits.shape)

    # What is better done in one rotation from end to end

    async def relu(self, x: Share) -> Share:
        """Return max(x, 0)."""
        return await layers.relu(self.server, x)

    async def less_than(self, x: Share, y: Share) -> Share:
        """Return 1 where x < y."""
        return await layers.less_than(self.server, x, y)

    async def maximum(self, x: Share, few_rounds: bool = False) -> Share:
        """Return the largest of each row."""
        rows = self.local(lambda part: part.reshape(-1, x.shape[-1]).T, x)
        return (await layers.largest_of_rows(self.server, rows)).reshape(*x.shape[:-1])

    async def max_pool(
        self, x: Share, window: tuple[int, int], stride: tuple[int, int] | None = None,
        padding: Padding = NO_PADDING,
    ) -> Share:  # fmt: skip
        """Return maxima over windows."""
        found, pooled = pooling_entries(self, x, window, stride, padding)
        return (await layers.largest_of_rows(self.server, found)).reshape(*pooled)

    async def block(
        self, linear: Sequence[Linear], shares: Sequence[Share], name: str, op: str, relu: bool,
        pooling: Pooling | None,
    ) -> Share:  # fmt: skip
        """Return relu(maxpool(the sum of linear layers and shares)), on few bits where it can."""
        z = None
        for one in linear:
            with self.party.span(one.name, one.op):
                part = await self.linear(one)
                z = part if z is None else self.plus(z, part)
        assert z is not None
        for share in shares:
            z = self.bias(z, share)
        if pooling is None and not relu:
            with self.party.span(name, op):
                return await self.close(z)
        spans = (name, pooling.name if pooling else "", f"{name}.relu")
        return await layers.pool_and_relu_of_sum(self.server, z, pooling, relu, spans, op)

    # Precision

    def widened(self, bits: int) -> Self:
        """Return this view over a wider ring."""
        if bits <= self.ring.bits:
            return self
        found = self._over(self.ring.widened(bits))
        found.server = replace(self.server, ring=found.ring)
        return found

    async def widen(self, x: Share, wide: Self) -> Share:
        """Return shares in the wider ring; see `lift`."""
        return await constructions.lift(wide.server, x, self.ring.bits)

    def narrow(self, x: Share, wide: Self) -> Share:
        """Return the lower bits of the components."""
        return narrow_share(self.server, x)


def _shape_of(kind: Kind, x: Shape, y: Shape, stride: tuple[int, int], padding: Padding) -> Shape:
    if kind == "matmul":
        return (*x[:-1], y[-1])
    if kind == "conv2d":
        sides = (
            (side + sum(pad) - kernel) // step + 1
            for side, pad, kernel, step in zip(x[1:3], padding, y[:2], stride, strict=True)
        )
        return (x[0], *sides, y[-1])
    shape = tuple(np.broadcast_shapes(x, y))
    return shape[:-1] if kind == "dot" else shape


def _names(terms: Terms) -> tuple[str, str, str]:
    zero, one, two = terms.roster.servers
    return zero, one, two
