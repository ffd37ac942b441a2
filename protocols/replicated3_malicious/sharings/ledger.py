"""The ledger: what a server has to prove, and what it will check of the others, until it is verified.

Server i proves; left = server i − 1 knows what it sent there, x_i and k_i; right = server i + 1 knows
x_{i+1} and k_{i+1}. A claim is a batch of relations Σ_k u_k · v_k = t_L + t_R, u and t_L known to left, v
and t_R to right, u and v to the prover: mod 2^b, or of bits. Whoever plays a part in a claim notes what it
knows of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from protocols.domains import Words
from protocols.family import NO_PADDING, Kind, Padding

_WORD = 64
Part = Literal["prover", "left", "right"]
Address = tuple[int, int]
"""Channel and number of a claim: the same at all three servers, in whatever order they get there."""


@dataclass(frozen=True)
class Rows:
    """Relations alike in form, one for each entry of the arrays: one server's part of them.

    Attributes:
        bits: they hold mod 2^bits; 0: over GF(2), of planes of packed bits.
        terms: products in each relation.
        count: relations; of planes, the bytes of them.
        u, v: one array a term, None where this server lacks them.
        t: this verifier's part of the right-hand side; None at the prover.
    """

    bits: int
    terms: int
    count: int
    u: tuple[Words, ...] | None
    v: tuple[Words, ...] | None
    t: Words | None


@dataclass(frozen=True)
class Bilinear:
    """A sum of bilinear maps: x_i * y_{i+1} + x_{i+1} * y_i over the terms = t_L − Σ x_i * y_i + t_R.

    Attributes:
        bits: it holds mod 2^bits.
        shape: of the result.
        terms: of each map, kind, stride and padding, and the shapes of x and y.
        left: (x_i, y_i) of each term; None at right.
        right: (x_{i+1}, y_{i+1}) of each term; None at left.
        t: z_i less what is local, and its mask, at left; the other mask at right.
    """

    bits: int
    shape: tuple[int, ...]
    terms: tuple[Map, ...]
    left: tuple[tuple[Words, Words], ...] | None
    right: tuple[tuple[Words, Words], ...] | None
    t: Words | None


@dataclass(frozen=True)
class Map:
    """One bilinear map, and the shapes of its factors."""

    kind: Kind
    x: tuple[int, ...]
    y: tuple[int, ...]
    stride: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING

    @property
    def groups(self) -> int:
        """Groups of a convolution's filters, each over its own channels."""
        return self.x[-1] // self.y[2] if self.kind == "conv2d" and self.y[2] else 1

    @property
    def inner(self) -> int:
        """Its inner side, written as one product of matrices: groups and leading axes are parts of it."""
        return math.prod(self.y[:-1]) * self.groups


@dataclass(frozen=True)
class Moved:
    """Columns that were moved by an order which one verifier knows, and the other not: y[i] = x[order[i]].

    y = t_L + t_R, each column mod 2^width, or all of them by ⊕. Everything is flat.

    Attributes:
        xor: whether columns add by ⊕.
        widths: the bits of each column.
        rows, count: of x, and of y, which has no row of x twice.
        by: the verifier that knows the order; the other one knows x, and the prover both.
        order: None where this server lacks it.
        x: the columns; None where this server lacks them.
        t: this verifier's part of the columns of y; None at the prover.
    """

    xor: bool
    widths: tuple[int, ...]
    rows: int
    count: int
    by: Part
    order: NDArray[np.intp] | None
    x: tuple[Words, ...] | None
    t: tuple[Words, ...] | None

    @property
    def bits(self) -> int:
        """0 where it is of bits, as of rows."""
        return 0 if self.xor else _WORD

    @property
    def length(self) -> int:
        """The length of the vectors that it leaves: a word of elements, or over the field of 64 lanes."""
        return -(-self.rows // _WORD) if self.xor else self.rows


Claim = Rows | Bilinear | Moved


@dataclass
class Ledger:
    """What one server has to prove and to check, by the place of the prover."""

    place: int
    claims: dict[int, list[tuple[Address, Claim]]] = field(default_factory=lambda: {0: [], 1: [], 2: []})

    def part(self, prover: int) -> Part:
        """Return which part this server plays where the server in that place proves."""
        parts: tuple[Part, ...] = ("prover", "left", "right")
        return parts[(prover - self.place) % 3]

    def note(self, prover: int, address: Address, claim: Claim) -> None:
        """Keep a claim."""
        self.claims[prover].append((address, claim))

    def take(self) -> dict[int, list[Claim]]:
        """Return all claims by prover, in the order that all servers share, and forget them."""
        found = {
            prover: [claim for _, claim in sorted(noted, key=lambda one: one[0])]
            for prover, noted in self.claims.items()
        }
        self.claims = {0: [], 1: [], 2: []}
        return found

    def __bool__(self) -> bool:
        return any(self.claims.values())


def rows(
    part: Part,
    bits: int,
    shape: Sequence[int],
    u: Callable[[], Sequence[Words]],
    v: Callable[[], Sequence[Words]],
    left: Callable[[], Words],
    right: Callable[[], Words],
) -> Rows:
    """Return this server's part of relations of a shape: of the four it works out what it knows."""
    us = tuple(u()) if part != "right" else None
    vs = tuple(v()) if part != "left" else None
    t = None if part == "prover" else left() if part == "left" else right()
    return Rows(bits, len(us or vs or ()), math.prod(shape), us, vs, t)
