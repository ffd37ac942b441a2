"""The width in which slots, places and candidates are kept, and what is too wide for it."""

from __future__ import annotations

from mpcsim import InputError
from protocols.domains import Ring
from protocols.trees import Shape
from protocols.trees import check as check_shape

_WORD = 64


def hot_bits(shape: Shape) -> int:
    """Return the bits H of one-hot vectors and of candidates: those of the widest thing they choose."""
    return max(shape.slot_bits, shape.value_bits + 3)


def check(shape: Shape, ring: Ring) -> None:
    """Refuse what is no tree, what the ring is too narrow for, and scores that a word does not hold.

    Raises:
        InputError: the key, what it was, what is accepted.
    """
    check_shape(shape, ring)
    for bits, what in ((shape.cross_bits, "scores"), (shape.gain_bits, "gains")):
        if bits > min(ring.bits, _WORD):
            raise InputError(
                f"a tree of {shape.rows} rows and {shape.attributes} attributes compares {what} of {bits} "
                f"bits; accepted on replicated3_malicious: at most {min(ring.bits, _WORD)}, which fewer "
                "rows or targets of fewer bits take (replicated3 compares more)"
            )
