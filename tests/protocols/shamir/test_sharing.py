"""Sharings by polynomials: degrees, double sharings, multiplication, integers at t + 1 servers."""

import numpy as np
import pytest
from many import PEOPLE, as_integers, lies_on, on_servers, terms_of

from mpcsim import InputError, simulate
from protocols.domains import Ring
from protocols.shamir import Shamir
from protocols.shamir.bits import decomposed, sign, truncated_exactly
from protocols.shamir.doubles import doubles
from protocols.shamir.integers import addend, truncated
from protocols.shamir.products import by_king, dealt_again
from protocols.shamir.server import deal

INTEGERS = np.array([0, 1, -1, 5, -7, 2**30 - 1, -(2**30), 12345, -54321])


def _arithmetic(terms, name="numbers"):
    """Return one server's arithmetic of values, or of bits."""
    return getattr(on_servers(lambda me: _itself(me), terms)[0].server, name)


async def _itself(me):
    return me


def _signed(values, prime):
    return [one - prime if one > prime // 2 else one for one in values]


@pytest.mark.parametrize("prime", [61, 127])
@pytest.mark.parametrize(("n", "t"), PEOPLE)
def test_a_client_shares_by_polynomials_of_degree_t(n, t, prime):
    terms = terms_of(n, t, prime=prime)

    async def program(me, x):
        return x

    shares = on_servers(program, terms, INTEGERS)
    found = lies_on(_arithmetic(terms), shares, t)
    assert _signed(found, 2**prime - 1) == INTEGERS.tolist()


@pytest.mark.parametrize("prime", [61, 127])
@pytest.mark.parametrize("kind", ["drawn", "extracted"])
@pytest.mark.parametrize("name", ["numbers", "bits"])
@pytest.mark.parametrize(("n", "t"), PEOPLE)
def test_double_sharings_say_the_same_by_degrees_t_and_2t(n, t, name, kind, prime):
    terms = terms_of(n, t, prime=prime, multiplication="dn", doubles=kind)

    async def program(me):
        return await doubles(me.server, getattr(me.server, name), 23)

    pairs = on_servers(program, terms)
    arithmetic = _arithmetic(terms, name)
    low = lies_on(arithmetic, [one for one, _ in pairs], t)
    assert low == lies_on(arithmetic, [one for _, one in pairs], 2 * t)
    assert len(set(low)) > 2


@pytest.mark.parametrize("how", [dealt_again, by_king])
@pytest.mark.parametrize(("n", "t"), PEOPLE)
def test_products_come_back_to_degree_t(n, t, how):
    terms = terms_of(n, t, multiplication="dn")
    x, y = INTEGERS, INTEGERS[::-1].copy()

    async def program(me, x, y):
        of = me.server.numbers
        return await how(me.server, of, of.mul(x, y))

    found = lies_on(_arithmetic(terms), on_servers(program, terms, x, y), t)
    assert _signed(found, 2**127 - 1) == (x * y).tolist()


@pytest.mark.parametrize(("n", "t"), PEOPLE)
def test_every_server_can_deal(n, t):
    terms = terms_of(n, t)

    async def program(me, x):
        of = me.server.numbers
        mine = of.full((4,), 100 + me.place)
        return me.kernels.stack(await deal(me.server, of, "test", range(n), mine, 4), 0)

    shares = on_servers(program, terms, INTEGERS)
    arithmetic = _arithmetic(terms)
    for dealer in range(n):
        assert lies_on(arithmetic, [one[dealer] for one in shares], t) == [100 + dealer] * 4


@pytest.mark.parametrize(("n", "t"), PEOPLE)
def test_integers_at_t_plus_one_servers_add_up(n, t):
    terms = terms_of(n, t)

    async def program(me, x):
        return await addend(me.server, x, 32)

    parts = on_servers(program, terms, INTEGERS)
    sums = [sum(_signed(column, 2**127 - 1)) for column in zip(*map(as_integers, parts), strict=True)]
    assert sums == INTEGERS.tolist()


@pytest.mark.parametrize("shift", [1, 2, 16, 40])
@pytest.mark.parametrize(("n", "t"), PEOPLE)
def test_truncations_are_as_near_as_they_say_and_exact_ones_round_down(n, t, shift):
    terms = terms_of(n, t)
    x = np.random.default_rng(6).integers(-(2**50), 2**50, 500)

    async def program(me, x):
        return await truncated(me.server, x, shift), await truncated_exactly(me.server, x, shift)

    both = on_servers(program, terms, x)
    arithmetic = _arithmetic(terms)
    near, exact = (
        np.array(_signed(lies_on(arithmetic, list(one), t), 2**127 - 1)) for one in zip(*both, strict=True)
    )
    assert (exact == x >> shift).all()
    off = near - x / 2.0**shift
    assert np.abs(off).max() <= (t + 1) / 2
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(len(x)) + (t + 1) / 2 ** (shift + 1)


@pytest.mark.parametrize("bits", [1, 2, 3, 8, 33, 64])
@pytest.mark.parametrize(("n", "t"), [(3, 1), (5, 2), (7, 3)])
def test_signs_and_all_bits_of_any_width(n, t, bits):
    terms = terms_of(n, t)
    most = 2 ** (min(bits, 62) - 1)
    rng = np.random.default_rng(bits)
    x = np.concatenate([rng.integers(-most, most, 40), [-most, most - 1, 0, -1, min(1, most - 1)]])

    async def program(me, x):
        found = await decomposed(me.server, x, bits, bits)
        return await sign(me.server, x, bits), found

    both = on_servers(program, terms, x)
    arithmetic = _arithmetic(terms, "bits")
    signs, planes = ([one[number] for one in both] for number in (0, 1))
    assert lies_on(arithmetic, signs, t) == (x < 0).tolist()
    for place in range(bits):
        found = lies_on(arithmetic, [one[place] for one in planes], t)
        assert found == ((x >> min(place, 63)) & 1).tolist()


def test_what_a_client_is_shown_is_the_value_and_nothing_else():
    """Of t + 1 terms any t are uniform: twice the same value is shown by other terms."""
    terms = terms_of(5, 2)
    words = terms.ring.encode_integers(np.array([7, 7, 7, 7]))

    async def server(party):
        me = await Shamir.join(party, terms)
        x = me.public(me.ring.encode_integers(np.array([7, 7, 7, 7])))
        me.show(x, "client")

    async def client(party):
        return [await party.recv(f"server{place}") for place in range(3)]

    run = simulate(roles={**dict.fromkeys(terms.roster.servers, server), "client": client}, seed=2)
    parts = np.array(run.outputs["client"])
    assert len(set(parts[:, 0].reshape(-1).tolist())) == parts[:, 0].size
    of = _arithmetic(terms)
    total = of.zeros(4)
    for part in parts:
        total = of.add(total, of.unpacked(part, 4))
    assert as_integers(total) == words.tolist()


def test_a_prime_that_hides_too_little_is_refused_by_its_rule():
    def refused(function="relu", **choices):
        with pytest.raises(InputError, match=r"protocol.prime = .*must leave the prime kappa bits"):
            Shamir.check(terms_of(**choices), function)

    refused(prime=61)
    refused("multiply_fixed", prime=61)
    refused(kappa=79)
    refused(kappa=77, n=7, t=3)
    small = Ring(32, 8, 20)
    for function in ("divide", "exponential"):
        refused(function, prime=61, kappa=28, ring=small)
        Shamir.check(terms_of(ring=small, prime=61, kappa=11), function)
    Shamir.check(terms_of(prime=61), "mul")
    Shamir.check(terms_of(kappa=77), "relu")
    Shamir.check(terms_of(prime=61, kappa=11), "relu")


def test_an_operation_refuses_what_its_check_was_not_asked():
    async def program(me, x):
        return await me.negative(x)

    with pytest.raises(Exception, match="a comparison of 31 bits must leave the prime kappa bits"):
        on_servers(program, terms_of(prime=61), INTEGERS)


@pytest.mark.parametrize(("n", "t"), [(3, 0), (3, 2), (4, 2), (8, 4)])
def test_a_threshold_is_at_least_one_and_less_than_half(n, t):
    with pytest.raises(InputError, match=rf"threshold = {t}: shamir with {n} servers tolerates 1 to"):
        Shamir.roster(n, t)
