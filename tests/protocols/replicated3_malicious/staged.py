"""Proofs on a stage: all three parts side by side, without a network, and what is said between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from protocols import kernels
from protocols.correlated import prf
from protocols.family import bilinear
from protocols.replicated3_malicious.proofs.ring import Galois, challenge
from protocols.replicated3_malicious.proofs.schedule import Step, steps
from protocols.replicated3_malicious.proofs.statement import Side
from protocols.replicated3_malicious.sharings import Bilinear, Map, Moved, Rows

Claims = tuple[list[Any], list[Any], list[Any]]
"""Of the prover, left and right."""


def sample(ring: Galois, count: int, rng: np.random.Generator) -> Any:
    """Return random elements, a word a coefficient."""
    words = rng.integers(0, 2**64, (ring.d1, ring.d2, count), np.uint64)
    return words & np.uint64(1) if ring.bits else words


def relations(
    rng: np.random.Generator, bits: bool, sizes: Sequence[tuple[int, int, int]], alter: int = 0
) -> Claims:
    """Return claims of (terms, count, modulus in bits) each; one t of left is off by `alter`."""
    found: Claims = [], [], []
    for number, (terms, count, modulus) in enumerate(sizes):
        kind = np.uint8 if bits else np.uint64
        u, v = rng.integers(0, 256 if bits else 2**64, (2, terms, count), kind)
        total = np.bitwise_xor.reduce(u & v) if bits else (u * v).sum(0, np.uint64)
        right = rng.integers(0, 256 if bits else 2**64, count, kind)
        left = total ^ right if bits else total - right
        if alter and number == min(1, len(sizes) - 1):
            left[count // 2] ^= kind(alter)
        parts = (tuple(u), tuple(v), None), (tuple(u), None, left), (None, tuple(v), right)
        for known, part in zip(found, parts, strict=True):
            known.append(Rows(0 if bits else modulus, terms, count, *part))
    return found


def mapped(rng: np.random.Generator, term: Map, alter: int = 0) -> Claims:
    """Return one claim of a bilinear map mod 2^48; one entry of left's t is off by `alter`."""

    def draw(shape: tuple[int, ...]) -> Any:
        return rng.integers(0, 2**64, shape, np.uint64)

    def of(x: Any, y: Any) -> Any:
        return bilinear(kernels, term.kind, x, y, term.stride, term.padding)

    left, right = (draw(term.x), draw(term.y)), (draw(term.x), draw(term.y))
    total = of(left[0], right[1]) + of(right[0], left[1]) + of(*left)
    mask = draw(total.shape)
    known = (48, total.shape, (term,))
    t = total - mask
    t.reshape(-1)[-1] ^= np.uint64(alter)
    return (
        [Bilinear(*known, (left,), (right,), None)],
        [Bilinear(*known, (left,), None, t)],
        [Bilinear(*known, None, (right,), mask)],
    )


MAPS = (
    Map("matmul", (3, 4), (4, 2)),
    Map("conv2d", (2, 5, 4, 3), (2, 3, 3, 2), (2, 1), ((1, 0), (0, 2))),
    Map("conv2d", (1, 4, 4, 6), (2, 2, 2, 6), (1, 2), ((0, 1), (1, 0))),
    Map("matmul", (2, 3, 4), (2, 4, 5)),
)


def moved(
    rng: np.random.Generator, bits: bool, by: Any, rows: int, widths: Sequence[int], alter: int = 0
) -> Claims:
    """Return one claim of moved columns, of all rows but one; an entry of left's t is off by `alter`."""
    count = max(1, rows - 1)
    order = rng.permutation(rows)[:count]
    x = [rng.integers(0, 2**64, rows, np.uint64) for _ in widths]
    masks = [rng.integers(0, 2**64, count, np.uint64) for _ in widths]
    left = [one[order] ^ mask if bits else one[order] - mask for one, mask in zip(x, masks, strict=True)]
    left[-1][count // 2] ^= np.uint64(alter)

    def part(t: Any, known: bool, held: bool) -> list[Any]:
        columns = tuple(x) if held else None
        return [Moved(bits, tuple(widths), rows, count, by, order if known else None, columns, t)]

    return (
        part(None, True, True),
        part(tuple(left), by == "left", by == "right"),
        part(tuple(masks), by == "right", by == "left"),
    )


def joined(*some: Claims) -> Claims:
    """Return the claims of several batches as one."""
    return tuple([one for batch in some for one in batch[place]] for place in range(3))  # type: ignore[return-value]


@dataclass
class Proof:
    """One proof, played step by step with coins of a seed.

    Attributes:
        lie: what a prover sends instead of the message that is due, in a step.
        after: called once all three have folded.
        shares: left's parts of messages, and the mask; drawn where there are none.
        heard: right's parts of messages.
        said: left's last words, the masked p(r) and its target.
    """

    ring: Galois
    claims: Claims
    seed: int
    lie: Callable[["Proof", Step, Any], Any] = lambda proof, step, message: message
    after: Callable[["Proof", Step, Any], None] = lambda proof, step, r: None
    shares: list[Any] = field(default_factory=list)
    mask: Any = None
    heard: list[Any] = field(default_factory=list)
    said: list[Any] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    points: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        parts = ("prover", "left", "right")
        self.prover, self.left, self.right = (
            Side(self.ring, part, one)  # type: ignore[arg-type]
            for part, one in zip(parts, self.claims, strict=True)
        )
        self.plan = steps(self.claims[0], self.ring.bits)
        if not self.shares:
            rng = np.random.default_rng([self.seed, 1])
            self.shares = [sample(self.ring, step.elements, rng) for step in self.plan]
            self.mask = sample(self.ring, 1, rng) if self.mask is None else self.mask

    def draw(self, label: str, size: int) -> Any:
        """Return the coins of weights."""
        return prf.expand(self.seed.to_bytes(16, "big"), prf.nonce(0, label, 0), size)

    def play(self) -> bool:
        """Play it; return whether right accepts."""
        ring, three = self.ring, (self.prover, self.left, self.right)
        rng = np.random.default_rng(self.seed)
        if self.plan[0].kind != "first":
            for one in three:
                one.join_maps(self.draw)
        for step, share in zip(self.plan, self.shares, strict=True):
            excluded = step.parts if step.kind == "last" else 0
            r = challenge(ring, lambda tried: rng.bytes(16), excluded)
            for one in three:
                if step.spread:
                    one.spread()
                if step.kind == "first":
                    one.cut(step.parts, self.draw)
                    if one is not self.prover:
                        one.first_values(step.parts)
            mask = self.mask if step.kind == "last" else None
            if step.kind == "first":
                due = self.prover.first_message(step.parts)
            else:
                due = self.prover.message(step.parts, mask)
            assert due.shape[2] == step.elements
            self.messages.append(due)
            self.heard.append(ring.sub(self.lie(self, step, due), share))
            self.points.append(r)
            for one, part in ((self.left, share), (self.right, self.heard[-1])):
                if step.kind == "first":
                    one.values = np.concatenate([one.values, part], 2)
                else:
                    one.imply(part, step.parts)
            for one in three:
                if step.kind == "first":
                    one.first_fold(step.parts, r)
                    one.join_maps(self.draw)
                else:
                    one.fold(step.parts, r)
            self.after(self, step, r)
        self.said = [self.left.masked(step.parts, r, self.mask), self.left.t]
        p, t = self.said
        return np.array_equal(ring.mul(p, self.right.v), ring.add(t, self.right.t))

    def error(self) -> Any:
        """Return by how much the target is off: t_L + t_R − ⟨u, v⟩."""
        ring = self.ring
        return ring.sub(ring.add(self.left.t, self.right.t), ring.inner([(self.left.u, self.right.v)]))
