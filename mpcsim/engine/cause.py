"""What led to a callback of asyncio: the depth of who asked for it, through any chain of callbacks.

A strand that sets a future's result has the loop call back whoever waits for it. The loop asks here what
is at hand when it is asked, and a strand that goes on after such a callback goes on at that depth.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any


class Cause:
    """The depth of what is at hand.

    Attributes:
        of_strand: returns the depth of the strand that runs now, 0 where none does.
        inherited: depth of the strand that asked for the callback that runs now, 0 where none does.
    """

    def __init__(self) -> None:
        self.of_strand: Callable[[], int] = int
        self.inherited = 0

    def follow(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """Return the callback, as something that what is at hand led to."""
        depth = max(self.inherited, self.of_strand())
        return partial(self._run, depth, callback) if depth else callback

    def _run(self, depth: int, callback: Callable[..., Any], *args: Any) -> None:
        outer, self.inherited = self.inherited, depth
        try:
            callback(*args)
        finally:
            self.inherited = outer
