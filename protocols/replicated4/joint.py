"""Joint message passing, and the one step that all constructions are made of: `spread`.

A pair of servers knows a number t. With the mask F(k_i) of a third server i, which all but i know, the
components t_i = F(k_i) and t_j = t − F(k_i) share it: t_j is sent to i by one of the pair, and the other
vouches for it (`ledger`). So a number costs its own size. Source: Dalskov, Escudero, Keller 2021, §3.1.

There are six pairs. Couples, {0, 1} and {2, 3}, send half of each message each. Of the others each server
starts one, so that all servers send alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from protocols.domains import Words
from protocols.family import Shape
from protocols.replicated4.ledger import Address
from protocols.replicated4.seat import BYTE, Algebra, Parts, Seat, is_packed

Pair = tuple[int, int]
COUPLES: tuple[Pair, Pair] = ((0, 1), (2, 3))
_RECEIVER = {(0, 1): 2, (2, 3): 0, (0, 2): 3, (1, 3): 2, (1, 2): 0, (0, 3): 1}
_SENDER = {(0, 2): 0, (1, 3): 1, (1, 2): 2, (0, 3): 3}


@dataclass(frozen=True)
class Joint:
    """What a pair knows.

    Attributes:
        kind: "words" of `bits` bits; "planes" of bits; "stairs", rows of words of which row j has bits − j.
        words: the numbers at the pair, in the shape; at others nothing.
    """

    pair: Pair
    kind: Literal["words", "planes", "stairs"]
    words: Words | None
    shape: Shape
    dtype: np.dtype[Any] = BYTE
    bits: int = 0

    @property
    def receiver(self) -> int:
        """The server that lacks the mask."""
        return _RECEIVER[self.pair]

    @property
    def other(self) -> int:
        """The server that knows neither the number nor the rest: its component is sent."""
        return 6 - sum(self.pair) - self.receiver


@dataclass(frozen=True)
class _Piece:
    """A message: who sends it and who vouches for it; which bits of words, or which rows."""

    sender: int
    voucher: int
    first: int
    count: int


def _pieces(joint: Joint) -> list[_Piece]:
    whole = joint.bits if joint.kind == "words" else joint.shape[0]
    if joint.pair not in COUPLES:
        sender = _SENDER[joint.pair]
        return [_Piece(sender, sum(joint.pair) - sender, 0, whole)]
    one, other = joint.pair
    half = -(-whole // 2)
    halves = [_Piece(one, other, 0, half), _Piece(other, one, half, whole - half)]
    return [piece for piece in halves if piece.count]


async def spread(me: Seat, *joints: Joint) -> list[Parts]:
    """Return this server's components of what pairs know. Rounds: 1. Bits: those of the numbers."""
    found: list[Parts] = []
    coming: list[list[tuple[_Piece, Address]]] = []
    for joint in joints:
        mine: Parts = {}
        rest: Words | None = None
        if me.place != joint.receiver:
            mine[joint.receiver] = me.mask(
                joint.receiver, f"mask of {joint.pair} by", joint.shape, joint.dtype
            )
        if joint.words is not None:
            rest = _algebra(me, joint).sub(joint.words, mine[joint.receiver])
            mine[joint.other] = rest
        waits = []
        for number, piece in enumerate(_pieces(joint)):
            if me.place in (piece.sender, piece.voucher, joint.receiver):
                address = me.address(f"joint {joint.pair} {number}")
                if rest is None:
                    waits.append((piece, address))
                    continue
                payload = _packed(me, joint, piece, rest)
                if me.place == piece.sender:
                    me.send(joint.receiver, payload)
                else:
                    me.ledger.vouch(joint.receiver, address, payload)
        found.append(mine)
        coming.append(waits)
    for joint, mine, waits in zip(joints, found, coming, strict=True):
        if me.place == joint.receiver:
            parts = [await _received(me, joint, piece, address) for piece, address in waits]
            mine[joint.other] = _assembled(me, joint, parts)
    return found


def _algebra(me: Seat, joint: Joint) -> Algebra:
    return me.planes if joint.kind == "planes" else me.words


def _packed(me: Seat, joint: Joint, piece: _Piece, rest: Words) -> Words:
    k = me.kernels
    if joint.kind == "words":
        moved = k.shift_right(rest, piece.first, joint.bits) if piece.first else rest
        words: Words = k.pack(moved, piece.count)
        return words
    rows = rest[piece.first : piece.first + piece.count]
    if joint.kind == "planes":
        return rows
    packed: Words = k.concatenate([k.pack(row, width) for row, width in _steps(joint, piece, rows)], 0)
    return packed


def _steps(joint: Joint, piece: _Piece, rows: Iterable[Any]) -> Iterator[tuple[Any, int]]:
    """Yield the rows of a piece of stairs with their bits."""
    for number, row in enumerate(rows):
        yield row, joint.bits - piece.first - number


async def _received(me: Seat, joint: Joint, piece: _Piece, address: Address) -> Words:
    """Return what came of a piece; what cannot be read is refused, what can is noted."""
    payload = await me.recv(piece.sender)
    try:
        if not is_packed(payload):
            raise ValueError("no packed numbers")
        words = _unpacked(me, joint, piece, payload)
    except (ValueError, TypeError) as error:  # a message of a cheat may be anything
        await me.party.abort(f"{me.names[piece.sender]} sent what cannot be read: {error}")
    me.ledger.expect(piece.voucher, address, payload)
    return words


def _unpacked(me: Seat, joint: Joint, piece: _Piece, payload: Any) -> Words:
    k = me.kernels
    if joint.kind == "words":
        words: Words = k.unpack(payload, piece.count, joint.shape, joint.dtype)
        return words
    shape = (piece.count, *joint.shape[1:])
    if joint.kind == "planes":
        if payload.shape != shape or payload.dtype != BYTE:
            raise ValueError(f"planes: {payload.shape} does not fit, {shape} does")
        planes: Words = payload
        return planes
    first, rows, n = 0, [], joint.shape[1]
    for _, width in _steps(joint, piece, range(piece.count)):
        size = k.pack(k.zeros((n,), joint.dtype), width).size
        rows.append(k.unpack(payload[first : first + size], width, (n,), joint.dtype))
        first += size
    stacked: Words = k.stack(rows, 0)
    return stacked


def _assembled(me: Seat, joint: Joint, parts: Sequence[Words]) -> Words:
    k = me.kernels
    if len(parts) == 1:
        return parts[0]
    if joint.kind == "words":
        words: Words = k.add(parts[0], k.shift_left(parts[1], -(-joint.bits // 2)))
        return words
    rows: Words = k.concatenate(list(parts), 0)
    return rows


def own(
    me: Seat,
    kind: Literal["words", "planes", "stairs"],
    words: Words,
    dtype: np.dtype[Any] = BYTE,
    bits: int = 0,
) -> list[Joint]:
    """Return what both couples know, of one form each: this server's couple these numbers."""
    return [
        Joint(pair, kind, words if pair == me.couple else None, words.shape, dtype, bits)
        for pair in COUPLES
    ]


def crossing(
    me: Seat,
    kind: Literal["words", "planes"],
    terms: Sequence[Words],
    dtype: np.dtype[Any] = BYTE,
    bits: int = 0,
) -> list[Joint]:
    """Return what the four other pairs know: this server's two pairs these terms, as `Seat.crossings`."""
    mine = {pair: term for (pair, _, _), term in zip(me.crossings, terms, strict=True)}
    return [Joint(pair, kind, mine.get(pair), terms[0].shape, dtype, bits) for pair in _SENDER]


def total(algebra: Algebra, found: Sequence[Parts]) -> Parts:
    """Return the sum of components, by their number."""
    added: Parts = {}
    for parts in found:
        for j, words in parts.items():
            added[j] = algebra.add(added[j], words) if j in added else words
    return added
