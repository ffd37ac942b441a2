"""Values, sums and bits as a server holds them; clients' input and output, openings, and the comparison.

Before anything is shown `settle` compares the digests of all that was sent jointly. What is shown is sent
by two holders of three, and its digest by the third: whoever lies then is outvoted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from mpcsim import Party, PeerAborted, RecvTimeout
from protocols.correlated import prf
from protocols.domains import Ring, Words
from protocols.family import Shape
from protocols.replicated4.seat import LAST, SERVERS, Parts, Seat, digest, is_packed

_NOTHING = (None, None, None)
"""What a server says of three components that has no message."""


@dataclass(frozen=True)
class Share:
    """The three components that this server holds, by their number."""

    parts: Parts

    @property
    def shape(self) -> Shape:
        """Shape of the shared array."""
        return next(iter(self.parts.values())).shape

    def apply(self, function: Callable[..., Words], *others: Share) -> Share:
        """Return a linear function of components."""
        return Share(
            {j: function(part, *(one.parts[j] for one in others)) for j, part in self.parts.items()}
        )


@dataclass(frozen=True)
class Sum:
    """What pairs of servers know of a number: the own couple, and the two other pairs of this server."""

    own: Words
    crossed: tuple[Words, Words]

    @property
    def shape(self) -> Shape:
        """Shape of the array."""
        return self.own.shape

    def apply(self, function: Callable[..., Words], *others: Sum) -> Sum:
        """Return a linear function of all terms."""
        one, two = (function(self.crossed[i], *(other.crossed[i] for other in others)) for i in (0, 1))
        return Sum(function(self.own, *(other.own for other in others)), (one, two))


@dataclass(frozen=True)
class Bits:
    """This couple's plane of bits of a shape, one after the other: bit = β ⊕ c, a half at each couple."""

    shape: Shape
    plane: Words


def half(me: Seat, x: Parts) -> Words:
    """Return v at the servers 2 and 3, w at 0 and 1: x = v + w; no message."""
    one, other = me.known
    words: Words = me.kernels.add(x[one], x[other])
    return words


def public(me: Seat, words: Words) -> Share:
    """Return the shares of numbers that all servers know: component 0."""
    zero = me.kernels.zeros(words.shape, words.dtype)
    return Share({j: words if j == 0 else zero for j in range(SERVERS) if j != me.place})


# Clients


def give(party: Party, ring: Ring, words: Words, kernels: ModuleType, names: Sequence[str]) -> None:
    """Send shares of a client's numbers: three components as seeds, the last to the servers 0, 1 and 2.

    Bits: 3l a number, and nine seeds. Rounds: 1.
    """
    seeds = [party.secret(f"share/{party.call('share')}/{j}", prf.KEY_BYTES) for j in range(LAST)]
    rest = words
    for seed in seeds:
        rest = kernels.sub(rest, _grown(seed, ring, words.shape, kernels))
    components = [*seeds, kernels.pack(rest, ring.bits)]
    for place, name in enumerate(names):
        party.send(name, [one for j, one in enumerate(components) if j != place])


async def take(me: Seat, client: str, shape: Shape) -> Share:
    """Return the shares that a client sent; what two servers were both given, each notes for the other."""
    message = await me.party.recv(client, me.patience)
    places = [j for j in range(SERVERS) if j != me.place]
    address = me.address("taken")
    parts = {}
    try:
        for j, one in zip(places, message, strict=True):
            parts[j] = _component(me, j, one, shape)
    except (ValueError, TypeError) as error:  # a client may send anything
        await me.party.abort(f"{client} sent what is no share: {error}")
    for other in places:
        for j, one in zip(places, message, strict=True):
            if j != other:
                me.ledger.both(other, address, b"%d" % j, one)
    return Share(parts)


def _component(me: Seat, j: int, sent: Any, shape: Shape) -> Words:
    if j == LAST:
        if not is_packed(sent):
            raise ValueError("component 3 is no packed numbers")
        words: Words = me.kernels.unpack(sent, me.ring.bits, shape, me.ring.dtype)
        return words
    if not isinstance(sent, bytes) or len(sent) != prf.KEY_BYTES:
        raise ValueError(f"component {j} is no seed")
    return _grown(sent, me.ring, shape, me.kernels)


def _grown(seed: bytes, ring: Ring, shape: Shape, kernels: ModuleType) -> Words:
    words: Words = kernels.expand_words(seed, prf.nonce(0, "component", 0), shape, ring.dtype)
    return words


def show(me: Seat, x: Share, client: str) -> None:
    """Send a client two components and the digest of the third, under masks that add up to nothing.

    Of component j the servers j + 2 and j + 3 send the words, server j + 1 the digest.
    Bits: 8l a number, and four digests. Rounds: 1.
    """
    k, ring = me.kernels, me.ring
    masks = [me.common_mask(f"show {j}", x.shape) for j in range(LAST)]
    last = k.neg(k.add(k.add(masks[0], masks[1]), masks[2]))
    packed = {j: k.pack(k.add(part, [*masks, last][j]), ring.bits) for j, part in x.parts.items()}
    one, two, three = ((me.place + step) % 4 for step in (1, 2, 3))
    me.party.send(client, [packed[one], packed[two], digest(packed[three])])


async def learn(
    party: Party,
    ring: Ring,
    shape: Shape,
    kernels: ModuleType,
    names: Sequence[str],
    patience: float | None,
) -> Words:
    """Return what the servers show to this client; of each component what two of three say.

    How long they compute it cannot know: it is patient with the last of the servers alone, who may have
    waited for a cheat in each step of `settle`.
    """
    found = await _shown(party, names, patience)
    if found.count(_NOTHING) == len(names):
        return await party.abort("no server shows anything")
    total: Words | None = None
    for j in range(SERVERS):
        sent = [found[(j + 3) % 4][0], found[(j + 2) % 4][1], found[(j + 1) % 4][2]]
        words = await _outvoted(party, sent, lambda one: kernels.unpack(one, ring.bits, shape, ring.dtype))
        total = words if total is None else kernels.add(total, words)
    assert total is not None
    return total


async def _shown(party: Party, names: Sequence[str], patience: float | None) -> list[Sequence[Any]]:
    """Return the three parts of each server's message; nothing of one that has none."""
    found: dict[int | str, Any] = {}
    if patience is not None:
        for source, message in await party.recv_quorum(names, len(names) - 1):
            found[names[source]] = message
    for name in names:
        if name not in found:
            try:
                found[name] = await party.recv(name, patience and 7 * patience)
            except (PeerAborted, RecvTimeout):
                found[name] = None
    told = [found[name] for name in names]
    return [one if isinstance(one, list) and len(one) == len(_NOTHING) else _NOTHING for one in told]


async def _outvoted(party: Party, sent: Sequence[Any], read: Callable[[Any], Words]) -> Words:
    """Return what at least two of three holders say: words twice, and a digest."""
    one, other, told = sent
    for words, against in ((one, other), (one, told), (other, told)):
        if not is_packed(words):
            continue
        told_so = against if isinstance(against, bytes) else digest(against) if is_packed(against) else b""
        if digest(words) == told_so:
            with suppress(ValueError):  # the same bytes as another type: what the other holder sent is read
                return read(words)
    return await party.abort("no two of three servers agree on what is shown")


# Between the servers


async def reveal(me: Seat, x: Share) -> Words:
    """Return the numbers to all servers, once all is settled.

    Of component j server j is sent the words by the servers j + 2 and j + 3, the digest by server j + 1.
    Rounds: 1, after those of `settle`. Bits: 8l a number, and four digests.
    """
    await settle(me)
    k, ring = me.kernels, me.ring
    for step in (1, 2, 3):
        to = (me.place + step) % 4
        packed = k.pack(x.parts[to], ring.bits)
        me.send(to, packed if step < 3 else digest(packed))
    sent = [await me.recv_if_any((me.place - step) % 4, 4) for step in (1, 2, 3)]
    missing = await _outvoted(me.party, sent, lambda one: k.unpack(one, ring.bits, x.shape, ring.dtype))
    words = missing
    for part in x.parts.values():
        words = k.add(words, part)
    return k.low_bits(words, ring.bits)  # type: ignore[no-any-return]


async def settle(me: Seat) -> None:
    """Compare what the servers vouch for with what came; all honest servers abort, or none does.

    First digests; then each says whether all were right; then what each heard the others say. With four
    servers, one of them a cheat, the majority of what a server said and what two others heard it say is the
    same at all honest ones (Lamport, Shostak, Pease 1982, algorithm OM(1)). Nothing is sent where nothing
    was noted since the last time.

    Rounds: 3. Bytes: to each other server 16, 1 and 4.
    """
    if me.ledger.settled:
        return
    me.ledger.settled = True
    others = [(me.place + step) % 4 for step in (1, 2, 3)]
    with me.party.span("verification", "verification"):
        told = await _exchanged(me, {to: me.ledger.told(to) for to in others}, 1)
        good = all(me.ledger.agrees(source, told[source]) for source in others)
        verdict = b"\1" if good else b"\0"
        said = await _exchanged(me, dict.fromkeys(others, verdict), 2) | {me.place: verdict}
        heard_said = bytes(isinstance(said[j], bytes) and said[j] == b"\1" for j in range(SERVERS))
        echoes = await _exchanged(me, dict.fromkeys(others, heard_said), 3)
        for j in range(SERVERS):
            votes = [heard_said[j]] * (3 if j == me.place else 1)
            votes += [_vote(echoes[one], j) for one in others if j not in (one, me.place)]
            if sum(votes) < 2:
                await me.party.abort(f"digests differ, says {me.names[j]}: someone sent what it should not")


def _vote(echo: Any, j: int) -> int:
    return int(isinstance(echo, bytes) and len(echo) == 4 and echo[j] == 1)


async def _exchanged(me: Seat, messages: dict[int, bytes], step: int) -> dict[int, Any]:
    """Send each other server a message, and return theirs; None of whom nothing is to come from."""
    for to, message in messages.items():
        me.send(to, message)
    return {source: await me.recv_if_any(source, step) for source in messages}
