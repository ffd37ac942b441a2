"""The arguments of a run: how many parties there are, who plays what, and their programs at the start."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

import numpy as np

from mpcsim.causes import described, place
from mpcsim.engine import Party
from mpcsim.errors import MpcsimError, PartyError, UsageError
from mpcsim.network import ANY, Network
from mpcsim.schema import shown

MOST_PARTIES = 10**6
Program = Callable[[Party], Awaitable[Any]]


def party_count(found: Any) -> int:
    """Return a number of parties.

    Raises:
        UsageError: it is no whole number from 1 to a million.
    """
    whole = isinstance(found, int | np.integer) and not isinstance(found, bool)
    if not whole or not 1 <= found <= MOST_PARTIES:
        raise UsageError(
            f"parties: found {shown(found)}; accepted: a whole number from 1 to {MOST_PARTIES} "
            "(a run needs at least one party)"
        )
    return int(found)


def cast(
    program: Program | None, parties: int | None, roles: Mapping[str, Program] | None
) -> tuple[list[Program], list[str]]:
    """Return the programs and the names of all parties, by id.

    Raises:
        UsageError: arguments that do not fit together, or are no programs.
    """
    if roles is not None:
        if program is not None or parties is not None:
            raise UsageError("give either roles, or a program and a number of parties")
        _check_roles(roles)
        return list(roles.values()), list(roles)
    if program is None:
        raise UsageError("nothing to run: give a program, or roles")
    if not callable(program):
        raise UsageError(f"the program is {shown(program)}; accepted: a coroutine function of the party")
    count = party_count(3 if parties is None else parties)
    return [program] * count, [f"party{id}" for id in range(count)]


def _check_roles(roles: Any) -> None:
    if not isinstance(roles, Mapping):
        raise UsageError(f"roles is {shown(roles)}; accepted: a dict of programs by role")
    if not roles:
        raise UsageError("roles is empty: give at least one role and its program")
    for role, program in roles.items():
        if not isinstance(role, str) or role in ("", ANY):
            raise UsageError(f'a role is called {shown(role)}; accepted: text, other than "" and "{ANY}"')
        if not callable(program):
            raise UsageError(f"the program of {role} is {shown(program)}; accepted: a coroutine function")


def network_of(found: Any) -> Network:
    """Return the network of a run; None is one where messages take no time.

    Raises:
        UsageError: it is no network.
    """
    if found is None:
        return Network()
    if isinstance(found, str):
        raise UsageError(
            f"network={found!r}; accepted: a Network, as in Network(profile={found!r}) for a profile, or "
            'Network(latency="88.5 ms", bandwidth="220 Mbit/s")'
        )
    if isinstance(found, Mapping):
        raise UsageError(f"network={shown(found)}; accepted: a Network: write Network(**table) for a table")
    if not isinstance(found, Network):
        raise UsageError(f"network={shown(found)}; accepted: a Network")
    return found


def seed_of(found: Any) -> int | None:
    """Return the seed of a run.

    Raises:
        UsageError: it is no whole number from 0.
    """
    whole = isinstance(found, int | np.integer) and not isinstance(found, bool)
    if found is None or (whole and found >= 0):
        return None if found is None else int(found)
    raise UsageError(f"seed={shown(found)}; accepted: a whole number from 0, or None")


def coroutines(programs: Sequence[Program], actors: Sequence[Party]) -> list[Coroutine[Any, Any, Any]]:
    """Call every party's program, and return what they are to run.

    Raises:
        UsageError: a program that is no coroutine function of one argument, or one coroutine for two.
        PartyError: a program raised before its coroutine was there.
    """
    made: list[Coroutine[Any, Any, Any]] = []
    seen: set[int] = set()
    try:
        for program, actor in zip(programs, actors, strict=True):
            coroutine = _coroutine(program, actor)
            if inspect.getcoroutinestate(coroutine) != inspect.CORO_CREATED or id(coroutine) in seen:
                raise UsageError(
                    f"the program of {actor.role} returned a coroutine that is in use already: call the "
                    "coroutine function anew for each party"
                )
            seen.add(id(coroutine))
            made.append(coroutine)
    except BaseException:  # is raised on, once no coroutine is left that was never awaited
        for earlier in made:
            earlier.close()
        raise
    return made


def _coroutine(program: Program, actor: Party) -> Coroutine[Any, Any, Any]:
    try:
        coroutine = program(actor)
    except (MpcsimError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit and all: whatever a user's function raises
        if isinstance(error, TypeError) and error.__traceback__ and error.__traceback__.tb_next is None:
            raise UsageError(
                f"the program of {actor.role} cannot be called with its party alone: {error}; write "
                "`async def program(party): …`"
            ) from None
        raise PartyError(
            f"party {actor.id} ({actor.role}) failed{place(error)}: {described(error)}"
        ) from error
    if not inspect.iscoroutine(coroutine):
        raise UsageError(
            f"the program of {actor.role} is not a coroutine function, it returned {shown(coroutine)}: "
            "write `async def program(party): …`"
        )
    return coroutine
