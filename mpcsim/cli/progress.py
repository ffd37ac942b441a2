"""A live line on standard error while a long run goes on: how far it is, and what it has cost so far."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from mpcsim import log
from mpcsim.texts import plural
from mpcsim.units import format_bytes, format_time

if TYPE_CHECKING:
    from mpcsim.engine import Scheduler

_EVERY = 0.25  # seconds
_AFTER = 1.0  # seconds: shorter runs show nothing


class Progress:
    """Shows a run's progress on a terminal, from a thread of its own; nothing where there is none.

    The line has the percentage that a party told with `party.progress`, where one did, and else a
    bar that only moves; then virtual time, rounds, messages and bytes.
    """

    def __init__(self, stream: Any = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._run: Scheduler | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, run: Scheduler) -> None:
        """Follow a run that is about to start."""
        self._run = run

    def __enter__(self) -> Progress:
        """Start to look."""
        if self._stream.isatty() and not log.quiet():
            self._thread = threading.Thread(target=self._show, name="mpcsim-progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Clear the line."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _show(self) -> None:
        if self._over.wait(_AFTER):
            return
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as Bar

        started = time.monotonic() - _AFTER
        console = Console(file=self._stream)
        columns = (BarColumn(bar_width=24), TaskProgressColumn(), TextColumn("{task.description}"))
        with Bar(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=None)
            while not self._over.wait(_EVERY):
                if self._run is not None:
                    done = self._run.progress
                    bar.update(task, description=line(self._run, time.monotonic() - started))
                    if done is not None:
                        bar.update(task, completed=done[0], total=done[1])


def line(run: Scheduler, real_s: float) -> str:
    """Return what the live line says of a run, after the bar."""
    depth = max((strand.deepest() for strand in run.strands), default=0)
    links = run.transport.links
    few = len(links.rows) <= 100
    sent = sum(links.of_sender(party).wire_bytes for party in range(len(links.rows))) if few else 0
    size = f", {format_bytes(sent)} on the wire" if sent else ""
    return (
        f"virtual {format_time(run.clock.now)}, {plural(depth, 'round')}, "
        f"{plural(run.transport.messages, 'message')}{size}, {real_s:.0f} s"
    )
