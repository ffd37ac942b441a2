"""Products checked by MACs, sacrifice and cut and choose: right, or an abort of both who are honest."""

import os
from math import comb

import numpy as np
import pytest
from claimed import Program, places, run

import scenarios
from analysis.predict import SHIPPED, measure
from analysis.predict import run as predict
from mpcsim import InputError, Puppet, ScenarioError
from mpcsim.faults import Tamper
from mpcsim.scenario import load_scenario, workload
from protocols.domains import Ring
from protocols.family import NotOffered
from protocols.functions import multiply, multiply_fixed
from protocols.replicated3_malicious import MaliciousChoices, ReplicatedMalicious
from protocols.replicated3_malicious.baselines import cut, mac
from protocols.replicated3_malicious.baselines.cut import buckets

LONG = bool(os.environ.get("MPCSIM_LONG"))
WAYS = ["cut", "sacrifice", "mac"]
RINGS = [Ring(64, 0, 31), Ring(32, 0, 20), Ring(37, 0, 24), Ring(12, 0, 7)]


def _choices(way, security=40, patience=""):
    return MaliciousChoices(verification=way, security=security, patience=patience)


def _vectors(count):
    return lambda rng, size: [rng.integers(-3, 4, size) for _ in range(count)]


async def _dot(me, x, y):
    return await multiply_fixed(me, me.stack([x, y], 1), me.stack([y, y], 1), kind="dot")


async def _chain(me, x, y, z):
    return await multiply(me, await multiply(me, x, y), z)


async def _linear(me, x, y, z):
    """Compute (2(x y − y z) + y z) · (x, y)[::-1] over pairs, and half of what comes of it."""
    a, b = await multiply(me, x, y), await multiply(me, y, z)
    both = me.add(me.scale(me.subtract(a, b), np.full((), 2, me.ring.dtype)), b)
    wide = me.stack(
        [me.negate(both), me.concatenate([me.cut(both, slice(0, 1)), me.cut(both, slice(1, None))])]
    )
    found = await multiply(me, me.reshape(wide, (2, -1)), me.stack([y, x]))
    return me.cut(found, 1)


async def _sums(me, x, y, z):
    """Compute x y + x z + y, as one sum."""
    both = me.plus(await me.product("mul", x, y), await me.product("mul", x, z))
    return await me.close(me.plus(both, me.as_sum(y)))


async def _broadcast(me, x, y):
    return me.reshape(await multiply(me, me.reshape(x, (-1, 1)), me.reshape(y, (1, -1))), (-1,))


async def _square(me, x):
    return await multiply(me, x, x)


async def _matmul(me, x, y):
    return await multiply_fixed(me, me.reshape(x, (-1, 1)), me.reshape(y, (1, -1)), kind="matmul")


async def _conv(me, x, w):
    z = await me.product("conv2d", x, w, (1, 1), ((1, 1), (1, 1)))
    return await me.close(me.bias(z, me.cut(x, (slice(None), slice(None), slice(None), slice(0, 2))), 0))


def _convolved(ring, x, w):
    wide = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows, columns = x.shape[1:3]
    total = sum(wide[:, i : i + rows, j : j + columns] @ w[i, j] for i in range(3) for j in range(3))
    return total + x[..., :2]


PROGRAMS = {
    "multiply": Program(multiply, _vectors(2), lambda ring, x, y: x * y),
    "square": Program(_square, _vectors(1), lambda ring, x: x * x),
    "dot": Program(_dot, _vectors(2), lambda ring, x, y: x * y + y * y),
    "chain": Program(_chain, _vectors(3), lambda ring, x, y, z: x * y * z),
    "linear": Program(_linear, _vectors(3), lambda ring, x, y, z: (2 * (x * y - y * z) + y * z) * x),
    "sums": Program(_sums, _vectors(3), lambda ring, x, y, z: x * y + x * z + y),
    "broadcast": Program(
        _broadcast, _vectors(2), lambda ring, x, y: np.outer(x, y).reshape(-1), shape=lambda n: (n * n,)
    ),
    "matmul": Program(_matmul, _vectors(2), lambda ring, x, y: np.outer(x, y), shape=lambda n: (n, n)),
    "conv2d": Program(
        _conv,
        lambda rng, size: [rng.integers(-1, 2, (1, 2, size, 3)), rng.integers(-1, 2, (3, 3, 3, 2))],
        _convolved,
        shape=lambda size: (1, 2, size, 2),
    ),
}
MAPS = ("matmul", "conv2d")


def _run(name, way, size, ring=RINGS[0], choices=None, inputs=None, **more):
    program = PROGRAMS[name]
    inputs = inputs or program.inputs(np.random.default_rng(size), size)
    found, _ = run(
        program.run, inputs, program.shape(size), ring, family=ReplicatedMalicious,
        choices=choices or _choices(way), **more,
    )  # fmt: skip
    return found, program.want(ring, *inputs)


# Right


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("way", WAYS)
def test_products_are_those_of_integers(way, name):
    for ring in RINGS:
        for size in (1, 5):
            if (way, name in MAPS) == ("cut", True):
                with pytest.raises(NotOffered, match=f"{name}: not offered.*verification = 'cut' accepts"):
                    _run(name, way, size, ring)
                continue
            found, want = _run(name, way, size, ring)
            assert np.array_equal(ring.signed(found.outputs["client"]), want)


@pytest.mark.parametrize("way", WAYS)
def test_an_empty_vector_is_one_too(way):
    program, choices = PROGRAMS["multiply"], _choices(way)
    inputs = [np.zeros((0, 3), np.int64)] * 2
    found, _ = run(program.run, inputs, (0, 3), RINGS[0], family=ReplicatedMalicious, choices=choices)
    assert found.outputs["client"].shape == (0, 3)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_opened_midway_is_verified_and_computing_goes_on(way):
    async def twice(me, x, y):
        product = await multiply(me, x, y)
        words = await me.open(product)
        return await multiply(me, product, me.public(words))

    x, y = np.arange(-3, 4), np.arange(7)
    found, _ = run(twice, [x, y], (7,), RINGS[0], family=ReplicatedMalicious, choices=_choices(way))
    assert np.array_equal(RINGS[0].signed(found.outputs["client"]), (x * y) ** 2)


@pytest.mark.parametrize("way", WAYS)
def test_products_side_by_side_are_kept_in_one_order(way):
    async def both(me, x, y):
        pairs = await me.party.gather(multiply(me, x, y), _chain(me, y, y, x))
        return me.add(*pairs)

    x, y = np.arange(-3, 4), np.arange(7)
    found, _ = run(both, [x, y], (7,), RINGS[0], family=ReplicatedMalicious, choices=_choices(way))
    assert np.array_equal(RINGS[0].signed(found.outputs["client"]), x * y + y * y * x)


# Costs


@pytest.mark.parametrize("op", ["mul", "mul_fixed", "dot", "matmul", "conv2d"])
@pytest.mark.parametrize("way", WAYS)
def test_a_product_and_its_check_cost_what_their_formulas_say(way, op):
    if way == "cut" and op in MAPS:
        return
    for security, bits in ((40, 64), (40, 32), (4, 32)):
        for size, dry in ((1, False), (13, False), (48, True)):
            found = measure(
                "microbench",
                [
                    f"workload.op={op}", f"workload.size={size}", "protocol.family=replicated3_malicious",
                    f"protocol.verification={way}", f"protocol.security={security}", f"ring.bits={bits}",
                    "ring.fraction_bits=0", "ring.value_bits=20", f"dry_run={str(dry).lower()}",
                ],
            )  # fmt: skip
            assert dry or found.output["max_error"] == 0
            rows = predict.rows(found)
            assert [row.op for row in rows] == [op, f"verification of {op}"]
            for row in rows:
                assert row.equal, row.difference()


def test_with_a_tag_a_product_costs_two_numbers_and_a_round():
    """The first product gives a factor its tag, the second has one: 13 bytes, and 26 each."""
    ones, more = (_run(name, "mac", 100)[0] for name in ("multiply", "chain"))
    whole = [found.per_party[0].sent.payload_bytes for found in (ones, more)]
    assert whole[1] - whole[0] == 2 * 1300
    assert more.rounds - ones.rounds == 1


# Refused


@pytest.mark.parametrize(
    "op", ["relu", "compare", "a2b", "softmax", "avgpool", "mul_fixed", "dot", "trunc_exact"]
)
@pytest.mark.parametrize("way", WAYS)
def test_all_else_is_refused_by_name_before_it_runs(way, op):
    chosen = ["protocol.family=replicated3_malicious", f"protocol.verification={way}"]
    with pytest.raises((NotOffered, ScenarioError), match=f"not offered.*verification = '{way}' accepts"):
        measure("microbench", [f"workload.op={op}", *chosen])


@pytest.mark.parametrize("method", ["negative", "relu", "decompose", "block"])
def test_a_program_that_asks_for_more_is_refused(method):
    async def more(me, x):
        return await getattr(me, method)(x)

    with pytest.raises(NotOffered, match=f"{method}: not offered.*verification = 'mac' accepts"):
        run(more, [np.arange(3)], (3,), RINGS[0], family=ReplicatedMalicious, choices=_choices("mac"))


@pytest.mark.parametrize("way", ["sacrifice", "mac"])
def test_a_ring_that_has_no_room_for_s_is_refused(way):
    chosen = ["protocol.family=replicated3_malicious", f"protocol.verification={way}", "workload.op=mul"]
    with pytest.raises((InputError, ScenarioError), match=r"64 \+ 65 bits; accepted: up to 64"):
        measure("microbench", [*chosen, "protocol.security=65"])
    assert (
        measure("microbench", [*chosen, "protocol.security=64", "workload.size=3"]).output["max_error"] == 0
    )


# Lies


TAMPERED = [
    {"how": "add", "value": 1},
    {"how": "replace", "value": 0},
    {"how": "replay"},
    {"how": "replace", "value": "no message at all"},
    {"how": "withhold"},
    {"how": "swap"},
]


@pytest.mark.parametrize("name", ["dot", "chain"])
@pytest.mark.parametrize("way", WAYS)
def test_a_message_that_is_tampered_with_gives_the_right_result_or_an_abort_of_both(way, name):
    choices = _choices(way, 8, "5 s")
    honest, want = _run(name, way, 2, RINGS[3], choices)
    unseen = 0
    for turn, (source, to, number) in enumerate(places(honest)):
        last = number == honest.links[source, to].messages - 1
        for place, tampered in enumerate(TAMPERED):
            if not LONG and (turn + place) % 3:
                continue
            rule = Tamper(source=source, to=to, messages=number, **tampered)
            found, _ = _run(name, way, 2, RINGS[3], choices, faults=[rule], seed=turn)
            where = source, to, number, tampered
            others = {found.outcomes[f"server{one}"] for one in range(3) if one != source}
            if found.outputs["client"] is None:
                assert others <= ({"aborted", "finished"} if last else {"aborted"}), where
            elif not np.array_equal(RINGS[3].signed(found.outputs["client"]), want):
                unseen += 1
    assert unseen <= 1  # s = 8, and 300 lies at most


@pytest.mark.parametrize("name", ["product", "key", "reveal", "client", "silence"])
@pytest.mark.parametrize("way", WAYS)
def test_an_adversary_of_the_scenarios_ends_in_the_abort_of_those_who_are_honest(way, name):
    chosen = [f"protocol.verification={way}", "workload.op=mul", "engine.trace=false"]
    loaded = load_scenario(f"malicious_{name}", chosen, None, SHIPPED)
    ran = workload.run_program(workload.build_program(loaded, scenarios.WORKLOADS), loaded)
    honest = {one: ran.outcomes[one] for one in ran.outcomes if one not in ran.adversaries}
    if name == "reveal":  # the servers are done
        assert honest["client"] == "aborted"
    else:
        assert set(honest.values()) == {"aborted"}


# How often lies pass: s = 4, and a lie that does best


def _rate(way, tries, lie, ring, size, inputs=None):
    """Return how often both honest servers finish beside a server 1 that lies."""
    passed = 0
    for seed in range(tries):

        async def liar(party, honest):
            return await honest(Puppet(party, lie))

        found, _ = _run(
            "multiply",
            way,
            size,
            ring,
            _choices(way, 4, "5 s"),
            inputs,
            seed=seed,
            adversaries={"server1": liar},
        )
        passed += {found.outcomes[one] for one in ("server0", "server2")} == {"finished"}
    return passed / tries


def _top_bit(size):
    """Return a lie about the first product, by 2^(l−1): what most multiples forgive."""

    def lie(to, payload):
        if to == "server0" and isinstance(payload, np.ndarray) and payload.size == size:
            payload = payload.copy()
            payload[1] ^= 8  # numbers of 16 bits, l = 12
        return payload

    return lie


TRIES = 2000 if LONG else 300


def _like(found, rate):
    return abs(found - rate) < 4 * np.sqrt(rate / TRIES)


@pytest.mark.parametrize("combinations", [2, 1])
def test_a_lie_about_a_product_with_a_tag_passes_as_often_as_the_bound_says(combinations, monkeypatch):
    """Of one combination it would be too often: that is what the second is for."""
    monkeypatch.setattr(mac, "COMBINATIONS", combinations)
    n = 5  # s + 1: valuations of r·2^(l−1) mod 2^(l+s)
    rate = 2.0 ** -(combinations * n) * (
        1
        + sum((2.0 ** (combinations * j) - 2.0 ** (combinations * (j - 1))) / 2**j for j in range(1, n + 1))
    )
    assert (rate < 2.0**-4) == (combinations == 2)
    assert _like(_rate("mac", TRIES, _top_bit(4 * 3), RINGS[3], 3), rate)


@pytest.mark.parametrize("secret", [2, 3])
def test_a_lie_about_a_tag_passes_alike_whatever_it_is_multiplied_by(secret):
    """Half the ring added to the tag of x is added to that of x·y for odd y alone."""

    def lie(to, payload):
        if to == "server0" and isinstance(payload, np.ndarray) and payload.size == 4 * 3:
            payload = payload.copy()
            payload[7] ^= 128
        return payload

    inputs = [np.ones(3, np.int64), np.full(3, secret)]
    assert _like(_rate("mac", TRIES, lie, RINGS[3], 3, inputs), 2.0**-2)


def test_a_lie_that_is_sacrificed_passes_as_often_as_the_bound_says():
    assert _like(_rate("sacrifice", TRIES, _top_bit(4 * 3), RINGS[3], 3), 2.0**-5)


def test_a_lie_that_spoils_a_bucket_of_triples_passes_as_often_as_the_bound_says():
    ring, products = Ring(16, 0, 9), 2
    size, opened = buckets(products, 4)
    total = size * products + opened

    def lie(to, payload):
        if to == "server0" and isinstance(payload, np.ndarray) and payload.size in (4, 2 * total):
            payload = payload.copy()
            spoilt = 1 if payload.size == 4 else size
            payload.view("<u2")[:spoilt] += 1
        return payload

    rate = 1 / comb(total, size)
    assert rate <= 2.0**-4
    assert _like(_rate("cut", TRIES, lie, ring, products), rate)


@pytest.mark.parametrize("security", [1, 4, 10, 40, 80])
@pytest.mark.parametrize("products", [1, 2, 3, 7, 16, 100, 10**4, 10**6])
def test_buckets_leave_no_lie_more_than_its_chance(products, security):
    size, opened = buckets(products, security)
    total = size * products + opened
    lies = {1, 2, products // 2, products - 1, products} & set(range(1, products + 1))
    for lie in lies if products <= 100 else {1, 2}:
        assert comb(total, size * lie) >= 2**security
    assert comb(total, opened) >= 2**security


# What servers keep, in plain integers


def _whole(parts, bits):
    """Return the numbers of which servers hold components: a of each."""
    total = 0
    for words in parts:
        flat = np.asarray(words).reshape(-1)
        found = [low + (high << 64) for low, high in flat.tolist()] if flat.dtype.names else flat.tolist()
        total = total + np.array(found, object)
    return total % 2**bits


@pytest.mark.parametrize("ring", RINGS, ids=lambda ring: f"{ring.bits}")
@pytest.mark.parametrize("way", WAYS)
def test_what_is_kept_of_honest_servers_satisfies_the_equations_of_the_check(way, ring):
    held = {}

    async def program(me, x, y):
        product = await multiply(me, x, y)
        held[me.place] = (
            me.checked.domain,
            getattr(me.checked, "key", None),
            [one for _, one in me.checked._kept],
        )
        return product

    x, y = np.arange(-3, 4), np.arange(7)
    run(program, [x, y], (7,), ring, family=ReplicatedMalicious, choices=_choices(way))
    domains, keys, kept = zip(*(held[place] for place in range(3)), strict=True)
    bits = ring.bits + (0 if way == "cut" else 40)
    assert {one.bits for one in domains} == {bits}

    def number(part):
        for place in range(3):
            mine, theirs = part(kept[place]), part(kept[(place + 1) % 3])
            assert np.array_equal(_whole([mine.b], bits), _whole([theirs.a], bits))  # both holders agree
        return _whole([part(one).a for one in kept], bits)

    low, product = 2**ring.bits, (x * y).astype(object)
    if way == "mac":
        key = _whole([one.a for one in keys], bits)
        for place in range(2):
            value, tag = (number(lambda one, place=place, part=part: one[place][part]) for part in (0, 1))
            assert np.array_equal(tag, key * value % 2**bits)
        assert np.array_equal(value % low, product % low)
    elif way == "sacrifice":
        z, c = (number(lambda one, name=name: getattr(one[0], name)) for name in ("z", "c"))
        first, other, mask = (
            number(lambda one, name=name: getattr(one[0].factors[0], name))
            for name in ("x", "other", "mask")
        )
        assert np.array_equal(z, first * other % 2**bits)
        assert np.array_equal(c, mask * other % 2**bits)
        assert np.array_equal(z % low, product % low)
    else:
        a, b, z = (number(lambda one, name=name: getattr(one[0], name)) for name in ("x", "y", "z"))
        assert np.array_equal(z, a * b % low)
        assert np.array_equal(z, product % low)
    assert cut.Cut.kinds == ("mul", "dot")
