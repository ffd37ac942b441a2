"""Misuse of the engine from Python: each is refused by name, with what to write in its place."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from mpcsim import InputError, Network, PartyError, UsageError, simulate
from mpcsim.units import parse_time


async def _one():
    return 1


async def _other(party):
    return 1 - party.id


# Coroutines


async def _awaits_twice(party):
    made = _one()
    await made
    await made


async def _gathers_one_twice(party):
    made = _one()
    await party.gather(made, made)


async def _gathers_a_slow_one_twice(party):
    made = party.sleep(1)
    await party.gather(made, made)


async def _gathers_a_wait_twice(party):
    party.send(1 - party.id, "x")
    made = party.recv(1 - party.id)
    await party.gather(made, made)


async def _gathers_what_was_awaited(party):
    made = _one()
    await made
    await party.gather(made)


async def _gathers_what_runs_elsewhere(party):
    made = party.sleep(2)

    async def second():
        await party.sleep(1)
        await party.gather(made)

    await party.gather(made, second())


@pytest.mark.parametrize(
    "program",
    [
        _awaits_twice,
        _gathers_one_twice,
        _gathers_a_slow_one_twice,
        _gathers_a_wait_twice,
        _gathers_what_was_awaited,
        _gathers_what_runs_elsewhere,
    ],
)
def test_a_coroutine_is_used_once(program):
    with pytest.raises(UsageError, match="call the coroutine function again") as caught:
        simulate(program, parties=2)
    assert "(mpcsim/test_misuse.py:" in caught.value.__notes__[0]


def test_two_parties_cannot_run_one_coroutine():
    made = _one()
    with pytest.raises(UsageError, match="party1 returned a coroutine that is in use"):
        simulate(lambda party: made, parties=2)


# asyncio


async def _task_group(party):
    async with asyncio.TaskGroup():
        pass


async def _timeout(party):
    async with asyncio.timeout(1):
        pass


async def _wait_for(party):
    await asyncio.wait_for(party.recv(1 - party.id), 1)


async def _shield(party):
    await asyncio.shield(_one())


async def _thread(party):
    await asyncio.to_thread(print)


async def _connection(party):
    await asyncio.open_connection("127.0.0.1", 1)


async def _loop(party):
    made = _one()
    try:
        asyncio.run(made)
    finally:
        made.close()


@pytest.mark.parametrize(
    ("program", "advice"),
    [
        (_task_group, "asyncio.TaskGroup .*party.gather"),
        (_timeout, r"asyncio.timeout .*party.recv\(source, timeout="),
        (_wait_for, r"party.recv\(source, timeout="),
        (_shield, "party.gather"),
        (_thread, "asyncio.to_thread.*call the function itself"),
        (_connection, "no real input or output"),
        (_loop, "asyncio.run .*await the coroutine"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_what_of_asyncio_the_engine_cannot_follow_is_refused_with_advice(program, advice):
    with pytest.raises(UsageError, match=advice) as caught:
        simulate(program, parties=2)
    assert f"in party 0 (party0) at {program.__name__} (mpcsim/test_misuse.py:" in caught.value.__notes__[0]


@pytest.mark.parametrize("program", [_task_group, _timeout])
def test_they_are_refused_on_the_wall_clock_as_well(program):
    with pytest.raises(UsageError, match=r"party\.(gather|recv)"):
        simulate(program, parties=1, clock="wall")


def test_an_error_that_only_comes_from_asyncio_stays_what_it_is():
    async def program(party):
        asyncio.Queue().get_nowait()

    with pytest.raises(PartyError, match="QueueEmpty"):
        simulate(program, parties=1)


# Waiting

_NO_WAITS = [-1, -0.5, float("nan"), float("inf"), 1e10, True, False, "soon", "", b"1 s", [1], None, 1j]


@pytest.mark.parametrize("wait", _NO_WAITS)
def test_a_wait_that_cannot_be_is_refused_and_eats_no_message(wait):
    async def program(party):
        party.send(1 - party.id, "kept")
        await party.sleep(1)
        if wait is not None:
            with pytest.raises(UsageError, match="timeout: "):
                await party.recv(1 - party.id, timeout=wait)
        with pytest.raises(UsageError, match="sleep: "):
            await party.sleep(wait)
        return await party.recv(1 - party.id)

    run = simulate(program, parties=2)
    assert run.outputs == ["kept"] * 2
    assert run.timeouts == 0


@pytest.mark.parametrize(
    "wait", [1, 0.5, "200 ms", np.float32(0.5), np.int64(1), Decimal("0.1"), Fraction(1, 3)]
)
def test_numbers_of_any_kind_and_texts_are_waits(wait):
    async def program(party):
        await party.sleep(wait)
        return await party.gather(party.sleep(wait))

    expected = parse_time(wait) if isinstance(wait, str) else round(wait * 10**9)
    assert simulate(program, parties=1).makespan_ns == 2 * expected


@pytest.mark.parametrize("end", ["sleep", "timeout"])
@pytest.mark.parametrize("trace", [False, True])
def test_a_wait_past_2_to_the_63_nanoseconds_is_refused_where_it_is_asked_for(end, trace):
    async def program(party):
        while True:
            if end == "sleep":
                await party.sleep(1e9)
            else:
                with pytest.raises(TimeoutError):
                    await party.recv(1 - party.id, timeout=1e9)

    with pytest.raises(UsageError, match=f"{end}: 1000000000.0 from now on is past 2\\^63 ns") as caught:
        simulate(program, parties=2, trace=trace)
    assert "in party 0 (party0) at program (mpcsim/test_misuse.py:" in caught.value.__notes__[0]
    assert caught.value.run.makespan_ns < 2**63


@pytest.mark.parametrize("wait", [1e30, float("inf"), float("nan")])
def test_asyncios_sleep_is_held_to_the_same(wait):
    async def program(party):
        await asyncio.sleep(wait)

    # From Python 3.13 on asyncio refuses what is no number itself.
    with pytest.raises((UsageError, PartyError), match=r"2\^63 ns|Invalid delay: NaN"):
        simulate(program, parties=1)


@pytest.mark.parametrize(
    "more", [{}, {"jitter": {"distribution": "uniform", "maximum": "1 ms"}}, {"downlink": "1 bit/s"}]
)
@pytest.mark.parametrize("trace", [False, True])
def test_a_message_that_would_arrive_past_2_to_the_63_nanoseconds_is_refused(more, trace):
    byte = np.zeros((), np.uint8)
    byte.flags.writeable = False
    gigabyte = np.broadcast_to(byte, (10**9,))  # one byte seen many times: nothing is copied

    async def program(party):
        if party.id == 0:
            party.send(1, gigabyte)
            party.send(1, gigabyte)
            return
        await party.recv(0)
        await party.recv(0)

    with pytest.raises(UsageError, match=r"2\^63 ns"):
        simulate(program, parties=2, network=Network("1 ms", "1 bit/s", **more), trace=trace)


# Arguments


@pytest.mark.parametrize("parties", [2.5, 2.0, True, "3", 0, -1, 10**9, float("nan"), [3]])
def test_a_number_of_parties_is_a_whole_number(parties):
    with pytest.raises(UsageError, match=r"parties: found .* a whole number from 1 to 1000000"):
        simulate(_other, parties=parties)


def test_a_number_of_parties_may_be_numpys():
    assert simulate(_other, parties=np.int64(2)).outputs == [1, 0]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("lan", r"Network\(profile='lan'\)"),
        ({"latency": "1 ms"}, r"Network\(\*\*table\)"),
        (3, "accepted: a Network"),
        (Network, "accepted: a Network"),
    ],
)
def test_what_is_no_network_is_refused(network, message):
    with pytest.raises(UsageError, match=message):
        simulate(_other, parties=2, network=network)


@pytest.mark.parametrize("seed", ["1", 1.0, True, -1])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(UsageError, match="seed="):
        simulate(_other, parties=2, seed=seed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"program": 3}, "the program is 3"),
        ({"program": _one}, "cannot be called with its party alone"),
        ({"program": lambda party: None}, "it returned None"),
        ({"program": lambda party: asyncio.sleep}, "not a coroutine function"),
        ({"roles": [_other]}, "a dict of programs by role"),
        ({"roles": {1: _other}}, "a role is called 1"),
        ({"roles": {"": _other}}, "a role is called ''"),
        ({"roles": {"*": _other}}, "a role is called"),
        ({"roles": {"a": 3}}, "the program of a is 3"),
    ],
)
def test_what_is_no_program_and_no_role_is_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        simulate(**arguments)


def test_a_program_that_raises_before_it_is_a_coroutine_names_the_party():
    def program(party):
        if party.id == 1:
            raise ZeroDivisionError
        return _one()

    with pytest.raises(PartyError, match=r"party 1 \(party1\) failed at program .*: ZeroDivisionError$"):
        simulate(program, parties=2)


@pytest.mark.parametrize("to", [[1], {}, 1.0, True, np.arange(2), None, "party7", 7, b"party1"])
def test_what_is_no_party_is_refused(to):
    async def program(party):
        with pytest.raises(UsageError, match=r"cannot (reach|send)"):
            party.send(to, 1)
        with pytest.raises(UsageError, match=r"cannot (reach|receive)"):
            await party.recv(to)

    simulate(program, parties=2)


# Errors that break those who report them


class _Mute(Exception):
    def __str__(self):
        raise ValueError("no text")


class _Wrong(Exception):
    def __str__(self):
        return 3


@dataclass(frozen=True)
class _Frozen(Exception):
    code: int


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (_Mute(), r"_Mute: \(its text raises ValueError\)"),
        (_Wrong(), r"_Wrong: \(its text raises TypeError\)"),
        (_Frozen(3), "_Frozen"),
    ],
)
def test_an_error_whose_text_or_attributes_raise_is_reported(error, said):
    async def program(party):
        with party.span("inner"):
            await party.gather(fail())

    async def fail():
        raise error

    with pytest.raises(PartyError, match=f"party 0 .* failed.*{said}"):
        simulate(program, parties=1)


# Networks


@pytest.mark.parametrize("jitter", ["3 ms", 3, ["3 ms"]])
@pytest.mark.parametrize("place", ["network.jitter", "network.links.0.jitter"])
def test_jitter_says_how_it_is_written(jitter, place):
    table = {"links": [{"jitter": jitter}]} if "links" in place else {"jitter": jitter}
    with pytest.raises(InputError, match=f'^{place}: found .* distribution = "uniform".*maximum = "3 ms"'):
        Network(**table)


_MATRIX = [["0 s", "1 ms", "2 ms"], ["3 ms", "0 s", "4 ms"], ["5 ms", "6 ms", "0 s"]]


@pytest.mark.parametrize("blank", ["", "-", " - ", None, "7 s"])
@pytest.mark.parametrize("kind", [list, np.array, lambda rows: [np.array(row) for row in rows], tuple])
def test_a_matrix_may_be_numpys_and_its_diagonal_blank(blank, kind):
    rows = [[blank if i == j else text for j, text in enumerate(row)] for i, row in enumerate(_MATRIX)]
    rates = [["" if i == j else "1 kbit/s" for j in range(3)] for i in range(3)]
    laws = Network(latency=kind(rows), bandwidth=kind(rates)).resolve(["a", "b", "c"])
    links = {(i, j): laws.law(i, j) for i in range(3) for j in range(3) if i != j}
    assert {link: law.latency_ns for link, law in links.items()} == {
        (i, j): parse_time(_MATRIX[i][j]) for i, j in links
    }
    assert {law.bits_per_second for law in links.values()} == {1000}


@pytest.mark.parametrize("blank", ["", "-", None])
def test_a_blank_beside_the_diagonal_is_refused(blank):
    with pytest.raises(InputError, match=r"network\.latency\.0\.1: "):
        Network(latency=[["0 s", blank], ["1 ms", "0 s"]])


@pytest.mark.parametrize(
    "matrix", [np.zeros((2, 2)), np.array([["1 ms"]] * 2), np.array(["1 ms"]), np.array("x")]
)
def test_an_array_that_is_no_square_of_texts_is_refused(matrix):
    with pytest.raises(InputError, match=r"^network\.latency"):
        Network(latency=matrix)


def test_both_letters_that_look_like_mu_are_micro():
    assert parse_time("2 \u00b5s") == parse_time("2 \u03bcs") == parse_time("2 us") == 2000


@pytest.mark.parametrize("what", ["sleep", "gather", "stage"])
def test_what_a_party_gives_to_await_is_awaited_once(what):
    async def program(party):
        made = {
            "sleep": lambda: party.sleep(1),
            "gather": lambda: party.gather(_one()),
            "stage": party.stage,
        }
        waiting = made[what]()
        await waiting
        await waiting

    with pytest.raises(UsageError, match="awaited twice"):
        simulate(program, parties=1)
