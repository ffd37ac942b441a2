"""What a loop takes and gives, said without the compiler."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_CONTIGUOUS, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400  # NumPy's bits of an array's flags


class Argument(NamedTuple):
    """A number (no dimensions), or a C-contiguous, aligned array that a loop reads or writes."""

    dtype: np.dtype[Any]
    dimensions: int = 0
    written: bool = False

    @property
    def flags(self) -> int:
        """The bits that `flags.num` of an array must have."""
        return _CONTIGUOUS | _ALIGNED | (_WRITEABLE if self.written else 0)

    @property
    def word(self) -> str:
        """How it is handed over, in the letters of `struct`: a number, or where NumPy's array is."""
        return "q" if self.dtype.kind == "i" and not self.dimensions else "Q"


class Signature(NamedTuple):
    """The numbers that a loop gives, none, one or more, and its arguments."""

    results: tuple[np.dtype[Any], ...]
    arguments: tuple[Argument, ...]


class Compiled:
    """A function that has machine code of its own."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function


class Inside(NamedTuple):
    """A function that loops of its file call, and nobody else."""

    function: Callable[..., Any]
    signature: Signature


class Step(NamedTuple):
    """A function of `written`, by its name, with what it is built for: LLVM that a loop contains."""

    name: str
    built_for: tuple[Any, ...]


Wanted = Mapping[str, tuple[Callable[..., Any], Signature]]
"""Loops of a module by names that are unique in it."""


def reads(item: npt.DTypeLike, dimensions: int = 1) -> Argument:
    """Return an array that a loop reads; it may be read-only."""
    return Argument(np.dtype(item), dimensions)


def array(item: npt.DTypeLike, dimensions: int = 1) -> Argument:
    """Return an array that a loop writes."""
    return Argument(np.dtype(item), dimensions, written=True)


def void(*arguments: Argument | npt.DTypeLike) -> Signature:
    """Return the signature of a loop that writes arrays alone; a type is a number of that type."""
    return gives((), *arguments)


def gives(
    results: npt.DTypeLike | tuple[npt.DTypeLike, ...], *arguments: Argument | npt.DTypeLike
) -> Signature:
    """Return the signature of a loop that gives a number, or a tuple of them to other loops."""
    results = results if isinstance(results, tuple) else (results,)
    return Signature(
        tuple(np.dtype(result) for result in results),
        tuple(one if isinstance(one, Argument) else Argument(np.dtype(one)) for one in arguments),
    )
