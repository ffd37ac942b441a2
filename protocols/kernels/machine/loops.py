"""Loops: how they are declared, and how Python calls their machine code."""

import struct
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from protocols.kernels.machine import store
from protocols.kernels.machine.signatures import Compiled, Inside, Signature, Step

Function = TypeVar("Function", bound=Callable[..., Any])

_unloaded: dict[str, list["Loop"]] = defaultdict(list)
"""Loops by module that have no machine code yet."""


class _Version:
    """The machine code for one signature."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self._arrays = [(one.dtype, one.dimensions, one.flags) for one in signature.arguments]
        self._pack = struct.Struct("".join(one.word for one in signature.arguments)).pack
        self.entry: Callable[[bytes], int] | None = None

    def __call__(self, name: str, arguments: Sequence[Any]) -> int:
        words: list[Any] = []
        for (dtype, dimensions, flags), value in zip(self._arrays, arguments, strict=True):
            if not dimensions:
                words.append(value)
            elif value.dtype == dtype and value.ndim == dimensions and value.flags.num & flags == flags:
                words.append(id(value))  # CPython: the array's address
            else:
                got = f"{value.dtype} of {value.ndim} dimensions, flags {value.flags.num:#x}"
                raise TypeError(f"{name}: {got}; accepted is {dtype} of {dimensions}, flags {flags:#x}")
        assert self.entry is not None
        return self.entry(self._pack(*words))


class Loop(Compiled):
    """A function with machine code for one or several signatures, told apart by one array's type."""

    def __init__(self, function: Callable[..., Any], signatures: Sequence[Signature]) -> None:
        super().__init__(function)
        self._versions = [_Version(signature) for signature in signatures]
        kinds = zip(*(signature.arguments for signature in signatures), strict=True)
        self._telling = next(
            (i for i, (first, *more) in enumerate(kinds) if any(m != first for m in more)), 0
        )
        self._by_type = {
            version.signature.arguments[self._telling].dtype: version for version in self._versions
        }
        _unloaded[function.__module__].append(self)

    @property
    def versions(self) -> dict[str, _Version]:
        """The versions by names that are unique in the module."""
        return {f"{self.function.__name__}.{place}": one for place, one in enumerate(self._versions)}

    def __call__(self, *arguments: Any) -> int:  # noqa: D102  # what it does, its function says
        version = self._versions[0]
        if len(self._versions) > 1:
            version = self._by_type.get(arguments[self._telling].dtype, version)
        if version.entry is None:
            ready()
        return version(self.function.__name__, arguments)


def compiled(*signatures: Signature) -> Callable[[Function], Function]:
    """Declare a loop for these signatures; `ready` gives it its machine code."""

    def declared(function: Function) -> Function:
        return cast(Function, Loop(function, signatures))

    return declared


def compiled_for_words(signature: Callable[[Any], Signature]) -> Callable[[Function], Function]:
    """Declare a loop for uint32 and uint64, given its signature as a function of the word type."""
    return compiled(signature(np.uint32), signature(np.uint64))


def inside(signature: Signature) -> Callable[[Function], Function]:
    """Declare a function that loops of the same file call."""

    def declared(function: Function) -> Function:
        return cast(Function, Inside(function, signature))

    return declared


def step(name: str, *built_for: Any) -> Any:
    """Return a function of `written` for the loops of a file to call."""
    return Step(name, built_for)


def ready() -> None:
    """Load the machine code of all loops declared so far, or compile it: no run waits for it later."""
    while _unloaded:
        module, loops = _unloaded.popitem()
        versions = {name: one for loop in loops for name, one in loop.versions.items()}
        functions = {name: loop.function for loop in loops for name in loop.versions}
        wanted = {name: (functions[name], one.signature) for name, one in versions.items()}
        for name, entry in store.entries(module, wanted).items():
            versions[name].entry = entry
