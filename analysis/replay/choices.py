"""Choices of a run, replayed: who received from any of several has to choose alike, or is refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from analysis.replay.structure import NotRetimable, Structure

_NOBODY = -1


class Choices:
    """The choices that ghosts come to.

    Args:
        structure: what the run does.
        waiting: by mailbox: the strand that waits for it.
        mail: by mailbox: positions of the sends whose messages wait.
    """

    def __init__(self, structure: Structure, waiting: list[int], mail: Sequence[deque[int] | None]) -> None:
        self._structure, self._waiting, self._mail = structure, waiting, mail
        self._open: dict[int, list[int]] = {}
        self._came: dict[int, int] = {}

    def came(self, message: int) -> None:
        """Note that a message came for which nobody waits."""
        if self._structure.choices:
            self._came[message] = len(self._came)

    def made(self, strand: int, position: int) -> bool:
        """Choose among the messages that wait; where there are none, wait for all and return False.

        Raises:
            NotRetimable: the first that came is another than in the run.
        """
        boxes = self._structure.choices[self._structure.ops[position][2]]
        heads = [kept[0] for box in boxes if (kept := self._mail[box])]
        if not heads:
            for box in boxes:
                self._waiting[box] = strand
            self._open[strand] = boxes
            return False
        self._check(position + 1, min(heads, key=self._came.__getitem__))
        return True

    def end(self, strand: int, position: int, message: int) -> None:
        """End a wait for any of several messages, if it was one, with that which came.

        Raises:
            NotRetimable: in the run it was another.
        """
        boxes = self._open.pop(strand, None) if self._open else None
        if boxes is None:
            return
        for box in boxes:
            self._waiting[box] = _NOBODY
        self._check(position, message)

    def _check(self, receive: int, message: int) -> None:
        structure = self._structure
        before = structure.ops[receive][3]
        if message == before:
            return
        who, now, then = (structure.roles[structure.party_of(one)] for one in (receive, message, before))
        raise NotRetimable(
            f"cannot be retimed: over this network, {who} receives first from {now}, and in the run from "
            f"{then} (party.recv_any): what it does then may be something else; run it"
        )
