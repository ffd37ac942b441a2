"""Bins of about as many rows each, found by one sort; whose edges nobody learns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocols.boosting.shape import Boosting
from protocols.domains import Ring
from protocols.replicated3.constructions import is_negative
from protocols.replicated3.sharings import Server, Share, add, add_public, narrow_share, public
from protocols.tables import (
    Column,
    apply_inverse,
    apply_order,
    as_before,
    by_halves,
    key_of,
    opposite,
    order_by,
    spread_first,
)
from protocols.trees import within


@dataclass(frozen=True)
class Bins:
    """Candidates of tests: the edges of each attribute, ascending, attribute after attribute.

    Attributes:
        twice: (m, B − 1): twice the edge.
        right: (m, B − 1, n): 1 where a row is beyond the edge, else 0.
    """

    twice: Share
    right: Share


async def bins_of(server: Server, values: Share, shape: Boosting) -> Bins:
    """Return the bins of values (m, n).

    In ascending order bin e begins at the public place p_e = ⌊e·n/B⌋. Its lower edge is the middle of the
    values at p_e − 1 and p_e; a row is beyond it where more than p_e − 1 rows are smaller than it: rows of
    one value have the bin of the first of them, which is spread over them and goes back to their numbers.

    Rounds: the sort's, 4, an equality, 11, 2, and a sign of the bits of a bin's number.
    """
    m, n = values.shape
    k = server.kernels
    order = await order_by(server, [await key_of(server, values, shape.value_bits)], shape.digit)
    [ordered] = await apply_order(server, order, [Column(values, server.ring.bits)])
    firsts = np.array(shape.firsts)
    before, after = _taken(server, ordered, firsts - 1), _taken(server, ordered, firsts)
    keys, small = within(server, shape.value_bits), within(server, shape.bin_bits)
    same = await as_before(by_halves(keys), narrow_share(keys, ordered), shape.value_bits)
    numbers = small.ring.encode_integers(np.searchsorted(firsts, np.arange(n), side="right"))
    placed = public(small, k.add(k.zeros((m, n), small.ring.dtype), k.astype(numbers, small.ring.dtype)))
    [bins] = await spread_first(by_halves(small), narrow_share(small, same), [placed])
    [back] = await apply_inverse(server, order, [Column(bins, shape.bin_bits)])
    gaps = add_public(small, _each(small, back, shape.edges), _edges(small.ring, shape.edges))
    right = opposite(server, await is_negative(server, gaps, shape.bin_bits))
    return Bins(add(server, before, after), right)


def _taken(server: Server, x: Share, places: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Share:
    k = server.kernels
    return Share(k.take(x.a, places, 1), k.take(x.b, places, 1))


def _each(server: Server, x: Share, times: int) -> Share:
    """Return (m, n) so many times, (m, times, n)."""
    k, (m, n) = server.kernels, x.shape
    empty = k.zeros((m, times, n), x.a.dtype)
    return Share(k.add(empty, x.a.reshape(m, 1, n)), k.add(empty, x.b.reshape(m, 1, n)))


def _edges(ring: Ring, edges: int) -> np.ndarray[tuple[int, ...], np.dtype[np.unsignedinteger]]:
    """Return −1, −2, … of the edges, to be added to the bins of rows."""
    return ring.encode_integers(-np.arange(1, edges + 1)).reshape(1, -1, 1)
