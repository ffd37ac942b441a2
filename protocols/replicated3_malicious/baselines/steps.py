"""What the three checks have in common: products sent, numbers opened, a coin, and whether shares are zero.

Whatever a server sends of a product goes to the server before it. Nothing is opened, and no coin tossed,
until all of these have come.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from protocols.domains import Words
from protocols.replicated3.sharings import Share
from protocols.replicated3_malicious.baselines.domain import Domain
from protocols.replicated3_malicious.sharings import BYTE, Checked, Shape, digest, is_digest

SEED = 32
"""Bytes of a component of a coin."""


async def reshare(server: Checked, domain: Domain, summands: Sequence[Words]) -> list[Share]:
    """Return shares of sums of which each server has a summand.

    What is sent is masked by a key that its receiver lacks. A server may add what it knows to a result.

    Rounds: 1. Bits: 3w a value. Source: Araki et al. 2016.
    """
    flat = domain.joined(summands)
    masks = domain.random(server, "reshare", flat.shape)
    sent = domain.add(flat, domain.sub(masks.a, masks.b))
    server.send((server.role + 2) % 3, domain.pack(sent))
    got = await _numbers(server, domain, (server.role + 1) % 3, flat.shape)
    return _parted(Share(sent, got), [one.shape for one in summands])


async def opened(server: Checked, domain: Domain, shares: Sequence[Share]) -> list[Words]:
    """Return the numbers to all servers; abort where the holders of a component say two things.

    Rounds: 1. Bits: 3w a value, and three digests: component i goes to server i + 1, and the digest of
    component i + 1 to server i − 1.
    """
    flat = domain.joined_shares(shares)
    own = [domain.pack(part) for part in (flat.a, flat.b)]
    server.send((server.role + 1) % 3, own[0])
    server.send((server.role + 2) % 3, digest(own[1]))
    missing = await _numbers(server, domain, (server.role + 2) % 3, flat.shape)
    if not is_digest(await server.recv((server.role + 1) % 3), digest(domain.pack(missing))):
        await server.refuse("an opened component")
    total = domain.add(domain.add(flat.a, flat.b), missing)
    return [one.a for one in _parted(Share(total, total), [one.shape for one in shares])]


async def coin(server: Checked) -> bytes:
    """Return a seed that nobody knew before all had asked for it.

    Its components are outputs of the keys, so that nobody chooses; before one is opened its digest tells
    nothing of 256 random bits. Rounds: 1. Bytes: 3 · 64.
    """
    own = [server.random((server.role + j) % 3, "coin", (SEED,), BYTE) for j in (0, 1)]
    server.send((server.role + 1) % 3, own[0])
    server.send((server.role + 2) % 3, digest(own[1]))
    (missing,) = await server.bytes_from(server.servers[(server.role + 2) % 3], [(SEED,)])
    if not is_digest(await server.recv((server.role + 1) % 3), digest(missing)):
        await server.refuse("a coin")
    parts = {server.role: own[0], (server.role + 1) % 3: own[1], (server.role + 2) % 3: missing}
    return digest(*(parts[place] for place in range(3)))


async def must_vanish(server: Checked, domain: Domain, shares: Sequence[Share]) -> None:
    """Abort where one of the shared numbers is not zero.

    Who holds two components knows what the third has to be, and hears its digest from both holders.

    Requires: what the numbers are, where they are not zero, may be known to all.

    Rounds: 1. Bytes: 3 · 64. Source: Furukawa et al. 2017, their check of views.
    """
    flat = domain.joined_shares(shares)
    server.send((server.role + 1) % 3, digest(domain.pack(flat.a)))
    server.send((server.role + 2) % 3, digest(domain.pack(flat.b)))
    missing = digest(domain.pack(domain.neg(domain.add(flat.a, flat.b))))
    said = [await server.recv((server.role + step) % 3) for step in (2, 1)]
    if not all(is_digest(one, missing) for one in said):
        await server.refuse("what a check adds up to")


async def _numbers(server: Checked, domain: Domain, role: int, shape: Shape) -> Words:
    (count,) = shape
    (packed,) = await server.bytes_from(server.servers[role], [(domain.size(count),)])
    return domain.unpack(packed, shape)


def _parted(flat: Share, shapes: Sequence[Shape]) -> list[Share]:
    """Return a row of numbers as arrays of those shapes."""
    found, start = [], 0
    for shape in shapes:
        size = math.prod(shape)
        found.append(flat[start : start + size].reshape(*shape))
        start += size
    return found
