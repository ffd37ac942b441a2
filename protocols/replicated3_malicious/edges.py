"""Where values come in and go out: a client's shares, openings, and what is compared before them.

Every component has two holders. What a client gave both is compared by digest; what is opened one of them
sends, and the other its digest.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NoReturn

import numpy as np

from mpcsim import Party
from protocols import kernels as real_kernels
from protocols.correlated import prf
from protocols.domains import Ring, Words
from protocols.replicated3.sharings import Share
from protocols.replicated3_malicious.sharings import BYTE, Checked, Shape, digest, heard, is_digest
from protocols.replicated3_malicious.verdicts import LONGEST


async def take(server: Checked, client: str, shape: Shape) -> tuple[Share, tuple[bytes, bytes]]:
    """Return shares that a client sent with `share_by_client`, and digests of both components as sent."""
    payload = await server.heard(client)
    size = -(-int(np.prod(shape, dtype=np.int64)) * server.ring.bits // 8)
    kinds = ((bytes, bytes), (bytes, np.ndarray), (np.ndarray, bytes))[server.role]
    if not (isinstance(payload, list) and len(payload) == 3 and _is_shape(payload[0], shape)):
        await server.refuse(f"the form of a message of {client}")
    components = payload[1:]
    for one, kind in zip(components, kinds, strict=True):
        seed = kind is bytes and isinstance(one, bytes) and len(one) == prf.KEY_BYTES
        if not (seed or (kind is np.ndarray and is_bytes(one, size))):
            await server.refuse(f"the form of a message of {client}")
    k, ring = server.kernels, server.ring
    a, b = (
        k.expand_words(one, prf.nonce(0, "component", 0), shape, ring.dtype)
        if isinstance(one, bytes)
        else k.unpack(one, ring.bits, shape, ring.dtype)
        for one in components
    )
    first, second = (digest(one) for one in components)
    return Share(a, b), (first, second)


def is_bytes(found: Any, size: int) -> bool:
    """Return whether it is an array of so many bytes."""
    return isinstance(found, np.ndarray) and found.dtype == BYTE and found.shape == (size,)


def _is_shape(found: Any, shape: Shape) -> bool:
    return isinstance(found, list) and found == list(shape)


async def compare(server: Checked, mine: bytes, theirs: bytes) -> None:
    """Have both holders of each component compare what they noted of it: abort where they differ.

    Args:
        mine: what was noted of component i at server i.
        theirs: of component i + 1.

    Rounds: 1. Bytes: a digest a server.
    """
    server.send((server.role + 2) % 3, mine)
    got = await server.recv((server.role + 1) % 3)
    if not is_digest(got, theirs):
        await server.refuse("what a client shared with two servers")


async def reveal(server: Checked, x: Share, bits: int | None = None) -> Words:
    """Return the shared values mod 2^bits (by default those of the ring), to all three servers.

    Rounds: 1. Bits: 3 · bits a value, and three digests: server i sends x_i to server i + 1, and the digest
    of x_{i+1} to server i − 1.
    """
    k, width, dtype = server.kernels, bits or server.ring.bits, x.a.dtype
    own = [k.pack(part, width) for part in (x.a, x.b)]
    server.send((server.role + 1) % 3, own[0])
    server.send((server.role + 2) % 3, digest(own[1]))
    before, after = (server.servers[server._place(server.role + step)] for step in (2, 1))
    (packed,) = await server.bytes_from(before, [own[0].shape])
    if not is_digest(await server.heard(after), digest(packed)):
        await server.refuse("an opened component")
    missing = k.unpack(packed, width, x.shape, dtype)
    return k.low_bits(k.add(k.add(x.a, x.b), missing), width)  # type: ignore[no-any-return]


def show(server: Checked, x: Share, client: str) -> None:
    """Send a client component i, and the digest of component i + 1. Bits: l a value and server."""
    k, ring = server.kernels, server.ring
    a, b = (k.pack(part, ring.bits) for part in (x.a, x.b))
    server.party.send(client, [a, digest(b)])


async def learn(
    party: Party,
    ring: Ring,
    shape: Shape,
    names: tuple[str, str, str],
    kernels: ModuleType = real_kernels,
    patience: str | None = None,
) -> Words:
    """Return what three servers show to this client; abort where two say different things."""
    size = -(-int(np.prod(shape, dtype=np.int64)) * ring.bits // 8)
    parts, digests = [], []
    for name in names:
        payload = await heard(party, name, patience, LONGEST)
        if not (isinstance(payload, list) and len(payload) == 2 and is_bytes(payload[0], size)):
            await _refuse(party, name)
        parts.append(payload[0])
        digests.append(payload[1])
    for place, part in enumerate(parts):
        if not is_digest(digests[place - 1], digest(part)):
            await _refuse(party, f"{names[place]} or {names[place - 1]}")
    total = kernels.zeros(shape, ring.dtype)
    for part in parts:
        total = kernels.add(total, kernels.unpack(part, ring.bits, shape, ring.dtype))
    return total  # type: ignore[no-any-return]


async def _refuse(party: Party, who: str) -> NoReturn:
    await party.abort(f"what {who} shows is not as it should be")
