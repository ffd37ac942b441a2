"""The trace of a run: what every strand did, in order, as rows of integers.

A run's causal structure is the sequence of events of each strand (a coroutine that the scheduler
steps): its messages, its forks and their ends, the spans that it entered and left, and the processor
time in between. Together they are enough to run it again over another network without the protocol.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from mpcsim.paths import in_text

if TYPE_CHECKING:
    from mpcsim.engine.strand import Channel, Strand
    from mpcsim.metering import SpanRun

KINDS = (
    "start", "send", "recv", "timeout", "sleep", "fork", "end", "enter", "leave", "cancel", "outside",
    "fault", "stage", "shared", "phase", "any", "left", "abort",
)  # fmt: skip
(
    START, SEND, RECV, TIMEOUT, SLEEP, FORK, END, ENTER, LEAVE, CANCEL, OUTSIDE, FAULT, STAGE, SHARED,
    PHASE, ANY, LEFT, ABORT,
) = range(len(KINDS))  # fmt: skip
COLUMNS = (
    "kind", "t", "party", "strand", "peer", "message", "channel", "span", "occurrence", "depth",
    "payload_bytes", "wire_bytes", "arrival", "compute_ns", "value",
)  # fmt: skip
_WIDTH = len(COLUMNS) - 1  # `span` and `occurrence` are one number here
_ARRIVAL = 11
_CHUNK = 4096 * _WIDTH
_KEPT = 32 * _CHUNK  # what the latest events may take as a list of numbers before they are packed
NONE = -1


class Trace(Sequence[dict[str, Any]]):
    """Events in the order in which they happened; an item is a dict with the keys of `COLUMNS`.

    Times are nanoseconds. `span` is the text of the innermost span's path (see `mpcsim.paths`) and
    `occurrence` its number in the run: 0 is the run itself. What does not apply to an event is None.
    `value` is what the kind needs:
    fork: the number of children, whose strands are numbered on from `peer`; start: the parent's
    strand; recv and timeout: the timeout in nanoseconds, where one was given; sleep: its length;
    fault: the position of the rule; stage: the strand of the sibling before, where there is one; end: 1
    where an error ended the strand; shared: the number of the object, whose name is its `channel`;
    phase: the number of the phase that the strand is in from here on, None for none;
    any: none, the ids of those from any of whom the strand receives next are its `channel`, as text; abort:
    none, the reason is its `channel`.
    """

    def __init__(self) -> None:
        self.rows: list[int] = []
        self._chunks: list[array[int]] = []
        self._channels: list[str] = []
        self._texts: dict[str, int] = {}
        self._spans: list[str] = []

    def add(
        self,
        kind: int,
        time: int,
        strand: Strand,
        compute_ns: int,
        peer: int = NONE,
        message: int = NONE,
        value: int = NONE,
    ) -> None:
        """Note an event that is no send."""
        channel, span = strand.channel, strand.span
        if channel.number < 0:
            self.number(channel)
        if span.number >= len(self._spans):
            self.name(span)
        self.rows += (
            kind, time, strand.party.id, strand.number, peer, message, channel.number, span.number,
            strand.depth, NONE, NONE, NONE, compute_ns, value,
        )  # fmt: skip
        if len(self.rows) >= _KEPT:
            self.pack()

    def worded(self, kind: int, time: int, strand: Strand, compute_ns: int, text: str) -> None:
        """Note an event whose text stands in place of a channel."""
        place = self._texts.get(text)
        if place is None:
            place = self._texts[text] = len(self._channels)
            self._channels.append(text)
        if strand.span.number >= len(self._spans):
            self.name(strand.span)
        self.rows += (
            kind, time, strand.party.id, strand.number, NONE, NONE, place, strand.span.number,
            strand.depth, NONE, NONE, NONE, compute_ns, NONE,
        )  # fmt: skip
        if len(self.rows) >= _KEPT:
            self.pack()

    def shared(self, time: int, strand: Strand, name: str, number: int) -> None:
        """Note that the children of a strand's gather shared an object and that one of them changed it."""
        self.rows += (
            SHARED, time, strand.party.id, strand.number, NONE, NONE, len(self._channels),
            strand.span.number, strand.depth, NONE, NONE, NONE, 0, number,
        )  # fmt: skip
        self._channels.append(name)
        if strand.span.number >= len(self._spans):
            self.name(strand.span)
        if len(self.rows) >= _KEPT:
            self.pack()

    def sent(
        self,
        time: int,
        strand: Strand,
        compute_ns: int,
        to: int,
        message: int,
        payload_bytes: int,
        wire_bytes: int,
        arrival: int,
    ) -> None:
        """Note a message put on its link; its arrival is NONE until `arrived` says it."""
        # As in `add`, written out: every message passes here, without one more call.
        channel, span = strand.channel, strand.span
        if channel.number < 0:
            self.number(channel)
        if span.number >= len(self._spans):
            self.name(span)
        self.rows += (
            SEND, time, strand.party.id, strand.number, to, message, channel.number, span.number,
            strand.depth + 1, payload_bytes, wire_bytes, arrival, compute_ns, NONE,
        )  # fmt: skip
        if len(self.rows) >= _KEPT:
            self.pack()

    def arrived(self, event: int, arrival: int) -> None:
        """Complete the send at position `event`; of a message that comes twice the first arrival counts."""
        place = event * _WIDTH + _ARRIVAL
        packed = len(self._chunks) * _CHUNK
        kept: list[int] | array[int] = self.rows
        if place < packed:
            kept, place = self._chunks[place // _CHUNK], place % _CHUNK
        else:
            place -= packed
        if kept[place] == NONE:
            kept[place] = arrival

    def number(self, channel: Channel) -> None:
        """Give a channel its number."""
        channel.number = len(self._channels)
        self._channels.append(channel.path)

    def name(self, span: SpanRun) -> None:
        """Keep the path of a span; occurrences are numbered in order of appearance."""
        self._spans += [""] * (span.number + 1 - len(self._spans))
        self._spans[span.number] = in_text(span.path)

    def pack(self) -> None:
        """Move rows to where an integer takes eight bytes: late, as that costs as much as noting them."""
        for start in range(0, _KEPT, _CHUNK):
            chunk = array("q")
            chunk.frombytes(np.array(self.rows[start : start + _CHUNK], np.int64).tobytes())
            self._chunks.append(chunk)
        del self.rows[:_KEPT]

    def table(self) -> tuple[np.ndarray[Any, Any], list[str], list[str]]:
        """Return the events as integers, a row each, and the names of the channels and spans they count."""
        numbers = [np.frombuffer(chunk, np.int64) for chunk in self._chunks]
        whole = np.concatenate([*numbers, np.array(self.rows, np.int64)])
        return whole.reshape(-1, _WIDTH), list(self._channels), list(self._spans)

    @staticmethod
    def of(rows: list[int], channels: list[str], spans: list[str]) -> Trace:
        """Return the trace of such a table, in one list."""
        made = Trace()
        made.rows, made._channels, made._spans = rows, channels, spans
        while len(made.rows) >= _KEPT:
            made.pack()
        return made

    def __len__(self) -> int:
        """Return the number of events."""
        return (len(self._chunks) * _CHUNK + len(self.rows)) // _WIDTH

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the events in order."""
        for rows in (*self._chunks, self.rows):
            for start in range(0, len(rows), _WIDTH):
                yield self._event(rows[start : start + _WIDTH])

    @overload
    def __getitem__(self, position: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, position: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, position: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        """Return an event, or a list of them."""
        if isinstance(position, slice):
            return [self[one] for one in range(*position.indices(len(self)))]
        if not -len(self) <= position < len(self):
            raise IndexError(f"event {position} of {len(self)}")
        chunk, start = divmod(position % len(self) * _WIDTH, _CHUNK)
        if chunk < len(self._chunks):
            return self._event(self._chunks[chunk][start : start + _WIDTH])
        start += (chunk - len(self._chunks)) * _CHUNK
        return self._event(self.rows[start : start + _WIDTH])

    def __eq__(self, other: object) -> bool:
        """Compare event by event, with another trace or with a list."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # it grows

    def _event(self, row: Sequence[int]) -> dict[str, Any]:
        kind, time, party, strand, peer, message, channel, span, depth, *sizes, ns, value = row
        payload_bytes, wire_bytes, arrival = map(_known, sizes)
        return {
            "kind": KINDS[kind],
            "t": time,
            "party": party,
            "strand": strand,
            "peer": _known(peer),
            "message": _known(message),
            "channel": self._channels[channel],
            "span": self._spans[span],
            "occurrence": span,
            "depth": depth,
            "payload_bytes": payload_bytes,
            "wire_bytes": wire_bytes,
            "arrival": arrival,
            "compute_ns": ns,
            "value": _known(value),
        }


def _known(number: int) -> int | None:
    return None if number == NONE else number
