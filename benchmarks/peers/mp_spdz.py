"""What MP-SPDZ prints at the end of a run, read back: for whoever has it built.

Its programs are compiled before they run, so this project cannot start them; give their logs to
``python -m benchmarks.peers --mp-spdz JOB=LOG[,LOG…]``, one log a party.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NUMBER = r"([0-9.]+(?:e[+-]?[0-9]+)?)"
_TIME = re.compile(rf"^Time = {_NUMBER} seconds", re.MULTILINE)
_TIMER = re.compile(
    rf"^Time(?P<timer>[0-9]+) = {_NUMBER} seconds(?: \({_NUMBER} MB, ([0-9]+) rounds\))?", re.MULTILINE
)
_CPU = re.compile(rf"^CPU time = {_NUMBER}", re.MULTILINE)
_SENT = re.compile(rf"^Data sent = {_NUMBER} MB in ~([0-9]+) rounds \(party ([0-9]+)", re.MULTILINE)
_GLOBAL = re.compile(rf"^Global data sent = {_NUMBER} MB", re.MULTILINE)


@dataclass(frozen=True)
class Timer:
    """One of the program's own timers (`start_timer(number)`)."""

    number: int
    seconds: float
    megabytes: float | None
    rounds: int | None


@dataclass(frozen=True)
class Log:
    """One party's log.

    Attributes:
        seconds: wall time.
        cpu_s: processor time of this party; None where it ran without `-v`.
        megabytes: data that this party sent; a party's own count.
        rounds: this party's count, in which receives count, and those of parallel threads add up.
        global_megabytes: data that all parties sent.
    """

    seconds: float
    cpu_s: float | None
    party: int
    megabytes: float
    rounds: int
    global_megabytes: float | None
    timers: tuple[Timer, ...]


def parse(text: str) -> Log:
    """Read one party's log.

    Raises:
        ValueError: it lacks the time, or the data sent: the run did not end, or this is no such log.
    """
    time, sent = _TIME.search(text), _SENT.search(text)
    if time is None or sent is None:
        missing = "'Time = …'" if time is None else "'Data sent = …'"
        raise ValueError(f"no line {missing}: not the log of a finished MP-SPDZ party")
    cpu, total = _CPU.search(text), _GLOBAL.search(text)
    return Log(
        seconds=float(time[1]),
        cpu_s=float(cpu[1]) if cpu else None,
        party=int(sent[3]),
        megabytes=float(sent[1]),
        rounds=int(sent[2]),
        global_megabytes=float(total[1]) if total else None,
        timers=tuple(
            Timer(
                int(found["timer"]),
                float(found[2]),
                float(found[3]) if found[3] else None,
                int(found[4]) if found[4] else None,
            )
            for found in _TIMER.finditer(text)
        ),
    )


def processor_time(logs: Sequence[Log]) -> float | None:
    """Return the processor time over all parties, or None where a party's log lacks it.

    Raises:
        ValueError: two logs are of the same party.
    """
    parties = [log.party for log in logs]
    if len(set(parties)) != len(parties):
        raise ValueError(f"logs of parties {parties}: one log a party is accepted")
    times = [log.cpu_s for log in logs]
    return None if None in times else sum(time for time in times if time is not None)
