"""What the engine asks of the network under it: links that carry messages, and rules that break things."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mpcsim.engine.strand import Strand

Deliver = Callable[..., None]
"""Called with a message's parcel when it arrives."""


PASSES, CUT, CUT_FOR_EVER = range(3)
"""What a partition does to an attempt to send; for ever: no later attempt will pass either."""


# The signatures stand again where they are met: a protocol is what both sides are held to.


class Links(Protocol):
    """The links of one run; see `mpcsim.network.emulator`."""

    plain: bool
    transmit: Callable[[int, int, int, int], int]

    @property
    def tell(self) -> Callable[[int, int, str], None] | None:
        """Takes (receiver, depth, reason) of an abort to another process; None: all are in this one."""

    def submit(
        self,
        now: int,
        sender: int,
        to: int,
        wire_bytes: int,
        deliver: Deliver,
        parcel: tuple[Any, ...],
        event: int,
    ) -> None:
        """Send a message into the network at `now`; `deliver(*parcel)` is called when it arrives."""

    def under_way(self) -> list[tuple[int, int]]:
        """Return (sender, receiver) of messages whose arrival is not certain yet."""


class Faults(Protocol):
    """The faults of one run; see `mpcsim.faults.injector`."""

    acts: list[dict[str, Any]]

    def attach(self, scheduler: Any) -> None:
        """Set the crashes of a run that is about to start."""

    def send(
        self,
        now: int,
        strand: Strand,
        to: int,
        wire_bytes: int,
        deliver: Deliver,
        parcel: tuple[Any, ...],
        event: int,
    ) -> None:
        """Send a message, as the first rule that matches it says."""


class Crashed(BaseException):
    """Leaves the code of a party that a fault stops; a protocol does not catch it."""

    def __init__(self, rule: int) -> None:
        super().__init__(rule)
        self.rule = rule
