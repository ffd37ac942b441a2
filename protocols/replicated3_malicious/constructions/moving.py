"""Rows that move by an order which two of three servers know: what a verified shuffle is made of.

Servers A and B know the order, both from a key, which C, the third, lacks. x = x_A + x_B + x_C lies so
that A holds x_A and x_B, B x_B and x_C, C x_C and x_A. New components A and C are outputs of keys; A sends
B its rows of x_A less the first, B sends A those of x_C less the second; both add their rows of x_B.
docs/malicious.md#shuffles
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from protocols.domains import Words
from protocols.replicated3.sharings import Column, Share
from protocols.replicated3_malicious.sharings import Checked

Order = NDArray[np.intp]


def drawn_order(server: Checked, key: int, shape: tuple[int, ...]) -> Order | None:
    """Return a key's next uniform permutation of the last axis, one for each column; None to who lacks it.

    It is the order of n numbers of 128 bits: within n²/2^129 of uniform. No message.
    """
    if (key - server.role) % 3 == 2:
        return None
    words = server.random(key, "order", (2, *shape), server.word(64))
    found: Order = server.kernels.order_of(words)
    return found


async def moved_by(
    server: Checked, key: int, order: Order | None, columns: Sequence[Column]
) -> list[Share]:
    """Return columns (…, n) whose row i of the last axis is row order[i] of what was given.

    Args:
        server: who runs it.
        key: whose output the order is: roles key − 1 and key have it.
        order: of the last axis, (…, n); None at role key + 1, who lacks it.
        columns: what moves, all of one shape.

    Both messages are uniform to their receivers: A lacks the key of C, B that of A. Each is a claim, of
    all columns that add alike. Rounds: 1. Bits: 2 a bit of a column.
    """
    k = server.kernels
    a, c = (key + 2) % 3, (key + 1) % 3
    shape = columns[0].share.shape
    fresh = {
        j: [server.random(j, f"moved{i}", shape, one.share.a.dtype) for i, one in enumerate(columns)]
        for j in (a, c)
        if (j - server.role) % 3 != 2
    }

    def plus(one: Column, x: Words, y: Words) -> Words:
        found: Words = k.xor(x, y) if one.xor else k.add(x, y)
        return found

    def minus(one: Column, x: Words, y: Words) -> Words:
        found: Words = k.xor(x, y) if one.xor else k.sub(x, y)
        return found

    def part(j: int) -> list[Words]:
        """Return component j of every column."""
        return [server.component(one.share, j) for one in columns]

    widths = [one.bits for one in columns]
    sent: dict[int, list[Words]] = {}
    if server.role != c:
        mine, other = (a, key) if server.role == a else (c, a)
        rows = [k.permuted(one, order) for one in part(mine)]
        own = [minus(*one) for one in zip(columns, rows, fresh[mine], strict=True)]
        own = [k.low_bits(one, width) for one, width in zip(own, widths, strict=True)]
        server.say(other, own, *widths)
        sent = {server.role: own, other: await server.words(other, shape, *widths)}
    flat = flat_order(server, order, shape) if order is not None else None
    for xor in (False, True):
        some = [i for i, one in enumerate(columns) if one.xor == xor]
        if some:
            _claim(server, (a, key, c), [columns[i] for i in some], flat, shape,
                   {j: [one[i] for i in some] for j, one in fresh.items()},
                   {j: [one[i] for i in some] for j, one in sent.items()})  # fmt: skip
    if server.role == c:
        return [server.sharing(*_placed(c, x, a, y)) for x, y in zip(fresh[c], fresh[a], strict=True)]
    held = [k.permuted(one, order) for one in part(key)]
    both = [plus(*one) for one in zip(columns, sent[a], sent[key], strict=True)]
    third = [plus(*one) for one in zip(columns, both, held, strict=True)]
    known = a if server.role == a else c
    return [server.sharing(*_placed(known, x, key, y)) for x, y in zip(fresh[known], third, strict=True)]


def _placed(i: int, x: Words, j: int, y: Words) -> tuple[Words | None, Words | None, Words | None]:
    """Return three components of which two are known."""
    zero, one, two = ({i: x, j: y}.get(place) for place in range(3))
    return zero, one, two


def flat_order(server: Checked, order: Order, shape: tuple[int, ...]) -> Order:
    """Return an order of the last axis as one of all rows, flat."""
    n = shape[-1]
    groups = math.prod(shape[:-1])
    starts = n * np.arange(groups, dtype=np.intp).reshape(-1, 1)
    found: Order = server.kernels.add(order.reshape(-1, n), starts).reshape(-1)
    return found


def _claim(
    server: Checked,
    roles: tuple[int, int, int],
    columns: Sequence[Column],
    order: Order | None,
    shape: tuple[int, ...],
    fresh: dict[int, list[Words]],
    sent: dict[int, list[Words]],
) -> None:
    """Claim both messages: what A said of x_A, which C knows, and B of x_C, which C knows too."""
    a, key, c = roles
    widths, rows = [one.bits for one in columns], math.prod(shape)
    for prover, by in ((a, "right"), (key, "left")):
        own = a if prover == a else c
        heard, drawn = (lambda prover=prover: sent[prover]), (lambda own=own: fresh[own])
        server.claim_moved(
            prover,
            by,  # type: ignore[arg-type]  # one of two words
            widths,
            (rows, rows),
            order=lambda: order,  # type: ignore[arg-type,return-value]  # called where it is known
            x=lambda own=own: [server.component(one.share, own) for one in columns],  # type: ignore[misc]
            left=drawn if by == "right" else heard,
            right=heard if by == "right" else drawn,
            xor=columns[0].xor,
        )
