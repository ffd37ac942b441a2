"""What went wrong: errors that name the party, the link, the step of the protocol and the fault."""

from __future__ import annotations

import traceback
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpcsim.causes import causes, described, line, place, text
from mpcsim.engine.ports import Crashed
from mpcsim.errors import DeadlockError, Interrupted, MpcsimError, PartyError, Terminated, UsageError
from mpcsim.paths import in_short

if TYPE_CHECKING:
    from mpcsim.engine.strand import Strand
    from mpcsim.metering import SpanRun

_LISTED = 20  # how many waiting strands or unread messages an error spells out
_SPAN = "_mpcsim_span"  # attribute of an error that left a span
_ENGINE = str(Path(__file__).parent.parent)
_ATTEMPTS = 100  # at closing a coroutine that goes on
_IGNORED = ("coroutine ignored GeneratorExit", "generator ignored GeneratorExit")
_USED = ("cannot reuse already awaited coroutine", "coroutine is being awaited already")
_TASKS = (
    "cannot run inside a protocol: use `await party.gather(...)`, which keeps messages of concurrent "
    "sub-protocols apart"
)
_ADVICE = {  # by the file of asyncio that refuses
    "taskgroups.py": f"asyncio.TaskGroup {_TASKS}",
    "timeouts.py": "asyncio.timeout and asyncio.wait_for cannot run inside a protocol: use "
    "`await party.recv(source, timeout=…)`, or `await party.sleep(…)`",
    "tasks.py": f"tasks of asyncio {_TASKS}",
    "runners.py": "asyncio.run cannot run inside a protocol: await the coroutine, or use "
    "`await party.gather(...)`",
    "base_events.py": "a protocol does no real input or output on the loop, and does not run it: await "
    "the coroutine",
    "events.py": "a protocol does no real input or output on the loop",
}


def note_span(error: BaseException, span: SpanRun) -> None:
    """Remember the innermost span that an error leaves."""
    if _SPAN not in error.__dict__:
        BaseException.__setattr__(error, _SPAN, span.path)  # an error may be a frozen dataclass


def in_span(strand: Strand, error: BaseException | None = None) -> str:
    """Return " in span …" where a strand is in one, or where the error came from one."""
    path = strand.span.path if error is None else error.__dict__.get(_SPAN, strand.span.path)
    return f" in span '{in_short(path)}'" if path else ""


# What ends a run


def of_party(strand: Strand, error: BaseException) -> MpcsimError:
    """Return the error that ends a run in which a party raised.

    An error of ours stays what it is, unless it only followed on another one: a `finally` that calls
    the engine in vain must not hide why it ran.
    """
    party = strand.party
    first, *later = causes(error)
    if isinstance(error, MpcsimError) and not (later and _follows(error)):
        locate(error, strand)
        return error
    misused = misuse(first)
    if misused is not None:
        locate(misused, strand)
        return misused
    failure = PartyError(
        f"party {party.id} ({party.role}) failed{in_span(strand, first)}{place(first)}: "
        f"{described(error)}{_heard(strand)}"
    )
    if isinstance(first, MpcsimError):
        failure.exit_status = first.exit_status
    failure.__cause__ = error
    return failure


def _follows(error: BaseException) -> bool:
    """Return whether an error of the engine was raised while another was under way, and not for it."""
    if error.__cause__ is not None or error.__context__ is None:
        return False
    frames = traceback.extract_tb(error.__traceback__)
    return not frames or frames[-1].filename.startswith(_ENGINE)


def misuse(error: BaseException) -> UsageError | None:
    """Return what to say of an error by which Python or asyncio refuses what the engine cannot do."""
    if not isinstance(error, RuntimeError | NotImplementedError):
        return None
    frames = traceback.extract_tb(error.__traceback__)
    file = Path(frames[-1].filename) if frames else Path()
    advice = None
    if text(error) in _USED:
        advice = "a coroutine was awaited twice: call the coroutine function again for each await"
    elif file.parent.name == "asyncio" and file.name in _ADVICE:
        advice = _ADVICE[file.name]
    if advice is None:
        return None
    return UsageError(advice).with_traceback(error.__traceback__)


def interrupted(stop: KeyboardInterrupt, strand: Strand | None = None) -> Interrupted:
    """Return what ends a run that the user or the system stops."""
    kind = type(stop) if isinstance(stop, Interrupted) else Interrupted
    where = ""
    if strand is not None:
        party = strand.party
        where = f" in party {party.id} ({party.role}){in_span(strand, stop)}{place(stop)}"
    return kind(f"{'ended by SIGTERM' if kind is Terminated else 'interrupted'}{where}")


def of_clean_up(strand: Strand, first: BaseException, problems: list[MpcsimError]) -> MpcsimError:
    """Return the error that ends a run in which what an error cancelled did not end cleanly."""
    party, where = strand.party, in_span(strand, first) + place(first)
    failure = type(problems[0])(
        f"party {party.id} ({party.role}) failed{where}: {described(first)}; then, in the clean-up of "
        f"what that cancelled, {'; '.join(map(str, problems))}"
    )
    failure.__cause__ = first
    return failure


def close(strand: Strand) -> MpcsimError | None:
    """Close a strand's coroutine; return what went wrong in its `finally` blocks."""
    who, waited = f"party {strand.party.id} ({strand.party.role})", None
    for _ in range(_ATTEMPTS):  # each ends one `finally` that awaits
        try:
            strand.coroutine.close()
            break
        except Crashed:  # it sent something after a fault stopped it
            break
        except BaseException as error:  # whatever a `finally` of a user raises
            if not isinstance(error, RuntimeError) or text(error) not in _IGNORED:
                after = causes(error)
                while any(isinstance(one, GeneratorExit) for one in after):
                    after.pop(0)  # what closing is, and what led to it
                said = "; then, while that was handled, ".join(map(line, after))
                return PartyError(f"{who} failed{place(error)}: {said}")
        waited = waited or UsageError(
            f"{who} awaits at {' > '.join(strand.stack())}, and is cut off there: the `finally` of what is "
            "cancelled may not wait"
        )
    return waited


def locate(error: MpcsimError, strand: Strand) -> None:
    """Add the party and its span to an error that does not say them yet."""
    if not getattr(error, "__notes__", None):
        party = strand.party
        error.add_note(
            f"in party {party.id} ({party.role}){in_span(strand, error)}{place(error)}{_heard(strand)}"
        )


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
    return stuck(waits(strands, roles), left)


def waits(strands: Sequence[Strand], roles: Sequence[str]) -> list[str]:
    """Return a line for each strand that waits: who, for whom, where."""
    return [_waits(roles, strand) for strand in _leaves(strands)]


def stuck(lines: Sequence[str], left: Sequence[tuple[int, int]]) -> DeadlockError:
    """Return the error of a run in which these wait (`waits`) and these messages were never read."""
    unread = Counter(left)
    parts = ["deadlock: nothing is under way, and" if lines else "the run ended, but"]
    if lines:
        parts += [f"{len(lines)} wait:", *_short(list(lines[:_LISTED]), len(lines))]
    if unread:
        listed = [f"  {count} from party {source} to party {to}" for (source, to), count in unread.items()]
        parts += [f"{unread.total()} messages were never read:", *_short(listed, len(listed))]
    return DeadlockError("\n".join(parts))


def _waits(roles: Sequence[str], strand: Strand) -> str:
    """Return who waits, for what, and where in its protocol."""
    party, what = strand.party, "something outside the engine"
    place = f" on channel {strand.channel.path or '(root)'!r}{in_span(strand)}"
    if strand.waiting is not None:
        source = strand.waiting[0]
        if strand.choice:
            place = f" on channel {strand.channel.path or '(root)'!r}{in_span(strand)}"
            named = [f"{one} ({roles[one]})" for one, _ in strand.choice]
            what = f"any of parties {', '.join(_short(named, len(named)))}{place}"
            return f"  party {party.id} ({party.role}) waits for {what}, at {' > '.join(strand.stack())}"
        what = f"party {source} ({roles[source]}){place}"
    elif strand.queued:
        what = f"the sub-protocol before it to leave a stage{place}"
    return f"  party {party.id} ({party.role}) waits for {what}, at {' > '.join(strand.stack())}"


def _short(lines: list[str], count: int) -> list[str]:
    more = [f"  … and {count - _LISTED} more"] if count > _LISTED else []
    return lines[:_LISTED] + more


def faults(acts: Sequence[dict[str, Any]]) -> str:
    """Return what faults did so far, for an error that they may have caused; "" for nothing."""
    if not acts:
        return ""
    first: dict[str, int] = {}
    times: dict[str, int] = {}
    for act in acts:
        where = act.get("party") or f"{act['from']} to {act['to']}, message {act['message']}"
        span = f", span '{act['span']}'" if act["span"] else ""
        line = f"faults.{act['rule']} {act['kind']}: {where}{span}"
        first.setdefault(line, act["t"])
        times[line] = times.get(line, 0) + 1
    lines = [
        f"  {line}, at {time / 1e9:.9g} s"
        + (f" and {times[line] - 1} times more" if times[line] > 1 else "")
        for line, time in first.items()
    ]
    return "\n".join(["faults that acted before:", *_short(lines, len(lines))])


def _leaves(strands: Sequence[Strand]) -> list[Strand]:
    found: list[Strand] = []
    todo = deque(strands)
    while todo:
        strand = todo.popleft()
        if not strand.finished:
            found += [] if strand.children else [strand]
            todo += strand.children
    return found
