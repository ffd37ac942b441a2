"""The wire format: what a message weighs, and its exact bytes.

A frame is the msgpack array [channel, body]. A NumPy array in a body is a msgpack extension whose data
are the packed pair [dtype, shape] followed by the raw elements in C order, so that the weight of a
large array is known without serialising it.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import msgpack
import numpy as np

from mpcsim.errors import InputError, UsageError
from mpcsim.schema import shown

ARRAY: Final = 1
BIG_INTEGER: Final = 2
_CHANNEL_HEADER: Final = 1 + 9  # array of two, then an unsigned 64-bit integer
_PACK = msgpack.Packer(use_bin_type=True).pack
_SMALL: Final = 2048  # a body up to this size is copied for the digest
_MOST_HEADS: Final = 4096
_HEADS: dict[Any, dict[tuple[int, ...], tuple[int, int, bytes]]] = {}  # see `_array_head`
_NO_HEADS: Final[dict[tuple[int, ...], tuple[int, int, bytes]]] = {}
_NDARRAY: Final = np.ndarray
_LONGEST_DTYPE: Final = 8  # characters, as in "<f8"
_READY: Final = 0x1 | 0x4  # flags of an array: in C order, with data of its own
_FLAGS: Final = _READY | 0x400  # and writeable, which is seen to
_SCALARS = (bool, int, float, str, bytes)
_KINDS = "biuf"  # NumPy kinds that may travel: Booleans, integers, floating point


class Sealed(NamedTuple):
    """A payload ready to travel: frozen, weighed, and with the bytes that identify it.

    Attributes:
        payload: what the receiver gets; its arrays are read-only.
        payload_bytes: array data and other content, without framing.
        wire_bytes: the length of the frame.
        identity: buffers whose concatenation identifies the body, for the digest.
    """

    payload: Any
    payload_bytes: int
    wire_bytes: int
    identity: list[Any]


def seal(payload: Any) -> Sealed:
    """Freeze and weigh a payload.

    Raises:
        UsageError: the payload holds something that cannot travel.
    """
    frozen, payload_bytes, wire_bytes, identity = weigh(payload)
    return Sealed(
        frozen, payload_bytes, wire_bytes, [identity] if isinstance(identity, bytes) else identity
    )


def weigh(payload: Any) -> tuple[Any, int, int, bytes | list[Any]]:
    """Do what `seal` does and return a plain tuple; every message passes here.

    The identity of a small body is one bytes object.
    """
    kind = type(payload)
    if kind is _NDARRAY:
        head = _HEADS.get(payload.dtype, _NO_HEADS).get(payload.shape)
        wire, size, packed = _array_head(payload.dtype, payload.shape) if head is None else head
        flags = payload.flags.num & _FLAGS
        if flags != _READY:
            if flags & _READY != _READY:
                payload = _own(payload)
            payload.flags.writeable = False
        if size <= _SMALL:
            return payload, size, wire, packed + payload.tobytes()
        return payload, size, wire, [packed, _data(payload)]
    if kind is int and -(2**63) <= payload < 2**64:
        body: bytes = _PACK(payload)
        size = len(body)
        return payload, size, _CHANNEL_HEADER + size, body
    identity: list[Any] = []
    frozen, payload_bytes, body_bytes = _seal(payload, identity)
    if body_bytes <= _SMALL:
        return frozen, payload_bytes, _CHANNEL_HEADER + body_bytes, b"".join(identity)
    return frozen, payload_bytes, _CHANNEL_HEADER + body_bytes, identity


def _array_head(dtype: Any, shape: tuple[int, ...]) -> tuple[int, int, bytes]:
    """Return (wire bytes, bytes of data, packed [dtype, shape]) of a kind of array."""
    if dtype.kind not in _KINDS:
        raise UsageError(
            f"an array of dtype {dtype} cannot travel: accepted are Booleans, integers and floating point"
        )
    packed = bytes(_PACK([dtype.str, shape]))
    data = dtype.itemsize * math.prod(shape)
    size = len(packed) + data
    head = _CHANNEL_HEADER + _extension_header(size) + size, data, packed
    if len(_HEADS) + sum(map(len, _HEADS.values())) >= _MOST_HEADS:
        _HEADS.clear()
    _HEADS.setdefault(dtype, {})[shape] = head
    return head


def _seal(value: Any, identity: list[Any]) -> tuple[Any, int, int]:
    """Return (frozen value, payload bytes, body bytes) and append the value's identity."""
    if type(value) is np.ndarray:
        frozen, payload_bytes, wire_bytes, own = weigh(value)
        identity += [own] if isinstance(own, bytes) else own
        return frozen, payload_bytes, wire_bytes - _CHANNEL_HEADER
    if isinstance(value, list | tuple):
        head = msgpack.Packer().pack_array_header(len(value))
        identity.append(head)
        parts = [_seal(item, identity) for item in value]
        kind = list if isinstance(value, list) else tuple
        return _total(kind(part[0] for part in parts), len(head), parts)
    if isinstance(value, dict):
        head = msgpack.Packer().pack_map_header(len(value))
        identity.append(head)
        keys = [_seal_key(key, identity) for key in value]
        items = [_seal(item, identity) for item in value.values()]
        frozen = {key[0]: item[0] for key, item in zip(keys, items, strict=True)}
        return _total(frozen, len(head), keys + items)
    if isinstance(value, np.generic):
        value = value.item()
    body = _pack_scalar(value)
    identity.append(body)
    if value is not None and type(value) not in _SCALARS:
        value = msgpack.unpackb(body, ext_hook=_decode_extension)  # an object of such a class can change
    return value, _content_bytes(value, body), len(body)


def _seal_key(key: Any, identity: list[Any]) -> tuple[Any, int, int]:
    if isinstance(key, tuple | list | dict | np.ndarray):
        raise UsageError(
            f"a key of a dict in a payload cannot be {type(key).__name__}: accepted are text, bytes "
            "and numbers"
        )
    return _seal(key, identity)


def _total(frozen: Any, head: int, parts: list[tuple[Any, int, int]]) -> tuple[Any, int, int]:
    return frozen, sum(part[1] for part in parts), head + sum(part[2] for part in parts)


def copied(payload: Any) -> Any:
    """Return a sealed payload in lists and dicts of its own; what nobody can change is shared."""
    kind = type(payload)
    if kind is list or kind is tuple:
        return kind(map(copied, payload))
    if kind is dict:
        return {key: copied(value) for key, value in payload.items()}
    return payload


def _pack_scalar(value: Any) -> bytes:
    if isinstance(value, str | bytes):
        try:
            return bytes(_PACK(value))
        except ValueError as error:  # text that is no Unicode, or 4 GiB
            raise UsageError(
                f"a payload cannot hold {shown(value[:8])}… ({len(value)} long): {error}; accepted are "
                "text that UTF-8 can write, and less than 4 GiB"
            ) from None
    if value is None or isinstance(value, bool | float):
        return bytes(_PACK(value))
    if isinstance(value, int):
        if -(2**63) <= value < 2**64:
            return bytes(_PACK(value))
        raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return bytes(_PACK(msgpack.ExtType(BIG_INTEGER, raw)))
    raise UsageError(
        f"a payload cannot hold {type(value).__name__}: accepted are plain NumPy arrays of "
        "numbers, bytes, numbers, strings, None, and lists or dicts of these"
    )


def _content_bytes(value: Any, body: bytes) -> int:
    """Return what a scalar counts as payload: text and bytes their length, a number its packed size."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    return 0 if value is None else len(body)


def _own(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the array with data of its own, in C order; a view of what nobody can write stays."""
    if array.base is None:
        return np.ascontiguousarray(array)
    root: Any = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    immutable = isinstance(root.base, bytes) or (root.base is None and not root.flags.writeable)
    if immutable and (array.flags.c_contiguous or is_uniform(array)):
        return array
    return array.copy()


def is_uniform(array: np.ndarray[Any, Any]) -> bool:
    """Return whether an array is one element seen many times (all strides zero): shapes alone."""
    return array.size > 1 and not any(array.strides)


def _data(array: np.ndarray[Any, Any]) -> Any:
    if is_uniform(array):
        return array[(0,) * array.ndim].tobytes()
    return array.data if array.size else b""


def _extension_header(size: int) -> int:
    """Return how many bytes msgpack spends on the head of an extension of this many data bytes."""
    if size in (1, 2, 4, 8, 16):
        return 2
    return 3 if size < 2**8 else 4 if size < 2**16 else 6


def encode(channel: int, payload: Any) -> bytes:
    """Return the frame of a message, as it would go over a socket.

    Raises:
        UsageError: the payload holds something that cannot travel, or is 4 GiB or larger.
    """

    def pack(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            header = _PACK([value.dtype.str, value.shape])
            return msgpack.ExtType(ARRAY, header + value.tobytes())
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return msgpack.ExtType(BIG_INTEGER, raw)
        if isinstance(value, list | tuple):
            return [pack(item) for item in value]
        if isinstance(value, dict):
            return {pack(key): pack(item) for key, item in value.items()}
        _pack_scalar(value)
        return value

    head = msgpack.Packer().pack_array_header(2)
    identity = b"\xcf" + channel.to_bytes(8, "big")
    return bytes(head) + identity + bytes(_PACK(pack(payload)))


def decode(frame: bytes) -> tuple[int, Any]:
    """Return (channel, payload) of a frame; arrays come back read-only.

    Raises:
        InputError: the bytes are not a frame.
    """
    try:
        channel, payload = msgpack.unpackb(frame, ext_hook=_decode_extension, strict_map_key=False)
    except InputError:
        raise
    except Exception as error:  # of bytes from outside, msgpack and NumPy raise errors of many kinds
        raise InputError(f"not a frame of mpcsim ({len(frame)} bytes): {error}") from None
    if type(channel) is not int or channel < 0:
        raise InputError(f"not a frame of mpcsim: channel {channel!r}")
    return channel, payload


def _decode_extension(code: int, data: bytes) -> Any:
    if code == BIG_INTEGER:
        return int.from_bytes(data, "little", signed=True)
    if code != ARRAY:
        raise InputError(f"not a frame of mpcsim: unknown extension {code}")
    unpacker = msgpack.Unpacker(max_buffer_size=max(len(data), 1))
    unpacker.feed(data)
    name, shape = unpacker.unpack()
    if not isinstance(name, str) or len(name) > _LONGEST_DTYPE:
        raise InputError("not a frame of mpcsim: no dtype")
    dtype = np.dtype(name)
    if dtype.kind not in _KINDS:
        raise InputError(f"not a frame of mpcsim: dtype {name!r}")
    if any(type(side) is not int or side < 0 for side in shape):
        raise InputError(f"not a frame of mpcsim: shape {shape!r}")
    return np.frombuffer(data, dtype, offset=unpacker.tell()).reshape(shape)
