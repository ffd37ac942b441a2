"""Loops as machine code: compiled by Numba once on a machine, loaded by LLVM alone ever after.

Numba's import and its registries cost most of a second, many times what loading costs, so they are there
where something has to be compiled and nowhere else. A loop is a plain function with a signature; what it
calls is in its own file, or written as LLVM in `written`. It allocates nothing (callers hand in scratch),
copies no array into another (loops do), checks no bounds, and releases Python's lock. In flow functions
with signatures, out flow callables that check the arrays they are given.
"""

from protocols.kernels.machine.arrays import Bytes, Item, Words, contiguous, expect, scratch
from protocols.kernels.machine.loops import compiled, compiled_for_words, inside, ready, step
from protocols.kernels.machine.signatures import array, gives, reads, void

__all__ = [
    "Bytes",
    "Item",
    "Words",
    "array",
    "compiled",
    "compiled_for_words",
    "contiguous",
    "expect",
    "gives",
    "inside",
    "reads",
    "ready",
    "scratch",
    "step",
    "void",
]
