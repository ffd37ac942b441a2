"""Columns of a table, as shuffles move them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpcsim import InputError
from protocols.replicated3.sharings.sharing import Share


@dataclass(frozen=True)
class Column:
    """Rows that move: shares of words of `bits` bits, added mod 2^bits, or by ⊕."""

    share: Share
    bits: int
    xor: bool = False


def one_shape(columns: Sequence[Column]) -> tuple[int, ...]:
    """Return the shape that all columns have.

    Raises:
        InputError: they have several, or there is no column.
    """
    shapes = list(dict.fromkeys(one.share.shape for one in columns))
    if len(shapes) != 1:
        found = ", ".join(map(str, shapes)) or "none"
        raise InputError(f"columns of a table: found the shapes {found}; accepted: one shape for all")
    return shapes[0]
