"""Where a run's processor time went, by span and by function: what `mpcsim run --profile` prints.

A timer interrupts the run every half millisecond and gives the processor time since the last time to the
span that is open and to the innermost function of the project, or of the user's workload, that is at work.
Compiled kernels and NumPy are not interrupted: their time is that of the function that called them.
Observing itself took 4 % of a run of a quarter of a second; it is spread over the rows.
"""

from __future__ import annotations

import signal
import sysconfig
import time
from collections import Counter
from types import FrameType
from typing import Any, Self

from mpcsim.engine import Scheduler
from mpcsim.errors import UsageError
from mpcsim.paths import in_text
from mpcsim.terminal import Column, Sheet

INTERVAL_S = 0.0005
_FOREIGN = ("<", __file__, *(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")))
_STEP = Scheduler.step.__code__
_RUN = Scheduler.run.__code__
_ENGINE = "(engine)"


class Profiler:
    """Watches the runs inside its `with` block."""

    def __init__(self) -> None:
        self.spans: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()
        self._before = 0
        self._previous: Any = None

    def __enter__(self) -> Self:
        """Start the timer."""
        try:
            self._previous = signal.signal(signal.SIGALRM, self._sample)
        except (AttributeError, ValueError):  # no SIGALRM on this system; not the main thread
            raise UsageError("--profile needs the timers of Unix, and the main thread") from None
        self._before = time.thread_time_ns()
        signal.setitimer(signal.ITIMER_REAL, INTERVAL_S, INTERVAL_S)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the timer."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._previous)

    def _sample(self, _: int, frame: FrameType | None) -> None:
        now = time.thread_time_ns()
        spent, self._before = now - self._before, now
        function, span = "", ""
        while frame is not None and frame.f_code is not _RUN:
            if not function and not frame.f_code.co_filename.startswith(_FOREIGN):
                function = f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_qualname}"
            if not span and frame.f_code is _STEP:
                strand = frame.f_locals["strand"]
                span = in_text(strand.span.path) or "(no span)"
            frame = frame.f_back
        if frame is not None:  # inside a run
            self.spans[span or _ENGINE] += spent
            self.functions[function or _ENGINE] += spent
        self._before = time.thread_time_ns()

    def describe(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows for the run's summary, most time first; each nanosecond is in one row of each."""
        return {"spans": _rows(self.spans), "functions": _rows(self.functions)}


def _rows(spent: Counter[str]) -> list[dict[str, Any]]:
    total = spent.total() or 1
    return [
        {"name": name, "compute_s": nanoseconds / 1e9, "share": nanoseconds / total}
        for name, nanoseconds in spent.most_common()
    ]


def tables(profile: dict[str, list[dict[str, Any]]], most: int = 20) -> list[Sheet]:
    """Return the profile as tables, the `most` largest rows of each."""
    found = []
    for kind, rows in profile.items():
        columns = [Column(kind[:-1]), Column("ms", number=True), Column("share", number=True)]
        table = Sheet(columns, f"Processor time by {kind[:-1]}, itself alone")
        for row in rows[:most]:
            table.add(row["name"], f"{row['compute_s'] * 1e3:.1f}", f"{row['share']:.1%}")
        found.append(table)
    return found
