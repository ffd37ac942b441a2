"""The trace of a run: one row per event, as plain columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpcsim.strand import Strand


class Trace:
    """Events in the order in which they happened.

    Kinds: `send` (t: when it was sent, arrival, to, depth, bytes, message), `recv` (message), `fork`
    (children) and `join`: together the causal structure of the run, by strand. Times are nanoseconds.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def sent(
        self,
        time: int,
        arrival: int,
        strand: Strand,
        to: int,
        depth: int,
        payload_bytes: int,
        wire_bytes: int,
        message: int,
    ) -> None:
        """Note a message put on its link."""
        self.events.append(
            {
                "kind": "send",
                "t": time,
                "party": strand.party.id,
                "strand": strand.number,
                "to": to,
                "arrival": arrival,
                "message": message,
                "depth": depth,
                "payload_bytes": payload_bytes,
                "wire_bytes": wire_bytes,
                "channel": strand.channel.path,
                "span": strand.span.path,
            }
        )

    def received(self, time: int, strand: Strand, message: int) -> None:
        """Note a message taken by the strand that awaited it."""
        self._note("recv", time, strand, {"message": message})

    def forked(self, time: int, strand: Strand, children: list[Strand]) -> None:
        """Note a gather."""
        self._note("fork", time, strand, {"children": [child.number for child in children]})

    def joined(self, time: int, strand: Strand) -> None:
        """Note the end of a child."""
        self._note("join", time, strand, {})

    def _note(self, kind: str, time: int, strand: Strand, more: dict[str, Any]) -> None:
        event = {"kind": kind, "t": time, "party": strand.party.id, "strand": strand.number}
        self.events.append(event | more)
