"""Three servers on 2-out-of-3 replicated sharing, as one of the families.

A view hands every call on to the protocols of this folder, which take its `Server` (`native`): a value is a
`Share`, a sum is this server's masked additive summand, a bit is XOR halves in thirds with rotated
roles. What these protocols do better than the functions and layers that are written once has the method
of its name.
All that the interface asks for stands here, in one file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from mpcsim import Party
from protocols.domains import Words
from protocols.family import (
    NO_PADDING,
    Family,
    Kind,
    Linear,
    Padding,
    Pooling,
    Security,
    Shape,
    Terms,
    bilinear,
    by_image,
)
from protocols.functions import INVERSE_SQUARE_ROOT, LOGARITHM, NORMS, SQUARE_ROOT, Activation, evaluate
from protocols.replicated3 import constructions, functions, layers, sharings
from protocols.replicated3.sharings import BitHalves, Choices, Server, Share, elementwise, in_thirds

if TYPE_CHECKING:
    from protocols.replicated3.training import ReplicatedTrainer

STRIP = 1 << 19
"""Sums of a layer that stand in memory at a time, where its block rounds them."""
_Whole = Annotated[int, Field(strict=True)]


class Replicated3Choices(BaseModel):
    """The `[protocol]` table of `replicated3`: which construction each operation uses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    comparison: Literal["table", "masked", "tree", "prefix", "ripple"] = Field(
        default="table",
        description="table and masked are ours: few bytes, few rounds; the others are the classical adders",
    )
    radix: Annotated[_Whole, Field(ge=1, le=8)] | None = Field(
        default=None, description="bits of a digit in a comparison; 4 for table, 2 for masked"
    )
    truncation: Literal["safe", "fused"] = Field(
        default="safe",
        description="safe: off by a unit, never more; fused: a round less, and grossly wrong with "
        "probability |z| / 2^bits",
    )
    select: Literal["two_rounds", "one_round"] = Field(
        default="two_rounds", description="choices and bits as numbers: fewer bytes, or fewer rounds"
    )
    layers: Literal["blocks", "separate"] = Field(
        default="blocks",
        description="blocks: pooling and ReLU on a layer's sums, pooling first; separate: as declared",
    )
    rotate: bool = Field(default=True, description="share the dealer's work among the servers")
    accuracy: Literal["full", "best"] = Field(
        default="full",
        description="full: a ring in which a function is not within 2^(2 − fraction_bits) of "
        "max(1, |result|) is refused; best: it is accepted, with the error that it leaves",
    )

    def choices(self) -> Choices:
        """Return the constructions that the servers use."""
        return Choices(**self.model_dump())


@dataclass(frozen=True)
class ThirdsOfBits:
    """Bits of a value, a third of them in each rotation of the roles."""

    shape: Shape
    thirds: list[tuple[Server, BitHalves]]


class Replicated3(Family):
    """One of the three servers."""

    name = "replicated3"
    Choices = Replicated3Choices
    counts = (3, 3, 3)

    def __init__(self, party: Party, terms: Terms, server: Server) -> None:
        super().__init__(party, terms)
        self.server = server

    @classmethod
    def around(cls, server: Server) -> Self:
        """Return the view of a server that has joined already."""
        choices = Replicated3Choices(**asdict(server.choices))
        roster = cls.roster()
        return cls(server.party, Terms(server.ring, choices, roster, server.kernels), server)

    @property
    def native(self) -> Server:
        """The server that this family's protocols take."""
        return self.server

    @property
    def fuses(self) -> bool:
        """Whether layers run as blocks."""
        return self.server.choices.layers == "blocks"

    @classmethod
    def security(cls, terms: Terms) -> Security:
        """Return an honest majority of three."""
        return Security("semi-honest", 1, "computational (AES-128 as a PRF)", "no two servers")

    @classmethod
    def tolerates(cls, n: int) -> int:
        """Return 1."""
        return 1

    @classmethod
    def check(cls, terms: Terms, function: str, **arguments: Any) -> None:
        """Ask for the plan of a function."""
        super().check(terms, function, **arguments)
        if function in _PLANS:
            _PLANS[function](terms.ring, terms.choices.accuracy, **arguments)

    def trainer(self) -> ReplicatedTrainer:
        """Return the steps of training."""
        from protocols.replicated3.training import ReplicatedTrainer  # an inference does without

        return ReplicatedTrainer(self)

    # In and out

    @classmethod
    async def join(cls, party: Party, terms: Terms) -> Self:
        """Return the view, keys agreed on. Rounds: 1."""
        server = await Server.join(party, terms.ring, terms.choices.choices(), terms.kernels, _names(terms))
        return cls(party, terms, server)

    @classmethod
    def give(cls, party: Party, terms: Terms, words: Words) -> None:
        """Send shares; see `share_by_client`."""
        sharings.share_by_client(party, terms.ring, words, terms.kernels, _names(terms))

    async def take(self, client: str, shape: Shape) -> Share:
        """Return shares that a client sent."""
        return await sharings.receive_from_client(self.server, client)

    async def hold(self, client: str, shape: Shape) -> Callable[[], Share]:
        """Return what unpacks shares that a client sent."""
        return await sharings.await_client(self.server, client)

    def show(self, value: Share, client: str) -> None:
        """Send a masked component; see `reveal_to_client`."""
        sharings.reveal_to_client(self.server, value, client)

    @classmethod
    async def learn(cls, party: Party, terms: Terms, shape: Shape) -> Words:
        """Return the sum of what the servers send."""
        return await sharings.receive_reveal(party, terms.ring, shape, terms.kernels, _names(terms))

    async def open(self, value: Share) -> Words:
        """Return the numbers to all servers; see `reveal`."""
        return await sharings.reveal(self.server, value)

    def public(self, words: Words) -> Share:
        """Return the shares (c, 0, 0)."""
        return sharings.public(self.server, words)

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

    # Computation

    def local(self, function: Callable[..., Words], *values: Any) -> Any:
        """Return the function of both components; of sums, of the one summand."""
        if isinstance(values[0], Share):
            return Share(function(*(x.a for x in values)), function(*(x.b for x in values)))
        return function(*values)

    async def product(
        self,
        kind: Kind,
        x: Share,
        y: Share,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = NO_PADDING,
    ) -> Words:
        """Return this server's masked summand; no message."""
        return self._product(kind, x, y, stride, padding)

    def _product(self, kind: Kind, x: Share, y: Share, stride: tuple[int, int], padding: Padding) -> Words:
        if kind == "dot":
            return constructions.dot_locally(self.server, x, y)
        if kind == "matmul":
            return constructions.matmul_locally(self.server, x, y)
        if kind == "conv2d":
            return constructions.conv2d_locally(self.server, x, y, stride, padding)
        return constructions.multiply_locally(self.server, x, y)

    def by_public(
        self,
        kind: Kind,
        x: Share,
        words: Words,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = NO_PADDING,
    ) -> Words:
        """Return this server's component times the numbers, masked: half the work of a product."""
        z = bilinear(self.kernels, kind, x.a, words, stride, padding)
        masked: Words = self.kernels.add(z, self.server.zero_share("product", z.shape))
        return masked

    async def close(self, z: Words, shift: int | None = None) -> Share:
        """Return shares of the truncated sum; see `truncate_product`."""
        return await constructions.truncate_product(self.server, z, shift)

    def as_sum(self, x: Share) -> Words:
        """Return this server's component plus a zero share."""
        words: Words = self.kernels.add(x.a, self.server.zero_share("masked", x.shape))
        return words

    def bias(self, z: Words, x: Share, shift: int | None = None) -> Words:
        """Return the summand plus a component of the value, moved up."""
        if shift is None:
            return constructions.add_bias(self.server, z, x)
        words: Words = self.kernels.add(z, self.kernels.shift_left(x.a, shift))
        return words

    # Bits

    async def _bits(self, step: Callable[..., Coroutine[Any, Any, BitHalves]], x: Share) -> ThirdsOfBits:
        flat = x.flat()

        async def third(server: Server, part: Share) -> tuple[Server, BitHalves]:
            return server, await step(server, part)

        thirds = await in_thirds(self.server, third, flat.size, lambda part: (flat[part],))
        return ThirdsOfBits(x.shape, thirds)

    async def negative(self, x: Share, bits: int | None = None) -> ThirdsOfBits:
        """Return signs as halves; see `sign`."""
        width = bits or self.ring.value_bits

        async def step(server: Server, part: Share) -> BitHalves:
            return await constructions.sign(server, sharings.share_to_halves(server, part, width))

        return await self._bits(step, x)

    async def select(self, bit: ThirdsOfBits, x: Share) -> Share:
        """Return bit · x; see `select` of the constructions."""
        halves = iter(half for _, half in bit.thirds)

        async def third(server: Server, part: Share, half: BitHalves) -> Share:
            value = sharings.share_to_halves(server, part, server.ring.bits)
            return await sharings.halves_to_share(server, await constructions.select(server, value, half))

        return await self._joined(third, x.flat(), lambda: next(halves), x.shape)

    async def _joined(
        self,
        third: Callable[..., Coroutine[Any, Any, Share]],
        flat: Share,
        following: Callable[[], Any],
        shape: Shape,
    ) -> Share:
        thirds = await in_thirds(self.server, third, flat.size, lambda part: (flat[part], following()))
        return sharings.concatenate(self.server, thirds).reshape(*shape)

    def xor(self, bit: ThirdsOfBits, other: ThirdsOfBits) -> ThirdsOfBits:
        """Return the exclusive or of the halves."""
        pairs = zip(bit.thirds, other.thirds, strict=True)
        found = [
            (server, BitHalves(self.kernels.xor(one.half, two.half))) for (server, one), (_, two) in pairs
        ]
        return replace(bit, thirds=found)

    def opposite(self, bit: ThirdsOfBits) -> ThirdsOfBits:
        """Return 1 − bit: server 0 of each third flips its half."""
        return replace(bit, thirds=[(one, sharings.complement(one, half)) for one, half in bit.thirds])

    async def both(self, bit: ThirdsOfBits, other: ThirdsOfBits) -> ThirdsOfBits:
        """Return the conjunction, as one bit times the other's number."""
        return await self.from_value(await self.select(bit, await self.to_value(other)))

    async def to_value(self, bit: ThirdsOfBits) -> Share:
        """Return the integers; see `bit_to_share`."""

        def job(server: Server, half: BitHalves) -> Coroutine[Any, Any, Share]:
            words = BitHalves(server.kernels.astype(half.half, server.ring.dtype))
            return constructions.bit_to_share(server, words)

        thirds = await self.party.gather(*(job(*one) for one in bit.thirds))
        return sharings.concatenate(self.server, thirds).reshape(*bit.shape)

    async def from_value(self, x: Share) -> ThirdsOfBits:
        """Return the lowest bits of the halves; no message."""

        async def step(server: Server, part: Share) -> BitHalves:
            half = sharings.share_to_halves(server, part, 1)
            return BitHalves(server.kernels.low_bits(half.half, 1))

        return await self._bits(step, x)

    async def decompose(self, x: Share) -> Any:
        """Return Boolean shares of all bits; see `to_bits`."""
        return x.shape, await constructions.to_bits(self.server, x)

    def pick(self, bits: Any, place: int) -> ThirdsOfBits:
        """Return a plane as halves; no message."""
        shape, thirds = bits
        sizes = _sizes(self.server, math.prod(shape))
        found = [
            (server, constructions.bit_halves(server, planes[place], (count,)))
            for (server, planes), count in zip(thirds, sizes, strict=True)
        ]
        return ThirdsOfBits(shape, found)

    async def compose(self, bits: Any) -> Share:
        """Return the numbers of Boolean shares; see `from_bits`."""
        shape, thirds = bits
        planes = iter(part for _, part in thirds)
        size = math.prod(shape)
        found = await in_thirds(
            self.server,
            constructions.from_bits,
            size,
            lambda part: (next(planes), part.stop - part.start),
        )
        return sharings.concatenate(self.server, found).reshape(*shape)

    # Precision

    def widened(self, bits: int) -> Self:
        """Return this view over a wider ring."""
        if bits <= self.ring.bits:
            return self
        found = self._over(self.ring.widened(bits))
        found.server = functions.working(self.server, bits)
        return found

    async def widen(self, x: Share, wide: Self) -> Share:
        """Return shares in the wider ring; see `widen_share`."""

        async def third(server: Server, part: Share) -> Share:
            return await sharings.widen_share(server, part, functions.working(server, wide.ring.bits))

        return await elementwise(self.server, third, x) if wide.ring.bits > self.ring.bits else x

    def narrow(self, x: Share, wide: Self) -> Share:
        """Return the lower bits of the components."""
        return sharings.narrow_share(self.server, x)

    def safely(self) -> Self:
        """Return this view truncating by `safe`, whatever the choice: products may fill the ring."""
        found = self._over(self.ring)
        found.server = self.server.safely()
        return found

    # What is better done on halves, as `protocols.functions` and `protocols.layers` name it

    async def relu(self, x: Share) -> Share:
        """Return max(x, 0)."""
        return await layers.relu(self.server, x)

    async def less_than(self, x: Share, y: Share) -> Share:
        """Return 1 where x < y."""
        return await constructions.less_than(self.server, x, y)

    async def equal(self, x: Share, y: Share) -> Share:
        """Return 1 where x = y."""
        return await constructions.is_zero(self.server, sharings.subtract(self.server, x, y))

    async def inside(
        self, x: Share, limits: Sequence[int], intervals: Sequence[tuple[int, int | None]], bits: int
    ) -> Share:
        """Return where x is inside intervals, (intervals, *shape)."""
        found = await constructions.inside(self.server, x.flat(), limits, intervals, bits)
        return found.reshape(len(intervals), *x.shape)

    async def activate(self, x: Share, activation: Activation) -> Share:
        """Return an activation by its table of pieces."""
        plan = functions.activation_plan(self.ring, self.choices.accuracy, activation)
        found: Share = await evaluate(self.safely(), x, plan)
        return found

    async def truncate_exact(self, x: Share) -> Share:
        """Return ⌊x / 2^f⌋."""
        return await constructions.truncate_exact(self.server, x)

    async def argmax(self, x: Share, few_rounds: bool = False) -> Share:
        """Return the place of the largest of each row."""
        return await constructions.argmax(self.server, x, few_rounds)

    async def maximum(self, x: Share, few_rounds: bool = False) -> Share:
        """Return the maximum of each row, as pooling over windows of a row."""
        server = self.server.in_few_rounds() if few_rounds else self.server
        rows, columns = math.prod(x.shape[:-1]), x.shape[-1]
        image = x.reshape(1, rows, columns, 1)
        return (await layers.max_pool2d(server, image, (1, columns))).reshape(*x.shape[:-1])

    async def max_pool(
        self,
        x: Share,
        window: tuple[int, int],
        stride: tuple[int, int] | None = None,
        padding: Padding = NO_PADDING,
    ) -> Share:
        """Return maxima over windows."""
        return await layers.max_pool2d(self.server, x, window, stride, padding)

    async def average_pool(
        self,
        x: Share,
        window: tuple[int, int],
        stride: tuple[int, int] | None = None,
        padding: Padding = NO_PADDING,
        counts: NDArray[np.int64] | None = None,
    ) -> Share:
        """Return means over windows."""
        return await layers.average_pool2d(self.server, x, window, stride, padding, counts)

    async def divide(self, a: Share, b: Share) -> Share:
        """Return a / b."""
        return await functions.divide(self.server, a, b)

    async def reciprocal(self, b: Share) -> Share:
        """Return 1 / b."""
        return await functions.reciprocal(self.server, b)

    async def exponential(self, x: Share) -> Share:
        """Return e^x."""
        return await functions.exponential(self.server, x)

    async def logarithm(self, x: Share) -> Share:
        """Return ln x."""
        return await functions.logarithm(self.server, x)

    async def square_root(self, x: Share) -> Share:
        """Return √x."""
        return await functions.square_root(self.server, x)

    async def inverse_square_root(self, x: Share) -> Share:
        """Return 1 / √x."""
        return await functions.inverse_square_root(self.server, x)

    async def sigmoid(self, x: Share) -> Share:
        """Return 1 / (1 + e^−x)."""
        return await functions.sigmoid(self.server, x)

    async def softmax(self, x: Share, mask: NDArray[np.bool_] | None = None) -> Share:
        """Return e^x_i / Σ e^x_j along the last axis."""
        return await functions.softmax(self.server, x, mask)

    async def block(
        self, linear: Sequence[Linear], shares: Sequence[Share], name: str, op: str, relu: bool,
        pooling: Pooling | None,
    ) -> Share:  # fmt: skip
        """Return relu(maxpool(the sum of linear layers and shares)), on halves where it can."""
        server = self.server
        if not self.fuses or (pooling is None and not relu):
            z = self._total(linear, shares, slice(None))
            with self.party.span(name, op):
                x = await constructions.truncate_product(server, z)
            if not relu:
                return x
            with self.party.span(f"{name}.relu", "relu"):
                return await layers.relu(server, x)
        spans = (name, pooling.name if pooling else "", f"{name}.relu")
        window, stride = (pooling.window, pooling.stride) if pooling else (None, None)
        strips = (self._total(linear, shares, part) for part in self._strips(linear))
        return await layers.pool_and_relu_of_sum(server, strips, window, relu, spans, stride)

    @staticmethod
    def _strips(linear: Sequence[Linear]) -> Iterator[slice]:
        """Yield the images of a block, a few at a time, so that its sums stay below `STRIP` words."""
        images = linear[0].x.shape[0]
        step = max(1, STRIP // math.prod(linear[0].output))
        for start in range(0, images, step):
            yield slice(start, start + step)

    def _total(self, linear: Sequence[Linear], shares: Sequence[Share], part: slice) -> Words:
        """Return this server's masked summands of all that a block adds up, at scale 2^(2f); local."""
        parts = []
        for one in linear:
            with self.party.span(one.name, one.op):
                both = by_image(one.kind, one.x.shape, one.kernel.shape)
                kernel = one.kernel[part] if both else one.kernel
                times = self.by_public if one.public else self._product
                z = times(one.kind, one.x[part], kernel, one.stride, one.padding)
                parts.append(z if one.bias is None else constructions.add_bias(self.server, z, one.bias))
        z = parts[0]
        for other in parts[1:]:
            z = self.kernels.add(z, other)
        for share in shares:
            z = constructions.add_bias(self.server, z, share[part])
        return z


_PLANS: dict[str, Callable[..., object]] = {
    "activate": functions.activation_plan,
    "average_pool": layers.mean_plan,
    **{name: partial(functions.norm_plan, centred=name != "rms_norm") for name in NORMS},
    "divide": functions.division_plan,
    "reciprocal": functions.reciprocal_plan,
    "exponential": functions.exponential_plan,
    "sigmoid": functions.sigmoid_plan,
    "softmax": functions.softmax_plan,
    "logarithm": partial(functions.curve_plan, curve=LOGARITHM),
    "square_root": partial(functions.curve_plan, curve=SQUARE_ROOT),
    "inverse_square_root": partial(functions.curve_plan, curve=INVERSE_SQUARE_ROOT),
}


def _names(terms: Terms) -> tuple[str, str, str]:
    zero, one, two = terms.roster.servers
    return zero, one, two


def _sizes(server: Server, size: int) -> list[int]:
    """Return the sizes of the parts that `in_thirds` makes."""
    if not server.choices.rotate:
        return [size]
    ends = [size * third // 3 for third in range(4)]
    found = [ends[turn + 1] - ends[turn] for turn in range(3)]
    return [count for turn, count in enumerate(found) if count or turn == size == 0]
