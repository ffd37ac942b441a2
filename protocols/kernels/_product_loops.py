"""The compiled loops under the ring products: one register tile, and the loops around it.

A ring product has no library behind it (BLAS knows floats only), and the compiler's own vectoriser
needs long rows, which convolutions with 8 or 16 channels do not have. So the innermost step is
written down as vector code: a tile of the result that stays in registers while its terms are
summed. LLVM fits the vectors to the machine (AVX-512, AVX2, NEON, …).
"""

from numpy import intp

from protocols.kernels.machine import Words, array, compiled_for_words, reads, step, void

LANES = 8
"""Columns are handled in multiples of this many; callers pad."""

_TILE_ROWS = 8
_BLOCK_ROWS = 256  # a block of a, 256 × 128 words, fits the second-level cache
_BLOCK_TERMS = 128  # a panel of b, 128 × 16 words, fits the first-level cache


_flat = step("flat")
_tile_8x16, _tile_8x8 = step("tile", _TILE_ROWS, 16), step("tile", _TILE_ROWS, 8)
_tile_1x16, _tile_1x8 = step("tile", 1, 16), step("tile", 1, 8)


@compiled_for_words(
    lambda word: void(
        *(reads(word), intp, intp, intp),
        *(reads(word), intp),
        *(array(word), intp),
        *(intp, intp, intp),
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


@compiled_for_words(lambda word: void(reads(word, 4), reads(word, 4), intp, intp, array(word, 4)))
def accumulate_convolution(x: Words, w: Words, stride_h: int, stride_w: int, out: Words) -> None:
    """Add the convolution of padded x (NHWC) with w (kh, kw, Cin, Cout) to out (NHWC).

    A row of the result is a sum of kh matrix products: one patch row is kw·Cin words that lie
    side by side in x, and the next patch starts stride_w·Cin words later. Nothing is copied.
    """
    _, height, width, channels = x.shape
    kernel_h, kernel_w, _, filters = w.shape
    batch, out_h, out_w, _ = out.shape
    patch = kernel_w * channels
    flat_x, flat_w, flat_out = _flat(x), _flat(w), _flat(out)
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


@compiled_for_words(lambda word: void(reads(word, 4), reads(word, 4), intp, intp, array(word, 4)))
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


@compiled_for_words(lambda word: void(reads(word, 4), reads(word, 4), intp, intp, array(word, 4)))
def accumulate_weight_gradient(x: Words, g: Words, stride_h: int, stride_w: int, out: Words) -> None:
    """Add to out (kh, kw, Cin, Cout) the products of patches of padded x (NHWC) with g (NHWC)."""
    _, height, width, channels = x.shape
    batch, g_h, g_w, filters = g.shape
    kernel_h, kernel_w, _, _ = out.shape
    patch = kernel_w * channels
    flat_x, flat_g, flat_out = _flat(x), _flat(g), _flat(out)
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


@compiled_for_words(lambda word: void(*[reads(word)] * 5, array(word)))
def elementwise_product(xa: Words, xb: Words, ya: Words, yb: Words, mask: Words, out: Words) -> None:
    """Write xa·(ya + yb) + xb·ya (+ mask, unless it is empty) to out; all flat."""
    if mask.size:
        for i in range(out.size):
            out[i] = xa[i] * (ya[i] + yb[i]) + xb[i] * ya[i] + mask[i]
    else:
        for i in range(out.size):
            out[i] = xa[i] * (ya[i] + yb[i]) + xb[i] * ya[i]
