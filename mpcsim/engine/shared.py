"""What concurrent strands share: whether it changed, and how deep the strand was that changed it."""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any

Look = Callable[[Any], list[Any]]
"""Returns the parts of an object, each of which is the same object as long as nothing changes."""


class Shared:
    """An object that concurrent strands of a party can reach, and what it held when last looked at.

    Attributes:
        name: the variable through which it was found.
        depth: the greatest depth of a strand that changed it.
        changes: how often it was found changed.
        number: in the trace, -1 before its first change.
    """

    __slots__ = ("_look", "_parts", "changes", "depth", "name", "number", "thing")

    def __init__(self, thing: Any, name: str, look: Look) -> None:
        self.thing = thing
        self.name = name
        self.depth = 0
        self.changes = 0
        self.number = -1
        self._look = look
        self._parts = look(thing)

    def changed(self) -> bool:
        """Return whether it is no longer what it was, by the identity of its parts."""
        parts, before = self._look(self.thing), self._parts
        if len(parts) == len(before) and (not parts or all(map(is_, parts, before))):
            return False
        self._parts = parts
        self.changes += 1
        return True
