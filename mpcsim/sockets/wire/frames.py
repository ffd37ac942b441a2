"""Frames: what goes over a connection, its bounds, and the reader that checks them before it takes memory.

A frame is a kind (one byte), a length (four bytes) and so many bytes. Messages up to `INLINE` bytes are one
frame; larger ones are announced by a frame of their sizes and follow in pieces of at most `PIECE` bytes,
between which other frames may stand.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import msgpack
import numpy as np

from mpcsim.errors import InputError
from mpcsim.sockets.wire import codec

(HELLO, REFUSE, READY, PING, PONG, START, MESSAGE, LARGE, PIECES, BEAT, FIN, ABORT, PART, BYE,
 NEWS) = range(1, 16)  # fmt: skip
KINDS = {
    HELLO: "hello", REFUSE: "refuse", READY: "ready", PING: "ping", PONG: "pong", START: "start",
    MESSAGE: "message", LARGE: "large", PIECES: "pieces", BEAT: "beat", FIN: "fin", ABORT: "abort",
    PART: "part", BYE: "bye", NEWS: "news",
}  # fmt: skip
INLINE = 1 << 16
PIECE = 1 << 18
CONTROL = 1 << 16
"""The most bytes of a frame that is no message."""
_HEAD = struct.Struct(">BI")
HEAD_BYTES = _HEAD.size
_MESSAGE = struct.Struct(">QQI")  # depth, channel, bytes of the structure
_LARGE = struct.Struct(">BQQQQ")  # kind, depth, channel, bytes of the structure, bytes apart
LARGEST = 1 << 32


class Message(NamedTuple):
    """A message that came whole: `kind` is MESSAGE, or PART for what a party hands over at its end."""

    kind: int
    depth: int
    channel: int
    payload: Any


class Control(NamedTuple):
    """A frame that is no message, with what it says."""

    kind: int
    said: Any


def control(kind: int, said: Any = None) -> bytes:
    """Return a frame that is no message."""
    body: bytes = msgpack.packb(said)
    return _HEAD.pack(kind, len(body)) + body


def message(depth: int, channel: int, payload: Any, kind: int = MESSAGE) -> list[Any]:
    """Return a message's frames as buffers to be sent in order; arrays in it are not copied."""
    structure, buffers = codec.encode(payload, objects=kind == PART)
    apart = sum(map(len, buffers))
    size = _MESSAGE.size + len(structure) + apart
    if size <= INLINE and kind == MESSAGE:
        return [
            b"".join(
                (
                    _HEAD.pack(MESSAGE, size),
                    _MESSAGE.pack(depth, channel, len(structure)),
                    structure,
                    *buffers,
                )
            )
        ]
    found: list[Any] = [
        _HEAD.pack(LARGE, _LARGE.size) + _LARGE.pack(kind, depth, channel, len(structure), apart)
    ]
    for buffer in (memoryview(structure), *buffers):
        for start in range(0, len(buffer), PIECE):
            piece = buffer[start : start + PIECE]
            found += (_HEAD.pack(PIECES, len(piece)), piece)
    return found


class _Growing:
    """A large message under way: where its next bytes go."""

    def __init__(self, kind: int, depth: int, channel: int, structure: int, apart: int) -> None:
        self.kind, self.depth, self.channel = kind, depth, channel
        self.apart = apart
        self.structure = np.empty(structure, np.uint8)
        self.buffers: list[Any] = []
        self._todo: deque[memoryview] = deque([self.structure.data])
        self._opened = False

    def place(self) -> memoryview | None:
        """Return where the next bytes go; None once all came."""
        while self._todo and not len(self._todo[0]):
            self._todo.popleft()
        if not self._todo and not self._opened:
            self._opened = True
            sizes = [size for *_, size in codec.slots(self.structure.tobytes()) if size]
            if sum(sizes) != self.apart:
                raise InputError(f"{self.apart} bytes announced and {sum(sizes)} described")
            self.buffers = [np.empty(size, np.uint8) for size in sizes]
            self._todo.extend(buffer.data for buffer in self.buffers)
        return self._todo[0] if self._todo else None

    def took(self, count: int) -> None:
        """Go on behind bytes that came."""
        self._todo[0] = self._todo[0][count:]

    def whole(self) -> Message:
        """Return the message."""
        payload = codec.decode(self.structure.tobytes(), self.buffers)
        return Message(self.kind, self.depth, self.channel, payload)


class Reader:
    """Makes frames of bytes; every bound is checked before memory is taken.

    Args:
        largest: bytes of a message, at most.

    Attributes:
        came: what came whole and nobody took yet.
    """

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.came: deque[Message | Control] = deque()
        self._buffer = bytearray(PIECE)
        self._view = memoryview(self._buffer)
        self._end = 0
        self._growing: _Growing | None = None
        self._left = 0  # of the piece under way

    @property
    def growing(self) -> bool:
        """Whether a large message is under way."""
        return self._growing is not None

    def read(self, receive: Callable[[memoryview], int]) -> int:
        """Have `receive` put bytes where they belong, once; return how many (0: the peer closed).

        Raises:
            InputError: what came is no frame, or too large.
        """
        if self._left and self._growing is not None:
            place = self._growing.place()
            assert place is not None
            count = receive(place[: self._left])
            if count:
                self._piece(count)
            return count
        count = receive(self._view[self._end :])
        self._end += count
        if count:
            self._parse()
        return count

    def _piece(self, count: int) -> None:
        growing = self._growing
        assert growing is not None
        growing.took(count)
        self._left -= count
        if growing.place() is None:
            if self._left:
                raise InputError("more pieces than were announced")
            self._growing = None
            self.came.append(growing.whole())

    def _parse(self) -> None:
        at, end, view = 0, self._end, self._view
        while True:
            if self._left:
                growing = self._growing
                assert growing is not None
                place = growing.place()
                if place is None:
                    raise InputError("more pieces than were announced")
                count = min(self._left, end - at, len(place))
                if not count:
                    break
                place[:count] = view[at : at + count]
                at += count
                self._piece(count)
                continue
            if end - at < HEAD_BYTES:
                break
            kind, size = _HEAD.unpack_from(view, at)
            most = PIECE if kind == PIECES else INLINE if kind == MESSAGE else CONTROL
            if kind not in KINDS or size > most:
                raise InputError(f"no frame: kind {kind}, {size} bytes; accepted: at most {most}")
            if kind == PIECES:
                if self._growing is None or not size:
                    raise InputError("a piece of no message")
                self._left = size
                at += HEAD_BYTES
                continue
            if end - at - HEAD_BYTES < size:
                break
            self._frame(kind, bytes(view[at + HEAD_BYTES : at + HEAD_BYTES + size]))
            at += HEAD_BYTES + size
        if at:
            rest = end - at
            self._buffer[:rest] = self._buffer[at:end]
            self._end = rest

    def _frame(self, kind: int, body: bytes) -> None:
        if kind == MESSAGE:
            self.came.append(self._message(body))
        elif kind == LARGE:
            self._announce(body)
        else:
            try:
                self.came.append(Control(kind, msgpack.unpackb(body, strict_map_key=False)))
            except Exception as error:  # of bytes from outside, msgpack raises errors of many kinds
                raise InputError(f"no frame: {KINDS[kind]}: {type(error).__name__}: {error}") from None

    def _message(self, body: bytes) -> Message:
        if len(body) < _MESSAGE.size:
            raise InputError(f"no frame: a message of {len(body)} bytes")
        depth, channel, size = _MESSAGE.unpack_from(body)
        at = _MESSAGE.size + size
        structure = body[_MESSAGE.size : at]
        buffers = []
        for *_, bytes_ in codec.slots(structure):
            if bytes_:
                buffers.append(body[at : at + bytes_])
                at += bytes_
        if at != len(body):
            raise InputError(f"no frame: {len(body)} bytes, of which {at} are described")
        return Message(MESSAGE, depth, channel, codec.decode(structure, buffers))

    def _announce(self, body: bytes) -> None:
        if len(body) != _LARGE.size:
            raise InputError(f"no frame: an announcement of {len(body)} bytes")
        kind, depth, channel, structure, apart = _LARGE.unpack(body)
        if kind not in (MESSAGE, PART) or self._growing is not None or not structure:
            raise InputError("no frame: an announcement that does not fit")
        if structure + apart > self.largest:
            raise InputError(
                f"a message of {structure + apart:,} bytes; accepted: at most {self.largest:,} (`largest`)"
            )
        self._growing = _Growing(kind, depth, channel, structure, apart)
