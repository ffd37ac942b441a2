"""Keys of distributed comparison functions, dealt and evaluated: shares of K + β [x < α] for public x.

A key is a root seed of each of two parties and, for both alike, a correction word a level of a binary
tree over the bits of x, from the highest. Where the path of x has left that of α both parties have the same
seed, so that what they add from there on cancels. The lowest levels are one table at the tree's leaves
(early termination): a leaf is expanded into all their outputs.

Outputs are bits over XOR, or words mod 2^64, m of them at once. A *seed* is two words, rows of an array
(2, …), whose two lowest bits are no part of it: in a correction word they are those of the control bits, in
what a seed expands to the control bit and an output. So seeds have 126 bits.

Source: Boyle et al. 2021 (ePrint 2020/1392), figure 1; early termination Boyle, Gilboa, Ishai 2016,
§3.2.1. The constant K costs nothing: the sum along α's path starts at −K.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from protocols.correlated import hashed
from protocols.kernels.bits import bit_planes, from_planes
from protocols.kernels.machine import Bytes, Words, expect

SEED_BITS = 128
"""Bits of a correction word, the control bits included."""
_STRIP = 4096
_FLAGS = np.uint64(3)
_ONE = np.uint64(1)
_LEAF = np.uint64(2)
_EXPAND = 0  # the fixed key of children; those above are of outputs
_Array = npt.NDArray[np.uint64]


def tree_sizes(bits: int, width: int) -> tuple[int, int]:
    """Return (levels, entries of a leaf) of a comparison of so many bits whose outputs have `width` bits.

    A leaf takes over a level where twice its entries cost less than that level's correction words.
    """
    entries = 1
    while entries < 1 << bits and entries * width < SEED_BITS + width:
        entries *= 2
    return bits - (entries.bit_length() - 1), entries


def deal_bit_trees(roots: Words, alpha: Words, bits: int, constant: Words) -> tuple[Words, Bytes]:
    """Return correction words (levels, 2, n), and planes (levels + leaf entries, ⌈n/8⌉) of outputs.

    Args:
        roots: of both parties, (2, 2, n).
        alpha: n words, of which the lower `bits` count.
        constant: n words, 0 or 1.
    """
    n = alpha.size
    levels, entries = tree_sizes(bits, 1)
    expect("roots", roots.shape, (2, 2, n))
    seeds = np.empty((levels, 2, n), np.uint64)
    words = -(-entries // 64)
    flips, leaf = np.empty((levels, n), np.uint64), np.empty((words, n), np.uint64)
    for strip in _strips(n):
        goal, total = _low(alpha[strip], bits), constant[strip].astype(np.uint64)
        both = _Both(roots[..., strip])
        for level in range(levels):
            turn = (goal >> np.uint64(bits - 1 - level)) & _ONE
            kept, lost = both.step(turn, seeds[level, :, strip])
            flip = _output(lost) ^ total ^ turn
            flips[level, strip] = flip
            total ^= _output(kept) ^ flip
        below = _ones_below(goal & np.uint64(entries - 1), words)
        leaf[:, strip] = np.bitwise_xor.reduce(both.leaves(words), 0) ^ below ^ -total
    rows = [bit_planes(row, 0, 1) for row in flips]
    return seeds, np.concatenate([*rows, *(bit_planes(row, 0, min(entries, 64)) for row in leaf)])


def deal_word_trees(
    roots: Words, alpha: Words, bits: int, width: int, beta: Words, constant: Words
) -> tuple[Words, Words]:
    """Return correction words (levels, 2, n), and words (levels + leaf entries, m, n) of outputs.

    Args:
        roots: of both parties, (2, 2, n).
        alpha: n words, of which the lower `bits` count.
        width: bits of a word that count.
        beta: (m, n) words: what is added below alpha.
        constant: (m, n) words.
    """
    n, many = alpha.size, len(beta)
    levels, entries = tree_sizes(bits, width * many)
    expect("roots", roots.shape, (2, 2, n))
    expect("constants", constant.shape, beta.shape)
    seeds = np.empty((levels, 2, n), np.uint64)
    sums = np.empty((levels + entries, many, n), np.uint64)
    for strip in _strips(n):
        goal, payload = _low(alpha[strip], bits), beta[:, strip].astype(np.uint64)
        total = -constant[:, strip].astype(np.uint64)
        both = _Both(roots[..., strip])
        for level in range(levels):
            turn, sign = (goal >> np.uint64(bits - 1 - level)) & _ONE, both.sign()
            kept, lost = both.words(turn, many), both.words(turn ^ _ONE, many)
            both.step(turn, seeds[level, :, strip])
            correction = sign * (lost[1] - lost[0] - total + turn * payload)
            sums[level, :, strip] = correction
            total += kept[0] - kept[1] + sign * correction
        leaves = both.leaves(entries * many).reshape(2, entries, many, -1)
        below = np.arange(entries, dtype=np.uint64)[:, None] < (goal & np.uint64(entries - 1))
        goals = below[:, None].astype(np.uint64) * payload - total
        sums[levels:, :, strip] = both.sign() * (leaves[1] - leaves[0] + goals)
    return seeds, sums


def walk_bit_trees(party: int, root: Words, x: Words, bits: int, seeds: Words, planes: Bytes) -> Bytes:
    """Return a party's planes (points, ⌈n/8⌉) of outputs at x, (points, n): each key serves all its points.

    Args:
        party: 0 or 1.
        root: its own, (2, n).
        seeds: correction words, as `planes` from `deal_bit_trees`.
    """
    points, n = x.shape
    levels, entries = tree_sizes(bits, 1)
    _expect_key(root, seeds, levels, n)
    expect("planes", planes.shape, (levels + entries, -(-n // 8)))
    flips = [from_planes(planes[level : level + 1], n, np.uint64) for level in range(levels)]
    leaf = [
        from_planes(planes[first : first + 64], n, np.uint64) for first in range(levels, len(planes), 64)
    ]
    found = np.empty((points, n), np.uint64)
    for strip in _strips(n, points):
        goal = _low(x[:, strip], bits)
        one, total = _One(party, root[:, None, strip]), np.zeros(goal.shape, np.uint64)
        for level in range(levels):
            turn = (goal >> np.uint64(bits - 1 - level)) & _ONE
            total ^= one.control & flips[level][strip]
            total ^= _output(one.step(turn, seeds[level, :, None, strip]))
        place = goal & np.uint64(entries - 1)
        for number, own in enumerate(one.leaf(len(leaf))):
            bit = (own ^ (one.control & leaf[number][strip])) >> (place & np.uint64(63))
            total ^= np.where(place >> np.uint64(6) == number, bit & _ONE, np.uint64(0))
        found[:, strip] = total
    return np.concatenate([bit_planes(row, 0, 1) for row in found & _ONE])


def walk_word_trees(
    party: int, root: Words, x: Words, bits: int, width: int, seeds: Words, sums: Words
) -> Words:
    """Return a party's outputs (m, points, n), words mod 2^64, at x, (points, n).

    Args:
        party: 0 or 1.
        root: its own, (2, n).
        width: bits of a word that count.
        seeds: correction words, as `sums` from `deal_word_trees`.
    """
    points, n = x.shape
    many = sums.shape[1]
    levels, entries = tree_sizes(bits, width * many)
    _expect_key(root, seeds, levels, n)
    expect("words", sums.shape, (levels + entries, many, n))
    found = np.empty((many, points, n), np.uint64)
    for strip in _strips(n, points):
        goal = _low(x[:, strip], bits)
        one = _One(party, root[:, None, strip])
        total = np.zeros((many, *goal.shape), np.uint64)
        for level in range(levels):
            turn = (goal >> np.uint64(bits - 1 - level)) & _ONE
            total += one.words(turn, many) + (one.control & sums[level][:, None, strip])
            one.step(turn, seeds[level, :, None, strip])
        place = goal & np.uint64(entries - 1)
        own = one.leaf(entries * many).reshape(entries, many, *one.control.shape)
        for entry in range(entries):
            here = own[entry] + (one.control & sums[levels + entry][:, None, strip])
            total += (place == entry) * here
        found[:, :, strip] = total if party == 0 else -total
    return found


class _Both:
    """The seeds and control bits of both parties on the path of α: (2, 2, n) and 0 or 1, (2, n)."""

    def __init__(self, roots: _Array) -> None:
        self.seeds = roots.copy()
        self.seeds[:, 0] &= ~_FLAGS
        self.control = np.zeros((2, roots.shape[-1]), np.uint64)
        self.control[1] = 1

    def sign(self) -> _Array:
        """Return (−1)^t of party 1."""
        sign: _Array = _ONE - (self.control[1] << _ONE)
        return sign

    def words(self, turn: _Array, many: int) -> _Array:
        """Return the words (2, many, n) that both add at a child."""
        return np.stack([_words(seed, turn, many) for seed in self.seeds])

    def leaves(self, many: int) -> _Array:
        """Return the words (2, many, n) of both leaves."""
        return np.stack([_words(seed, _LEAF, many) for seed in self.seeds])

    def step(self, turn: _Array, word: _Array) -> tuple[_Array, _Array]:
        """Go to α's child, and write the correction word.

        Returns:
            The XOR of both parties' first words, whose second bits are outputs: of that child, and of
            the other.
        """
        kept = [hashed(_tweaked(seed, turn), _EXPAND) for seed in self.seeds]
        lost = [hashed(_tweaked(seed, turn ^ _ONE), _EXPAND) for seed in self.seeds]
        np.bitwise_xor(lost[0], lost[1], out=word)
        leave = word[0] & _ONE
        stay = (kept[0][0] ^ kept[1][0] ^ _ONE) & _ONE
        word[0] &= ~_FLAGS
        for party, own in enumerate(kept):
            mask = -self.control[party]
            self.seeds[party] = own ^ (mask & word)
            self.control[party] = (own[0] ^ (mask & stay)) & _ONE
        self.seeds[:, 0] &= ~_FLAGS
        word[0] |= (stay << turn) | (leave << (turn ^ _ONE))
        return kept[0][0] ^ kept[1][0], lost[0][0] ^ lost[1][0]


class _One:
    """A party's seeds (2, points, n) on the paths of its points, and masks of its control bits."""

    def __init__(self, party: int, root: _Array) -> None:
        self.seed = root.copy()
        self.seed[0] &= ~_FLAGS
        self.control = np.full(root.shape[1:], -np.int64(party)).view(np.uint64)

    def words(self, turn: _Array, many: int) -> _Array:
        """Return the words (many, points, n) that the party adds at a child."""
        return _words(self.seed, turn, many)

    def leaf(self, many: int) -> _Array:
        """Return the words (many, points, n) of its leaf."""
        return _words(self.seed, _LEAF, many)

    def step(self, turn: _Array, word: _Array) -> _Array:
        """Go to a child; return the words whose second bits are its outputs."""
        own = hashed(_tweaked(self.seed, turn), _EXPAND)
        output: _Array = own[0].copy()
        own ^= self.control & word
        flag = output ^ (self.control & (word[0] >> turn))
        self.seed, self.control = own, -(flag & _ONE)
        self.seed[0] &= ~_FLAGS
        return output


def _tweaked(seed: _Array, tweak: _Array | np.uint64) -> _Array:
    """Return seeds whose lowest bits, which are 0, say what they are expanded to."""
    first, second = np.broadcast_arrays(seed[0] ^ tweak, seed[1])
    return np.stack([first, second])


def _words(seed: _Array, tweak: _Array | np.uint64, many: int) -> _Array:
    """Return so many pseudorandom words of seeds: (2, …) to (many, …)."""
    tweaked = _tweaked(seed, tweak)
    blocks = [hashed(tweaked, _EXPAND + 1 + number) for number in range(-(-many // 2))]
    return np.concatenate(blocks)[:many]


def _output(word: _Array) -> _Array:
    """Return the output bit of the first words of expansions."""
    return (word >> _ONE) & _ONE


def _low(x: Words, bits: int) -> _Array:
    return x.astype(np.uint64) & np.uint64((1 << bits) - 1)


def _ones_below(count: _Array, words: int) -> _Array:
    """Return (words, n): the bits from the lowest on of which `count` are ones."""
    left = [
        np.clip(count.astype(np.int64) - 64 * number, 0, 64).astype(np.uint64) for number in range(words)
    ]
    full = np.uint64(2**64 - 1)
    return np.stack([np.where(one == 64, full, (_ONE << (one & np.uint64(63))) - _ONE) for one in left])


def _strips(n: int, points: int = 1) -> Iterator[slice]:
    """Yield parts of n values that stay in the cache."""
    size = max(1, _STRIP // points)
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _expect_key(root: Words, seeds: Words, levels: int, n: int) -> None:
    expect("a root", root.shape, (2, n))
    expect("correction words", seeds.shape, (levels, 2, n))
