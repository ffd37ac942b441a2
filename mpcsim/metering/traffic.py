"""What was sent, counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Traffic:
    """What was sent: messages, payload bytes and wire bytes."""

    messages: int = 0
    payload_bytes: int = 0
    wire_bytes: int = 0

    def count(self, payload_bytes: int, wire_bytes: int) -> None:
        """Add one message."""
        self.messages += 1
        self.payload_bytes += payload_bytes
        self.wire_bytes += wire_bytes

    def add(self, other: Traffic) -> None:
        """Add all that another account holds."""
        self.messages += other.messages
        self.payload_bytes += other.payload_bytes
        self.wire_bytes += other.wire_bytes


def total(accounts: Iterable[Traffic]) -> Traffic:
    """Return what several accounts hold together."""
    found = Traffic()
    for account in accounts:
        found.add(account)
    return found


class Sums:
    """What several parties sent together; `sent` has it by party."""

    sent: dict[int, Traffic]

    @property
    def messages(self) -> int:
        """Messages, summed over parties."""
        return sum(traffic.messages for traffic in self.sent.values())

    @property
    def payload_bytes(self) -> int:
        """Payload bytes, summed over parties."""
        return sum(traffic.payload_bytes for traffic in self.sent.values())

    @property
    def wire_bytes(self) -> int:
        """Wire bytes, summed over parties."""
        return sum(traffic.wire_bytes for traffic in self.sent.values())
