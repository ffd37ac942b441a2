"""A proof among three: what the prover, left and right send each other.

Coins come from the key that left and right share and the prover lacks. Left opens one half of the seed
of the weights and right the other, each beside the other's hash, when it has all messages of the batch:
what is opened first tells the prover nothing. The points r_1, r_2, … come from a hash chain: left sends
its anchor, and right opens the next link once a message has come. So neither verifier can give the
prover another coin than the other uses.

The prover's messages go to right less a part that left has already, from their common key; left knows all
coins and says its last words at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from protocols.correlated import prf
from protocols.domains import Words
from protocols.replicated3_malicious.proofs.ring import Galois, at_least, challenge
from protocols.replicated3_malicious.proofs.schedule import Step, first_parts, steps
from protocols.replicated3_malicious.proofs.statement import Side
from protocols.replicated3_malicious.sharings import BYTE, Checked, Claim

SEED = 32
"""Bytes of a seed, and of a hash."""


async def prove(server: Checked, claims: dict[int, list[Claim]], security: int) -> None:
    """Prove what this server has claimed, and check what the others did; abort where a proof fails.

    The three proofs run side by side, of bits and of words step by step together. Who returns has found
    nothing wrong, but only right has checked: what it found is to be heard before anything is opened. The
    claims are taken out of the dict, for they are large.

    Rounds: twice the steps. Bytes: `Step.elements` of d words (over GF(2): bits) a step, two elements of
    left, a seed and two hashes of left, a seed and a hash of right, and a seed a step but the last.
    """
    jobs = [_Proof(server, prover, claims.pop(prover), security) for prover in range(3)]
    await server.party.gather(*(job.run() for job in jobs if job.length))


def digest(*parts: bytes) -> bytes:
    """Return a hash of parts."""
    return hashlib.blake2b(b"".join(parts), digest_size=SEED).digest()


class _Proof:
    """One proof, as this server plays its part in it."""

    def __init__(self, server: Checked, prover: int, claims: Sequence[Claim], security: int) -> None:
        self.server, self.prover = server, prover
        self.left, self.right = (prover + 2) % 3, (prover + 1) % 3
        part = server.ledger.part(prover)
        kinds: tuple[list[Claim], list[Claim]] = (
            [one for one in claims if one.bits == 0],
            [one for one in claims if one.bits > 0],
        )
        self.sides: list[Side] = []
        self.plans: list[list[Step]] = []
        for bits, some in zip((True, False), kinds, strict=True):
            plan = steps(some, bits)
            if plan:
                self.sides.append(Side(at_least(security, bits, first_parts(some, bits)), part, some))
                self.plans.append(plan)
        self.length = max(map(len, self.plans), default=0)
        self.dry = not hasattr(server.kernels, "contiguous") and server.kernels.__name__.endswith("shapes")
        self.seed = b""

    async def run(self) -> None:
        """Play this server's part."""
        place = self.server.role
        if place == self.prover:
            await self._prove()
        elif place == self.left:
            self._as_left()
        else:
            await self._as_right()

    # Coins

    def _coins(self) -> tuple[bytes, bytes, list[bytes]]:
        """Return both halves of the weights' seed, and the chain from its anchor on. For verifiers."""
        words = self.server.random(self.left, "coins", (3 * SEED,), BYTE).tobytes()
        halves = words[:SEED], words[SEED : 2 * SEED]
        chain = [words[2 * SEED :]]
        for _ in range(self.length):
            chain.append(digest(chain[-1]))
        return *halves, chain[::-1]

    def _weights(self, number: int, label: str, size: int) -> Words:
        key = digest(self.seed, b"weights")[: prf.KEY_BYTES]
        return prf.expand(key, prf.nonce(number, label, 0), size)

    def _point(self, number: int, step: Step, link: bytes) -> Words:
        """Return the point of a step: none of the data's, in the last."""
        excluded = step.parts if step.kind == "last" else 0

        def draw(tried: int) -> bytes:
            return digest(link, bytes([number]), tried.to_bytes(4, "big"))

        return challenge(self.sides[number].ring, draw, excluded)

    # Parts of a message that the prover and left draw from their common key

    def _drawn(self, ring: Galois, count: int, purpose: str) -> Words:
        words = self.server.random(self.prover, purpose, (ring.d1, ring.d2, count), np.dtype(np.uint64))
        return words & np.uint64(1) if ring.bits else words

    def _active(self, place: int) -> list[tuple[int, Side, Step]]:
        """Return the sides that have a step in this place."""
        return [
            (number, side, plan[place])
            for number, (side, plan) in enumerate(zip(self.sides, self.plans, strict=True))
            if place < len(plan)
        ]

    def _size(self, place: int) -> int:
        return sum(_bytes(side.ring, step.elements) for _, side, step in self._active(place))

    def _start(self) -> None:
        for number, (side, plan) in enumerate(zip(self.sides, self.plans, strict=True)):

            def draw(label: str, size: int, number: int = number) -> Words:
                return self._weights(number, label, size)

            if plan[0].kind == "first":
                side.cut(plan[0].parts, draw)
                if side.part != "prover":
                    side.first_values(plan[0].parts)
            else:
                side.join_maps(draw)

    def _fold(self, number: int, side: Side, step: Step, link: bytes) -> None:
        r = self._point(number, step, link)
        if step.kind == "first":
            side.first_fold(step.parts, r)
            side.join_maps(lambda label, size: self._weights(number, label, size))
        else:
            side.fold(step.parts, r)

    # The prover

    async def _prove(self) -> None:
        server = self.server
        left, right = (server.servers[one] for one in (self.left, self.right))
        (from_left,) = await server.bytes_from(left, [(3 * SEED,)])
        (from_right,) = await server.bytes_from(right, [(2 * SEED,)])
        half, hashed, link = (from_left[at : at + SEED].tobytes() for at in (0, SEED, 2 * SEED))
        other, hashed_first = (from_right[at : at + SEED].tobytes() for at in (0, SEED))
        if not self.dry:
            if digest(half) != hashed_first or digest(other) != hashed:
                await server.refuse("the coin of the verifiers")
            self.seed = half + other
            self._start()
        for place in range(self.length):
            active = self._active(place)
            payload = server.kernels.zeros((self._size(place),), BYTE)
            if not self.dry:
                payload = np.concatenate([self._message(*one) for one in active])
            server.party.send(right, payload)
            if place == self.length - 1:
                return
            (opened,) = await server.bytes_from(right, [(SEED,)])
            if self.dry:
                continue
            before, link = link, opened.tobytes()
            if digest(link) != before:
                await server.refuse("the coin of the verifiers")
            for number, side, step in active:
                if step.kind != "last":
                    self._fold(number, side, step, link)

    def _message(self, number: int, side: Side, step: Step) -> Words:
        ring = side.ring
        if step.spread:
            side.spread()
        if step.kind == "first":
            whole = side.first_message(step.parts)
        elif step.kind == "later":
            whole = side.message(step.parts)
        else:
            whole = side.message(step.parts, self._drawn(ring, 1, f"mask{number}"))
        return _packed(ring, ring.sub(whole, self._drawn(ring, step.elements, f"share{number}")))

    # Left

    def _as_left(self) -> None:
        server = self.server
        half, other, chain = self._coins()
        opening = half + digest(other) + chain[0]
        prover, right = (server.servers[one] for one in (self.prover, self.right))
        server.party.send(prover, np.frombuffer(opening, np.uint8))
        words = [server.kernels.zeros((2 * _bytes(side.ring, 1),), BYTE) for side in self.sides]
        if not self.dry:
            self.seed = half + other
            self._start()
            words = []
            for number, (side, plan) in enumerate(zip(self.sides, self.plans, strict=True)):
                for place, step in enumerate(plan):
                    mask = self._receive(number, side, step, None)
                    self._fold(number, side, step, chain[place + 1])
                assert side.t is not None
                assert mask is not None
                last = side.masked(step.parts, self._point(number, step, chain[len(plan)]), mask)
                words += [_packed(side.ring, last), _packed(side.ring, side.t)]
        server.party.send(right, server.kernels.concatenate(words, 0))

    def _receive(self, number: int, side: Side, step: Step, received: Words | None) -> Words | None:
        """Take this verifier's part of a message, and return the mask of the last, which left draws."""
        ring, mask = side.ring, None
        if step.spread:
            side.spread()
        if received is None:
            if step.kind == "last":
                mask = self._drawn(ring, 1, f"mask{number}")
            received = self._drawn(ring, step.elements, f"share{number}")
        if step.kind == "first":
            assert side.values is not None
            side.values = np.concatenate([side.values, received], 2)
        else:
            side.imply(received, step.parts)
        return mask

    # Right

    async def _as_right(self) -> None:
        server = self.server
        half, other, chain = self._coins()
        prover, left = (server.servers[one] for one in (self.prover, self.left))
        server.party.send(prover, np.frombuffer(other + digest(half), np.uint8))
        if not self.dry:
            self.seed = half + other
            self._start()
        for place in range(self.length):
            (payload,) = await server.bytes_from(prover, [(self._size(place),)])
            if place < self.length - 1:
                server.party.send(prover, np.frombuffer(chain[place + 1], np.uint8))
            if self.dry:
                continue
            at = 0
            for number, side, step in self._active(place):
                size = _bytes(side.ring, step.elements)
                part = _unpacked(side.ring, payload[at : at + size], step.elements)
                self._receive(number, side, step, part)
                self._fold(number, side, step, chain[place + 1])
                at += size
        sizes = [_bytes(side.ring, 1) for side in self.sides for _ in range(2)]
        (words,) = await server.bytes_from(left, [(sum(sizes),)])
        at = 0
        for side, size in zip([] if self.dry else self.sides, sizes[::2], strict=False):
            p, t = (_unpacked(side.ring, words[at + one : at + one + size], 1) for one in (0, size))
            at += 2 * size
            assert side.v is not None
            assert side.t is not None
            if not np.array_equal(side.ring.mul(p, side.v), side.ring.add(t, side.t)):
                await server.refuse(f"the proof of {prover}")


def _bytes(ring: Galois, elements: int) -> int:
    """Return the bytes of so many elements."""
    return -(-ring.d * elements // 8) if ring.bits else 8 * ring.d * elements


def _packed(ring: Galois, elements: Words) -> Words:
    flat = elements.reshape(-1)
    if ring.bits:
        return np.packbits(flat.astype(np.uint8))
    return flat.view(np.uint8) if flat.flags.c_contiguous else flat.copy().view(np.uint8)


def _unpacked(ring: Galois, payload: Words, count: int) -> Words:
    shape = (ring.d1, ring.d2, count)
    if ring.bits:
        return np.unpackbits(payload, count=ring.d * count).astype(np.uint64).reshape(shape)
    found: Any = np.frombuffer(payload.tobytes(), np.uint64).reshape(shape)
    return found  # type: ignore[no-any-return]
