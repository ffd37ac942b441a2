"""Every error that mpcsim raises on purpose, and the exit status that each one means."""

from __future__ import annotations

from typing import Any


class MpcsimError(Exception):
    """Base of all errors of mpcsim.

    Attributes:
        exit_status: what the command line ends with.
        run: the `Run` as far as it went, where the error ended one.
    """

    exit_status = 3
    run: Any = None


class InputError(MpcsimError):
    """The input cannot be used: the message says where, what was found and what is accepted."""

    exit_status = 2


class ScenarioError(InputError):
    """A scenario file is refused; the message names the file and the key path."""

    reason: InputError | None = None
    # why its workload refused it, where it did


class EncodingError(InputError):
    """A number does not fit the ring: not finite, or outside the declared range of values."""


class UsageError(InputError):
    """A protocol used the engine in a way that it cannot honour, such as a plain `asyncio.gather`."""


class CheckFailed(MpcsimError):
    """A check found a mismatch: the run is complete, and its result is not as predicted."""

    exit_status = 1


class RunError(MpcsimError):
    """The run did not finish."""


class DeadlockError(RunError):
    """Nothing is ready and nothing is due, but parties still wait; or messages were never read."""


class PartyError(RunError):
    """A party's coroutine raised; the message names the party and the span, and the cause is chained."""


class RecvTimeout(RunError, TimeoutError):
    """`party.recv` waited for its whole timeout; a protocol may catch it and go on."""


class PeerAborted(RunError):
    """A party that this one waits for has aborted; a protocol may catch it, and abort or finish itself.

    A program that it leaves aborts in turn.

    Attributes:
        party: id of who aborted; `role` is its role.
        reason: what it said.
    """

    def __init__(self, party: int, role: str, reason: str) -> None:
        super().__init__(f"party {party} ({role}) aborted: {reason}")
        self.party = party
        self.role = role
        self.reason = reason


class Interrupted(KeyboardInterrupt):
    """The user stopped the run (Ctrl-C); it is no `Exception`, so that nothing swallows it by mistake.

    Attributes:
        exit_status: what the command line ends with: 128 and the signal's number.
        run: the `Run` as far as it went.
    """

    exit_status = 130
    run: Any = None


class Terminated(Interrupted):
    """The system asked the process to end (SIGTERM)."""

    exit_status = 143
