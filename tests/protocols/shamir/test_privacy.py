"""Views of more servers than three, with masks that are dealt; and of t servers together."""

import os
from dataclasses import dataclass, field

import numpy as np
import pytest
from family_views import FamilyBlock
from many import on_servers, terms_of
from states import FAR, RING

from protocols.family import Terms
from protocols.functions import multiply_fixed, relu
from protocols.shamir import Shamir

PROGRAMS = {"multiply": (multiply_fixed, (3, 5)), "relu": (relu, (2**16 - 3,))}
KINDS = {
    "five": (5, 2, {}),
    "a matrix": (4, 1, {"multiplication": "dn", "doubles": "extracted"}),
    "exact": (3, 1, {"truncation": "exact"}),
}


@dataclass(frozen=True)
class _Many(FamilyBlock):
    """A block on another roster, with other choices."""

    people: tuple[int, int] = (3, 1)
    choices_of: dict = field(default_factory=dict)

    @property
    def _terms(self):
        return Terms(RING, Shamir.Choices(**self.choices_of), Shamir.roster(*self.people))


def _block(name, kind):
    program, secrets = PROGRAMS[name]
    n, t, choices = KINDS[kind]
    return _Many(name, program, secrets, family=Shamir, people=(n, t), choices_of=choices)


LONG = os.environ.get("MPCSIM_LONG") == "1"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_message_is_uniform_beside_all_that_its_receiver_computed(program, kind):
    if (program, kind) == ("relu", "five") and not LONG:
        pytest.skip("ten seconds; MPCSIM_LONG=1 runs it")
    assert _block(program, kind).worst() < FAR


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_without_its_keys_it_shows_what_it_computes(program, kind):
    assert _block(program, kind).worst(frozenset({"keys"})) > FAR


def _independent(rows):
    """Return by how many standard deviations low bits of rows, or ⊕ of any of them, lean to one side."""
    bits = np.array([(one & 1).astype(np.float64) for one in rows])
    signs = 1 - 2 * bits
    worst = 0.0
    for chosen in range(1, 1 << len(rows)):
        product = np.prod([signs[i] for i in range(len(rows)) if chosen >> i & 1], axis=0)
        worst = max(worst, abs(product.sum()) / np.sqrt(product.size))
    return worst


@pytest.mark.parametrize(("n", "t"), [(3, 1), (4, 1), (5, 2)])
def test_shares_of_t_servers_are_uniform_together_and_those_of_t_plus_one_are_not(n, t):
    """Of products that were brought back, of bits and of numbers made of them: low bits of GF(2^w)."""
    x = np.full(4096, -3)

    async def program(me, x):
        bit = await me.negative(x)
        product = await me.close(await me.product("mul", x, x), 0)
        value = await me.to_value(bit)
        return [me.terms.kernels.mersenne_words(one) for one in (product, value)], bit.shares

    seen = on_servers(program, terms_of(n, t), x)
    for number in (0, 1):
        assert _independent([one[0][number] for one in seen[:t]]) < FAR
        assert _independent([one[0][number] for one in seen[-t:]]) < FAR
    bits, places = [one[1] for one in seen], range(n.bit_length())
    assert _independent([row >> place for row in bits[:t] for place in places]) < FAR
    assert _independent([row >> place for row in bits[: t + 1] for place in places]) > FAR
