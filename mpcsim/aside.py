"""What a party does beside its protocol, such as writing a file or a line of log: at no cost to the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpcsim.party import Party


def aside(party: Party, action: Callable[[], Any]) -> None:
    """Do something at once whose processor time is not charged to the party."""
    watch = party._watch
    if watch is None:
        action()
        return
    watch.pause()
    try:
        action()
    finally:
        watch.resume()
