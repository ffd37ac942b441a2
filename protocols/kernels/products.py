"""Products in the ring, plain and as the local step of replicated secret sharing.

Party i holds (x_i, x_{i+1}) = (xa, xb) of x = x_0 + x_1 + x_2. Its share of the product x·y before
resharing is xa·ya + xa·yb + xb·ya, computed as xa·(ya + yb) + xb·ya: two products, not three. Names
that end in 3 compute this.
"""

import math

import numpy as np

from protocols.kernels import _product_loops as loops
from protocols.kernels._threads import in_parts
from protocols.kernels.elementwise import add, pad
from protocols.kernels.machine import Words, contiguous, expect

Pair = tuple[int, int]


def product3(xa: Words, xb: Words, ya: Words, yb: Words, mask: Words | None = None) -> Words:
    """Return xa·(ya + yb) + xb·ya + mask elementwise, with broadcasting."""
    given = (xa, xb, ya, yb) if mask is None else (xa, xb, ya, yb, mask)
    terms = np.broadcast_arrays(*given)
    out = np.empty(terms[0].shape, xa.dtype)
    none = np.empty(0, xa.dtype)
    a, b, c, d, e = (contiguous(term).reshape(-1) for term in (*terms, none)[:5])
    loops.elementwise_product(a, b, c, d, e, out.reshape(-1))
    return out


def matmul(a: Words, b: Words) -> Words:
    """Return a (…, m, k) times b (k, n), or b (…, k, n) of the same leading axes, as (…, m, n)."""
    return _sum_of_matmuls((a, b))


def matmul3(xa: Words, xb: Words, ya: Words, yb: Words) -> Words:
    """Return xa·(ya + yb) + xb·ya with `matmul` as the product."""
    return _sum_of_matmuls((xa, add(ya, yb)), (xb, ya))


def conv2d(x: Words, w: Words, stride: Pair, padding: tuple[Pair, Pair]) -> Words:
    """Return the convolution of x (NHWC) with w (kh, kw, Cin / groups, Cout), as NHWC.

    stride is (down, right), padding is ((top, bottom), (left, right)) zeros. Where w has fewer channels
    than x, filters fall into as many groups as x has more, each over its own channels, in order.
    """
    return _sum_of_convolutions([(x, w)], stride, padding)


def conv2d3(xa: Words, xb: Words, wa: Words, wb: Words, stride: Pair, padding: tuple[Pair, Pair]) -> Words:
    """Return xa·(wa + wb) + xb·wa with `conv2d` as the product."""
    return _sum_of_convolutions([(xa, add(wa, wb)), (xb, wa)], stride, padding)


def conv2d3_weight_gradient(
    xa: Words,
    xb: Words,
    ga: Words,
    gb: Words,
    kernel: Pair,
    stride: Pair,
    padding: tuple[Pair, Pair],
) -> Words:
    """Return the local product of patches of x (NHWC) and g (NHWC, of the convolution's output).

    The result (kh, kw, Cin, Cout) is summed over batch and positions; kernel is (kh, kw).
    """
    filters = ga.shape[-1]
    positions = (xa.shape[0], *_output_hw(xa.shape, kernel, stride, padding))
    out = np.zeros((*kernel, xa.shape[-1], _round_up(filters)), xa.dtype)
    for x, g in ((xa, add(ga, gb)), (xb, ga)):
        expect("images", x.shape, xa.shape)
        expect("gradients", g.shape, (*positions, filters))
        loops.accumulate_weight_gradient(_bordered(x, padding), _widened(g), *stride, out)
    return _narrowed(out, filters)


def conv2d3_input_gradient(
    ga: Words,
    gb: Words,
    wa: Words,
    wb: Words,
    input_hw: Pair,
    stride: Pair,
    padding: tuple[Pair, Pair],
) -> Words:
    """Return the local product of g (NHWC) and w (kh, kw, Cin, Cout), transposed to the input.

    The result (NHWC) has input_hw rows and columns; each padding is less than the kernel. It is the
    convolution of g, spread out by the stride, with the kernel turned around.
    """
    kernel = wa.shape[:2]
    batch, g_h, g_w, filters = ga.shape
    height, width = (size + taps - 1 for size, taps in zip(input_hw, kernel, strict=True))
    top, left = (taps - 1 - before for taps, (before, _) in zip(kernel, padding, strict=True))
    turned = []
    for g, w in ((ga, add(wa, wb)), (gb, wa)):
        spread = np.zeros((batch, height, width, filters), g.dtype)
        rows = slice(top, top + g_h * stride[0], stride[0])
        spread[:, rows, left : left + g_w * stride[1] : stride[1]] = g
        turned.append((spread, w[::-1, ::-1].transpose(0, 1, 3, 2)))
    return _sum_of_convolutions(turned, (1, 1), ((0, 0), (0, 0)))


def _sum_of_matmuls(*factors: tuple[Words, Words]) -> Words:
    """Return the sum of a @ b over pairs of equal shapes (…, m, k) and (k, n), or (…, k, n)."""
    a, b = factors[0]
    if b.ndim > 2:
        expect("leading axes", b.shape[:-2], a.shape[:-2])
        each = np.ndindex(a.shape[:-2])
        every = [_sum_of_matmuls(*((a[place], b[place]) for a, b in factors)) for place in each]
        return np.array(every, a.dtype).reshape(*a.shape[:-1], b.shape[-1])
    *leading, terms = a.shape
    columns = b.shape[1]
    rows = math.prod(leading)
    out = np.zeros((*leading, _round_up(columns)), a.dtype)
    flat_out, width = out.reshape(-1), out.shape[-1]
    for a, b in factors:
        expect("matrices", (a.shape, b.shape), ((*leading, terms), (terms, columns)))
        flat_a, flat_b = contiguous(a).reshape(-1), _widened(b).reshape(-1)

        def part(first: int, end: int, a: Words = flat_a, b: Words = flat_b) -> None:
            at, to = first * terms, first * width
            loops.accumulate_product(a, at, terms, 1, b, 0, flat_out, to, end - first, terms, width)

        in_parts(rows, rows * terms * width, part)
    return _narrowed(out, columns)


def _sum_of_convolutions(
    factors: list[tuple[Words, Words]], stride: Pair, padding: tuple[Pair, Pair]
) -> Words:
    """Return the sum of the convolutions of pairs (x, w) of equal shapes."""
    x, w = factors[0]
    image, (*kernel, channels, filters) = x.shape, w.shape
    groups = groups_of(image[3], channels, filters)
    sizes = _output_hw(image, (kernel[0], kernel[1]), stride, padding)
    if groups > 1 and channels == 1:
        return _by_channel(factors, stride, padding, sizes)
    if groups > 1:
        parts = (
            [(_group(x, place, groups), _group(w, place, groups)) for x, w in factors]
            for place in range(groups)
        )
        return np.concatenate([_sum_of_convolutions(part, stride, padding) for part in parts], 3)
    out = np.zeros((image[0], *sizes, _round_up(filters)), x.dtype)
    for x, w in factors:
        expect("images", x.shape, (*image[:3], channels))
        expect("filters", w.shape, (*kernel, channels, filters))
        _accumulate_convolution(_bordered(x, padding), _widened(w), stride, out)
    return _narrowed(out, filters)


def groups_of(channels: int, read: int, filters: int) -> int:
    """Return how many groups a convolution has whose filters read so many of an image's channels each."""
    if channels == read:
        return 1
    groups = channels // read if read else 0
    expect("channels of groups", (groups * read, filters % max(groups, 1)), (channels, 0))
    return groups


def _group(a: Words, place: int, groups: int) -> Words:
    """Return a group's part of the last axis."""
    size = a.shape[-1] // groups
    return a[..., place * size : (place + 1) * size]


def _by_channel(
    factors: list[tuple[Words, Words]], stride: Pair, padding: tuple[Pair, Pair], sizes: Pair
) -> Words:
    """Return the sum of convolutions whose filters read one channel each (depthwise)."""
    x, w = factors[0]
    out = np.zeros((len(x), *sizes, w.shape[3]), x.dtype)
    for x, w in factors:
        bordered = _bordered(x, padding)
        if w.shape[3] != x.shape[3]:
            bordered = np.repeat(bordered, w.shape[3] // x.shape[3], 3)
        loops.accumulate_by_channel(bordered, contiguous(w), *stride, out)
    return out


def _accumulate_convolution(x: Words, w: Words, stride: Pair, out: Words) -> None:
    """Add the convolution of padded x with w to out, in parts: of the images, or of the rows of one."""

    def images(first: int, end: int) -> None:
        loops.accumulate_convolution(x[first:end], w, *stride, out[first:end])

    def rows(first: int, end: int) -> None:
        above, below = first * stride[0], (end - 1) * stride[0] + w.shape[0]
        loops.accumulate_convolution(x[:, above:below], w, *stride, out[:, first:end])

    split, count = (rows, out.shape[1]) if len(x) == 1 else (images, len(x))
    in_parts(count, out.size * math.prod(w.shape[:3]), split)


def _output_hw(image: tuple[int, ...], kernel: Pair, stride: Pair, padding: tuple[Pair, Pair]) -> Pair:
    """Return the rows and columns that the convolution of images of this shape (NHWC) has."""
    height, width = (
        (size + before + after - taps) // step + 1
        for size, taps, step, (before, after) in zip(image[1:3], kernel, stride, padding, strict=True)
    )
    return height, width


def _bordered(x: Words, padding: tuple[Pair, Pair]) -> Words:
    """Return x (NHWC) with zeros around each image, contiguous."""
    if padding == ((0, 0), (0, 0)):
        return contiguous(x)
    return pad(x, ((0, 0), *padding, (0, 0)))


def _round_up(columns: int) -> int:
    """Return the number of columns that the loops compute for so many."""
    return -(-columns // loops.LANES) * loops.LANES


def _widened(a: Words) -> Words:
    """Return a, contiguous, its last axis filled up with zeros to whole vectors."""
    missing = -a.shape[-1] % loops.LANES
    return pad(a, [(0, 0)] * (a.ndim - 1) + [(0, missing)]) if missing else contiguous(a)


def _narrowed(a: Words, columns: int) -> Words:
    """Return a without the columns that `_widened` added."""
    return a if a.shape[-1] == columns else a[..., :columns].copy()
