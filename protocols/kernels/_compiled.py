"""How the loops are compiled: eagerly, for both word sizes, from a cache where there is one."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit, types

from mpcsim import log

Words = npt.NDArray[np.unsignedinteger[Any]]
"""A uint32 or uint64 array."""

Bytes = npt.NDArray[np.uint8]
"""A uint8 array: planes, residues or packed bytes."""

Item = TypeVar("Item", bound=np.generic)
Loop = TypeVar("Loop", bound=Callable[..., Any])


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


def array(item: Any, dimensions: int = 1) -> Any:
    """Return the Numba type of a contiguous array that a loop writes."""
    return types.Array(item, dimensions, "C")


def reads(item: Any, dimensions: int = 1) -> Any:
    """Return the Numba type of a contiguous input; writeable arrays are accepted as well."""
    return types.Array(item, dimensions, "C", readonly=True)


def compiled(*signatures: Any) -> Callable[[Loop], Loop]:
    """Compile a loop for these signatures now, or load it from the cache.

    Numba's cache looks at the loop's own file alone: loops that call each other share a file.
    """
    compiler = njit(list(signatures), cache=True, nogil=True)

    def compile_(loop: Loop) -> Loop:
        found = compiler(loop)
        if found.stats.cache_misses:
            _say_once()
        return cast(Loop, found)

    return compile_


@cache
def _say_once() -> None:
    log.say("compiling kernels, this once: about half a minute")


def compiled_for_words(signature: Callable[[Any], Any]) -> Callable[[Loop], Loop]:
    """Compile a loop for uint32 and uint64, given its signature as a function of the word type."""
    return compiled(signature(types.uint32), signature(types.uint64))
