"""The compiled loops under the ring products: one register tile, and the loops around it.

A ring product has no library behind it (BLAS knows floats only), and the compiler's own vectoriser
needs long rows, which convolutions with 8 or 16 channels do not have. So the innermost step is
written down as vector code: a tile of the result that stays in registers while its terms are
summed. LLVM fits the vectors to the machine (AVX-512, AVX2, NEON, …).
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from protocols.kernels._compiled import Words, array, compiled_for_words, reads

LANES = 8
"""Columns are handled in multiples of this many; callers pad."""

_TILE_ROWS = 8
_BLOCK_ROWS = 256  # a block of a, 256 × 128 words, fits the second-level cache
_BLOCK_TERMS = 128  # a panel of b, 128 × 16 words, fits the first-level cache


def _tile(rows: int, columns: int) -> Any:
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


_tile_8x16, _tile_8x8 = _tile(_TILE_ROWS, 16), _tile(_TILE_ROWS, 8)
_tile_1x16, _tile_1x8 = _tile(1, 16), _tile(1, 8)


@compiled_for_words(
    lambda word: types.void(
        *(reads(word), types.intp, types.intp, types.intp),
        *(reads(word), types.intp),
        *(array(word), types.intp),
        *(types.intp, types.intp, types.intp),
    )
)
def accumulate_product(
    a: Words, a_start: int, a_row: int, a_step: int,
    b: Words, b_start: int, out: Words, out_start: int,
    rows: int, terms: int, columns: int,
) -> None:  # fmt: skip
    """Add the product of a (rows, terms) and b (terms, columns) to out (rows, columns).

    All three are flat. Element (i, t) of a is at a_start + i·a_row + t·a_step, so a may be
    transposed or have rows that overlap, as the patches of a convolution do; columns is a multiple
    of 8.
    """
    for top in range(0, rows, _BLOCK_ROWS):
        bottom = min(top + _BLOCK_ROWS, rows)
        for first in range(0, terms, _BLOCK_TERMS):
            length = min(_BLOCK_TERMS, terms - first)
            corner = a_start + first * a_step
            for left in range(0, columns, 16):
                panel = b_start + first * columns + left
                wide = columns - left >= 16
                row = top
                while row < bottom:
                    at, to = corner + row * a_row, out_start + row * columns + left
                    if bottom - row >= _TILE_ROWS:
                        if wide:
                            _tile_8x16(a, at, a_row, a_step, b, panel, out, to, length, columns)
                        else:
                            _tile_8x8(a, at, a_row, a_step, b, panel, out, to, length, columns)
                        row += _TILE_ROWS
                    else:
                        if wide:
                            _tile_1x16(a, at, a_row, a_step, b, panel, out, to, length, columns)
                        else:
                            _tile_1x8(a, at, a_row, a_step, b, panel, out, to, length, columns)
                        row += 1


@compiled_for_words(
    lambda word: types.void(reads(word, 4), reads(word, 4), types.intp, types.intp, array(word, 4))
)
def accumulate_convolution(x: Words, w: Words, stride_h: int, stride_w: int, out: Words) -> None:
    """Add the convolution of padded x (NHWC) with w (kh, kw, Cin, Cout) to out (NHWC).

    A row of the result is a sum of kh matrix products: one patch row is kw·Cin words that lie
    side by side in x, and the next patch starts stride_w·Cin words later. Nothing is copied.
    """
    _, height, width, channels = x.shape
    kernel_h, kernel_w, _, filters = w.shape
    batch, out_h, out_w, _ = out.shape
    patch = kernel_w * channels
    flat_x, flat_w, flat_out = x.reshape(-1), w.reshape(-1), out.reshape(-1)
    for image in range(batch):
        for row in range(out_h):
            for tap in range(kernel_h):
                start = (image * height + row * stride_h + tap) * width * channels
                accumulate_product(
                    flat_x, start, stride_w * channels, 1,
                    flat_w, tap * patch * filters,
                    flat_out, (image * out_h + row) * out_w * filters,
                    out_w, patch, filters,
                )  # fmt: skip


@compiled_for_words(
    lambda word: types.void(reads(word, 4), reads(word, 4), types.intp, types.intp, array(word, 4))
)
def accumulate_by_channel(x: Words, w: Words, stride_h: int, stride_w: int, out: Words) -> None:
    """Add the convolution of padded x (NHWC) with w (kh, kw, 1, C), channel by channel, to out (NHWC)."""
    batch, out_h, out_w, channels = out.shape
    kernel_h, kernel_w, _, _ = w.shape
    for image in range(batch):
        for row in range(out_h):
            for down in range(kernel_h):
                for column in range(out_w):
                    for right in range(kernel_w):
                        for c in range(channels):
                            out[image, row, column, c] += (
                                x[image, row * stride_h + down, column * stride_w + right, c]
                                * w[down, right, 0, c]
                            )


@compiled_for_words(
    lambda word: types.void(reads(word, 4), reads(word, 4), types.intp, types.intp, array(word, 4))
)
def accumulate_weight_gradient(x: Words, g: Words, stride_h: int, stride_w: int, out: Words) -> None:
    """Add to out (kh, kw, Cin, Cout) the products of patches of padded x (NHWC) with g (NHWC)."""
    _, height, width, channels = x.shape
    batch, g_h, g_w, filters = g.shape
    kernel_h, kernel_w, _, _ = out.shape
    patch = kernel_w * channels
    flat_x, flat_g, flat_out = x.reshape(-1), g.reshape(-1), out.reshape(-1)
    for image in range(batch):
        for row in range(g_h):
            for tap in range(kernel_h):
                start = (image * height + row * stride_h + tap) * width * channels
                accumulate_product(
                    flat_x, start, 1, stride_w * channels,
                    flat_g, (image * g_h + row) * g_w * filters,
                    flat_out, tap * patch * filters,
                    patch, g_w, filters,
                )  # fmt: skip


@compiled_for_words(lambda word: types.void(*[reads(word)] * 5, array(word)))
def elementwise_product(xa: Words, xb: Words, ya: Words, yb: Words, mask: Words, out: Words) -> None:
    """Write xa·(ya + yb) + xb·ya (+ mask, unless it is empty) to out; all flat."""
    if mask.size:
        for i in range(out.size):
            out[i] = xa[i] * (ya[i] + yb[i]) + xb[i] * ya[i] + mask[i]
    else:
        for i in range(out.size):
            out[i] = xa[i] * (ya[i] + yb[i]) + xb[i] * ya[i]
