"""The interface of a family of protocols: one party's view of one family.

A family is a way to hold secrets and to compute on them. A workload, a function or a layer that is written
over this interface runs on every family. Three kinds of things are opaque to it:

- a *value* is an array of shared numbers; it has a `shape`, and nothing else is known of it;
- a *sum* is what a bilinear product gives before it is rescaled: numbers at scale 2^(2f). Sums of one shape
  add up with `plus`, take a bias, and become a value with `close`;
- a *bit* is an array of shared bits, of the shape of the value that it came from.

Every actor of a family that computes runs the same workload over its own view: first `F.join(party,
terms)`, then the same sequence of calls, in the same structure of `party.gather`, `party.span` and
`party.channel`. Whoever has no part in a call returns what has the right shape and no meaning. So a
*helper* (a dealer) needs no program of its own: its role stands in `Roster.helpers`, the workload gives
it the servers' program, `join` gives it a view of its own (a subclass, where `party.role in
terms.roster.helpers`), whose values are shapes alone (arrays of `protocols.kernels.shapes`, which take no
memory) and which in each call deals what the servers' views of the same call receive. It awaits nobody
and so runs ahead as far as its uplink lets it; what it sends, and the servers' awaiting of it, belongs
into `with party.phase("offline")` where the engine has phases. It takes no part in `give`, `show` and
`open`. That is why shapes are said where a value comes in (`take`).

What is written once over the interface (`protocols.functions`, `protocols.layers`) is marked with
`composite`: a family that has a method of the function's name does it its own way. What it lacks it refuses
with `NotOffered`. All that a family may say stands here, in one file.

It may import `protocols.domains`, `protocols.correlated` and `protocols.kernels`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import update_wrapper
from types import ModuleType
from typing import Any, ClassVar, Concatenate, Literal, ParamSpec, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from mpcsim import InputError, Party
from protocols import kernels as real_kernels
from protocols.correlated import prf
from protocols.domains import Ring, Words
from protocols.kernels import shapes

Value = Any
Sum = Any
Bit = Any
Shape = tuple[int, ...]
Padding = tuple[tuple[int, int], tuple[int, int]]
Kind = Literal["mul", "dot", "matmul", "conv2d"]
"""Bilinear maps: elementwise with broadcasting; summed over the last axis; (…, m, k) by (k, n), or by
(…, k, n) of the same leading axes; (n, h, w, c) by (kh, kw, c / groups, filters)."""

NO_PADDING: Padding = ((0, 0), (0, 0))
COMPARES = frozenset(
    ("relu", "less_than", "equal", "truncate_exact", "maximum", "argmax", "max_pool", "divide",
     "reciprocal", "exponential", "logarithm", "square_root", "inverse_square_root", "sigmoid", "softmax",
     "activate", "layer_norm", "rms_norm", "group_norm", "one_hot")
)  # fmt: skip
"""What is written once and takes signs of values."""
Given = ParamSpec("Given")
Result = TypeVar("Result")


class NotOffered(InputError):
    """A family lacks an operation."""

    def __init__(self, operation: str, family: str, why: str = "") -> None:
        super().__init__(f"{operation}: not offered by {family}" + (f" ({why})" if why else ""))
        self.operation = operation
        self.family = family


class NoChoices(BaseModel):
    """The `[protocol]` table of a family with nothing to choose."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Security:
    """What a family protects from, as the record says it and a legend prints it.

    Attributes:
        adversary: "semi-honest", "malicious", "none".
        corrupted: how many servers may collude.
        kind: "perfect", "statistical" or "computational", with its parameter.
        apart: who must not collude.
        note: anything else, in a few words.
    """

    adversary: str
    corrupted: int
    kind: str
    apart: str
    note: str = ""

    def __str__(self) -> str:
        said = f"{self.adversary}, {self.corrupted} corrupted, {self.kind}; {self.apart}"
        return said + (f"; {self.note}" if self.note else "")

    def describe(self) -> dict[str, Any]:
        """Return the block `security` of the run record."""
        return {
            "adversary": self.adversary,
            "corrupted": self.corrupted,
            "kind": self.kind,
            "apart": self.apart,
            "note": self.note,
            "text": str(self),
        }


@dataclass(frozen=True)
class Roster:
    """Who computes: roles of servers in order, roles of helpers, how many servers may collude."""

    servers: tuple[str, ...]
    helpers: tuple[str, ...] = ()
    threshold: int = 0

    @property
    def actors(self) -> tuple[str, ...]:
        """All that run the workload's program over a view of the family."""
        return self.servers + self.helpers


@dataclass(frozen=True)
class Terms:
    """What all parties of a run know beforehand, clients among them.

    Attributes:
        ring: the domain of the values: a ring, or of a family over a field what has the same methods.
        choices: the family's table, read by its `Choices`.
        roster: who computes.
        kernels: the array operations, or in a dry run their twin that knows shapes alone.
    """

    ring: Ring
    choices: Any = field(default_factory=NoChoices)
    roster: Roster = Roster(("server0",))
    kernels: ModuleType = real_kernels

    @property
    def dry(self) -> bool:
        """Whether there are shapes alone."""
        return self.kernels is shapes


class Family(ABC):
    """One party's view of one family.

    Class attributes say what the family is; an object is a server's (or helper's) view in a run.

    Attributes:
        name: how scenarios call it.
        Choices: the model of its `[protocol]` table, defaults filled in.
        counts: least, default and greatest number of servers.
        helper_roles: actors that help the servers and hold no values.
        phases: those in which it sends, in order.
        lacks: names of functions and layers that it does not offer.
        wraps: whether a product too large for the domain may be cut like any other: the result means
            nothing, and what is sent is uniform all the same.
        party: the engine's actor.
        terms: what all parties know.
        place: this server's place among the servers; −1 of a helper.
    """

    name: ClassVar[str]
    Choices: ClassVar[type[BaseModel]] = NoChoices
    counts: ClassVar[tuple[int, int, int]] = (1, 1, 1)
    helper_roles: ClassVar[tuple[str, ...]] = ()
    phases: ClassVar[tuple[str, ...]] = ("online",)
    lacks: ClassVar[frozenset[str]] = frozenset()
    wraps: ClassVar[bool] = True

    def __init__(self, party: Party, terms: Terms) -> None:
        self.party = party
        self.terms = terms
        servers = terms.roster.servers
        self.place = servers.index(party.role) if party.role in servers else -1

    # Identity

    @classmethod
    @abstractmethod
    def security(cls, terms: Terms) -> Security:
        """Return what the family protects from, for these choices and parties."""

    @classmethod
    def roster(cls, n: int | None = None, threshold: int | None = None) -> Roster:
        """Return who computes, of so many servers.

        Raises:
            InputError: the family has no such number of servers, or no such threshold.
        """
        least, usual, most = cls.counts
        n = usual if n is None else n
        if not least <= n <= most:
            accepted = f"{least}" if least == most else f"{least} to {most}"
            raise InputError(f"parties.n = {n}: {cls.name} runs on {accepted} servers")
        found = Roster(tuple(f"server{i}" for i in range(n)), cls.helper_roles, cls.tolerates(n))
        if threshold is not None and threshold != found.threshold:
            return cls.with_threshold(found, threshold)
        return found

    @classmethod
    def tolerates(cls, n: int) -> int:
        """Return how many of n servers may collude, by default."""
        return 0

    @classmethod
    def with_threshold(cls, roster: Roster, threshold: int) -> Roster:
        """Return a roster with another threshold.

        Raises:
            InputError: the family does not choose it.
        """
        raise InputError(
            f"parties.threshold = {threshold}: {cls.name} with {len(roster.servers)} servers tolerates "
            f"{roster.threshold}; accepted: that"
        )

    @classmethod
    def domain(cls, bits: int, fraction_bits: int, value_bits: int, field: Mapping[str, Any]) -> Ring:
        """Return the domain of the values, from the tables `[ring]` and `[field]`.

        A family over a field ignores `bits` and reads `[field]`; what it returns has a ring's methods.

        Raises:
            InputError: sizes that do not fit together, or `[field]` for a family that computes in a ring.
        """
        if field:
            raise InputError(f"field: {cls.name} computes in a ring; accepted: no [field] table")
        return Ring(bits, fraction_bits, value_bits)

    @classmethod
    def check(cls, terms: Terms, function: str, **arguments: Any) -> None:
        """Refuse before a run what will be refused in it: a function by its name, in this domain.

        Raises:
            InputError: the family lacks it (`NotOffered`), or the domain leaves it too little precision.
        """
        signs = function in COMPARES and cls.negative is Family.negative and not hasattr(cls, function)
        bits = function in ("a2b", "b2a", "inject", "select") and cls.decompose is Family.decompose
        if function in cls.lacks or signs or bits:
            raise NotOffered(function, cls.name)

    @classmethod
    def check_width(cls, terms: Terms, bits: int, what: str) -> None:
        """Refuse before a run numbers of more signed bits than are compared in this domain.

        Raises:
            InputError: `what` has more.
        """
        if bits > terms.ring.bits:
            raise InputError(
                f"{what} of {bits} bits: {cls.name} compares numbers of up to ring.bits = "
                f"{terms.ring.bits}; accepted: a wider ring, or fewer value_bits"
            )

    # In and out

    @classmethod
    async def join(cls, party: Party, terms: Terms) -> Self:
        """Return this actor's view, keys set up; a helper's is of a class of its own."""
        return cls(party, terms)

    @classmethod
    @abstractmethod
    def give(cls, party: Party, terms: Terms, words: Words) -> None:
        """Send shares of a client's numbers to the servers, on the present channel; for clients."""

    @abstractmethod
    async def take(self, client: str, shape: Shape) -> Value:
        """Return the value of that shape that a client gives on the present channel."""

    async def hold(self, client: str, shape: Shape) -> Callable[[], Value]:
        """Await what `take` awaits, and return what makes the value of it, as often as it is called.

        What was sent may take less memory than the value does: many values that are needed one after
        the other are held so.
        """
        value = await self.take(client, shape)
        return lambda: value

    async def settle(self, shows: bool = True) -> None:  # noqa: B027  # most have nothing to do
        """Have all that was computed verified, before anything is shown; may abort.

        Args:
            shows: whether something is shown next; without it, there is one more `settle` before that.

        A workload awaits it before `show`, outside the channel of the result. `open` does it by itself. A
        family of honest servers has nothing to verify.
        """

    @abstractmethod
    def show(self, value: Value, client: str) -> None:
        """Send a client what it needs to learn a value, on the present channel; all is settled before."""

    @classmethod
    @abstractmethod
    async def learn(cls, party: Party, terms: Terms, shape: Shape) -> Words:
        """Return what the servers show to this client, on the present channel; may abort."""

    @abstractmethod
    async def open(self, value: Value) -> Words:
        """Return the numbers of a value, to all servers; may abort."""

    @abstractmethod
    def public(self, words: Words) -> Value:
        """Return a value of numbers that all servers know; no message."""

    def known(self, words: Words) -> Words:
        """Return numbers as clients give them as elements that servers compute with, which all know."""
        return words

    @classmethod
    def enough(cls, terms: Terms) -> tuple[int, ...]:
        """Return places of servers whose parts put a value together; for observers, not for protocols."""
        return tuple(range(len(terms.roster.servers)))

    @classmethod
    @abstractmethod
    def together(cls, terms: Terms, values: Sequence[Value]) -> Words:
        """Return the numbers of a value from the parts of the servers `enough` names, in its order."""

    # Local steps

    @abstractmethod
    def local(self, function: Callable[..., Words], *values: Value) -> Value:
        """Apply a linear array function to each component of values; no message.

        The function gets one array of each value, and must take zeros to zeros: additions, products with
        public numbers, sums along axes, reshapes, slices, joins, paddings with zeros.
        """

    @property
    def ring(self) -> Ring:
        """The domain of the values."""
        return self.terms.ring

    @property
    def choices(self) -> Any:
        """The family's choices."""
        return self.terms.choices

    @property
    def kernels(self) -> ModuleType:
        """The array operations of this view."""
        return self.terms.kernels

    @property
    def native(self) -> Any:
        """What protocols of this family alone take: the view itself, unless a family has another object."""
        return self

    @property
    def fuses(self) -> bool:
        """Whether a layer's sums may run straight through pooling and ReLU, pooling first."""
        return True

    def add(self, x: Value, y: Value) -> Value:
        """Return x + y."""
        return self.local(self.kernels.add, x, y)

    def subtract(self, x: Value, y: Value) -> Value:
        """Return x − y."""
        return self.local(self.kernels.sub, x, y)

    def negate(self, x: Value) -> Value:
        """Return −x."""
        return self.local(self.kernels.neg, x)

    def scale(self, x: Value, words: Words) -> Value:
        """Return x times public integers of the domain, elementwise with broadcasting; no truncation."""
        return self.local(lambda part: self.kernels.mul(part, words), x)

    def add_public(self, x: Value, words: Words) -> Value:
        """Return x plus public numbers of its shape, or of none."""
        full = self.kernels.add(self.kernels.zeros(x.shape, self.ring.dtype), words)
        return self.add(x, self.public(full))

    def subtract_public(self, x: Value, words: Words) -> Value:
        """Return x minus public numbers that broadcast to its shape."""
        return self.add_public(x, self.kernels.neg(words))

    def reshape(self, x: Value, shape: Sequence[int]) -> Value:
        """Return the same numbers in another shape."""
        return self.local(lambda part: part.reshape(tuple(shape)), x)

    def cut(self, x: Value, index: Any) -> Value:
        """Return x[index], for basic indices."""
        return self.local(lambda part: part[index], x)

    def concatenate(self, values: Sequence[Value], axis: int = 0) -> Value:
        """Return values joined along an axis."""
        return self.local(lambda *parts: self.kernels.concatenate(list(parts), axis), *values)

    def stack(self, values: Sequence[Value], axis: int = 0) -> Value:
        """Return values joined along a new axis."""
        return self.local(lambda *parts: self.kernels.stack(list(parts), axis), *values)

    def total(self, x: Value, axis: int) -> Value:
        """Return the sum along an axis."""
        return self.local(lambda part: self.kernels.sum(part, axis), x)

    # Products

    @abstractmethod
    async def product(
        self,
        kind: Kind,
        x: Value,
        y: Value,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = NO_PADDING,
    ) -> Sum:
        """Return a bilinear product that is not yet rescaled.

        Raises:
            InputError: the shapes do not fit.
        """

    def by_public(
        self,
        kind: Kind,
        x: Value,
        words: Words,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = NO_PADDING,
    ) -> Sum:
        """Return a bilinear product with numbers that all servers know, not yet rescaled; no message.

        Raises:
            InputError: the shapes do not fit.
        """

        def times(part: Words) -> Words:
            return bilinear(self.kernels, kind, part, words, stride, padding)

        return self.as_sum(self.local(times, x))

    async def linear(self, one: Linear) -> Sum:
        """Return the sums of a linear layer, its bias added, not yet rescaled."""
        if one.public:
            z = self.by_public(one.kind, one.x, one.kernel, one.stride, one.padding)
        else:
            z = await self.product(one.kind, one.x, one.kernel, one.stride, one.padding)
        return z if one.bias is None else self.bias(z, one.bias)

    @abstractmethod
    async def close(self, z: Sum, shift: int | None = None) -> Value:
        """Return the value z / 2^shift, 2^f by default, within one unit; a shift of 0 is exact."""

    def plus(self, z: Sum, other: Sum) -> Sum:
        """Return the sum of two sums; local."""
        return self.local(self.kernels.add, z, other)

    def as_sum(self, x: Value) -> Sum:
        """Return a value as a sum that says the same integers: to be closed by a shift; local."""
        return x

    def bias(self, z: Sum, x: Value, shift: int | None = None) -> Sum:
        """Return a sum plus a value, moved up by 2^shift (2^f by default), with broadcasting; local."""
        by = self.ring.fraction_bits if shift is None else shift
        return self.plus(z, self.as_sum(self.scale(x, self.constant(1, by))))

    def constant(self, value: float, bits: int) -> Words:
        """Return round(value · 2^bits) as an element of the domain."""
        return self.ring.encode_integers(np.asarray(round(value * 2.0**bits)))

    # Bits; a family without them offers nothing that compares

    async def negative(self, x: Value, bits: int | None = None) -> Bit:
        """Return the bit that is 1 where x < 0, for signed x of `bits` bits (a value's by default)."""
        raise NotOffered("the sign of a value", self.name)

    async def select(self, bit: Bit, x: Value) -> Value:
        """Return bit · x, of one shape."""
        raise NotOffered("selection by a bit", self.name)

    def xor(self, bit: Bit, other: Bit) -> Bit:
        """Return the exclusive or; local in most families."""
        raise NotOffered("xor", self.name)

    def opposite(self, bit: Bit) -> Bit:
        """Return 1 − bit; local."""
        raise NotOffered("the opposite of a bit", self.name)

    async def both(self, bit: Bit, other: Bit) -> Bit:
        """Return the conjunction."""
        raise NotOffered("and", self.name)

    async def to_value(self, bit: Bit) -> Value:
        """Return the integer 0 or 1 of a bit."""
        raise NotOffered("a bit as a number", self.name)

    async def from_value(self, x: Value) -> Bit:
        """Return the bit of an integer that is 0 or 1."""
        raise NotOffered("a number as a bit", self.name)

    async def decompose(self, x: Value) -> Any:
        """Return all bits of a vector, for `pick` and `compose`."""
        raise NotOffered("a2b", self.name)

    def pick(self, bits: Any, place: int) -> Bit:
        """Return one of the bits of `decompose`, the lowest first; −1 is the sign's."""
        raise NotOffered("a2b", self.name)

    async def compose(self, bits: Any) -> Value:
        """Return the vector whose bits these are."""
        raise NotOffered("b2a", self.name)

    # Precision

    def widened(self, bits: int) -> Self:
        """Return this view over a wider ring with the same fraction and value bits, for `widen`.

        Raises:
            NotOffered: the family computes in its own domain alone.
        """
        if bits <= self.ring.bits:
            return self
        raise NotOffered(f"a working ring of {bits} bits beside ring.bits = {self.ring.bits}", self.name)

    def safely(self) -> Self:
        """Return this view cutting numbers by what is never grossly wrong, whatever the choice."""
        return self

    def _over(self, ring: Ring) -> Self:
        """Return a view like this one over another ring."""
        found = object.__new__(type(self))
        found.__dict__.update(self.__dict__)
        found.terms = replace(self.terms, ring=ring)
        return found

    async def widen(self, x: Value, wide: Self) -> Value:
        """Return a value as one of a wider view."""
        return x

    def narrow(self, x: Value, wide: Self) -> Value:
        """Return a value of a wider view as one of this; no message."""
        return x

    # Randomness and structure

    def random(self, key: bytes, purpose: str, shape: Shape, dtype: np.dtype[Any] | None = None) -> Words:
        """Return the next words of a key's stream for a purpose, the same at all parties that hold the key.

        They are fresh at every call with this purpose on this channel.
        """
        channel, call = self.party.call(purpose)
        address = prf.nonce(channel, purpose, call)
        words: Words = self.kernels.expand_words(key, address, shape, dtype or self.ring.dtype)
        return words

    def online(self) -> AbstractContextManager[None]:
        """Label what computes on inputs as the phase `online`, in a family that has others besides."""
        return self.party.phase("online") if len(self.phases) > 1 else nullcontext()

    async def meet(self) -> None:
        """Have all servers know of each other's work so far: one round of messages that say nothing."""
        servers = self.terms.roster.servers
        if self.place < 0:
            return
        others = [servers[(self.place + step) % len(servers)] for step in range(1, len(servers))]
        for other in others:
            self.party.send(other, 0)
        for other in others:
            await self.party.recv(other)


@dataclass(frozen=True)
class Linear:
    """A linear layer of a block: what is multiplied, and the span that it is attributed to.

    Attributes:
        kernel: a value; where it is public, words that all servers know.
        output: shape of the result, without the axis of images.
    """

    name: str
    op: str
    kind: Kind
    x: Value
    kernel: Value
    bias: Value | None
    output: Shape
    stride: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING
    public: bool = False


@dataclass(frozen=True)
class Pooling:
    """A max pooling inside a block, and its span; its windows neither overlap nor are padded."""

    name: str
    window: tuple[int, int]
    stride: tuple[int, int]


View = TypeVar("View", bound=Family)


def composite(
    function: Callable[Concatenate[View, Given], Coroutine[Any, Any, Result]],
) -> Callable[Concatenate[View, Given], Coroutine[Any, Any, Result]]:
    """Mark what is written once over the interface: a family's method of the same name comes first."""

    async def dispatched(me: View, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        if function.__name__ in me.lacks:
            raise NotOffered(function.__name__, me.name)
        own = getattr(me, function.__name__, None)
        if own is not None:
            result: Result = await own(*args, **kwargs)
            return result
        return await function(me, *args, **kwargs)

    update_wrapper(dispatched, function)
    return dispatched


def bilinear(
    kernels: Any,
    kind: Kind,
    x: Words,
    y: Words,
    stride: tuple[int, int] = (1, 1),
    padding: Padding = NO_PADDING,
) -> Words:
    """Return a product of arrays in a ring: what a family's product is made of.

    Args:
        kernels: `protocols.kernels` or its twin, or what has their `mul`, `sum`, `matmul` and `conv2d`.

    Raises:
        InputError: the shapes do not fit.
    """
    check_product(kind, x.shape, y.shape)
    if kind == "matmul":
        return kernels.matmul(x, y)  # type: ignore[no-any-return]
    if kind == "conv2d":
        return kernels.conv2d(x, y, stride, padding)  # type: ignore[no-any-return]
    product: Words = kernels.mul(x, y)
    return kernels.sum(product, -1) if kind == "dot" else product


def by_image(kind: Kind, x: Shape, y: Shape) -> bool:
    """Return whether the first axis of both factors is that of images, not of the first alone."""
    return len(y) == len(x) if kind == "mul" else kind == "matmul" and len(y) > 2


def check_product(kind: Kind, x: Shape, y: Shape) -> None:
    """Check that shapes fit a product.

    Raises:
        InputError: they do not; both are named.
    """
    if kind == "matmul":
        if len(y) < 2 or x[-1:] != y[-2:-1] or y[:-2] not in ((), x[:-2]):
            raise InputError(f"a matrix product does not fit: {x} times {y}")
    elif kind == "conv2d":
        groups = x[-1] // y[2] if len(x) == 4 == len(y) and y[2] else 0
        if not groups or x[-1] != groups * y[2] or y[3] % groups:
            raise InputError(f"a convolution does not fit: input {x}, weights {y}")
    else:
        try:
            np.broadcast_shapes(x, y)
        except ValueError:
            raise InputError(f"an elementwise product does not fit: {x} and {y}") from None


def size_of(shape: Shape) -> int:
    """Return the number of elements of a shape."""
    return math.prod(shape)
