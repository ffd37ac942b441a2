"""What a claim of moved columns leaves to prove: two vectors as long as the columns, whatever their number.

y[i] = x[order[i]] for all columns of a table: with a weight ρ_i of E for each place of y and σ_c for each
column, Σ_i Σ_c ρ_i σ_c y_c[i] = Σ_j ρ′_j (Σ_c σ_c x_c[j]), ρ′ being ρ at its rows of x. Who knows the order
knows ρ′, who knows x the sums. Of columns that add by ⊕ each bit is a column, over the field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from protocols import kernels
from protocols.domains import Words
from protocols.replicated3_malicious.proofs.ring import Galois
from protocols.replicated3_malicious.sharings import Moved, Part

_WORD = 64
Vectors = tuple[Words | None, Words | None, Words | None]


def vectors(
    ring: Galois, claim: Moved, part: Part, number: int, draw: Callable[[str, int], Words]
) -> Vectors:
    """Return what this server adds to its u, its v and its target; None where it knows nothing of one."""
    count = sum(claim.widths) if claim.xor else len(claim.widths)
    places = _weights(ring, draw(f"places of {number}", ring.d * -(-claim.count // 8)), claim.count)
    columns = _weights(ring, draw(f"columns of {number}", ring.d * -(-count // 8)), count)
    ordered = summed = t = None
    if claim.order is not None:
        moved = np.zeros((ring.d, claim.rows), places.dtype)
        moved[:, claim.order] = places
        ordered = _elements(ring, moved)
    if claim.x is not None:
        summed = _summed(ring, claim, columns, claim.x)
    if claim.t is not None:
        t = ring.inner([(_elements(ring, places), _summed(ring, claim, columns, claim.t))])
    return (ordered, summed, t) if claim.by == "left" else (summed, ordered, t)


def _weights(ring: Galois, drawn: Words, count: int) -> Words:
    """Return the coefficients of so many weights, (d, count): 0 and 1, of E or of the field."""
    return np.unpackbits(drawn.reshape(ring.d, -1), axis=1, count=count)


def _elements(ring: Galois, coefficients: Words) -> Words:
    """Return 0 and 1 as coefficients of elements, a word each, or over the field a lane."""
    words = _lanes(coefficients) if ring.bits else coefficients.astype(np.uint64)
    return words.reshape(ring.d1, ring.d2, -1)


def _lanes(rows: Words) -> Words:
    """Return rows of bits in words of 64 lanes."""
    packed = np.packbits(rows, axis=1)
    wide = np.zeros((len(rows), 8 * -(-rows.shape[1] // _WORD)), np.uint8)
    wide[:, : packed.shape[1]] = packed
    return wide.view(np.uint64)


def _summed(ring: Galois, claim: Moved, weights: Words, columns: Sequence[Words]) -> Words:
    """Return Σ over columns of weight times row, by row: a relation mod 2^b is moved up to 2^64."""
    if ring.bits:
        planes = [
            (words >> words.dtype.type(bit) & words.dtype.type(1)).astype(np.uint8)
            for words, width in zip(columns, claim.widths, strict=True)
            for bit in range(width)
        ]
        found = ring.combined(weights.astype(np.uint64), _lanes(np.stack(planes)))
    else:
        scaled = [
            kernels.shift_left(kernels.astype(words, np.uint64), _WORD - width)
            for words, width in zip(columns, claim.widths, strict=True)
        ]
        found = ring.combined(weights.astype(np.uint64), np.stack(scaled))
    return found.reshape(ring.d1, ring.d2, -1)
