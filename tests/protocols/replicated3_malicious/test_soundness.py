"""Proofs as docs/malicious.md argues them: each step in plain integers, how often lies pass, what leaks."""

import os

import numpy as np
import pytest
from claimed import PROGRAMS, RINGS, Kept, places, run
from oracle import Plain, Statement, element
from staged import MAPS, Proof, joined, mapped, relations

from mpcsim.faults import Tamper
from protocols.replicated3_malicious import MaliciousChoices, ReplicatedMalicious
from protocols.replicated3_malicious.proofs import schedule
from protocols.replicated3_malicious.proofs.ring import Galois, at_least

LONG = bool(os.environ.get("MPCSIM_LONG"))


# The whole proof against plain integers


def _claims(bits, alter=0):
    rng = np.random.default_rng(4)
    if bits:
        return relations(rng, True, [(1, 9, 0), (2, 3, 0)], alter)
    rows = relations(rng, False, [(1, 3, 64), (2, 19, 17)], alter)
    return joined(rows, *(mapped(rng, term) for term in MAPS))


@pytest.mark.parametrize("alter", [0, 1])
@pytest.mark.parametrize(
    "security", [1, pytest.param(40, marks=pytest.mark.skipif(not LONG, reason="long"))]
)
@pytest.mark.parametrize("kind", ["words", "many words", "bits"])
def test_every_message_and_every_target_are_those_of_plain_integers(kind, security, alter, monkeypatch):
    bits = kind == "bits"
    if kind == "many words":
        if alter and not LONG:
            pytest.skip("true ones by default: of 63 points each")
        monkeypatch.setattr(schedule, "MANY", 1)
    ring = at_least(security, bits, 32 if kind == "many words" else 16)
    plain = Plain(ring.d1, ring.d2, bits)
    proof = Proof(ring, _claims(bits, alter), 3)
    statement = Statement(plain, proof.claims, proof.draw)
    unit = 64 if bits else 1
    many = lambda words: [element(words, n) for n in range(words.shape[2])]  # noqa: E731

    def after(proof, step, r):
        nonlocal unit
        unit = 1 if step.spread else unit
        mask = element(proof.mask) if step.kind == "last" else None
        r = element(r)
        first = step.kind == "first"
        wanted = statement.first(step.parts) if first else statement.message(step.parts, unit, mask)
        assert many(proof.messages[-1]) == wanted
        number = len(proof.heard) - 1
        for place, part in enumerate((proof.shares[number], proof.heard[number])):
            statement.hear(place, many(part), step.parts, first)
        if first:
            statement.first_fold(step.parts, r)
            statement.join()
        else:
            statement.fold(step.parts, unit, r)
        assert [element(proof.left.t), element(proof.right.t)] == statement.target
        lanes = range(64) if unit == 64 else (None,)
        for words, vector in ((proof.left.u, statement.u), (proof.right.v, statement.v)):
            found = [element(words, n, lane) for n in range(words.shape[2]) for lane in lanes]
            assert found == vector

    proof.after = after
    accepted = proof.play()
    assert {step.kind for step in proof.plan} == {"first", "later", "last"}
    assert proof.plan[0].parts == (32 if kind == "many words" else 16)
    last = proof.plan[-1].parts, element(proof.points[-1]), element(proof.mask)
    assert accepted == statement.accepts(*last) == (alter == 0)


# Soundness


def _roots(ring, parts):
    """Return values at 1 … 2N − 1 of a polynomial with as many roots off the data; N of 2N sum to one."""
    plain = Plain(ring.d1, ring.d2, ring.bits)
    excluded = [plain.point(b) for b in range(parts)]
    every = [element(ring.element(number)) for number in range(2**ring.d)]
    roots = [one for one in every if one not in excluded][: 2 * parts - 1]
    values = [
        plain.product([plain.less(plain.point(place), root) for root in roots])
        for place in range(2 * parts)
    ]
    scale = plain.inverse(plain.total(values[:parts]))
    found = [plain.times(scale, one) for one in values[1:]]
    return np.array(found, np.uint64).transpose(1, 2, 0)


def _rate(ring, plan, roots_of_last):
    """Return how often a lie passes: it must miss neither weight nor root of any step."""
    size = 2.0**ring.d
    missed = 1 - 1 / size
    for step in plan[:-1]:
        missed *= 1 - (2 * step.parts - 2) / size
    return 1 - missed * (1 - roots_of_last / (size - plan[-1].parts))


@pytest.mark.parametrize("liar", ["honest after one lie", "with as many roots as can be"])
@pytest.mark.parametrize("kind", ["words", "many words", "bits"])
def test_a_lie_passes_as_often_as_the_bound_says_and_no_more(kind, liar, monkeypatch):
    """At d = 10 that is one in 16 mod 2^64: the check can fail, and its failures are counted.

    In 32 parts at d = 7 it is more than every second.
    """
    bits, many = kind == "bits", kind == "many words"
    if many:
        monkeypatch.setattr(schedule, "MANY", 1)
    ring, tries = (
        Galois(7, 1, False) if many else Galois(5, 2, bits),
        1500 if LONG else 60 if many else 250,
    )
    sizes = [(1, 8, 0)] if bits else [(1, 16 * 16, 64)]
    error = 16 if bits else 1 << 63  # what most multiples forgive
    claims = relations(np.random.default_rng(2), bits, sizes, error)
    plan = Proof(ring, claims, 0).plan
    last = plan[-1].parts
    best = _roots(ring, last)

    def lie(proof, step, message):
        if step.kind != "last" or liar.startswith("honest"):
            return message
        wrong = np.repeat(proof.error(), 2 * last - 1, 2)
        return ring.add(message, ring.mul(wrong, best))

    passed = sum(Proof(ring, claims, seed, lie=lie).play() for seed in range(tries))
    # A prover that goes on honestly places its error's roots at 1 … 2N − 1, of which N are off the data.
    rate = _rate(ring, plan, last if liar.startswith("honest") else 2 * last - 1)
    assert passed > 0
    assert abs(passed / tries - rate) < 4 * np.sqrt(rate * (1 - rate) / tries)


@pytest.mark.parametrize("security", [1, 4, 40, 80])
def test_the_bound_is_below_2_to_the_minus_s_for_statements_of_any_size(security):
    for bits, first in ((False, 16), (True, 16), (False, 32)):
        ring = at_least(security, bits, first)
        smaller = {16: [4, 8], 32: [4, 8, 8]}[first]
        parts = [first, *smaller, *[16] * (14 - len(smaller))]  # and the last: 15 steps
        steps = 2 + sum(2 * one - 2 for one in parts) + 31 * 2**ring.d / (2**ring.d - 16)
        assert steps / 2**ring.d <= 2.0**-security


@pytest.mark.parametrize("error", [1, 1 << 47])
@pytest.mark.parametrize("term", MAPS, ids=lambda term: term.kind)
def test_one_wrong_entry_of_a_map_is_rejected_alone_and_beside_products(term, error):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        wrong = mapped(rng, term, error)
        for claims in (wrong, joined(relations(rng, False, [(2, 20, 64)]), wrong)):
            assert not Proof(at_least(40, False), claims, seed).play()


@pytest.mark.parametrize("bits", [False, True])
def test_a_bit_that_is_flipped_in_any_message_or_in_the_last_words_is_noticed(bits):
    ring, rng = at_least(40, bits), np.random.default_rng(8)
    for number, step in enumerate(Proof(ring, _claims(bits), 1).plan):
        for _ in range(4):
            at = (*rng.integers((ring.d1, ring.d2)), rng.integers(step.elements))
            flip = np.uint64(1 if bits else 1 << rng.integers(64))

            def lie(proof, step, message, number=number, at=at, flip=flip):
                if len(proof.messages) - 1 == number:
                    message = message.copy()
                    message[at] ^= flip
                return message

            assert not Proof(ring, _claims(bits), 1, lie=lie).play()
    proof = Proof(ring, _claims(bits), 1)
    assert proof.play()
    for number in range(2):
        honest = proof.said[number].copy()
        proof.said[number][(*rng.integers((ring.d1, ring.d2)), 0)] ^= np.uint64(1)
        assert not _accepts(proof)
        proof.said[number] = honest
    assert _accepts(proof)


def _accepts(proof):
    p, t = proof.said
    ring = proof.ring
    return np.array_equal(ring.mul(p, proof.right.v), ring.add(t, proof.right.t))


# Zero knowledge


def _other(claims, bits):
    """Return claims in which right holds the same and the others other secrets."""
    rng = np.random.default_rng(77)
    found = [], [], []
    for mine, right in zip(claims[0], claims[2], strict=True):
        kind = np.uint8 if bits else np.uint64
        u = rng.integers(0, 256 if bits else 2**64, (mine.terms, mine.count), kind)
        v = np.stack(mine.v)
        left = np.bitwise_xor.reduce(u & v) ^ right.t if bits else (u * v).sum(0, np.uint64) - right.t
        known = (mine.bits, mine.terms, mine.count)
        found[0].append(type(mine)(*known, tuple(u), mine.v, None))
        found[1].append(type(mine)(*known, tuple(u), None, left))
        found[2].append(right)
    return found


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("bits", [False, True])
def test_right_sees_as_much_with_other_secrets_under_exactly_one_choice_of_their_keys(bits, masked):
    """From keys and secrets to other secrets and the keys under which right sees the same: a bijection."""
    ring = at_least(40, bits)
    claims = relations(np.random.default_rng(6), bits, [(2, 40, 64), (1, 9, 64)])
    one = Proof(ring, claims, 5)
    if not masked:
        one.mask = np.zeros_like(one.mask)
    assert one.play()
    trial = Proof(ring, _other(claims, bits), 5, mask=np.zeros_like(one.mask))
    assert trial.play()
    # p(r) = p'(r) + m' Π_b (r − ξ_b) has one solution m', as the product is a unit
    vanishing = Plain(ring.d1, ring.d2, bits).inverse(
        element(ring.vanishing(one.plan[-1].parts, one.points[-1]))
    )
    gap = ring.sub(one.said[0], trial.said[0])
    mask = ring.mul(gap, np.array(vanishing, np.uint64)[:, :, None])
    if not masked:
        mask = np.zeros_like(mask)
    trial = Proof(ring, _other(claims, bits), 5, mask=mask)
    trial.play()
    # G' − S' = G − S has one solution S', message by message
    shares = [ring.sub(due, heard) for due, heard in zip(trial.messages, one.heard, strict=True)]
    other = Proof(ring, _other(claims, bits), 5, mask=mask, shares=shares)
    assert other.play()
    same = [
        np.array_equal(a, b) for a, b in zip(one.heard + one.said, other.heard + other.said, strict=True)
    ]
    assert same[:-2] == [True] * len(one.heard)
    assert same[-2:] == [masked, masked]  # without the mask, p(r) tells what the others hold


@pytest.mark.parametrize("bits", [False, True])
def test_at_a_point_of_the_data_the_mask_would_hide_nothing(bits):
    ring = at_least(40, bits)
    for count in (1, 7, 16):
        for number in range(32):
            plain = sum((number >> place & 1) << (place * ring.d2) for place in range(ring.d1))
            found = np.any(ring.vanishing(count, ring.element(plain)))
            assert found == (number >= count)


# Over the network


CHOICES = MaliciousChoices(patience="5 s")


def _run(name, security=40, size=2, family=ReplicatedMalicious, **more):
    program = PROGRAMS[name]
    inputs = program.inputs(np.random.default_rng(3), size)
    choices = CHOICES.model_copy(update={"security": security})
    return run(program.run, inputs, program.shape(size), RINGS[3], family=family, choices=choices, **more)[
        0
    ]


def _of_proofs(name):
    """Return the places of all messages of proofs, without clients' digests and the last verdict."""
    before = {}
    for source, to, number in places(_run(name, family=Kept)):
        before[source, to] = max(before.get((source, to), 0), number + 1)
    whole = _run(name)
    return whole, [
        (source, to, number)
        for source, to, number in places(whole)
        if before.get((source, to), 0) <= number < whole.links[source, to].messages - 3
    ]


@pytest.mark.parametrize("name", ["relu", "multiply_fixed", "matmul"] if LONG else ["relu"])
def test_any_message_of_a_proof_that_is_tampered_with_ends_in_the_abort_of_both_others(name):
    _, every = _of_proofs(name)
    ways = [{"how": "add", "value": 1}, {"how": "replace", "value": 0}, {"how": "withhold"}]
    for turn, (source, to, number) in enumerate(every):
        for way in ways if LONG else [ways[turn % 2]]:
            found = _run(name, faults=[Tamper(source=source, to=to, messages=number, **way)])
            where = source, to, number, way
            assert found.outputs["client"] is None, where
            ended = [found.outcomes[f"server{one}"] for one in range(3) if one != source]
            assert ended == ["aborted", "aborted"], where


def test_to_a_coin_that_one_verifier_changes_the_prover_answers_nothing():
    honest, every = _of_proofs("multiply")
    refused = 0
    for source, to, number in every:
        found = _run("multiply", faults=[Tamper(source=source, to=to, messages=number, how="add", value=1)])
        if "coin" in found.aborts.get(f"server{to}", ""):
            refused += 1
            link = to, (to + 1) % 3
            unsaid = honest.links[link].messages - found.links[link].messages
            assert unsaid >= 2  # a message of the proof, and the verdict
    assert refused == 3 * (2 + 1)  # both openings of each proof, and the link between its two steps


def test_with_small_s_lies_to_the_network_pass_as_often_as_the_bound_says():
    """Both products of a message are off by one, then all is proven honestly: at s = 1, d = 10."""
    tries, passed = (1500 if LONG else 150), 0
    lie = Tamper(source=1, to=0, messages=1, how="add", value=1)
    for seed in range(tries):
        found = _run("multiply", 1, seed=seed, faults=[lie])
        passed += {found.outcomes[one] for one in ("server0", "server2")} == {"finished"}
    size = 2.0 ** at_least(1, False).d
    # errors in two of sixteen parts leave 29 roots to the first step; two elements are left for the last
    rate = 1 - (1 - 1 / size) * (1 - 29 / size) * (1 - 2 / (size - 2))
    assert passed > 0
    assert rate < 2.0**-1
    assert abs(passed / tries - rate) < 4 * np.sqrt(rate / tries)
