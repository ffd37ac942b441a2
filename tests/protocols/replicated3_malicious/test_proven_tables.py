"""Tables whose messages are proven: right, whatever is tampered with; opened orders tell nothing."""

import os
from itertools import permutations

import numpy as np
import pytest
from claimed import Kept, check, places, run
from staged import Proof, joined, moved, relations

from mpcsim import InputError
from mpcsim.faults import Tamper
from protocols import proven_tables, tables
from protocols.domains import Ring
from protocols.proven_tables import proven
from protocols.replicated3_malicious import MaliciousChoices, ReplicatedMalicious
from protocols.replicated3_malicious.constructions import PRODUCTS, one_hot
from protocols.replicated3_malicious.proofs.ring import Galois, at_least

LONG = bool(os.environ.get("MPCSIM_LONG"))
RING = Ring(12, 2, 7)


def _numbers(size, seed=1):
    return np.random.default_rng(seed).integers(-8, 8, size)


# What they compute


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("size", [1, 2, 9])
def test_a_sort_is_stable_and_in_order(size, carried):
    async def program(me, x):
        table = [tables.Column(x, RING.bits)] * 2
        key = await proven_tables.key_of(me, x, 4, descending=carried)
        one, two = await proven_tables.sort_by(me, [key], table, 3, carried)
        return me.stack([one, two])

    x = _numbers(size)
    found, _ = run(program, [x], (2, size), RING)
    wanted = np.sort(x)[::-1] if carried else np.sort(x)
    assert RING.signed(found.outputs["client"]).tolist() == [wanted.tolist()] * 2


@pytest.mark.parametrize("width", [1, PRODUCTS, PRODUCTS + 1])
def test_one_hot_digits_are_right_and_every_entry_is_claimed(width):
    digits = np.random.default_rng(width).integers(0, 1 << width, 3)

    async def program(me, x):
        key = await proven_tables.key_of(me, x, width, signed=False)
        return await one_hot(me.server, key.share, width, RING.bits)

    def ran(**more):
        return run(program, [digits], (1 << width, 3), RING, **more)

    found, seen = ran()
    check(seen)
    assert RING.signed(found.outputs["client"]).T.tolist() == np.eye(1 << width, dtype=int)[digits].tolist()
    sent = [(1, 2), (2, 1), (0, 2)]  # what roles 1 and 2 exchange, and what role 0 deals
    for source, to in sent:
        wrong = Tamper(
            source=source, to=to, messages=found.links[source, to].messages - 1, how="add", value=1
        )
        with pytest.raises(AssertionError):
            check(ran(faults=[wrong])[1])


def test_a_sort_by_two_keys_keeps_the_order_of_the_first_and_columns_apart():
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 3, (2, 2, 11))

    async def program(me, x, y):
        keys = [await proven_tables.key_of(me, one, 2, signed=False) for one in (x, y)]
        order = await proven_tables.order_by(me, keys, 2)
        table = [tables.Column(one, RING.bits) for one in (x, y)]
        return me.stack(await proven_tables.apply_order(me, order, table))

    found, _ = run(program, [first, second], (2, 2, 11), RING)
    got = RING.signed(found.outputs["client"])
    for column in range(2):
        wanted = sorted(zip(first[column].tolist(), second[column].tolist(), strict=True))
        assert list(map(tuple, got[:, column].T)) == wanted


def test_groups_and_joins_are_those_in_the_clear():
    keys, values = _numbers(9, 2) // 4, _numbers(9, 3)
    other = np.unique(keys)[1:]

    async def program(me, keys, values, other):
        found, [sums], there = await tables.group_sums(proven(me), keys, [values], 4)
        _, greatest, at, _ = await tables.group_maxima(proven(me), keys, values, 4, 5)
        known, [joined] = await tables.join(proven(me), keys, other, [other], 4)
        return me.stack([found, sums, there, greatest, at, known, joined])

    found, _ = run(program, [keys, values, other], (7, 9), RING)
    got = RING.signed(found.outputs["client"])
    groups = np.unique(keys)
    wanted = np.zeros((7, 9), int)
    for place, key in enumerate(groups):
        rows = np.flatnonzero(keys == key)
        at = rows[np.argmax(values[rows])]
        wanted[:5, place] = key, values[rows].sum(), 1, values[at], at
    wanted[5] = np.isin(keys, other)
    wanted[6] = keys * wanted[5]
    assert got.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("rows", "wrong", "said"),
    [
        (0, lambda me, x: tables.sort(proven(me), x, 4), "it has no row"),
        (3, lambda me, x: tables.sort(proven(me), x, 13), "a key of 13 bits: accepted are 1 to the ring"),
        (3, lambda me, x: tables.sort(proven(me), x, 4, 9), "digits of 9 bits: accepted are 1 to 8"),
        (3, lambda me, x: tables.top(proven(me), x, 4), "the top 4 of 3 rows"),
        (3, lambda me, x: proven_tables.shuffle(me, []), "found the shapes none"),
        (3, lambda me, x: proven_tables.order_by(me, []), "found the shapes none"),
        (3, lambda me, x: tables.join(proven(me), x, x[:2], [x]), "columns to join"),
    ],
)  # fmt: skip
def test_what_makes_no_table_is_refused_by_name(rows, wrong, said):
    with pytest.raises(InputError, match=said):
        run(wrong, [_numbers(rows)], (rows,), RING)


# Lies


async def _two_bits(me, x):
    return await tables.sort(proven(me), x, 2, 2, carried=True)


def test_a_sort_that_is_tampered_with_is_right_or_aborts_before_an_order_shows_the_lie():
    """Every message of a sort of two rows, by default some; both honest servers end alike."""
    x, choices = np.array([1, -2]), MaliciousChoices(patience="30 s")

    def ran(**more):
        return run(_two_bits, [x], (2,), RING, family=ReplicatedMalicious, choices=choices, **more)[0]

    honest, opened = ran(), run(_two_bits, [x], (2,), RING)[0]
    before = {link: cost.messages for link, cost in opened.links.items()}
    every = list(places(honest))
    for turn, (source, to, number) in enumerate(every if LONG else every[1::9]):
        how = ("add", "replace", "withhold")[turn % 3]
        value = {} if how == "withhold" else {"value": turn % 2}
        found = ran(faults=[Tamper(source=source, to=to, messages=number, how=how, **value)])
        ends = {found.outcomes[f"server{place}"] for place in range(3) if place != source}
        where = source, to, number, how
        assert len(ends) == 1, where
        if found.outcomes["client"] == "aborted":
            assert ends == {"aborted"}, where
        else:
            assert np.array_equal(found.outputs["client"], honest.outputs["client"]), where
    assert sum(before.values()) < len(every)


@pytest.mark.parametrize("by", ["left", "right"])
@pytest.mark.parametrize("bits", [False, True], ids=["words", "bits"])
def test_columns_that_moved_are_proven_alone_and_beside_others(bits, by):
    widths = (64, 7, 1)
    for seed, rows in enumerate((1, 2, 70, 1100)):
        rng = np.random.default_rng(seed)
        for alter in (0, 1):
            one = moved(rng, bits, by, rows, widths, alter)
            beside = joined(relations(rng, bits, [(2, 20, 64)]), moved(rng, bits, by, 5, (3,)), one)
            for claims in (one, beside):
                assert Proof(at_least(40, bits), claims, seed).play() == (alter == 0)


def test_a_lie_above_the_bits_of_a_column_is_none():
    claims = moved(np.random.default_rng(1), False, "left", 9, (64, 12), 1 << 12)
    assert Proof(at_least(40, False), claims, 1).play()


@pytest.mark.parametrize("bits", [False, True], ids=["words", "bits"])
def test_a_moved_row_that_is_wrong_passes_as_often_as_the_bound_says(bits):
    """Three rows: of words the last step's three roots, of bits 64 lanes, all 30 roots of a step before."""
    ring, tries = Galois(5, 2 if bits else 1, bits), 1500 if LONG else 150
    size, last = 2.0**ring.d, 4 if bits else 3
    passed = 0
    for seed in range(tries):
        claims = moved(np.random.default_rng(seed), bits, "left", 3, (8, 8), 1)
        passed += Proof(ring, claims, seed).play()
    steps = (1 - 30 / size) if bits else 1
    rate = 1 - (1 - 1 / size) ** 2 * steps * (1 - last / (size - last))
    assert passed > 0
    assert abs(passed / tries - rate) < 4 * np.sqrt(rate * (1 - rate) / tries)


# What an opened order tells


@pytest.mark.parametrize("rows", [(0, 1, 2), (2, 0, 1)])
def test_an_opened_order_is_uniform_to_all_whatever_it_is(rows):
    """Three rows: all six orders come as often, in whatever order they were."""
    seen = []

    async def program(me, x):
        order = me.local(lambda part: part.astype(np.uint32), x)
        opening, _ = await proven_tables.opened(me, order)
        seen.append(tuple(opening.rows.tolist()))
        return x

    tries = 600 if LONG else 90
    for seed in range(tries):
        run(program, [np.array(rows)], (3,), RING, seed=seed, family=Kept)
    counts = [sum(one == order for one in seen[::3]) for order in permutations(range(3))]
    assert sum(counts) == tries
    assert sum((one - tries / 6) ** 2 / (tries / 6) for one in counts) < 30  # χ² of 5 degrees
