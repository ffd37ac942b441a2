"""A batch of claims as one statement ⟨u, v⟩ = t_L + t_R, and what each of three does to it, step by step.

`Side` is one server's part in one proof: the prover has u and v, left u and t, right v and t. All it does
is local; `proof` sends.

In the first step relations are cut in L parts. With a weight α_a of E for column a, G(X) = Σ_a α_a Σ_k
p_ka q_ka, where p_ka, q_ka interpolate u_k, v_k over the parts, has values at points 0 … L − 1 of which
the verifiers know their parts, and the prover gives those at the next L − 1. At a random r, u becomes
p(r) and v becomes α q(r). Maps join here, each as vectors twice as long as its inner side, and columns that
were moved, as vectors as long as they (`moves`). In later steps G at point 0 follows from the target.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from protocols import kernels
from protocols.domains import Words
from protocols.kernels.galois import chosen_windows
from protocols.kernels.machine import Bytes
from protocols.replicated3_malicious.proofs.moves import vectors
from protocols.replicated3_malicious.proofs.ring import STRIP, Galois
from protocols.replicated3_malicious.sharings import Bilinear, Claim, Map, Moved, Part, Rows

CHUNK = 1 << 13
"""Columns treated at a time in the first step."""
Draw = Callable[[str, int], Words]
"""Takes a label and a number of bytes; returns public random bytes."""


@dataclass
class Group:
    """Relations with equally many products, side by side: (terms, L, n) words, or words of 64 lanes."""

    terms: int
    n: int
    u: Words | None
    v: Words | None
    t: Words | None
    alpha: Any = None


@dataclass
class Side:
    """One server's part in one proof.

    Attributes:
        part: which.
        u, v: vectors of ring elements (d_1, d_2, N), from the second step on.
        t: this verifier's part of the target, an element.
        values: this verifier's parts of G at the points, (d_1, d_2, points).
        filled: elements of the vectors that are there already, while maps join.
    """

    ring: Galois
    part: Part
    claims: Sequence[Claim]
    groups: list[Group] = field(default_factory=list)
    u: Words | None = None
    v: Words | None = None
    t: Words | None = None
    values: Words | None = None
    filled: int = 0

    # The first step

    def cut(self, parts: int, draw: Draw) -> None:
        """Lay relations out in so many parts, and draw a weight for each column."""
        found: dict[int, list[Rows]] = defaultdict(list)
        for claim in self.claims:
            if isinstance(claim, Rows):
                found[claim.terms].append(claim)
        for terms, rows in sorted(found.items()):
            count = sum(one.count for one in rows)
            if count == 0:
                continue
            lanes = 8 if self.ring.bits else 1  # bytes of planes make words of 64 bits
            n = -(-count // (lanes * parts))
            group = Group(terms, n, *(self._laid_out(rows, which, parts, n) for which in ("u", "v", "t")))
            group.alpha = self._weights(f"columns of {terms}", n, draw)
            self.groups.append(group)
        # What is laid out is not needed twice.
        self.claims = [one for one in self.claims if not isinstance(one, Rows)]

    def _laid_out(self, rows: Sequence[Rows], which: str, parts: int, n: int) -> Words | None:
        """Return one of u, v and t of all relations, (terms, L, n) or (1, L, n)."""
        if getattr(rows[0], which) is None:
            return None
        size, dtype = (8 * n, np.uint8) if self.ring.bits else (n, np.uint64)
        out = np.empty((1 if which == "t" else rows[0].terms, parts * size), dtype)
        at = 0
        for one in rows:
            held, after = getattr(one, which), at + one.count
            for row, part in zip(out, [held] if which == "t" else held, strict=True):
                if one.bits:
                    _scaled(part.reshape(-1), one.bits, which != "v", row[at:after])
                else:
                    row[at:after] = part.reshape(-1)
            at = after
        out[:, at:] = 0
        return out.view(np.uint64).reshape(len(out), parts, n)

    def _weights(self, label: str, n: int, draw: Draw) -> Any:
        """Return (d, n) coefficients of weights: of E bytes of 0 and 1, of the field words of 64 lanes."""
        d = self.ring.d
        if self.ring.bits:
            return draw(label, 8 * d * n).view(np.uint64).reshape(d, n)
        packed = draw(label, d * -(-n // 8)).reshape(d, -1)
        return np.unpackbits(packed, axis=1, count=n)

    def first_message(self, parts: int) -> Words:
        """Return G at the points after those of the data: (d_1, d_2, L − 1). For the prover."""
        ring, extra = self.ring, parts - 1
        if not ring.bits:
            sums = [ring.chosen_pair_sums(*_held(one.alpha, one.u, one.v)) for one in self.groups]
            return ring.from_pairs(reduce(ring.add, sums), parts, extra)
        matrix = ring.extension(parts, extra).reshape(extra * ring.d1, parts)
        total = np.zeros((ring.d1, ring.d2, extra), np.uint64)
        for group in self.groups:
            assert group.u is not None
            assert group.v is not None
            assert group.alpha is not None
            step = max(1, CHUNK // group.terms)
            for start in range(0, group.n, step):
                columns = slice(start, min(start + step, group.n))
                products = []
                for u, v in zip(group.u, group.v, strict=True):
                    p, q = (self._extended(matrix, np.ascontiguousarray(w[:, columns])) for w in (u, v))
                    products.append(ring.unreduced(p, q))
                width = columns.stop - columns.start
                summed = reduce(ring.add, products)  # (2 d_1 − 1, 1, L − 1 times columns)
                rows = summed.reshape(-1, width)
                found = ring.dots(np.ascontiguousarray(group.alpha[:, columns]), rows)
                found = found.reshape(ring.d1, ring.d2, 2 * ring.d1 - 1, 1, extra)
                total = ring.add(total, ring.folded(found))
        return total

    def _extended(self, matrix: Words, data: Words) -> Words:
        """Return the interpolated values at the next points, (d_1, 1, points times columns)."""
        ring, width = self.ring, data.shape[1]
        found = ring.combined(matrix, data).reshape(-1, ring.d1, width)
        return np.ascontiguousarray(found.transpose(1, 0, 2)).reshape(ring.d1, 1, -1)

    def first_values(self, parts: int) -> None:
        """Work out this verifier's parts of G at the points of the data."""
        ring = self.ring
        total = np.zeros((ring.d1, ring.d2, parts), np.uint64)
        for group in self.groups:
            assert group.t is not None
            assert group.alpha is not None
            if ring.bits:
                found = ring.dots(group.alpha, group.t[0])
            else:
                found = ring.chosen_sums(group.alpha, group.t[0].T)
            total = ring.add(total, found.reshape(ring.d1, ring.d2, parts))
        self.values = total

    def first_fold(self, parts: int, r: Words) -> None:
        """Interpolate u, v and the target at r; weights go to v."""
        ring = self.ring
        basis = ring.lagrange(parts, r)
        self._make_room()
        while self.groups:
            group = self.groups.pop(0)
            for k in range(group.terms):
                if group.u is not None and self.u is not None:
                    ring.fold_words(group.u[k], basis, None, self.u, self.filled)
                if group.v is not None and self.v is not None:
                    ring.fold_words(group.v[k], basis, group.alpha, self.v, self.filled)
                self.filled += group.n
        self.settle_target(r)

    def _make_room(self) -> None:
        """Make vectors as long as the folded relations and all maps are together, to be filled."""
        maps = (one for one in self.claims if isinstance(one, Bilinear))
        length = sum(2 * term.inner for one in maps if all(one.shape) for term in one.terms)
        length += sum(one.length for one in self.claims if isinstance(one, Moved))
        shape = (*self._shape, length + sum(group.terms * group.n for group in self.groups))
        self.u = None if self.part == "right" else np.empty(shape, np.uint64)
        self.v = None if self.part == "left" else np.empty(shape, np.uint64)

    def _elements(self, a: Words) -> Words:
        return a.reshape(self.ring.d1, self.ring.d2, -1)

    # Maps

    def join_maps(self, draw: Draw) -> None:
        """Add the vectors of all maps: a relation's weight is that of its row times that of its output."""
        ring, ts = self.ring, []
        if self.u is None and self.v is None:
            self._make_room()
        for number, claim in enumerate(one for one in self.claims if isinstance(one, Bilinear)):
            rows, columns = int(np.prod(claim.shape[:-1])), claim.shape[-1]
            left = self._weights(f"rows of {number}", rows, draw)
            right = self._weights(f"outputs of {number}", columns, draw)
            scale = 64 - claim.bits
            for place, term in enumerate(claim.terms if all(claim.shape) else ()):
                end, after = self.filled + term.inner, self.filled + 2 * term.inner
                if claim.left is not None and self.u is not None:
                    x, y = self._sides(term, claim.left[place], left, right, claim.shape, claim.bits)
                    _shifted(x, scale, self.u[:, :, self.filled : end])
                    _shifted(y, scale, self.u[:, :, end:after])
                    if self.part == "left":
                        known = kernels.shift_left(ring.pair_sums(x, y, 1), scale)
                        ts.append(kernels.neg(known))
                if claim.right is not None and self.v is not None:
                    x, y = self._sides(term, claim.right[place], left, right, claim.shape, claim.bits)
                    _shifted(y, 0, self.v[:, :, self.filled : end])
                    _shifted(x, 0, self.v[:, :, end:after])
                self.filled = after
            if claim.t is not None:
                t = _scaled(claim.t, claim.bits, True).reshape(rows, columns)
                by_rows = ring.chosen_sums(left, t).reshape(ring.d, -1)
                whole = ring.dots(by_rows, right.astype(np.uint64))
                ts.append(ring.folded(whole.reshape(*self._shape, *self._shape, 1)))
        for number, moved in enumerate(one for one in self.claims if isinstance(one, Moved)):
            of_moved = vectors(ring, moved, self.part, number, draw)
            after = self.filled + moved.length
            for vector, added in zip((self.u, self.v), of_moved, strict=False):
                if vector is not None and added is not None:
                    vector[:, :, self.filled : after] = added
            self.filled = after
            if of_moved[2] is not None:
                ts.append(of_moved[2])
        if self.part != "prover":
            start = np.zeros((*self._shape, 1), np.uint64) if self.t is None else self.t
            self.t = reduce(self.ring.add, ts, start)

    @property
    def _shape(self) -> tuple[int, int]:
        return self.ring.d1, self.ring.d2

    def _sides(
        self,
        term: Map,
        factors: tuple[Words, Words],
        rows: Bytes,
        columns: Bytes,
        shape: Sequence[int],
        bits: int,
    ) -> tuple[Words, Words]:
        """Return Xᵀρ and Y σ, of the inner side's length each, of a map written as a product X Y.

        Σ ρ_i σ_j Σ_k X_ik Y_kj, where rows i see their own k alone: those of their batch, or all taps and
        channels, of which an output j sees those of its group. So Y σ sums over the outputs of each group.
        """
        x, y = (_scaled(part, bits, False) for part in factors)
        groups = term.groups
        if groups == 1:
            inner = y.reshape(-1, y.shape[-1])
            second = self.ring.chosen_sums(columns, inner.T)
        else:
            apart = y.reshape(-1, y.shape[2], groups, y.shape[3] // groups)
            weights = columns.reshape(len(columns), groups, -1).astype(np.uint64)
            each = kernels.matmul(
                np.ascontiguousarray(apart.transpose(2, 0, 1, 3)).reshape(groups, -1, apart.shape[3]),
                np.ascontiguousarray(weights.transpose(1, 2, 0)),
            ).reshape(groups, len(apart), y.shape[2], -1)
            second = np.ascontiguousarray(each.transpose(3, 1, 0, 2))
        if term.kind != "matmul":
            first = _correlated(x, rows, term, shape)
        elif len(term.y) == 2:
            first = self.ring.chosen_sums(rows, x.reshape(-1, x.shape[-1]))
        else:
            batches = x.reshape(-1, *x.shape[-2:])
            weights = rows.astype(np.uint64).reshape(len(rows), *batches.shape[:2]).transpose(1, 0, 2)
            each = kernels.matmul(np.ascontiguousarray(weights), batches)
            first = np.ascontiguousarray(each.transpose(1, 0, 2))
        return self._elements(first), self._elements(second)

    # Later steps

    def settle_target(self, r: Words) -> None:
        """Set this verifier's target to its part of G(r)."""
        if self.part == "prover":
            return
        assert self.values is not None
        count = self.values.shape[2]
        self.t = self.ring.total(self.ring.mul(self.ring.lagrange(count, r), self.values))

    def _split(self, a: Words, parts: int) -> Words:
        """Return elements in parts: (d_1, d_2, L, n), zeros at the end."""
        n = -(-a.shape[2] // parts)
        out = np.zeros((*self._shape, parts * n), np.uint64)
        out[:, :, : a.shape[2]] = a
        return out.reshape(*self._shape, parts, n)

    def message(self, parts: int, mask: Words | None = None) -> Words:
        """Return G at points 1 … 2L − 2; with the last step's mask, 1 … 2L − 1. For the prover."""
        assert self.u is not None
        assert self.v is not None
        if mask is None:
            return self.ring.next_products(self.u, self.v, parts, parts - 1)
        u, v = self._split(self.u, parts), self._split(self.v, parts)
        some = [slice(start, start + STRIP) for start in range(0, u.shape[3], STRIP)]
        return reduce(self.ring.add, (self._values(u[..., one], v[..., one], mask) for one in some))

    def _values(self, u: Words, v: Words, mask: Words | None) -> Words:
        """Return what some columns add to a message."""
        ring, parts = self.ring, u.shape[2]
        extra = parts - 1 if mask is None else parts
        more_u, more_v = self._next(u, extra), self._next(v, extra)
        if mask is not None:  # p(X) + w Π_b (X − ξ_b)
            hidden = ring.mul(np.repeat(mask, extra, 2), ring.vanishing_next(parts))
            more_u = [ring.add(one, hidden[:, :, e : e + 1]) for e, one in enumerate(more_u)]
        pairs = [(u[:, :, b], v[:, :, b]) for b in range(1, parts)]
        pairs += zip(more_u, more_v, strict=True)
        return ring.inner(pairs) if pairs else np.zeros((*self._shape, 0), np.uint64)

    def _next(self, a: Words, extra: int) -> list[Words]:
        """Return the interpolated vectors at the next points."""
        ring, (parts, n) = self.ring, a.shape[2:]
        if extra == 0:
            return []
        matrix = ring.extension(parts, extra)
        data = np.ascontiguousarray(a.transpose(2, 0, 1, 3)).reshape(parts, -1)
        total = np.zeros((2 * ring.d1 - 1, ring.d2, extra, n), np.uint64)
        for place in range(ring.d1):
            part = ring.combined(np.ascontiguousarray(matrix[:, place]), data)
            moved = part.reshape(extra, ring.d1, ring.d2, n).transpose(1, 2, 0, 3)
            ring.add_to(total[place : place + ring.d1], moved)
        flat = total.reshape(2 * ring.d1 - 1, ring.d2, extra * n)
        found = ring.reduced(flat).reshape(ring.d1, ring.d2, extra, n)
        return [found[:, :, e] for e in range(extra)]

    def spread(self) -> None:
        """Make elements of lanes, a word each: few are left."""

        def apart(vector: Words) -> Words:
            lanes = vector[..., None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
            return np.ascontiguousarray(lanes).reshape(*self._shape, -1)

        self.u = None if self.u is None else apart(self.u)
        self.v = None if self.v is None else apart(self.v)

    def imply(self, received: Words, parts: int) -> None:
        """Take a verifier's parts of G at points from 1 on: that at point 0 follows from the target."""
        assert self.t is not None
        known = self.ring.total(received[:, :, : parts - 1])
        self.values = np.concatenate([self.ring.sub(self.t, known), received], 2)

    def fold(self, parts: int, r: Words) -> None:
        """Interpolate u, v and the target at r."""
        basis = self.ring.lagrange(parts, r)
        self.u = None if self.u is None else self.ring.mixed(self.u, parts, basis)
        self.v = None if self.v is None else self.ring.mixed(self.v, parts, basis)
        self.settle_target(r)

    def masked(self, parts: int, r: Words, mask: Words) -> Words:
        """Return p(r) of the last step, masked. For left, once it has folded."""
        assert self.u is not None
        return self.ring.add(self.u, self.ring.mul(mask, self.ring.vanishing(parts, r)))


def _scaled(words: Words, bits: int, up: bool, out: Words | None = None) -> Words:
    """Return words mod 2^b as words mod 2^64: times 2^(64 − b), or without the bits that mean nothing.

    A relation mod 2^b becomes one mod 2^64 where one factor and the right-hand side are moved up.
    """
    found = np.empty(words.shape, np.uint64) if out is None else out
    if up:
        return np.left_shift(words, np.uint64(64 - bits), out=found, dtype=np.uint64)
    return np.bitwise_and(words, np.uint64((1 << bits) - 1), out=found, dtype=np.uint64)


def _correlated(x: Words, rows: Bytes, term: Map, shape: Sequence[int]) -> Words:
    """Return Xᵀρ for X the windows of images: x correlated with ρ laid out as an output map; (d, inner)."""
    wide = np.pad(x, ((0, 0), *term.padding, (0, 0)))
    return chosen_windows(rows, wide, (term.y[0], term.y[1]), term.stride, (shape[1], shape[2]))


def _shifted(elements: Words, by: int, out: Words) -> None:
    """Write elements times 2^by."""
    np.left_shift(elements, np.uint64(by), out=out)


def _held(*words: Any) -> Any:
    """Return what this server must hold."""
    assert all(one is not None for one in words)
    return words
