"""The gradient's way back through max pooling, ReLU and linear layers, on shares.

Nothing is compared again: the bits of the forward pass's tournament and ReLU lie along the path from a
window's entry to its output, and their AND says whether the gradient goes there. The ANDs need no
gradient, so they run beside the rest of the forward pass; on the way back one layer of selections is
left. A gradient travels from layer to layer as `Sums`, that are truncated inside the next selection's
thirds, as the forward pass does with its own sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protocols.domains import Words, word_type
from protocols.replicated3.constructions import (
    Padding,
    Taken,
    matmul_locally,
    plus_others_bits,
    select,
    share_dealers_bits,
    sum_to_truncated_halves,
)
from protocols.replicated3.layers import Window
from protocols.replicated3.sharings import (
    BYTE,
    BitHalves,
    Bits,
    Halves,
    Planes,
    Server,
    Share,
    add,
    and_layer,
    and_to_halves,
    bits_to_halves,
    concatenate,
    halves_to_share,
    in_thirds,
    join,
    lift,
    opposite,
    share_to_halves,
    xor,
)


@dataclass(frozen=True)
class Sums:
    """A gradient before its truncation: masked additive shares of the values times 2^shift.

    Requires: z_i that a zero share masks, each sent nowhere else: whoever takes the sums sends them.
    """

    z: Words
    shift: int

    def __getitem__(self, index: slice) -> Sums:
        return Sums(self.z[index], self.shift)

    def flat(self) -> Sums:
        """Return the same values as a vector."""
        return Sums(self.z.reshape(-1), self.shift)

    def reshape(self, *shape: int) -> Sums:
        """Return the same values in another shape."""
        return Sums(self.z.reshape(shape), self.shift)


Gradient = Share | Sums


# The way of each window


async def routes(taken: Sequence[Taken]) -> list[BitHalves | None]:
    """Return `route` of each third."""
    return [*await taken[0].server.party.gather(*(route(third) for third in taken))]


async def route(taken: Taken) -> BitHalves | None:
    """Return (entries, n): 1 where an entry won its window and ReLU let it pass; None if nothing chose.

    From the root of the tournament down, path(first) = path(pair) ∧ bit, path(second) = path(pair) ⊕
    path(first). Rounds: 1 + the number of levels. Bits: 1 to share each bit, 3 an AND, of which there
    is one a pair (one less without ReLU); 2 in the last level.
    """
    if not taken.levels:
        positive = taken.positive
        return None if positive is None else BitHalves(positive.half.reshape(1, -1))
    server = taken.server
    bits = await _shared(taken)
    path: Bits | None = None
    if taken.positive is not None:
        path, bits = bits[:1], bits[1:]
    for level in reversed(taken.levels):
        pairs = level.half.shape[0]
        first, bits = bits[:pairs], bits[pairs:]
        if path is None:
            path = join(server, [first, opposite(server, first)])
        elif level is taken.levels[0]:
            return _words(server, await _last_level(server, path, first), taken.size)
        else:
            even = await and_layer(server, path[:pairs], first)
            path = _interleaved(server, even, xor(server, path[:pairs], even), path[pairs:])
    assert path is not None
    return _words(server, bits_to_halves(server, path), taken.size)


async def _shared(taken: Taken) -> Bits:
    """Return Boolean shares of all choices: ReLU's, then those of the levels from the last down.

    Server 0 shares its halves; those of servers 1 and 2 are a component already. Rounds: 1. Bits: 1 each.
    """
    server, k = taken.server, taken.server.kernels
    chosen = [] if taken.positive is None else [taken.positive.half.reshape(1, -1)]
    words = [*chosen, *(level.half for level in reversed(taken.levels))]
    rows = k.concatenate([k.astype(each, words[-1].dtype) for each in words], 0)
    planes = k.concatenate([k.bit_planes(row, 0, 1) for row in rows], 0)
    return plus_others_bits(server, await share_dealers_bits(server, planes), planes)


async def _last_level(server: Server, path: Bits, first: Bits) -> Planes:
    """Return halves of the paths to the entries: nothing after needs shares of them."""
    k, pairs = server.kernels, len(first.a)
    even = await and_to_halves(server, path[:pairs], first)
    above = bits_to_halves(server, path)
    return _alternating(server, even, k.xor(above[:pairs], even), above[pairs:])


def _interleaved(server: Server, even: Bits, odd: Bits, rest: Bits) -> Bits:
    return Bits(_alternating(server, even.a, odd.a, rest.a), _alternating(server, even.b, odd.b, rest.b))


def _alternating(server: Server, even: Planes, odd: Planes, rest: Planes) -> Planes:
    """Return even[0], odd[0], even[1], odd[1], …, rest."""
    k = server.kernels
    pairs = k.stack([even, odd], 1).reshape(-1, even.shape[1])
    planes: Planes = k.concatenate([pairs, rest], 0)
    return planes


def _words(server: Server, planes: Planes, n: int) -> BitHalves:
    """Return bit planes as words 0 or 1, (planes, n)."""
    k = server.kernels
    rows = [k.from_planes(planes[i : i + 1], n, BYTE) for i in range(len(planes))]
    return BitHalves(k.stack(rows, 0))


# Back through choices


async def back_to_entries(server: Server, g: Gradient, ways: Iterable[BitHalves | None]) -> Share:
    """Return, for a gradient of n outputs, shares (entries, n) of what each entry of their windows gets.

    Args:
        g: any shape; |g| < 2^(value_bits − 1) in its scale's units.
        ways: what `routes` gave for the forward pass over the same n outputs; None leads all of it on.

    Rounds: 1 for `Sums`, then those of a selection, and 2 (lift, and sharing, which server 0 does ahead).
    Bits: 2k to truncate a sum; an entry takes a selection mod 2^k, 4(l − k) for its lift, and l;
    k = value_bits + 1.
    """
    bits = server.ring.value_bits + 1
    remaining = iter(ways)

    async def third(server: Server, g: Gradient, way: BitHalves | None) -> Share:
        if isinstance(g, Sums):
            x = await sum_to_truncated_halves(server, g.z, bits, g.shift)
        else:
            x = share_to_halves(server, g, bits)
        entries = 1 if way is None else way.half.shape[0]
        spread = Halves(server.kernels.stack([x.half] * entries, 0), bits)
        if way is not None:
            word = server.kernels.astype(way.half, word_type(bits))
            spread = await select(server, spread, BitHalves(word))
        return await halves_to_share(server, await lift(server, spread))

    flat = g.flat()
    size = flat.size if isinstance(flat, Share) else flat.z.size
    thirds = await in_thirds(server, third, size, lambda part: (flat[part], next(remaining)))
    return concatenate(server, thirds, axis=1)


def to_images(
    server: Server, entries: Share, shape: tuple[int, ...], window: Window, stride: Window
) -> Share:
    """Return shares (n, h, w, c) of the sums of windows' entries at their places; no message."""
    k = server.kernels
    return Share(
        k.scatter_windows(entries.a, shape, window, stride),
        k.scatter_windows(entries.b, shape, window, stride),
    )


def masked(server: Server, x: Share) -> Sums:
    """Return shares as additive shares that may be sent; no message."""
    k = server.kernels
    return Sums(k.add(x.a, server.zero_share("gradient", x.shape)), 0)


def joined(server: Server, g: Gradient, other: Gradient) -> Gradient:
    """Return the sum of two gradients by one output, of sums where either is; no message.

    Sums are brought to the greater shift. A mask times a power of two hides no low bits, but the other
    summand's own does; a sharing's component beside sums is hidden by their mask.
    """
    k = server.kernels
    if isinstance(g, Share) and isinstance(other, Share):
        return add(server, g, other)
    first, second = (Sums(each.a, 0) if isinstance(each, Share) else each for each in (g, other))
    shift = max(first.shift, second.shift)
    raised = [k.shift_left(each.z, shift - each.shift) for each in (first, second)]
    return Sums(k.add(*raised), shift)


# Back through linear layers


def conv2d_weight_gradient_locally(
    server: Server, x: Share, g: Share, kernel: Window, stride: Window, padding: Padding
) -> Words:
    """Return z_i, not masked, of the gradient by a convolution's weights (kh, kw, c, filters).

    Args:
        x: the layer's input (n, h, w, c).
        g: the gradient by its sums (n, oh, ow, filters).
    """
    z: Words = server.kernels.conv2d3_weight_gradient(x.a, x.b, g.a, g.b, kernel, stride, padding)
    return z


def conv2d_input_gradient_locally(
    server: Server, g: Share, w: Share, size: Window, stride: Window, padding: Padding
) -> Words:
    """Return masked z_i of the gradient by a convolution's input (n, h, w, c), (h, w) = size."""
    z = server.kernels.conv2d3_input_gradient(g.a, g.b, w.a, w.b, size, stride, padding)
    masked: Words = server.kernels.add(z, server.zero_share("product", z.shape))
    return masked


def dense_weight_gradient_locally(server: Server, x: Share, g: Share) -> Words:
    """Return z_i, not masked, of x^T g for x (n, inputs) and g (n, units)."""
    z: Words = server.kernels.matmul3(x.a.T, x.b.T, g.a, g.b)
    return z


def dense_input_gradient_locally(server: Server, g: Share, w: Share) -> Words:
    """Return masked z_i of g w^T for g (n, units) and w (inputs, units)."""
    return matmul_locally(server, g, Share(w.a.T, w.b.T))


def bias_gradient_locally(server: Server, g: Share, shift: int) -> Words:
    """Return z_i, not masked, of the gradient by a bias at 2^shift times the scale of g (…, units)."""
    k = server.kernels
    z: Words = k.shift_left(k.sum(g.a.reshape(-1, g.shape[-1]), 0), shift)
    return z
