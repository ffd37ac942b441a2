"""What went wrong: errors that name the party, the link, the step of the protocol and the fault."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpcsim.errors import DeadlockError, MpcsimError, PartyError

if TYPE_CHECKING:
    from mpcsim.meter import SpanRun
    from mpcsim.strand import Strand

_LISTED = 20  # how many waiting strands or unread messages an error spells out
_SPAN = "_mpcsim_span"  # attribute of an error that left a span
_ENGINE = str(Path(__file__).parent)


def note_span(error: Exception, span: SpanRun) -> None:
    """Remember the innermost span that an error leaves."""
    if not hasattr(error, _SPAN):
        setattr(error, _SPAN, span.path)


def in_span(strand: Strand, error: Exception | None = None) -> str:
    """Return " in span …" where a strand is in one, or where the error came from one."""
    path = getattr(error, _SPAN, strand.span.path)
    return f" in span {path!r}" if path else ""


def of_party(strand: Strand, error: Exception) -> MpcsimError:
    """Return the error that ends a run in which a party raised."""
    party = strand.party
    if isinstance(error, MpcsimError):
        locate(error, strand)
        return error
    failure = PartyError(
        f"party {party.id} ({party.role}) failed{in_span(strand, error)}{_step(error)}: "
        f"{type(error).__name__}: {error}{_heard(strand)}"
    )
    failure.__cause__ = error
    return failure


def locate(error: MpcsimError, strand: Strand) -> None:
    """Add the party and its span to an error that does not say them yet."""
    if not getattr(error, "__notes__", None):
        party = strand.party
        error.add_note(
            f"in party {party.id} ({party.role}){in_span(strand, error)}{_step(error)}{_heard(strand)}"
        )


def _step(error: Exception) -> str:
    """Return where in the protocol an error arose: its innermost frame outside the engine."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if not frame.filename.startswith(_ENGINE)]  # fmt: skip
    if not frames:
        return ""
    file = "/".join(Path(frames[-1].filename).parts[-2:])
    return f" at {frames[-1].name} ({file}:{frames[-1].lineno})"


def _heard(strand: Strand) -> str:
    if strand.heard < 0:
        return ""
    return f" (its last message came on the link from party {strand.heard} to party {strand.party.id})"


def deadlock(
    strands: Sequence[Strand], roles: Sequence[str], left: Sequence[tuple[int, int]]
) -> DeadlockError:
    """Return the error that lists who waits for whom, where, and which messages nobody read.

    Args:
        strands: the programs of the parties.
        roles: their names.
        left: (from, to) of every message that nobody read.
    """
    lines = [_waits(roles, strand) for strand in _leaves(strands)]
    unread = [f"from party {source} to party {to}" for source, to in left]
    head = "deadlock: nothing is under way, and" if lines else "the run ended, but"
    parts = [head]
    if lines:
        parts += [f"{len(lines)} wait:", *_short(lines)]
    if unread:
        counted = {line: unread.count(line) for line in dict.fromkeys(unread)}
        listed = [f"  {count} {line}" for line, count in counted.items()]
        parts += [f"{len(unread)} messages were never read:", *_short(listed)]
    return DeadlockError("\n".join(parts))


def _waits(roles: Sequence[str], strand: Strand) -> str:
    """Return who waits, for what, and where in its protocol."""
    party, what = strand.party, "something outside the engine"
    place = f" on channel {strand.channel.path or '(root)'!r}{in_span(strand)}"
    if strand.waiting is not None:
        source = strand.waiting[0]
        what = f"party {source} ({roles[source]}){place}"
    elif strand.queued:
        what = f"the sub-protocol before it to leave a stage{place}"
    return f"  party {party.id} ({party.role}) waits for {what}, at {' > '.join(strand.stack())}"


def _short(lines: list[str]) -> list[str]:
    more = [f"  … and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return lines[:_LISTED] + more


def faults(acts: Sequence[dict[str, Any]]) -> str:
    """Return what faults did so far, for an error that they may have caused; "" for nothing."""
    if not acts:
        return ""
    first: dict[str, int] = {}
    times: dict[str, int] = {}
    for act in acts:
        where = act.get("party") or f"{act['from']} to {act['to']}, message {act['message']}"
        span = f", span {act['span']!r}" if act["span"] else ""
        line = f"faults.{act['rule']} {act['kind']}: {where}{span}"
        first.setdefault(line, act["t"])
        times[line] = times.get(line, 0) + 1
    lines = [
        f"  {line}, at {time / 1e9:.9g} s"
        + (f" and {times[line] - 1} times more" if times[line] > 1 else "")
        for line, time in first.items()
    ]
    return "\n".join(["faults that acted before:", *_short(lines)])


def _leaves(strands: Sequence[Strand]) -> list[Strand]:
    found: list[Strand] = []
    todo = list(strands)
    while todo:
        strand = todo.pop(0)
        if not strand.finished:
            found += [] if strand.children else [strand]
            todo += strand.children
    return found
