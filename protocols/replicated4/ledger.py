"""The ledger: digests of all that was sent jointly, one for each other server and direction.

A pair of servers knows what one of them sends to a third. The other of the pair adds a keyed digest of it
to what it will tell the receiver, who adds that of what came to what it expects from that server. The key
is one of these two alone, k_c and k_d of the others' places: the sender lacks it. So digests add up by
exclusive or in any order, and a sender who altered something meets the sum with probability 2^−128.

Source: Dalskov, Escudero, Keller 2021, §2 (joint message passing); keyed digests that add up as in
Clarke et al. 2003 (multiset hashes).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np

DIGEST = 16
"""Bytes."""
Address = tuple[str, int, int]
"""Purpose, channel and number of a message: the same at all who know it, whatever their order."""


@dataclass
class Ledger:
    """What one server vouches for, and what it expects the others to.

    Attributes:
        place: of the server.
        keys: k_j by j, without the own place.
        dry: whether there are shapes alone, and nothing to add up.
        vouched: by receiver, digests of what this server's partners sent there.
        expected: by server, digests of what came that it vouches for.
        settled: whether nothing was noted since the last comparison.
    """

    place: int
    keys: dict[int, bytes]
    dry: bool = False
    vouched: dict[int, int] = field(default_factory=dict)
    expected: dict[int, int] = field(default_factory=dict)
    settled: bool = True

    def __post_init__(self) -> None:
        self._pairwise = {other: self._key_with(other) for other in range(4) if other != self.place}
        self.vouched = dict.fromkeys(self._pairwise, 0)
        self.expected = dict.fromkeys(self._pairwise, 0)

    def _key_with(self, other: int) -> bytes:
        """Return the key that this server and another can make, and no one else."""
        theirs = [self.keys[j] for j in range(4) if j not in (self.place, other)]
        return blake2b(b"".join(theirs), digest_size=16, person=b"pairwise").digest()

    def vouch(self, to: int, address: Address, *data: Any) -> None:
        """Note what another server sends there."""
        self.vouched[to] ^= self._digest(to, self.place, to, address, data)

    def expect(self, voucher: int, address: Address, *data: Any) -> None:
        """Note what came, for which that server vouches."""
        self.expected[voucher] ^= self._digest(voucher, voucher, self.place, address, data)

    def both(self, other: int, address: Address, *data: Any) -> None:
        """Note what both servers were given by someone else: each vouches for it to the other."""
        self.vouch(other, address, *data)
        self.expect(other, address, *data)

    def note_keys(self, common: bytes) -> None:
        """Note the common key with each server: what differs here differs in every digest."""
        for other in self._pairwise:
            self.both(other, ("common key", 0, 0), common)

    def _digest(
        self, peer: int, voucher: int, receiver: int, address: Address, data: tuple[Any, ...]
    ) -> int:
        self.settled = False
        if self.dry:
            return 0
        found = blake2b(digest_size=DIGEST, key=self._pairwise[peer])
        found.update(f"{voucher} to {receiver}: {address}".encode())
        for part in data:
            found.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).reshape(-1).data)
        return int.from_bytes(found.digest(), "big")

    def told(self, to: int) -> bytes:
        """Return what this server vouches for."""
        return self.vouched[to].to_bytes(DIGEST, "big")

    def agrees(self, voucher: int, told: Any) -> bool:
        """Return whether what a server vouches for is what came."""
        expected = self.expected[voucher].to_bytes(DIGEST, "big")
        return self.dry or (isinstance(told, bytes) and told == expected)
