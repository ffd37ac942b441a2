"""The local steps of the masked digit comparison against plain Python integers."""

from itertools import product

import numpy as np
import pytest

from protocols import kernels as K

WIDTHS = [(1,), (3,), (1, 1), (2, 2), (2, 1), (1, 2), (1, 1, 1, 1), (2, 2, 1)]
PRIMES = [7, 17, 251]


def _digits(number, widths):
    """Return the digits of a number, lowest first."""
    digits = []
    for width in widths:
        digits.append(number % (1 << width))
        number >>= width
    return digits


def _one_hot(numbers, widths):
    """Return the entries 1, 2, … of the digits' one-hot vectors, (entries, n)."""
    rows = [
        [int(digit == entry) for digit, width in zip(_digits(v, widths), widths, strict=True)
         for entry in range(1, 1 << width)]
        for v in numbers
    ]  # fmt: skip
    return np.array(rows, np.uint8).T


def _pairs(bits):
    """Return all (v, w, flip)."""
    return (
        np.array(column)
        for column in zip(*product(range(1 << bits), range(1 << bits), (0, 1)), strict=True)
    )


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
@pytest.mark.parametrize("p", PRIMES)
@pytest.mark.parametrize("widths", WIDTHS)
def test_dealt_digits_and_the_first_share_add_up_to_the_one_hot_vectors(widths, p, dtype):
    numbers = np.arange(1 << sum(widths))
    above = np.uint64(0xF0) << np.uint64(sum(widths))  # bits that no digit covers
    first = np.random.default_rng(p).integers(
        p, size=(K.digit_entries(widths), numbers.size), dtype=np.uint8
    )
    second = K.deal_digits((numbers.astype(np.uint64) | above).astype(dtype), first, widths, p)
    assert second.max() < p
    np.testing.assert_array_equal((first.astype(int) + second) % p, _one_hot(numbers, widths))


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
@pytest.mark.parametrize("p", PRIMES)
@pytest.mark.parametrize("widths", WIDTHS)
def test_exactly_one_term_is_zero_where_the_comparison_holds_and_none_elsewhere(widths, p, dtype):
    bits = sum(widths)
    v, w, flip = _pairs(bits)
    t = (1 << bits) - 1 - w
    first = np.random.default_rng(p).integers(p, size=(K.digit_entries(widths), v.size), dtype=np.uint8)
    second = K.deal_digits(v.astype(dtype), first, widths, p)
    dirty = (w + (5 << bits)).astype(dtype)  # bits above the digits are void
    terms = [
        K.compare_digits(dirty, flip.astype(np.uint8), share, widths, p, total)
        for total, share in enumerate((first, second))
    ]
    assert max(term.max() for term in terms) < p
    zeros = ((terms[0].astype(int) + terms[1]) % p == 0).sum(axis=0)
    np.testing.assert_array_equal(zeros, np.where(flip == 0, v > t, v <= t).astype(int))
    np.testing.assert_array_equal(K.any_zero(*terms, p), zeros)


def test_terms_stay_below_the_number_of_digits_so_that_a_prime_above_it_suffices():
    widths, p = (1,) * 6, 7
    v, w, flip = _pairs(6)
    shares = (np.zeros((6, v.size), np.uint8), _one_hot(v, widths))
    terms = [
        K.compare_digits(w.astype(np.uint32), flip.astype(np.uint8), share, widths, p, total)
        for total, share in enumerate(shares)
    ]
    zeros = ((terms[0].astype(int) + terms[1]) % p == 0).sum(axis=0)
    assert zeros.max() == 1


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("digits", [1, 2, 5])
def test_blinding_scales_turns_and_masks(digits, sign):
    p, n = 7, 40
    rng = np.random.default_rng(digits)
    terms, mask = (rng.integers(p, size=(digits, n), dtype=np.uint8) for _ in range(2))
    scale = rng.integers(1, p, size=(digits, n), dtype=np.uint8)
    turn = rng.integers(digits, size=n, dtype=np.uint8)
    got = K.blind(terms, scale, turn, mask, p, sign)
    for i in range(n):
        scaled = [int(terms[g, i]) * int(scale[g, i]) for g in range(digits)]
        turned = [scaled[(g - int(turn[i])) % digits] for g in range(digits)]
        want = [(value + sign * int(mask[g, i])) % p for g, value in enumerate(turned)]
        assert got[:, i].tolist() == want


def test_blinded_shares_keep_how_many_terms_are_zero():
    p, digits, n = 17, 5, 1000
    rng = np.random.default_rng(0)
    terms = [rng.integers(p, size=(digits, n), dtype=np.uint8) for _ in range(2)]
    scale = rng.integers(1, p, size=(digits, n), dtype=np.uint8)
    turn = rng.integers(digits, size=n, dtype=np.uint8)
    mask = rng.integers(p, size=(digits, n), dtype=np.uint8)
    blinded = [K.blind(term, scale, turn, mask, p, sign) for term, sign in zip(terms, (1, -1), strict=True)]

    def zeros(shares):
        return ((shares[0].astype(int) + shares[1]) % p == 0).sum(axis=0)

    assert 0 < zeros(terms).sum() < n
    np.testing.assert_array_equal(zeros(blinded), zeros(terms))


@pytest.mark.parametrize("p", [3, 17, 251])
def test_any_zero_finds_each_pair_that_adds_up_to_the_prime(p):
    first, second = (a.ravel().astype(np.uint8) for a in np.meshgrid(np.arange(p), np.arange(p)))
    want = (first.astype(int) + second) % p == 0
    np.testing.assert_array_equal(K.any_zero(first[None], second[None], p), want)
    ones = np.ones_like(first[None])
    np.testing.assert_array_equal(
        K.any_zero(np.vstack([ones, first[None]]), np.vstack([ones, second[None]]), p), want
    )


def test_shares_of_another_size_are_refused():
    v = np.zeros(4, np.uint32)
    with pytest.raises(ValueError, match="shares"):
        K.deal_digits(v, np.zeros((2, 4), np.uint8), (1,), 3)
    with pytest.raises(ValueError, match="shares"):
        K.compare_digits(v, np.zeros(4, np.uint8), np.zeros((1, 5), np.uint8), (1,), 3, 0)
