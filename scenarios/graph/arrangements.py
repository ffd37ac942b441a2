"""Rearrangements: what a layer does to outputs without a message, and the same in the clear.

Each is a linear map that takes zeros to zeros, so that it can be done to every share by itself. It gets a
namespace of array operations (`protocols.kernels`, its twin that knows shapes alone, or numpy) and arrays
whose first axis is that of images; axes in its own fields do not count that one. All of them in one file:
each is a few lines.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]


class Arrangement(Protocol):
    """A rearrangement of one output or several."""

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return the result for all images."""
        ...

    def shape(self, *shapes: Shape) -> Shape:
        """Return the shape that comes out, without the axis of images."""
        ...


@dataclass(frozen=True)
class Reshape:
    """The same numbers, row-major, in another shape."""

    to: Shape

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return the first part in that shape."""
        return parts[0].reshape((len(parts[0]), *self.to))

    def shape(self, *shapes: Shape) -> Shape:
        """Return the new shape; a ValueError where sizes differ."""
        if math.prod(shapes[0]) != math.prod(self.to):
            raise ValueError(f"{shapes[0]} does not have as many values as {self.to}")
        return self.to


@dataclass(frozen=True)
class Transpose:
    """Axes in another order."""

    order: tuple[int, ...]

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return a view."""
        return parts[0].transpose((0, *(axis + 1 for axis in self.order)))

    def shape(self, *shapes: Shape) -> Shape:
        """Return the sizes in that order."""
        return tuple(shapes[0][axis] for axis in self.order)


@dataclass(frozen=True)
class Take:
    """Some places of an axis, in any order and as often as one likes."""

    axis: int
    places: tuple[int, ...]

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return a copy, or a view where the places are evenly spaced."""
        axis, places = self.axis + 1, self.places
        step = places[1] - places[0] if len(places) > 1 else 1
        if step > 0 and places == tuple(range(places[0], places[-1] + 1, step)):
            index = (slice(None),) * axis + (slice(places[0], places[-1] + 1, step),)
            return parts[0][index]
        return k.take(parts[0], np.asarray(places), axis)

    def shape(self, *shapes: Shape) -> Shape:
        """Return the sizes with so many places."""
        size = shapes[0][self.axis]
        if not self.places or not 0 <= min(self.places) <= max(self.places) < size:
            raise ValueError(f"places {self.places[:4]}… do not lie on an axis of {size}")
        return (*shapes[0][: self.axis], len(self.places), *shapes[0][self.axis + 1 :])


@dataclass(frozen=True)
class Turned:
    """The second half of the last axis, negated, then the first: what a quarter turn of pairs gives."""

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return a copy."""
        half = parts[0].shape[-1] // 2
        first, second = parts[0][..., :half], parts[0][..., half:]
        return k.concatenate([_step(k, "neg", np.negative)(second), first], parts[0].ndim - 1)

    def shape(self, *shapes: Shape) -> Shape:
        """Return the same sizes."""
        return shapes[0]


@dataclass(frozen=True)
class Part:
    """What one client gives, of the numbers of all, one after the other.

    Attributes:
        first: its place among these numbers.
        name: what it is called.
    """

    first: int
    to: Shape
    name: str

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return a view, in its own shape."""
        end = self.first + math.prod(self.to)
        return parts[0][..., self.first : end].reshape((len(parts[0]), *self.to))

    def shape(self, *shapes: Shape) -> Shape:
        """Return its own shape."""
        return self.to


@dataclass(frozen=True)
class Chain:
    """Rearrangements one after the other."""

    steps: tuple[Arrangement, ...]

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return what the last one gives."""
        return through(self.steps[1:], k, self.steps[0](k, *parts))

    def shape(self, *shapes: Shape) -> Shape:
        """Return the last one's sizes."""
        found = self.steps[0].shape(*shapes)
        for step in self.steps[1:]:
            found = step.shape(found)
        return found


@dataclass(frozen=True)
class Multiples:
    """Every place of an axis times −1, 1 or 2."""

    axis: int
    factors: tuple[int, ...]

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return a copy."""
        axis, found, first = self.axis + 1, [], 0
        for factor, run in itertools.groupby(self.factors):
            last = first + len(list(run))
            piece = parts[0][(slice(None),) * axis + (slice(first, last),)]
            if factor == 2:
                piece = _step(k, "add", np.add)(piece, piece)
            found.append(_step(k, "neg", np.negative)(piece) if factor == -1 else piece)
            first = last
        return found[0] if len(found) == 1 else k.concatenate(found, axis)

    def shape(self, *shapes: Shape) -> Shape:
        """Return the same sizes; a ValueError where there are not as many places."""
        if len(self.factors) != shapes[0][self.axis] or not set(self.factors) <= {-1, 1, 2}:
            raise ValueError(f"factors {self.factors} for axis {self.axis} of {shapes[0]}")
        return shapes[0]


@dataclass(frozen=True)
class Place:
    """One place of the first axis, which goes."""

    place: int

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return a view."""
        return parts[0][:, self.place]

    def shape(self, *shapes: Shape) -> Shape:
        """Return the sizes of the other axes."""
        return shapes[0][1:]


@dataclass(frozen=True)
class Pad:
    """Zeros before and after each axis."""

    widths: tuple[tuple[int, int], ...]

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return a copy with a border."""
        return k.pad(parts[0], ((0, 0), *self.widths))

    def shape(self, *shapes: Shape) -> Shape:
        """Return the sizes with their borders."""
        return tuple(size + sum(width) for size, width in zip(shapes[0], self.widths, strict=True))


@dataclass(frozen=True)
class Crop:
    """Places cut off before and after each axis."""

    widths: tuple[tuple[int, int], ...]

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return a view."""
        sizes = zip(self.widths, parts[0].shape[1:], strict=True)
        return parts[0][(slice(None), *(slice(first, size - last) for (first, last), size in sizes))]

    def shape(self, *shapes: Shape) -> Shape:
        """Return the sizes without their borders."""
        return tuple(size - sum(width) for size, width in zip(shapes[0], self.widths, strict=True))


@dataclass(frozen=True)
class Concatenate:
    """Outputs one after the other along an axis."""

    axis: int

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return a copy."""
        return k.concatenate(list(parts), self.axis + 1)

    def shape(self, *shapes: Shape) -> Shape:
        """Return the sizes added along the axis; a ValueError where others differ."""
        axis, first = self.axis, shapes[0]
        if any((*s[:axis], *s[axis + 1 :]) != (*first[:axis], *first[axis + 1 :]) for s in shapes):
            raise ValueError(f"{' and '.join(map(str, shapes))} differ beside axis {axis}")
        return (*first[:axis], sum(s[axis] for s in shapes), *first[axis + 1 :])


@dataclass(frozen=True)
class Broadcast:
    """One place of an axis, or an axis that is missing in front, repeated."""

    to: Shape

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return a view."""
        part = parts[0]
        missing = len(self.to) + 1 - part.ndim
        wide = part.reshape((len(part), *(1,) * missing, *part.shape[1:]))
        return _step(k, "broadcast_to", np.broadcast_to)(wide, (len(part), *self.to))

    def shape(self, *shapes: Shape) -> Shape:
        """Return the new shape; a ValueError where it does not follow."""
        if np.broadcast_shapes(shapes[0], self.to) != self.to:
            raise ValueError(f"{shapes[0]} cannot be repeated to {self.to}")
        return self.to


@dataclass(frozen=True)
class Total:
    """Sums along axes, of which one place is left."""

    axes: tuple[int, ...]

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return the sums."""
        total = parts[0]
        for axis in sorted(self.axes, reverse=True):
            total = k.sum(total, axis + 1)
        return total.reshape((len(parts[0]), *self.shape(parts[0].shape[1:])))

    def shape(self, *shapes: Shape) -> Shape:
        """Return the sizes, 1 along those axes."""
        return tuple(1 if place in self.axes else size for place, size in enumerate(shapes[0]))


@dataclass(frozen=True)
class Combine:
    """A sum of outputs of one shape, each added or subtracted."""

    signs: tuple[int, ...]

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return the sum."""
        total = parts[0] if self.signs[0] > 0 else _step(k, "neg", np.negative)(parts[0])
        for sign, part in zip(self.signs[1:], parts[1:], strict=True):
            step = _step(k, "add", np.add) if sign > 0 else _step(k, "sub", np.subtract)
            total = step(total, part)
        return total

    def shape(self, *shapes: Shape) -> Shape:
        """Return the one shape; a ValueError where they differ."""
        if len(set(shapes)) != 1:
            raise ValueError(f"{' and '.join(map(str, shapes))} differ")
        return shapes[0]


@dataclass(frozen=True)
class Keep:
    """The numbers at some places, zeros elsewhere; which places all know."""

    to: Shape
    bits: bytes

    @classmethod
    def of(cls, places: NDArray[np.bool_]) -> Keep:
        """Return what keeps the places that are true, as they broadcast."""
        return cls(places.shape, np.packbits(places).tobytes())

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return a copy."""
        count, *sizes = parts[0].shape
        bits = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=math.prod(self.to))
        kept = np.broadcast_to(bits.reshape(self.to), sizes).reshape(-1)
        places = np.where(kept, np.arange(kept.size), kept.size)  # the last one is a zero put behind
        whole = k.pad(parts[0].reshape((count, kept.size)), ((0, 0), (0, 1)))
        return k.take(whole, places, 1).reshape((count, *sizes))

    def shape(self, *shapes: Shape) -> Shape:
        """Return the same sizes; a ValueError where the places do not broadcast to them."""
        if np.broadcast_shapes(self.to, shapes[0]) != shapes[0]:
            raise ValueError(f"places {self.to} of {shapes[0]}")
        return shapes[0]


@dataclass(frozen=True)
class Repeat:
    """Every place of each axis so many times (nearest neighbour)."""

    times: tuple[int, ...]

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return a copy."""
        part = parts[0]
        count, *sizes = part.shape
        apart = [side for size in sizes for side in (size, 1)]
        wide = [side for size, times in zip(sizes, self.times, strict=True) for side in (size, times)]
        repeated = _step(k, "broadcast_to", np.broadcast_to)(part.reshape((count, *apart)), (count, *wide))
        return repeated.reshape((count, *self.shape(tuple(sizes))))

    def shape(self, *shapes: Shape) -> Shape:
        """Return the sizes times their factors."""
        return tuple(size * times for size, times in zip(shapes[0], self.times, strict=True))


@dataclass(frozen=True)
class Spread:
    """Places moved apart, with zeros between: n become (n − 1)·step + 1, along the first two axes."""

    steps: tuple[int, int]

    def __call__(self, k: Any, *parts: Any) -> Any:
        """Return a copy."""
        count, height, width, *rest = parts[0].shape
        down, right = self.steps
        apart = parts[0].reshape((count, height, 1, width, 1, *rest))
        none = [(0, 0)] * len(rest)
        padded = k.pad(apart, ((0, 0), (0, 0), (0, down - 1), (0, 0), (0, right - 1), *none))
        whole = padded.reshape((count, height * down, width * right, *rest))
        rows, columns = self.shape(parts[0].shape[1:])[:2]
        return whole[:, :rows, :columns]

    def shape(self, *shapes: Shape) -> Shape:
        """Return the sizes spread."""
        height, width, *rest = shapes[0]
        return ((height - 1) * self.steps[0] + 1, (width - 1) * self.steps[1] + 1, *rest)


@dataclass(frozen=True)
class Blend:
    """Each new place of an axis from a few old ones, by public parts whose sum is one.

    It is called with whole numbers `times`, for each tap those of all places, as elements of the namespace.

    Attributes:
        places: for each tap, the old place of every new one.
        parts: for each tap, how much of it every new place gets.
    """

    axis: int
    places: tuple[tuple[int, ...], ...]
    parts: tuple[tuple[float, ...], ...]

    def __call__(self, k: Any, *parts: Any, times: Any = None) -> Any:
        """Return the sums; in the clear, without `times`, in real numbers."""
        part, axis = parts[0], self.axis + 1
        wide = (-1, *(1,) * (part.ndim - axis - 1))
        if times is None:
            times = np.asarray(self.parts, part.dtype)
        one, *others = (
            _step(k, "mul", np.multiply)(k.take(part, np.asarray(places), axis), weights.reshape(wide))
            for places, weights in zip(self.places, times, strict=True)
        )
        for other in others:
            one = _step(k, "add", np.add)(one, other)
        return one

    def shape(self, *shapes: Shape) -> Shape:
        """Return the sizes with so many places."""
        return (*shapes[0][: self.axis], len(self.parts[0]), *shapes[0][self.axis + 1 :])

    @property
    def growth(self) -> int:
        """Bits by which sums may be larger than what they are of, before they are cut: parts below 0."""
        return math.ceil(math.log2(max(np.abs(np.asarray(self.parts)).sum(0).max(), 1.0)) - 2.0**-20)

    def whole(self, fraction_bits: int) -> tuple[NDArray[np.int64], int]:
        """Return each tap's parts over 2^s, and s: the least with which they are within 2^−f, f from 4.

        One tap in the middle takes what the others leave of 2^s.
        """
        parts, shift, near = np.asarray(self.parts), 0, 2.0 ** -max(fraction_bits, 4)
        rest = (len(parts) - 1) // 2
        others = np.delete(parts, rest, 0)
        while (np.abs(np.rint(others * 2.0**shift) / 2.0**shift - others) > near).any():
            shift += 1
        times = np.rint(parts * 2.0**shift).astype(np.int64)
        times[rest] = (1 << shift) - (times.sum(0) - times[rest])
        return times, shift


def _step(k: Any, name: str, usual: Any) -> Any:
    """Return an operation of a namespace; numpy's, whose name is another, where it has none."""
    return getattr(k, name, usual)


def through(arrangements: Iterable[Arrangement], k: Any, part: Any) -> Any:
    """Return what a chain of rearrangements makes of an array whose first axis is that of images."""
    for one in arrangements:
        part = one(k, part)
    return part
