"""What a party does beside its protocol, such as writing a file or a line of log: at no cost to the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpcsim.engine.party import Party


def aside(party: Party, action: Callable[[], Any]) -> None:
    """Do something at once that is not charged to the party, and that may look at its clock."""
    watch, scheduler = party._watch, party._scheduler
    reads = scheduler.clock_reads
    if watch is not None:
        watch.pause()
    try:
        action()
    finally:
        scheduler.clock_reads = reads
        if watch is not None:
            watch.resume()
