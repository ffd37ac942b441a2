"""The loops of proofs against sums of products formed one by one, over sizes that strips divide and not."""

import numpy as np
import pytest

from protocols import kernels
from protocols.kernels.galois import chosen_sums, chosen_windows, pairs
from protocols.replicated3_malicious.proofs.ring import Galois, at_least

RINGS = (
    at_least(40, False),
    at_least(40, True),
    at_least(40, False, 32),
    Galois(2, 3, False),
    Galois(5, 4, True),
)
COUNTS = ((1, 1), (2, 5), (3, 34), (4, 64), (16, 37), (16, 300), (32, 70))
ONE = np.uint64(1)


def _words(ring, count):
    return np.random.default_rng(count).integers(0, 2**64, (ring.d1, ring.d2, count), np.uint64)


def _split(a, parts):
    """Return parts of a vector, zeros at the end."""
    size = -(-a.shape[2] // parts)
    out = np.zeros((*a.shape[:2], parts * size), np.uint64)
    out[:, :, : a.shape[2]] = a
    return [out[:, :, part * size : (part + 1) * size] for part in range(parts)]


def _basis(ring, parts):
    return ring.lagrange(parts, ring.element(2**ring.d - 3))


def _everywhere(ring, element, count):
    """Return an element again and again; over GF(2) its bits in all lanes."""
    return np.repeat((np.uint64(0) - element) if ring.bits else element, count, 2)


def _fits(ring, parts):
    return 2 * parts - 1 <= 2**ring.d1


@pytest.mark.parametrize(("parts", "count"), COUNTS)
@pytest.mark.parametrize("ring", RINGS, ids=str)
def test_a_vector_is_folded(ring, parts, count):
    if not _fits(ring, parts):
        parts = 2
    a, basis = _words(ring, count), _basis(ring, parts)
    wanted = np.zeros((ring.d1, ring.d2, -(-count // parts)), np.uint64)
    for b, part in enumerate(_split(a, parts)):
        ring.add_to(wanted, ring.mul(part, _everywhere(ring, basis[:, :, b : b + 1], part.shape[2])))
    assert np.array_equal(ring.mixed(a, parts, basis), wanted)


@pytest.mark.parametrize(("parts", "count"), COUNTS)
@pytest.mark.parametrize("ring", RINGS, ids=str)
def test_products_at_the_next_points(ring, parts, count):
    if not _fits(ring, parts):
        parts = 2
    u, v, extra = _words(ring, count), _words(ring, count + 1)[:, :, :count], parts - 1
    found = ring.next_products(u, v, parts, extra)
    assert found.shape[2] == 2 * parts - 2
    us, vs = _split(u, parts), _split(v, parts)
    for place in range(2 * parts - 2):
        basis = ring.lagrange(parts, ring.element(_number(ring, place + 1)))
        p, q = (
            _sum(ring, [ring.mul(part, _everywhere(ring, basis[:, :, b : b + 1], part.shape[2]))
                        for b, part in enumerate(one)])
            for one in (us, vs)
        )  # fmt: skip
        whole = ring.total(ring.mul(p, q))
        if ring.bits:  # of all lanes
            whole = np.vectorize(lambda word: int(word).bit_count() & 1, otypes=[np.uint64])(whole)
        assert np.array_equal(found[:, :, place], whole[:, :, 0])


def _number(ring, point):
    return sum((point >> place & 1) << (place * ring.d2) for place in range(ring.d1))


def _sum(ring, elements):
    total = np.zeros_like(elements[0])
    for one in elements:
        ring.add_to(total, one)
    return total


@pytest.mark.parametrize(("parts", "count"), [(1, 1), (3, 17), (16, 130)])
@pytest.mark.parametrize("ring", RINGS, ids=str)
def test_words_become_elements_in_their_place(ring, parts, count):
    if not _fits(ring, parts):
        parts = 2
    rng = np.random.default_rng(count)
    words, basis = rng.integers(0, 2**64, (parts, count), np.uint64), _basis(ring, parts)
    weights = rng.integers(0, 2**64 if ring.bits else 2, (ring.d, count), np.uint64)
    plain = ring.combined(basis.reshape(ring.d, parts), words).reshape(ring.d1, ring.d2, count)
    weighted = ring.mul(weights.reshape(ring.d1, ring.d2, count), plain)
    for given, wanted in ((None, plain), (weights if ring.bits else weights.astype(np.uint8), weighted)):
        out = np.full((ring.d1, ring.d2, count + 3), 7, np.uint64)
        ring.fold_words(words, basis, given, out, 2)
        assert np.array_equal(out[:, :, 2:-1], wanted)
        assert (out[:, :, [0, 1, -1]] == 7).all()
    with pytest.raises(ValueError, match="elements"):
        ring.fold_words(words, basis, None, out, 4)


@pytest.mark.parametrize(("rows", "count", "width"), [(55, 13, 70), (1, 1, 1), (3, 129, 3), (7, 8, 64)])
def test_weights_choose_sums(rows, count, width):
    rng = np.random.default_rng(count)
    bits, words = (
        rng.integers(0, 2, (rows, count), np.uint8),
        rng.integers(0, 2**64, (count, width), np.uint64),
    )
    assert np.array_equal(chosen_sums(bits, words), kernels.matmul(bits.astype(np.uint64), words))


@pytest.mark.parametrize(
    ("kernel", "stride"), [((3, 3), (1, 1)), ((2, 4), (2, 1)), ((9, 8), (1, 1)), ((1, 1), (3, 2))]
)
def test_weights_choose_windows(kernel, stride):
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2**64, (3, 9, 8, 2), np.uint64)
    down, across = (
        (size - taps) // step + 1 for size, taps, step in zip((9, 8), kernel, stride, strict=True)
    )
    bits = rng.integers(0, 2, (5, 3 * down * across), np.uint8)
    view = np.lib.stride_tricks.sliding_window_view(x, kernel, (1, 2))[:, :: stride[0], :: stride[1]]
    windows = view.transpose(0, 1, 2, 4, 5, 3).reshape(3 * down * across, -1)
    wanted = kernels.matmul(bits.astype(np.uint64), np.ascontiguousarray(windows))
    assert np.array_equal(chosen_windows(bits, x, kernel, stride, (down, across)), wanted)


@pytest.mark.parametrize(("terms", "parts", "count"), [(1, 2, 9), (2, 16, 300), (3, 5, 40)])
def test_weights_choose_products_of_parts(terms, parts, count):
    ring, rng = at_least(40, False), np.random.default_rng(count)
    u, v = rng.integers(0, 2**64, (2, terms, parts, count), np.uint64)
    bits = rng.integers(0, 2, (ring.d, count), np.uint8)
    found = ring.chosen_pair_sums(bits, u, v).reshape(ring.d, -1)
    for place, (b, c) in enumerate(pairs(parts)):
        x, y = (one[:, b] + one[:, c] if b != c else one[:, b] for one in (u, v))
        wanted = kernels.matmul(bits.astype(np.uint64), (x * y).sum(0, np.uint64)[:, None])
        assert np.array_equal(found[:, place], wanted[:, 0])
