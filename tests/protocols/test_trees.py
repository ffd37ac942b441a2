"""Keys of comparison functions against an oracle in plain integers, as the paper writes it."""

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.kernels import (
    deal_bit_trees,
    deal_word_trees,
    from_planes,
    pack,
    tree_sizes,
    unpack,
    walk_bit_trees,
    walk_word_trees,
)

FULL = 1 << 64


def _hash(block, number):
    """Return H_number of a block of 128 bits, its lower word first."""
    cipher = Cipher(algorithms.AES(number.to_bytes(16, "big")), modes.ECB()).encryptor()
    return int.from_bytes(cipher.update(block.to_bytes(16, "little")), "little") ^ block


def _words(seed, tweak, many):
    """Return so many words of a seed."""
    found = []
    for number in range((many + 1) // 2):
        block = _hash(seed ^ tweak, 1 + number)
        found += [block % FULL, block >> 64]
    return found[:many]


def _child(seed, side):
    """Return seed, control bit and output bit of a child."""
    block = _hash(seed ^ side, 0)
    return block & ~3, block & 1, block >> 1 & 1


class Bits:
    """Outputs of one bit: addition is XOR, and signs mean nothing."""

    many = 1

    def child(self, seed, side):
        return [_child(seed, side)[2]]

    def leaf(self, seed, entries):
        words = _words(seed, 2, -(-entries // 64))
        return [[words[place // 64] >> place % 64 & 1] for place in range(entries)]

    def combine(self, *signed):
        total = 0
        for _, (value,) in signed:
            total ^= value
        return [total]


class Numbers:
    """Outputs of several words mod 2^64."""

    def __init__(self, many):
        self.many = many

    def child(self, seed, side):
        return _words(seed, side, self.many)

    def leaf(self, seed, entries):
        words = _words(seed, 2, entries * self.many)
        return [words[place * self.many : (place + 1) * self.many] for place in range(entries)]

    def combine(self, *signed):
        return [sum(sign * value[i] for sign, value in signed) % FULL for i in range(self.many)]


def gen(outputs, roots, alpha, bits, levels, beta, constant):
    """Gen^< of Boyle et al. 2021, figure 1, with a constant: words of the levels, table of the leaf."""
    seeds, control, total = [root & ~3 for root in roots], [0, 1], outputs.combine((-1, constant))
    nothing, words = [0] * outputs.many, []
    for level in range(levels):
        keep = alpha >> (bits - 1 - level) & 1
        lose = 1 - keep
        of = [[_child(seed, side) for side in (0, 1)] for seed in seeds]
        values = [[outputs.child(seed, side) for side in (0, 1)] for seed in seeds]
        sign = -1 if control[1] else 1
        correction = of[0][lose][0] ^ of[1][lose][0]
        value = outputs.combine(
            (sign, values[1][lose]), (-sign, values[0][lose]), (-sign, total),
            (sign, beta if keep else nothing),
        )  # fmt: skip
        total = outputs.combine((1, total), (-1, values[1][keep]), (1, values[0][keep]), (sign, value))
        turns = [of[0][side][1] ^ of[1][side][1] ^ (side == keep) for side in (0, 1)]
        words.append((correction, turns, value))
        for party in (0, 1):
            seed, bit, _ = of[party][keep]
            seeds[party] = seed ^ (correction if control[party] else 0)
            control[party] = bit ^ (turns[keep] & control[party])
    entries = 1 << (bits - levels)
    leaves = [outputs.leaf(seed, entries) for seed in seeds]
    sign = -1 if control[1] else 1
    table = [
        outputs.combine(
            (sign, leaves[1][place]), (-sign, leaves[0][place]), (-sign, total),
            (sign, beta if place < alpha % entries else nothing),
        )
        for place in range(entries)
    ]  # fmt: skip
    return words, table


def evaluate(outputs, party, root, x, bits, words, table):
    """Eval^< of the same figure."""
    seed, control, total = root & ~3, party, [0] * outputs.many
    for level, (correction, turns, value) in enumerate(words):
        side = x >> (bits - 1 - level) & 1
        added = outputs.child(seed, side)
        total = outputs.combine((1, total), (1, added), *([(1, value)] if control else []))
        seed, bit, _ = _child(seed, side)
        seed ^= correction if control else 0
        control = bit ^ (turns[side] & control)
    place = x % len(table)
    leaf = outputs.leaf(seed, len(table))[place]
    total = outputs.combine((1, total), (1, leaf), *([(1, table[place])] if control else []))
    return outputs.combine((-1 if party else 1, total))


def _inputs(bits, n, points, seed):
    """Return roots, alphas and points: among these alphas themselves, their neighbours, and the ends."""
    rng = np.random.default_rng([bits, n, seed])
    roots = rng.integers(0, 2**64, (2, 2, n), np.uint64)
    alpha = rng.integers(0, 1 << bits, n, np.uint64)
    x = rng.integers(0, 1 << bits, (points, n), np.uint64)
    near = [alpha, alpha - np.uint64(1), alpha + np.uint64(1), alpha * 0, ~(alpha * 0)]
    for row, one in zip(x, near, strict=False):
        row[:] = one & np.uint64((1 << bits) - 1)
    return roots, alpha, x


def _whole(words):
    return [int(low) + (int(high) << 64) for low, high in zip(*words, strict=True)]


def _same_words(seeds, words, i):
    """Return whether correction words of value i say what the oracle's do."""
    wanted = [c | turns[0] | turns[1] << 1 for c, turns, _ in words]
    return [int(low) + (int(high) << 64) for low, high in seeds[:, :, i]] == wanted


@settings(max_examples=40, deadline=None)
@given(bits=st.integers(0, 20), n=st.integers(1, 9), points=st.integers(1, 6), seed=st.integers(0, 99))
def test_bits_are_the_oracles_to_the_last_word(bits, n, points, seed):
    roots, alpha, x = _inputs(bits, n, points, seed)
    constant = alpha >> np.uint64(1) & np.uint64(1)
    seeds, planes = deal_bit_trees(roots, alpha, bits, constant)
    levels, _ = tree_sizes(bits, 1)
    outputs, found = Bits(), []
    for party in (0, 1):
        rows = walk_bit_trees(party, roots[party], x, bits, seeds, planes)
        found.append(np.stack([from_planes(row[None], n, np.uint64) for row in rows]))
    np.testing.assert_array_equal(found[0] ^ found[1], (x < alpha) ^ constant)
    for i in range(n):
        both = [_whole(roots[party][:, i : i + 1])[0] for party in (0, 1)]
        words, table = gen(outputs, both, int(alpha[i]), bits, levels, [1], [int(constant[i])])
        assert _same_words(seeds, words, i)
        said = [from_planes(row[None], n, np.uint64)[i] for row in planes]
        assert said == [value[0] for _, _, value in words] + [value[0] for value in table]
        for party in (0, 1):
            for point in range(points):
                want = evaluate(outputs, party, both[party], int(x[point, i]), bits, words, table)
                assert [found[party][point, i]] == want


@settings(max_examples=40, deadline=None)
@given(
    bits=st.integers(0, 20), n=st.integers(1, 9), many=st.integers(1, 3),
    width=st.sampled_from([64, 37, 32]), seed=st.integers(0, 99),
)  # fmt: skip
def test_words_are_the_oracles_to_the_last_word(bits, n, many, width, seed):
    roots, alpha, x = _inputs(bits, n, 5, seed)
    rng = np.random.default_rng(seed)
    beta, constant = rng.integers(0, 2**64, (2, many, n), np.uint64)
    seeds, sums = deal_word_trees(roots, alpha, bits, width, beta, constant)
    levels, _ = tree_sizes(bits, width * many)
    outputs, parts = Numbers(many), []
    for i in range(n):
        both = [_whole(roots[party][:, i : i + 1])[0] for party in (0, 1)]
        payload, base = (list(map(int, one[:, i])) for one in (beta, constant))
        words, table = gen(outputs, both, int(alpha[i]), bits, levels, payload, base)
        assert _same_words(seeds, words, i)
        assert sums[:, :, i].tolist() == [value for _, _, value in words] + table
        want = evaluate(outputs, 1, both[1], int(x[0, i]), bits, words, table)
        assert walk_word_trees(1, roots[1], x, bits, width, seeds, sums)[:, 0, i].tolist() == want
    cut = unpack(pack(sums, width), width, sums.shape, np.uint64)  # as it is sent
    parts = [walk_word_trees(party, roots[party], x, bits, width, seeds, cut) for party in (0, 1)]
    want = constant[:, None] + (x < alpha).astype(np.uint64) * beta[:, None]
    low = np.uint64(2**width - 1)
    np.testing.assert_array_equal((parts[0] + parts[1]) & low, want & low)


@pytest.mark.parametrize(("bits", "points"), [(30, 1), (63, 2), (31, 30)])
def test_wide_numbers_compare_over_many_strips(bits, points):
    roots, alpha, x = _inputs(bits, 9001, points, 1)
    zero = alpha * 0
    seeds, planes = deal_bit_trees(roots, alpha, bits, zero)
    found = [walk_bit_trees(party, roots[party], x, bits, seeds, planes) for party in (0, 1)]
    bit = np.unpackbits(found[0] ^ found[1], axis=-1, bitorder="little", count=9001)
    np.testing.assert_array_equal(bit, x < alpha)


@pytest.mark.parametrize("width", [1, 32, 64, 128, 192])
def test_the_lowest_levels_are_a_table_where_that_is_the_smallest_key(width):
    for bits in range(40):
        levels, entries = tree_sizes(bits, width)
        assert entries == 1 << (bits - levels)
        sizes = [depth * (128 + width) + width * (1 << (bits - depth)) for depth in range(bits + 1)]
        assert sizes[levels] == min(sizes)
