"""No server of any family sees anything but uniform numbers, and no helper sees a message of an input."""

import pytest
from family_views import FamilyBlock
from states import FAR

from protocols.functions import activate, activation, less_than, multiply_fixed, relu
from scenarios.families import families


async def _hard_swish(me, x):
    return await activate(me, x, activation("hard_swish"))


PROGRAMS = {
    "multiply": (multiply_fixed, (3, 5)),
    "relu": (relu, (3,)),
    "relu of a negative": (relu, (2**16 - 3,)),
    "less than": (less_than, (3, 5)),
    "activation": (_hard_swish, (3 << 14,)),
    "activation far out": (_hard_swish, (-(5 << 25) % 2**31,)),
}
REFUSES = "replicated3_malicious"
"""It aborts where messages are not packed, as they are not here; its own test looks at the packed bytes."""
SECRET = [name for name in families() if name not in ("plain", REFUSES)]


def _block(family, name):
    program, secrets = PROGRAMS[name]
    return FamilyBlock(name, program, secrets, family=families()[family])


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("family", SECRET)
def test_every_message_is_uniform_beside_all_that_its_receiver_computed(family, program):
    assert _block(family, program).worst() < FAR


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("family", SECRET)
def test_without_its_keys_a_family_shows_what_it_computes(family, program):
    assert _block(family, program).worst(frozenset({"keys"})) > FAR


def test_a_family_that_hides_nothing_is_caught():
    assert _block("plain", "multiply").worst() > FAR


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("family", ["plain", *SECRET])
def test_a_helper_gets_no_message(family, program):
    for one in _block(family, program).helpers():
        assert one.received == 0
