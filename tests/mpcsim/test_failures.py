"""Failures: errors in one sub-protocol or party, and asyncio where the engine cannot follow it."""

import asyncio
import gc

import pytest

from mpcsim import InputError, PartyError, UsageError, simulate


async def _nothing(party):
    pass


def test_an_error_in_one_child_cancels_its_siblings_and_surfaces_once():
    log = []

    async def failing():
        await asyncio.sleep(1)
        log.append("failing")
        raise KeyError("broken")

    async def waiting(party, name):
        try:
            await party.recv(1)
            log.append(f"{name} went on")
        finally:
            log.append(f"{name} cleaned up")

    async def slow(party):
        await asyncio.sleep(2)
        log.append("slow went on")

    async def program(party):
        if party.id == 0:
            try:
                await party.gather(
                    waiting(party, "a"),
                    failing(),
                    party.gather(waiting(party, "b"), slow(party)),
                    slow(party),
                )
            except KeyError as error:
                log.append(f"caught {error}")
            await asyncio.sleep(5)
            return "alive"
        return None

    assert simulate(program, parties=2).outputs == ["alive", None]
    assert log == ["failing", "a cleaned up", "b cleaned up", "caught 'broken'"]


def test_two_children_that_fail_at_one_time_raise_the_first_error_alone():
    async def failing(name):
        raise ValueError(name)

    async def program(party):
        with pytest.raises(ValueError, match="first"):
            await party.gather(failing("first"), failing("second"))
        return "alive"

    assert simulate(program, parties=1).outputs == ["alive"]


def test_a_partys_exception_names_party_and_span_and_chains_the_cause():
    async def program(party):
        if party.id == 1:
            with party.span("outer"), party.span("layer 3"):
                raise ZeroDivisionError("no inverse")
        await party.recv(1)

    with pytest.raises(PartyError, match=r"party 1 \(party1\) failed.*ZeroDivisionError: no inverse"):
        simulate(program, parties=2)
    with pytest.raises(PartyError) as caught:
        simulate(program, parties=2)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_error_of_ours_keeps_its_kind_and_gains_the_party():
    async def program(party):
        await asyncio.sleep(1 - party.id)
        raise InputError(f"value of {party.id}")

    with pytest.raises(InputError, match="value of 1") as caught:
        simulate(program, parties=2)
    (note,) = caught.value.__notes__
    assert note.startswith("in party 1 (party1) at program (mpcsim/test_failures.py:")


def test_when_one_party_fails_the_others_clean_up():
    cleaned = []

    async def program(party):
        try:
            if party.id == 2:
                await asyncio.sleep(1)
                raise ValueError
            await party.recv(2)
        finally:
            cleaned.append(party.id)

    with pytest.raises(PartyError):
        simulate(program, parties=3)
    assert sorted(cleaned) == [0, 1, 2]


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited", "ignore:Exception ignored in")
@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_asyncio_gather_is_refused_with_advice(clock):
    async def step(party):
        party.send(1 - party.id, 1)
        return await party.recv(1 - party.id)

    async def program(party):
        await asyncio.gather(step(party), step(party))

    with pytest.raises(UsageError, match=r"asyncio\.gather.*use `await party\.gather\(\.\.\.\)`"):
        simulate(program, parties=2, clock=clock)
    gc.collect()  # asyncio drops the coroutines that it did not start: Python warns of them here, not later


def test_a_task_is_refused_with_advice():
    async def program(party):
        asyncio.create_task(asyncio.sleep(1))  # noqa: RUF006

    with pytest.raises(UsageError, match=r"party\.gather"):
        simulate(program, parties=1)


def test_threads_are_refused_in_virtual_time():
    async def program(party):
        await asyncio.get_running_loop().run_in_executor(None, print)

    with pytest.raises(UsageError, match="virtual time has no threads"):
        simulate(program, parties=1)


def test_awaiting_what_the_engine_does_not_know_is_refused():
    class Strange:
        def __await__(self):
            yield "something"

    async def program(party):
        await Strange()

    with pytest.raises(UsageError, match="awaited 'something'"):
        simulate(program, parties=1)


def test_gather_takes_coroutines_alone():
    async def program(party):
        await party.gather(3)

    with pytest.raises(UsageError, match="takes coroutines, not int"):
        simulate(program, parties=1)


def test_a_party_used_from_outside_its_coroutine_is_refused():
    parties = []

    async def program(party):
        parties.append(party)

    simulate(program, parties=1)
    with pytest.raises(UsageError, match="from outside its own coroutine"):
        parties[0].send(0, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing to run"),
        ({"roles": {}}, "roles is empty"),
        ({"program": print, "roles": {"a": print}}, "either roles, or a program"),
        ({"program": print, "parties": 0}, "at least one party"),
        ({"program": print}, "party0 is not a coroutine function"),
        ({"roles": {"a": _nothing, "b": print}}, "of b is not a coroutine function"),
    ],
)
@pytest.mark.usefixtures("capsys")
def test_arguments_of_simulate_that_do_not_fit_together_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        simulate(**arguments)
