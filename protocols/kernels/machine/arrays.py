"""The arrays that loops take."""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.unsignedinteger[Any]]
"""A uint32 or uint64 array."""

Bytes = npt.NDArray[np.uint8]
"""A uint8 array: planes, residues or packed bytes."""

Item = TypeVar("Item", bound=np.generic)


_LINE = 64
"""Bytes of a line of the cache, and of the widest vector."""


def scratch(count: int) -> npt.NDArray[np.uint64]:
    """Return so many words, not filled, that begin where a line of the cache does.

    A vector of a whole line that begins elsewhere lies in two, and is read twice.
    """
    whole = np.empty(count + _LINE // 8 - 1, np.uint64)
    first = -whole.ctypes.data % _LINE // 8
    return whole[first : first + count]


def contiguous(a: npt.NDArray[Item]) -> npt.NDArray[Item]:
    """Return the array itself, or a copy that is C-contiguous and aligned.

    Arrays inside a received buffer may be unaligned; NumPy's 0-d results are scalars, not arrays.
    """
    a = np.asarray(a, order="C")
    return a if a.flags.aligned else a.copy()


def expect(name: str, got: object, want: object) -> None:
    """Raise ValueError where a shape or size is not the one wanted: the loops check no bounds."""
    if got != want:
        raise ValueError(f"{name}: {got} does not fit, {want} does")
