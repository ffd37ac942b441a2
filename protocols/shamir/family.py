"""One server's view of the family `shamir`: values shared by polynomials mod a prime, bits in GF(2^w)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from mpcsim import InputError, Party
from protocols.correlated import prf
from protocols.domains import PrimeField, Ring, Words
from protocols.family import (
    NO_PADDING,
    Family,
    Kind,
    Padding,
    Roster,
    Security,
    Shape,
    Terms,
    bilinear,
    size_of,
)
from protocols.functions import check_room, working_bits
from protocols.shamir import bits as boolean
from protocols.shamir.agreed import ShamirChoices, as_given, as_shared, field_of, multiplication_of
from protocols.shamir.arithmetic import Binary, Numbers, flat
from protocols.shamir.bits import Bits
from protocols.shamir.integers import truncated
from protocols.shamir.points import at_zero, interpolation, points
from protocols.shamir.products import reduced
from protocols.shamir.server import Server, Set, binary_field, reveal, sets_of

_SHARE = bytes(12)
"""Where a client's key is read: each is used once."""
_WHOLE = frozenset(("reveal", "mul", "multiply"))
"""What needs no room beside the prime for masks."""


@dataclass(frozen=True)
class Product:
    """Shares of degree 2t, not yet brought back to t."""

    words: Words

    @property
    def shape(self) -> Shape:
        """The numbers'."""
        return self.words.shape


class Shamir(Family):
    """A view: a value is an array of shares of degree t, a sum that or a `Product`; bits are `Bits`."""

    name = "shamir"
    Choices = ShamirChoices
    counts = (3, 3, 100)
    wraps = False
    phases: ClassVar[tuple[str, ...]] = ("offline", "online")

    def __init__(
        self,
        party: Party,
        terms: Terms,
        pairs: dict[int, bytes] | None = None,
        sets: dict[Set, bytes] | None = None,
    ) -> None:
        super().__init__(party, terms)
        roster = terms.roster
        n, t = len(roster.servers), roster.threshold
        multiplication, extracts = multiplication_of(terms)
        numbers = Numbers(terms.kernels, field_of(terms))
        binary = Binary(terms.kernels, binary_field(n, t, extracts))
        self.server = Server(
            party,
            self.place,
            n,
            t,
            roster.servers,
            pairs or {},
            sets or {},
            multiplication,
            numbers,
            binary,
        )

    @property
    def ring(self) -> PrimeField:
        """The field of the values."""
        return self.server.prime

    @property
    def kernels(self) -> Any:
        """The array operations on values: mod the prime."""
        return self.server.numbers

    # Identity

    @classmethod
    def security(cls, terms: Terms) -> Security:
        """Return what it protects from."""
        return Security(
            "semi-honest",
            terms.roster.threshold,
            f"computational (AES-128 as a PRF) and statistical (2^−{terms.choices.kappa})",
            f"no {terms.roster.threshold + 1} of {len(terms.roster.servers)} servers",
        )

    @classmethod
    def tolerates(cls, n: int) -> int:
        """Return the most that are less than half."""
        return (n - 1) // 2

    @classmethod
    def with_threshold(cls, roster: Roster, threshold: int) -> Roster:
        """Return a roster of any threshold from 1 up to less than half.

        Raises:
            InputError: it is none of these.
        """
        n = len(roster.servers)
        if not 1 <= threshold <= (n - 1) // 2:
            raise InputError(
                f"parties.threshold = {threshold}: shamir with {n} servers tolerates 1 to {(n - 1) // 2}"
            )
        return Roster(roster.servers, roster.helpers, threshold)

    @classmethod
    def domain(cls, bits: int, fraction_bits: int, value_bits: int, field: Any) -> Ring:
        """Return the ring of clients' numbers, which servers share mod the prime.

        Raises:
            InputError: sizes that do not fit together, or a table `[field]`.
        """
        if field:
            raise InputError(
                "field: accepted is no [field] table: protocol.prime and protocol.kappa say it"
            )
        return super().domain(bits, fraction_bits, value_bits, field)

    @classmethod
    def check(cls, terms: Terms, function: str, **arguments: Any) -> None:
        """Refuse what a family refuses, and a prime that hides less than the function needs.

        Raises:
            InputError: it is one of these.
        """
        super().check(terms, function, **arguments)
        field = field_of(terms)
        if function in _WHOLE:
            return
        field.hold(field.value_bits + field.fraction_bits + 1, f"a product in {function}")
        check_room(field, function, **arguments)
        field.hold(working_bits(field, function, **arguments), f"a number in {function}")

    @classmethod
    def check_width(cls, terms: Terms, bits: int, what: str) -> None:
        """Refuse what the prime does not hide.

        Raises:
            InputError: it has more bits.
        """
        field_of(terms).hold(bits, what)

    # In and out

    @classmethod
    async def join(cls, party: Party, terms: Terms) -> Self:
        """Agree on keys, offline: of each pair, and of each set of n − t where these are few.

        Rounds: 1. Sends 128 bits a pair; and to each of a set's but the first.
        """
        names, t = terms.roster.servers, terms.roster.threshold
        place, n = names.index(party.role), len(names)
        multiplication, extracts = multiplication_of(terms)
        groups: tuple[Set, ...] = () if extracts or multiplication == "grr" else sets_of(n, t)
        pairs, sets = {place: party.secret("own key", prf.KEY_BYTES)}, {}
        with party.channel("keys"), party.phase("offline"):
            for other in range(place + 1, n):
                pairs[other] = party.secret(f"key with {other}", prf.KEY_BYTES)
                party.send(names[other], pairs[other])
            for group in groups:
                if group[0] == place:
                    sets[group] = party.secret(f"key of {group}", prf.KEY_BYTES)
                    for other in group[1:]:
                        party.send(names[other], sets[group])
            for other in range(place):
                pairs[other] = await party.recv(names[other])
            for group in groups:
                if place in group[1:]:
                    sets[group] = await party.recv(names[group[0]])
        return cls(party, terms, pairs, sets)

    @classmethod
    def give(cls, party: Party, terms: Terms, words: Words) -> None:
        """Send t servers a key, from which their shares come, and the others theirs.

        Rounds: 1. Bits: 128 t, and an element a value to n − t servers.
        """
        me = cls(party, terms).server
        of, n = me.numbers, size_of(words.shape)
        channel, call = party.call("share")
        secret = party.secret("shares", prf.KEY_BYTES)
        known = [flat(as_shared(terms, words))]
        for place in range(me.t):
            key = prf.expand(secret, prf.nonce(channel, f"share {place}", call), prf.KEY_BYTES).tobytes()
            party.send(me.names[place], key)
            known.append(of.uniform(me.kernels.expand_words(key, _SHARE, (n,), of.dtype)))
        drawing, others = range(me.t), range(me.t, me.n)
        matrix = interpolation(of.field, (0, *points(drawing)), points(others))
        for place, share in zip(others, of.linear(matrix, known), strict=True):
            me.send(place, of, share)

    async def take(self, client: str, shape: Shape) -> Words:
        """Return this server's shares."""
        me, n = self.server, size_of(shape)
        received = await self.party.recv(client)
        if self.place < me.t:
            words = me.kernels.expand_words(received, _SHARE, (n,), me.numbers.dtype)
            return me.numbers.uniform(words).reshape(shape)
        return me.numbers.unpacked(received, n).reshape(shape)

    def show(self, value: Words, client: str) -> None:
        """Have t + 1 servers send their terms of the interpolation, under masks that cancel.

        Rounds: 1. Elements: t + 1 a value.
        """
        me = self.server
        of, holders = me.numbers, range(me.t + 1)
        if self.place not in holders:
            return
        term = of.combined((at_zero(of.field, len(holders))[self.place],), [flat(value)])
        for other in holders:
            if other != self.place:
                lower, upper = sorted((other, self.place))
                mask = me.draw(me.pairs[other], f"show {lower} {upper}", of, value.size)
                term = of.add(term, mask) if lower == self.place else of.sub(term, mask)
        self.party.send(client, of.packed(term))

    @classmethod
    async def learn(cls, party: Party, terms: Terms, shape: Shape) -> Words:
        """Return the sum of what t + 1 servers send."""
        of, n = Numbers(terms.kernels, field_of(terms)), size_of(shape)
        found = of.zeros(n)
        for server in terms.roster.servers[: terms.roster.threshold + 1]:
            found = of.add(found, of.unpacked(await party.recv(server), n))
        return as_given(terms, found).reshape(shape)

    async def open(self, value: Words) -> Words:
        """Return the numbers; see `server.reveal`. Rounds: 1. Elements: n t a value."""
        found = await reveal(self.server, self.server.numbers, flat(value))
        return found.reshape(value.shape)

    def public(self, words: Words) -> Words:
        """Return the shares of constant polynomials."""
        return words

    def known(self, words: Words) -> Words:
        """Return the numbers as elements of the field."""
        return as_shared(self.terms, words)

    @classmethod
    def enough(cls, terms: Terms) -> tuple[int, ...]:
        """Return the places of the first t + 1 servers."""
        return tuple(range(terms.roster.threshold + 1))

    @classmethod
    def together(cls, terms: Terms, values: Sequence[Words]) -> Words:
        """Return what the shares of the first t + 1 servers say."""
        of, shape = Numbers(terms.kernels, field_of(terms)), values[0].shape
        found = of.combined(at_zero(of.field, len(values)), [flat(one) for one in values])
        return as_given(terms, found).reshape(shape)

    # Computation

    def local(self, function: Callable[..., Words], *values: Any) -> Any:
        """Return the function of this server's shares."""
        parts = [one.words if isinstance(one, Product) else one for one in values]
        found = function(*parts)
        return Product(found) if any(isinstance(one, Product) for one in values) else found

    async def product(
        self,
        kind: Kind,
        x: Words,
        y: Words,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = NO_PADDING,
    ) -> Product:
        """Return the product of shares: of degree 2t, no message."""
        return Product(bilinear(self.kernels, kind, x, y, stride, padding))

    async def close(self, z: Any, shift: int | None = None) -> Words:
        """Return z / 2^shift: brought back to degree t (`reduced`), then cut (`truncated`)."""
        me, shape = self.server, z.shape
        by = self.ring.fraction_bits if shift is None else shift
        found = flat(z.words if isinstance(z, Product) else z)
        if isinstance(z, Product):
            found = await reduced(me, me.numbers, found)
        if by:
            self.ring.hold(by + 2, "a number to cut")
            cut = truncated if self.choices.truncation == "probabilistic" else boolean.truncated_exactly
            found = await cut(me, found, by)
        return found.reshape(shape)

    async def truncate_exact(self, x: Words) -> Words:
        """Return ⌊x / 2^f⌋; see `bits.truncated_exactly`."""
        by = self.ring.fraction_bits
        if by == 0:
            return x
        return (await boolean.truncated_exactly(self.server, flat(x), by)).reshape(x.shape)

    # Bits

    async def negative(self, x: Words, bits: int | None = None) -> Bits:
        """Return signs; see `bits.sign`."""
        found = await boolean.sign(self.server, flat(x), bits or self.ring.value_bits)
        return Bits(x.shape, found)

    async def select(self, bit: Bits, x: Words) -> Words:
        """Return bit · x; see `bits.chosen`."""
        return (await boolean.chosen(self.server, bit.shares, flat(x))).reshape(x.shape)

    def xor(self, bit: Bits, other: Bits) -> Bits:
        """Return the sum in GF(2^w)."""
        return Bits(bit.shape, self.server.bits.add(bit.shares, other.shares))

    def opposite(self, bit: Bits) -> Bits:
        """Return 1 − bit."""
        return boolean.opposite(self.server, bit)

    async def both(self, bit: Bits, other: Bits) -> Bits:
        """Return the product in GF(2^w)."""
        return Bits(bit.shape, await boolean.both(self.server, bit.shares, other.shares))

    async def to_value(self, bit: Bits) -> Words:
        """Return the integers; see `bits.to_numbers`."""
        return (await boolean.to_numbers(self.server, bit.shares)).reshape(bit.shape)

    async def from_value(self, x: Words) -> Bits:
        """Return the bits; see `bits.from_number`."""
        return Bits(x.shape, await boolean.from_number(self.server, flat(x)))

    async def decompose(self, x: Words) -> Any:
        """Return the bits of the clients' ring; see `bits.decomposed`."""
        count = self.terms.ring.bits
        return x.shape, await boolean.decomposed(self.server, flat(x), self.ring.bits, count)

    def pick(self, bits: Any, place: int) -> Bits:
        """Return a plane."""
        shape, planes = bits
        return Bits(shape, planes[place])

    async def compose(self, bits: Any) -> Words:
        """Return the numbers; see `bits.composed`."""
        shape, planes = bits
        return (await boolean.composed(self.server, planes)).reshape(shape)
