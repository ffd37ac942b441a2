"""Proofs: their ring against plain integers, what each step keeps, how often a lie passes."""

from itertools import product as pairs

import numpy as np
import pytest

from protocols.correlated import prf
from protocols.replicated3_malicious.proofs.ring import MASK, Galois, at_least, challenge, irreducible
from protocols.replicated3_malicious.proofs.schedule import steps
from protocols.replicated3_malicious.proofs.statement import Side
from protocols.replicated3_malicious.sharings import Bilinear, Map, Rows

# An oracle: elements as d_1 × d_2 lists of integers


def _integers(words, number=0):
    return [[int(words[i, j, number]) for j in range(words.shape[1])] for i in range(words.shape[0])]


def _times(ring, a, b):
    whole = [[0] * (2 * ring.d2 - 1) for _ in range(2 * ring.d1 - 1)]
    for (i, j), (k, m) in pairs(pairs(range(ring.d1), range(ring.d2)), repeat=2):
        whole[i + k][j + m] += a[i][j] * b[k][m]
    f, g = irreducible(ring.d1), irreducible(ring.d2)
    for row in whole:
        for power in range(2 * ring.d2 - 2, ring.d2 - 1, -1):
            for place, one in enumerate(g):
                row[power - ring.d2 + place] -= row[power] * one
    for power in range(2 * ring.d1 - 2, ring.d1 - 1, -1):
        for place, one in enumerate(f):
            for column in range(ring.d2):
                whole[power - ring.d1 + place][column] -= whole[power][column] * one
    return _low(ring, [row[: ring.d2] for row in whole[: ring.d1]])


def _low(ring, a):
    return [[one & (1 if ring.bits else MASK) for one in row] for row in a]


def _sum(ring, elements):
    return _low(ring, [[sum(e[i][j] for e in elements) for j in range(ring.d2)] for i in range(ring.d1)])


def _at(ring, values, r):
    """Return the polynomial through values at points 0, 1, … at r, by Newton's divided differences."""
    found, points = [], [_integers(ring.element(_number(ring, j))) for j in range(len(values))]
    minus = [[-1 if i == j == 0 else 0 for j in range(ring.d2)] for i in range(ring.d1)]
    less = lambda a, b: _sum(ring, [a, _times(ring, minus, b)])  # noqa: E731
    table = list(values)
    for order in range(len(values)):
        found.append(table[0])
        table = [
            _times(
                ring, less(table[j + 1], table[j]), _inverse(ring, less(points[j + order + 1], points[j]))
            )
            for j in range(len(table) - 1)
        ]
    total, factor = found[0], [[int(i == j == 0) for j in range(ring.d2)] for i in range(ring.d1)]
    for one, point in zip(found[1:], points, strict=False):
        factor = _times(ring, factor, less(r, point))
        total = _sum(ring, [total, _times(ring, one, factor)])
    return total


def _inverse(ring, a):
    """Return 1 / a: a^(2^d − 1) is 1 mod 2, and what is 1 mod 2 has order 2^63 at most."""
    exponent = (2**ring.d - 1) * (1 if ring.bits else 2**63) - 1
    found = [[int(i == j == 0) for j in range(ring.d2)] for i in range(ring.d1)]
    for bit in bin(exponent)[2:]:
        found = _times(ring, found, found)
        found = _times(ring, found, a) if bit == "1" else found
    return found


def _number(ring, point):
    return sum((point >> place & 1) << (place * ring.d2) for place in range(ring.d1))


SMALL = [Galois(3, 2, False), Galois(3, 2, True), Galois(2, 1, False), Galois(2, 3, True)]


def _random(ring, count, seed=1):
    words = np.random.default_rng(seed).integers(0, 2**64, (ring.d1, ring.d2, count), np.uint64)
    return words & np.uint64(1) if ring.bits else words


@pytest.mark.parametrize("ring", [*SMALL, at_least(40, False), at_least(40, True)], ids=str)
def test_products_are_those_of_plain_integers(ring):
    a, b = _random(ring, 3), _random(ring, 3, 2)
    found = ring.mul(a, b)
    wanted = [_times(ring, _integers(a, n), _integers(b, n)) for n in range(3)]
    assert [_integers(found, n) for n in range(3)] == wanted
    assert _integers(ring.inner([(a, b)])) == _sum(ring, wanted)
    if ring.bits:  # 64 elements in the lanes of a word
        lanes = np.random.default_rng(5).integers(0, 2**64, (2, ring.d1, ring.d2, 1), np.uint64)
        for lane in (0, 17, 63):
            x, y, z = (one >> np.uint64(lane) & np.uint64(1) for one in (*lanes, ring.mul(*lanes)))
            assert _integers(z) == _times(ring, _integers(x), _integers(y))


@pytest.mark.parametrize("ring", SMALL, ids=str)
def test_interpolation_is_that_of_plain_integers(ring):
    count = 2 ** (ring.d1 - 1)
    values, r = _random(ring, count), ring.element(2**ring.d - 2)
    found = ring.total(ring.mul(ring.lagrange(count, r), values))
    wanted = _at(ring, [_integers(values, n) for n in range(count)], _integers(r))
    assert _integers(found) == wanted
    for e, row in enumerate(ring.extension(count, count)):
        point = ring.element(_number(ring, count + e))
        small = np.zeros((ring.d1, ring.d2, count), np.uint64)
        small[:, 0] = row
        assert np.array_equal(small, ring.lagrange(count, point))
        assert np.array_equal(
            ring.vanishing(count, point)[:, :1], ring.vanishing_next(count)[:, :, e : e + 1]
        )


def test_the_exceptional_set_has_units_for_differences():
    ring = Galois(3, 2, False)
    one = [[1, 0], [0, 0], [0, 0]]
    for number in range(1, 2**ring.d):
        a = _integers(ring.element(number))
        assert _times(ring, a, _inverse(ring, a)) == one


def test_a_point_of_the_last_step_is_none_of_the_data():
    ring, seen = Galois(2, 1, False), set()
    for seed in range(64):
        r = challenge(ring, lambda tried, seed=seed: bytes([seed + tried]), 2)
        seen.add(int(r[0, 0, 0]) + 2 * int(r[1, 0, 0]))
    assert seen == {2, 3}


# Steps, all three parts side by side


def _claims(rng, bits, alter=0):
    """Return claims as the prover, left and right know them; one t of left is off by `alter`."""
    found = [], [], []
    for terms, count, modulus in ((1, 3, 64), (2, 70, 64), (2, 40, 17), (6, 5, 64)):
        kind = np.uint8 if bits else np.uint64
        u, v = rng.integers(0, 256 if bits else 2**64, (2, terms, count), kind)
        total = np.bitwise_xor.reduce(u & v) if bits else (u * v).sum(0, np.uint64)
        right = rng.integers(0, 256 if bits else 2**64, count, kind)
        left = total ^ right if bits else total - right
        if alter and terms == 2 and modulus == 64:
            left[7:8] ^= kind(alter)
        b = 0 if bits else modulus
        parts = (tuple(u), tuple(v), None), (tuple(u), None, left), (None, tuple(v), right)
        for known, part in zip(found, parts, strict=True):
            known.append(Rows(b, terms, count, *part))
    if not bits:
        shapes = ((3, 4), (4, 2)), ((2, 5, 4, 3), (2, 3, 3, 2))
        for term in (Map("matmul", *shapes[0]), Map("conv2d", *shapes[1], (2, 1), ((1, 0), (0, 2)))):
            for known, part in zip(found, _map(rng, term), strict=True):
                known.append(part)
    return found


def _map(rng, term):
    from protocols import kernels
    from protocols.family import bilinear

    draw = lambda shape: rng.integers(0, 2**64, shape, np.uint64)  # noqa: E731
    left, right = (draw(term.x), draw(term.y)), (draw(term.x), draw(term.y))
    of = lambda x, y: bilinear(kernels, term.kind, x, y, term.stride, term.padding)  # noqa: E731
    total = of(left[0], right[1]) + of(right[0], left[1]) + of(*left)
    mask = draw(total.shape)
    known = (48, total.shape, (term,))
    return (
        Bilinear(*known, (left,), (right,), None),
        Bilinear(*known, (left,), None, total - mask),
        Bilinear(*known, None, (right,), mask),
    )


def _passes(ring, claims, seed, check=True):
    """Run all steps of a proof at random points; return whether right accepts."""
    rng = np.random.default_rng(seed)
    draw = lambda label, size: prf.expand(seed.to_bytes(16, "big"), prf.nonce(0, label, 0), size)  # noqa: E731
    sides = [Side(ring, part, one) for part, one in zip(("prover", "left", "right"), claims, strict=True)]
    prover, left, right = sides
    for step in steps(claims[0], ring.bits):
        r = challenge(ring, lambda tried: rng.bytes(16), step.parts if step.kind == "last" else 0)
        if step.spread:
            [one.spread() for one in sides]
        if step.kind == "first":
            [one.cut(step.parts, draw) for one in sides]
            [one.first_values(step.parts) for one in (left, right)]
            message = prover.first_message(step.parts)
        else:
            mask = _random(ring, 1, seed + 1) if step.kind == "last" else None
            message = prover.message(step.parts, mask)
        assert message.shape[2] == step.elements
        share = _random(ring, step.elements, seed + 2)
        for one, part in ((left, share), (right, ring.sub(message, share))):
            if step.kind == "first":
                one.values = np.concatenate([one.values, part], 2)
            else:
                one.imply(part, step.parts)
        for one in sides:
            if step.kind == "first":
                one.first_fold(step.parts, r)
                if not ring.bits:
                    one.join_maps(draw)
            else:
                one.fold(step.parts, r)
        if check and step.kind != "last":
            assert np.array_equal(prover.u, left.u)
            assert np.array_equal(prover.v, right.v)
            assert np.array_equal(ring.inner([(left.u, right.v)]), ring.add(left.t, right.t))
    last = left.masked(step.parts, r, mask)
    return np.array_equal(ring.mul(last, right.v), ring.add(left.t, right.t))


@pytest.mark.parametrize("bits", [False, True])
def test_each_step_keeps_the_relation_and_right_accepts(bits):
    for seed in range(3):
        claims = _claims(np.random.default_rng(seed), bits)
        assert _passes(at_least(40, bits), claims, seed)


@pytest.mark.parametrize("bits", [False, True])
@pytest.mark.parametrize("error", [1, 64, 1 << 63])
def test_one_wrong_bit_is_rejected(bits, error):
    claims = _claims(np.random.default_rng(1), bits, error % 255 if bits else error)
    assert not any(_passes(at_least(40, bits), claims, seed, check=False) for seed in range(3))


@pytest.mark.parametrize("bits", [False, True])
def test_with_few_coefficients_a_lie_passes_as_often_as_the_bound_says(bits):
    ring = Galois(5, 2, bits)
    u, v = np.random.default_rng(2).integers(0, 2**64, (2, 1, 8), np.uint64)
    kind = np.uint8 if bits else np.uint64
    u, v = u.astype(kind), v.astype(kind)
    t = np.bitwise_and(u, v)[0] if bits else (u * v)[0]
    t = t.copy()
    t[3] ^= kind(1) if bits else kind(1 << 63)
    zero = np.zeros_like(t)
    b = 0 if bits else 64
    claims = (
        [Rows(b, 1, 8, tuple(u), tuple(v), None)],
        [Rows(b, 1, 8, tuple(u), None, t)],
        [Rows(b, 1, 8, None, tuple(v), zero)],
    )
    plan = steps(claims[0], bits)
    tries = 400
    passed = sum(_passes(ring, claims, seed, check=False) for seed in range(tries))
    degrees = sum(step.elements if step.kind == "last" else 2 * step.parts - 2 for step in plan)
    bound = min(1.0, (1 + degrees) / (2**ring.d - plan[-1].parts))
    assert passed > 0  # the check can fail at all
    assert passed / tries <= bound + 4 * np.sqrt(bound / tries)
