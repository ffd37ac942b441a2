"""The causal structure of a run, read from its events: what every strand did, without the times.

It is what a run does whatever the network: the operations of each strand in order (messages, forks and
their ends, sleeps, spans entered and left) with the compute in between. `analysis.replay.stepping` runs it
again over another network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mpcsim import InputError
from mpcsim.paths import Path, in_short, span_paths

START, SEND, RECV, SLEEP, FORK, END, ENTER, LEAVE, STAGE, SHARED, PHASE, ANY, LEFT = range(13)
NAMES = ("start", "send", "recv", "sleep", "fork", "end", "enter", "leave", "stage", "shared", "phase",
         "any", "left")  # fmt: skip

Op = tuple[int, int, int, int, int]
"""(kind, compute in nanoseconds since the strand's last operation, x, y, z).

send: to, wire bytes, mailbox; recv: mailbox, position of the send; sleep: nanoseconds; fork: first child,
number of children; end: 1 where an error ended the strand; stage: 0, position at which the sibling before
left it (-1: nobody is before); shared: number of the object; phase: its number,
-1 for none;
any: number of the choice, whose receive follows. What does not apply is 0.
"""


class NotRetimable(InputError):
    """What happened in a run depends on the network: it has to be run again, not retimed."""


@dataclass
class Occurrence:
    """One occurrence of a span: the positions at which strands entered and left it."""

    path: Path
    parent: int = 0
    enters: list[int] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)


@dataclass
class Structure:
    """What a run does, as operations by position; those of one strand follow each other.

    Attributes:
        roles: of the parties, by id.
        measured: whether operations carry compute.
        ops: see `Op`.
        strands: strand of each position.
        spans: occurrence of the innermost span at each position; 0 is the run itself.
        depths: length of the longest chain of messages at each position.
        times: when each operation happened in the run, in nanoseconds.
        arrivals: of each send's message in the run.
        payloads: payload bytes of each send.
        first: position of each strand's start.
        party: of each strand.
        parent: of each strand, -1 for the program of a party.
        sends: position of each message's send, by message number.
        mailboxes: (receiver, sender, channel) that a mailbox number stands for.
        choices: by number: the mailboxes from any of which a strand receives next.
        occurrences: of spans, by number.
        shared: names of what concurrent strands shared and changed, by number.
        order: see `analysis.replay.shared`; None until it is asked for.
    """

    roles: list[str]
    measured: bool
    ops: list[Op] = field(default_factory=list)
    strands: list[int] = field(default_factory=list)
    spans: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    payloads: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    party: list[int] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    sends: dict[int, int] = field(default_factory=dict)
    mailboxes: list[tuple[int, int, str]] = field(default_factory=list)
    choices: list[list[int]] = field(default_factory=list)
    occurrences: list[Occurrence] = field(default_factory=list)
    shared: dict[int, str] = field(default_factory=dict)
    order: list[int] | None = None

    def rows_of(self, spans: Sequence[Mapping[str, Any]]) -> list[list[Occurrence]]:
        """Return the occurrences of each row of a record's `spans`."""
        by_path: dict[Path, list[Occurrence]] = {path: [] for path in span_paths(spans)}
        for one in self.occurrences[1:]:
            if one.path not in by_path:
                raise InputError(f"the events have a span that the record has not: {in_short(one.path)}")
            by_path[one.path].append(one)
        return list(by_path.values())

    def party_of(self, position: int) -> int:
        """Return the party whose operation this is."""
        return self.party[self.strands[position]]
