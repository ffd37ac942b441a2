"""What a party does beside its protocol costs the run nothing."""

import time

import pytest

from mpcsim import simulate
from mpcsim.engine.beside import aside
from mpcsim.errors import RunError


def burn(seconds=0.05):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def charged(action):
    async def program(party):
        burn(0.01)
        action(party)
        return party.now

    return simulate(program, parties=1, compute="measured").outputs[0]


def test_it_is_not_charged_as_compute():
    assert charged(lambda party: aside(party, burn)) < 0.04
    assert charged(lambda party: burn()) > 0.05  # the negative control


def test_it_is_done_at_once_and_in_order():
    done = []

    async def program(party):
        aside(party, lambda: done.append(1))
        done.append(2)

    simulate(program, parties=1)
    assert done == [1, 2]


@pytest.mark.parametrize("compute", ["none", "measured"])
def test_its_error_is_the_programs(compute):
    def fail():
        raise RunError("no")

    async def program(party):
        aside(party, fail)

    with pytest.raises(RunError, match="no"):
        simulate(program, parties=1, compute=compute)
