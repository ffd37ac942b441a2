"""Proofs: their ring against plain integers, what each step keeps."""

import numpy as np
import pytest
from oracle import Plain, element
from staged import MAPS, Proof, joined, mapped, relations, sample

from protocols.replicated3_malicious.proofs.ring import Galois, at_least, challenge
from protocols.replicated3_malicious.proofs.schedule import first_parts

SMALL = [Galois(3, 2, False), Galois(3, 2, True), Galois(2, 1, False), Galois(2, 3, True)]


def _random(ring, count, seed=1):
    return sample(ring, count, np.random.default_rng(seed))


def _plain(ring):
    return Plain(ring.d1, ring.d2, ring.bits)


@pytest.mark.parametrize("ring", [*SMALL, at_least(40, False), at_least(40, True)], ids=str)
def test_products_are_those_of_plainelement(ring):
    plain = _plain(ring)
    a, b = _random(ring, 3), _random(ring, 3, 2)
    found = ring.mul(a, b)
    wanted = [plain.times(element(a, n), element(b, n)) for n in range(3)]
    assert [element(found, n) for n in range(3)] == wanted
    assert element(ring.inner([(a, b)])) == plain.total(wanted)
    if ring.bits:  # 64 elements in the lanes of a word
        lanes = np.random.default_rng(5).integers(0, 2**64, (2, ring.d1, ring.d2, 1), np.uint64)
        for lane in (0, 17, 63):
            x, y, z = (one >> np.uint64(lane) & np.uint64(1) for one in (*lanes, ring.mul(*lanes)))
            assert element(z) == plain.times(element(x), element(y))


@pytest.mark.parametrize("ring", SMALL, ids=str)
def test_interpolation_is_that_of_plainelement(ring):
    count = 2 ** (ring.d1 - 1)
    values, r = _random(ring, count), ring.element(2**ring.d - 2)
    found = ring.total(ring.mul(ring.lagrange(count, r), values))
    wanted = _plain(ring).at([element(values, n) for n in range(count)], element(r))
    assert element(found) == wanted
    for e, row in enumerate(ring.extension(count, count)):
        point = np.array(_plain(ring).point(count + e), np.uint64)[:, :, None]
        small = np.zeros((ring.d1, ring.d2, count), np.uint64)
        small[:, 0] = row
        assert np.array_equal(small, ring.lagrange(count, point))
        assert np.array_equal(
            ring.vanishing(count, point)[:, :1], ring.vanishing_next(count)[:, :, e : e + 1]
        )


def test_the_exceptional_set_has_units_for_differences():
    ring = Galois(3, 2, False)
    plain = _plain(ring)
    for number in range(1, 2**ring.d):
        a = element(ring.element(number))
        assert plain.times(a, plain.inverse(a)) == plain.constant(1)


def test_a_point_of_the_last_step_is_none_of_the_data():
    ring, seen = Galois(2, 1, False), set()
    for seed in range(64):
        r = challenge(ring, lambda tried, seed=seed: bytes([seed + tried]), 2)
        seen.add(int(r[0, 0, 0]) + 2 * int(r[1, 0, 0]))
    assert seen == {2, 3}


# Steps, all three parts side by side


def _claims(rng, bits, alter=0):
    sizes = [(1, 3, 64), (2, 70, 64), (2, 40, 17), (6, 5, 64)]
    rows = relations(rng, bits, sizes, alter)
    return rows if bits else joined(rows, *(mapped(rng, term) for term in MAPS))


@pytest.mark.parametrize("bits", [False, True])
def test_each_step_keeps_the_relation_and_right_accepts(bits):
    def after(proof, step, r):
        if step.kind != "last":
            assert np.array_equal(proof.prover.u, proof.left.u)
            assert np.array_equal(proof.prover.v, proof.right.v)
            assert not np.any(proof.error())

    for seed in range(3):
        claims = _claims(np.random.default_rng(seed), bits)
        assert Proof(at_least(40, bits), claims, seed, after=after).play()


@pytest.mark.parametrize("bits", [False, True])
@pytest.mark.parametrize("error", [1, 64, 1 << 63])
def test_one_wrong_bit_is_rejected(bits, error):
    claims = _claims(np.random.default_rng(1), bits, error % 255 if bits else error)
    assert not any(Proof(at_least(40, bits), claims, seed).play() for seed in range(3))


@pytest.mark.parametrize(("bits", "count"), [(False, 40_000), (True, 300_000)])
def test_a_statement_that_takes_several_strips_is_proven_and_refuted(bits, count):
    for alter in (0, 1):
        claims = relations(np.random.default_rng(2), bits, [(2, count, 64)], alter)
        assert Proof(at_least(40, bits), claims, 1).play() == (alter == 0)


def test_of_many_products_the_first_step_has_more_parts_and_is_proven_and_refuted():
    few = relations(np.random.default_rng(2), False, [(16, (1 << 16) - 1, 64)])
    assert first_parts(few[0], False) == 16
    for alter in (0, 1):
        claims = relations(np.random.default_rng(2), False, [(16, (1 << 16) + 3, 64)], alter)
        assert first_parts(claims[0], False) == 32
        assert Proof(at_least(40, False, 32), claims, 1).play() == (alter == 0)
