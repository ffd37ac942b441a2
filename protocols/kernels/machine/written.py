"""Steps of loops that are written as LLVM, for Python has no words for them."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj
from numba.np.numpy_support import from_dtype

from protocols.kernels.machine import polynomials


@functools.cache
def built(name: str, built_for: tuple[Any, ...]) -> Any:
    """Return the step of this name for these types and sizes."""
    steps: dict[str, Callable[..., Any]] = {
        "chosen products": polynomials.chosen_products,
        "flat": flat,
        "pair products": polynomials.pair_products,
        "polynomial multiples": polynomials.polynomial_multiples,
        "polynomial sums": polynomials.polynomial_sums,
        "run": run,
        "scratch": scratch,
        "tile": tile,
        "upper": upper,
    }
    return steps[name](*built_for)


def upper() -> Any:
    """Build ``upper(a, b)``: the upper 64 bits of a product of words."""

    @intrinsic
    def step(_: Any, a: Any, b: Any) -> Any:
        def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            wide = ir.IntType(128)
            x, y = (builder.zext(one, wide) for one in arguments)
            return builder.trunc(builder.lshr(builder.mul(x, y), ir.Constant(wide, 64)), ir.IntType(64))

        return types.uint64(types.uint64, types.uint64), emit

    return step


def flat() -> Any:
    """Build ``flat(a)``: the same words in one dimension."""

    @intrinsic
    def step(_: Any, a: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            whole = context.make_array(signature.args[0])(context, builder, arguments[0])
            line = context.make_array(signature.return_type)(context, builder)
            fill: Any = arrayobj.populate_array
            size = whole.itemsize
            fill(line, data=whole.data, shape=[whole.nitems], strides=[size], itemsize=size, meminfo=None)
            return line._getvalue()

        return types.Array(a.dtype, 1, "C", readonly=not a.mutable)(a), emit

    return step


def scratch(item: str, *shape: int) -> Any:
    """Build ``scratch()``: an array on the stack, not filled, which LLVM knows that nothing else is in."""

    @intrinsic
    def step(_: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, _arguments: Any) -> Any:
            view = context.make_array(signature.return_type)(context, builder)
            size = np.dtype(item).itemsize
            reserve: Any = cgutils.alloca_once
            room = reserve(builder, ir.IntType(8 * size), ir.IntType(64)(math.prod(shape)))
            strides = [size * math.prod(shape[place + 1 :]) for place in range(len(shape))]
            fill: Any = arrayobj.populate_array
            fill(
                view,
                data=builder.bitcast(room, view.data.type),
                shape=[ir.IntType(64)(length) for length in shape],
                strides=[ir.IntType(64)(stride) for stride in strides],
                itemsize=ir.IntType(64)(size),
                meminfo=None,
            )
            return view._getvalue()

        return types.Array(from_dtype(np.dtype(item)), len(shape), "C")(), emit

    return step


def tile(rows: int, columns: int) -> Any:
    """Build ``step(a, a_start, a_row, a_step, b, b_start, out, out_start, terms, stride)``.

    It adds Σ_t a[a_start + i·a_row + t·a_step] · b[b_start + t·stride + j], for t < terms, to
    out[out_start + i·stride + j], for i < rows and j < columns, in flat arrays; terms ≥ 1.
    """

    @intrinsic
    def step(
        _: Any, a: Any, a_start: Any, a_row: Any, a_step: Any,
        b: Any, b_start: Any, out: Any, out_start: Any, terms: Any, stride: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(a, *[types.intp] * 3, b, types.intp, out, *[types.intp] * 3)

        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a, a_start, a_row, a_step, b, b_start, out, out_start, terms, stride = arguments
            kinds = signature.args
            size = kinds[0].dtype.bitwidth
            word, whole = ir.IntType(size), ir.IntType(64)
            vector = ir.VectorType(word, columns)

            def pointer(kind: Any, value: Any, start: Any) -> Any:
                return builder.gep(context.make_array(kind)(context, builder, value).data, [start])

            def as_vector(address: Any) -> Any:
                return builder.bitcast(address, vector.as_pointer())

            def load(address: Any) -> Any:
                loaded = builder.load(as_vector(address))
                loaded.align = size // 8
                return loaded

            def spread(scalar: Any) -> Any:
                lanes = ir.VectorType(ir.IntType(32), columns)
                undefined = ir.Constant(vector, ir.Undefined)
                first = builder.insert_element(undefined, scalar, ir.IntType(32)(0))
                return builder.shuffle_vector(first, undefined, ir.Constant(lanes, None))

            a, b = pointer(kinds[0], a, a_start), pointer(kinds[4], b, b_start)
            out = pointer(kinds[6], out, out_start)
            a_rows = [builder.gep(a, [builder.mul(a_row, whole(i))]) for i in range(rows)]
            out_rows = [builder.gep(out, [builder.mul(stride, whole(i))]) for i in range(rows)]
            before = [load(row) for row in out_rows]

            entry, loop = builder.block, builder.append_basic_block("term")
            builder.branch(loop)
            builder.position_at_end(loop)
            term = builder.phi(whole)
            sums = [builder.phi(vector) for _ in range(rows)]
            b_row = load(builder.gep(b, [builder.mul(term, stride)]))
            position = builder.mul(term, a_step)
            after = []
            for row, so_far in zip(a_rows, sums, strict=True):
                factor = spread(builder.load(builder.gep(row, [position])))
                after.append(builder.add(so_far, builder.mul(factor, b_row)))
            following = builder.add(term, whole(1))
            for phi, first, later in zip(
                [term, *sums], [whole(0), *before], [following, *after], strict=True
            ):
                phi.add_incoming(first, entry)
                phi.add_incoming(later, loop)
            end = builder.append_basic_block("end")
            builder.cbranch(builder.icmp_signed("<", following, terms), loop, end)

            builder.position_at_end(end)
            for row, result in zip(out_rows, after, strict=True):
                builder.store(result, as_vector(row)).align = size // 8
            return context.get_dummy_value()

        return signature, emit

    return step


def run(what: str, length: int) -> Any:
    """Build a step over runs of `length` words in flat arrays, from places on; they may be one array.

    Each array comes with its place, the one that is written first:

    - "copy": ``step(out, o, a, i)``, out = a.
    - "sum", "difference", "xor": ``step(out, o, a, i, b, j)``, out = a + b, a − b, a ⊕ b.
    - "sum of two": ``step(out, o, a, i, b, j)``, out += a + b.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = iter(zip(signature.args, arguments, strict=True))
        given: list[Any] = []
        held: Any = None
        for kind, value in values:
            if isinstance(kind, types.Array):
                held = context.make_array(kind)(context, builder, value).data
                _, value = next(values)
            given.append(builder.gep(held, [value]))

        def at(pointer: Any) -> Any:
            return builder.bitcast(pointer, ir.VectorType(ir.IntType(64), length).as_pointer())

        def load(pointer: Any) -> Any:
            loaded = builder.load(at(pointer))
            loaded.align = 8
            return loaded

        def store(found: Any) -> None:
            builder.store(found, at(given[0])).align = 8

        out = given[0]
        if what == "copy":
            store(load(given[1]))
        elif what in ("sum", "difference", "xor"):
            each = {"sum": builder.add, "difference": builder.sub, "xor": builder.xor}[what]
            store(each(load(given[1]), load(given[2])))
        else:
            store(builder.add(load(out), builder.add(load(given[1]), load(given[2]))))
        return context.get_dummy_value()

    i = types.intp
    if what == "copy":

        @intrinsic
        def copy(_: Any, out: Any, o: Any, a: Any, at: Any) -> Any:
            return types.void(out, i, a, i), emit

        return copy

    @intrinsic
    def of_two(_: Any, out: Any, o: Any, a: Any, at: Any, b: Any, to: Any) -> Any:
        return types.void(out, i, a, i, b, i), emit

    return of_two
