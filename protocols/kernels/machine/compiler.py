"""From loops to machine code, by Numba: imported where there is none yet.

Each loop gets an entry of one C signature: the address of its arguments, packed as 64-bit words, numbers as
they are, an array as NumPy's object, of which it reads what every extension reads: where the data are, and
the shape. All entries of a module become one object file.
"""

import functools
import re
import types as python_types
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import cfunc, njit, types
from numba.extending import intrinsic
from numba.np import arrayobj
from numba.np.numpy_support import from_dtype

from protocols.kernels.machine import written
from protocols.kernels.machine.processor import target_machine
from protocols.kernels.machine.signatures import Argument, Compiled, Inside, Signature, Step, Wanted

_OPTIONS: Any = {"error_model": "numpy", "_nrt": False}
"""No exceptions, and nothing that is allocated: the code needs nothing of Python."""

_DATA = object.__basicsize__
_DIMENSIONS = _DATA + 16
"""Where NumPy's array has them: after an object's head data, a number, dimensions (C interface)."""

_PACKED = types.CPointer(types.int64)  # type: ignore[no-untyped-call]


def machine_code(wanted: Wanted) -> bytes:
    """Return an object file that has an entry of its own for each of these loops, by their names."""
    whole = llvm.parse_assembly("")
    for name, (function, signature) in wanted.items():
        entry = _entry(function, signature)
        module = llvm.parse_assembly(_without_python(entry.inspect_llvm()))
        module.get_function(entry._wrapper_name).name = name
        for other in module.functions:
            if not other.is_declaration and other.name != name:
                other.linkage = llvm.Linkage.internal
        whole.link_in(module)
    code: bytes = target_machine().emit_object(whole)
    return code


def _without_python(module: str) -> str:
    """Return the module with a trap wherever it would call Python or Numba.

    It does so after an error alone, and loops raise none; what allocates or copies would end there as well.
    """
    calls = r"^declare ([^\n]*@(?:numba_|NRT_|_?Py)\w*\([^\n]*?\))(?: local_unnamed_addr)?[^\n]*$"
    module, found = re.subn(
        calls, r"define internal \1 { call void @llvm.trap() unreachable }", module, flags=re.M
    )
    module = re.sub(r"(@_?Py\w* =) external (global i8)", r"\1 internal \2 0", module)
    trapped = found and "declare void @llvm.trap()" not in module
    return module + ("\ndeclare void @llvm.trap()\n" if trapped else "")


def _entry(function: Callable[..., Any], signature: Signature) -> Any:
    loop, unpacked = _dispatcher(function), _unpacked(signature)
    loop.compile(_numba_signature(signature))
    if signature.results:

        @cfunc(types.uint64(_PACKED), **_OPTIONS)
        def entry(words: Any) -> Any:
            return types.uint64(loop(*unpacked(words)))
    else:

        @cfunc(types.uint64(_PACKED), **_OPTIONS)
        def entry(words: Any) -> Any:
            loop(*unpacked(words))
            return types.uint64(0)

    return entry


@functools.cache
def _dispatcher(function: Callable[..., Any], *signatures: Signature) -> Any:
    """Return Numba's function, in which names of loops and steps mean what Numba can call."""
    known = function.__globals__
    called = {name: _callable(known[name]) for name in function.__code__.co_names if name in known}
    copy = python_types.FunctionType(function.__code__, {**known, **called}, function.__name__)
    return njit([_numba_signature(one) for one in signatures] or None, **_OPTIONS)(copy)


def _callable(value: Any) -> Any:
    match value:
        case Inside(function, signature):
            return _dispatcher(function, signature)
        case Compiled(function=function):
            return _dispatcher(function)
        case Step(name, built_for):
            return written.built(name, built_for)
    return value


def _numba_type(argument: Argument) -> Any:
    item = from_dtype(argument.dtype)
    if not argument.dimensions:
        return item
    return types.Array(item, argument.dimensions, "C", readonly=not argument.written)


def _numba_signature(signature: Signature) -> Any:
    results = [from_dtype(result) for result in signature.results]
    given = types.void if not results else results[0] if len(results) == 1 else types.Tuple(results)  # type: ignore[no-untyped-call]
    return given(*map(_numba_type, signature.arguments))


def _unpacked(signature: Signature) -> Any:
    """Return a function from an address to the arguments that are packed there, as a tuple."""
    tuples: Any = types.Tuple
    kinds = [_numba_type(argument) for argument in signature.arguments]

    @intrinsic
    def unpacked(_: Any, words: Any) -> Any:
        def emit(context: Any, builder: Any, given: Any, arguments: Any) -> Any:
            word = ir.IntType(64)

            def at(address: Any, offset: int) -> Any:
                place = builder.inttoptr(builder.add(address, word(offset)), word.as_pointer())
                return builder.load(place)

            def taken(place: int, kind: Any) -> Any:
                packed = builder.load(builder.gep(arguments[0], [word(place)]))
                if not isinstance(kind, types.Array):
                    return builder.trunc(packed, context.get_value_type(kind))
                view = context.make_array(kind)(context, builder)
                size = word(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
                address = builder.inttoptr(at(packed, _DATA), view.data.type)
                dimensions = at(packed, _DIMENSIONS)
                shape = [at(dimensions, 8 * axis) for axis in range(kind.ndim)]
                strides = [size]
                for length in shape[:0:-1]:
                    strides.insert(0, builder.mul(strides[0], length))
                fill: Any = arrayobj.populate_array
                fill(view, data=address, shape=shape, strides=strides, itemsize=size, meminfo=None)
                return view._getvalue()

            values = [taken(place, kind) for place, kind in enumerate(kinds)]
            return context.make_tuple(builder, given.return_type, values)

        return tuples(kinds)(words), emit

    return unpacked
