"""Neighbours in sorted rows: where a group begins or ends, rows that stay, rows that become zero."""

from __future__ import annotations

from collections.abc import Sequence

from mpcsim import InputError
from protocols.replicated3.sharings import (
    Column,
    Server,
    Share,
    add_public,
    concatenate,
    negate,
    public,
    subtract,
)
from protocols.tables.sort import Key
from protocols.tables.steps import Steps


async def as_before(steps: Steps, keys: Share, bits: int) -> Share:
    """Return the integer 1 where a row has the key of the row before it mod 2^bits, else 0; first is 0.

    Keys (…, n). Rounds and bits: those of an equality of n − 1 rows.
    """
    server = steps.server
    return concatenate(server, [nothing(server, keys), *await _alike_neighbours(steps, keys, bits)], -1)


async def as_after(steps: Steps, keys: Share, bits: int) -> Share:
    """Return the integer 1 where a row has the key of the row after it mod 2^bits, else 0; last is 0.

    Keys (…, n). Rounds and bits: those of an equality of n − 1 rows.
    """
    server = steps.server
    return concatenate(server, [*await _alike_neighbours(steps, keys, bits), nothing(server, keys)], -1)


async def _alike_neighbours(steps: Steps, keys: Share, bits: int) -> list[Share]:
    if keys.shape[-1] == 1:
        return []
    return [await steps.is_zero(subtract(steps.server, keys[..., 1:], keys[..., :-1]), bits)]


def nothing(server: Server, rows: Share) -> Share:
    """Return one row (…, 1) of zeros beside rows (…, n); no message."""
    return public(server, server.kernels.zeros((*rows.shape[:-1], 1), server.ring.dtype))


def differences(server: Server, rows: Share) -> Share:
    """Return what each of rows (…, n) adds to the one before it, the first to zero; no message."""
    return subtract(server, rows, concatenate(server, [nothing(server, rows), rows[..., :-1]], -1))


async def order_of_zeros(steps: Steps, bit: Share) -> Share:
    """Return the stable order that brings rows with bit 0 to the front: low bits are XOR shares."""
    k = steps.server.kernels
    return await steps.order_by([Key(Share(k.low_bits(bit.a, 1), k.low_bits(bit.b, 1)), 1)], 1)


async def kept(steps: Steps, columns: Sequence[Share], present: Share) -> list[Share]:
    """Return columns with zeros where the bit is 0, in one message. Rounds: 1."""
    shape = present.shape
    rows = concatenate(steps.server, [one.reshape(1, *shape) for one in columns])
    kept = await steps.multiply(rows, present.reshape(1, *shape))
    return [kept[i] for i in range(len(columns))]


def opposite(server: Server, bit: Share) -> Share:
    """Return 1 − bit; no message."""
    return add_public(server, negate(server, bit), server.kernels.full((), 1, server.ring.dtype))


def columns_of(server: Server, shares: Sequence[Share]) -> list[Column]:
    """Return shares as columns of the ring's width."""
    return [Column(one, server.ring.bits) for one in shares]


def alike(keys: Share, columns: Sequence[Share], what: str) -> None:
    """Check that there are columns, and that they have the keys' shape.

    Raises:
        InputError: they do not; the shapes are named.
    """
    wrong = [one.shape for one in columns if one.shape != keys.shape]
    if wrong or not columns:
        found = ", ".join(map(str, wrong)) or "none"
        raise InputError(f"{what}: found the shapes {found}; accepted: that of the keys, {keys.shape}")
