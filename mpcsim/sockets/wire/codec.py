"""Payloads as bytes and back: a structure in msgpack, and the raw elements of what is large beside it.

Arrays, and bytes and texts of `APART` bytes or more, stand in the structure as their kind and length; their
bytes follow it in order, so that an array is neither copied before it is sent nor lies unaligned once it
came. Nothing is unpickled: a structure holds numbers, texts, bytes, None, lists, tuples, dicts and arrays.
 `dataclasses` of results (never of messages) travel as their class's name and fields, and are made
again without running any code, only of a class that is loaded already.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import msgpack
import numpy as np

from mpcsim.errors import InputError

APART = 4096
_ARRAY, _BIG, _TUPLE, _BYTES, _TEXT, _OBJECT, _SCALAR = range(1, 8)
_KINDS = "biuf"
_LONGEST_DTYPE = 8
_DEEPEST = 100
_PACK = msgpack.Packer(use_bin_type=True).pack
_KEPT = 4096
_structures: dict[tuple[str, tuple[int, ...]], bytes] = {}
_arrays: dict[bytes, tuple[np.dtype[Any], tuple[int, ...], int]] = {}
Slot = tuple[str, np.dtype[Any], tuple[int, ...], int]
"""What stands apart: its kind, and an array's dtype, shape and bytes."""


def encode(payload: Any, *, objects: bool = False) -> tuple[bytes, list[Any]]:
    """Return the structure of a payload and the buffers that follow it.

    Args:
        payload: what `mpcsim.metering.weigh` accepted; results of a party with `objects`.
        objects: whether dataclasses may be in it.

    Raises:
        InputError: it holds what cannot travel.
    """
    if type(payload) is np.ndarray and payload.dtype.kind in _KINDS:
        key = payload.dtype.str, payload.shape
        found = _structures.get(key)
        if found is None:
            found = bytes(_PACK(msgpack.ExtType(_ARRAY, _PACK(key))))
            if len(_structures) >= _KEPT:
                _structures.clear()
            _structures[key] = found
        return found, [_raw(payload)] if payload.size else []
    buffers: list[Any] = []
    return bytes(_PACK(_packed(payload, buffers, objects, 0))), buffers


def _raw(array: np.ndarray[Any, Any]) -> memoryview:
    flat = np.ascontiguousarray(array)
    return memoryview(flat.reshape(-1).view(np.uint8).data)


def _packed(value: Any, buffers: list[Any], objects: bool, depth: int) -> Any:
    kind = type(value)
    if value is None or kind in (bool, float):
        return value
    if depth > _DEEPEST:
        raise InputError(f"more than {_DEEPEST} lists or dicts within each other cannot travel")
    if kind is int:
        if -(2**63) <= value < 2**64:
            return value
        raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return msgpack.ExtType(_BIG, raw)
    if kind is str or kind is bytes:
        raw = value.encode() if kind is str else value
        if len(raw) < APART:
            return value
        buffers.append(memoryview(raw))
        return msgpack.ExtType(_TEXT if kind is str else _BYTES, _PACK(len(raw)))
    if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS:
        if value.size:
            buffers.append(_raw(value))
        return msgpack.ExtType(_ARRAY, _PACK([value.dtype.str, value.shape]))
    if isinstance(value, np.generic) and value.dtype.kind in _KINDS:
        return msgpack.ExtType(_SCALAR, _PACK([value.dtype.str, value.tobytes()]))
    if kind is list:
        return [_packed(item, buffers, objects, depth + 1) for item in value]
    if kind is tuple:
        inner = [_packed(item, buffers, objects, depth + 1) for item in value]
        return msgpack.ExtType(_TUPLE, msgpack.packb(inner))
    if kind is dict:
        items = [
            (_packed(key, buffers, objects, depth + 1), _packed(item, buffers, objects, depth + 1))
            for key, item in value.items()
        ]
        return dict(items)
    if objects and dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        inner = [kind.__module__, kind.__qualname__, _packed(fields, buffers, objects, depth + 1)]
        return msgpack.ExtType(_OBJECT, msgpack.packb(inner))
    if objects and isinstance(value, str | int | float):  # an enumeration, say
        base = next(one for one in (str, int, float) if isinstance(value, one))
        return _packed(base(value), buffers, objects, depth)
    raise InputError(
        f"{kind.__name__} cannot travel between processes; accepted: arrays of numbers, numbers, text, "
        "bytes, None, and lists, tuples, dicts or dataclasses of these"
    )


def slots(structure: bytes) -> list[Slot]:
    """Return what stands apart from a structure, in order.

    Raises:
        InputError: it is no structure.
    """
    if structure in _arrays:
        dtype, shape, size = _arrays[structure]
        return [("array", dtype, shape, size)] if size else []
    found: list[Slot] = []

    def note(slot: Slot) -> Any:
        found.append(slot)

    _parsed(structure, note)
    return found


def decode(structure: bytes, buffers: list[Any]) -> Any:
    """Return the payload of a structure and of what stands apart; arrays are read-only.

    Args:
        structure: from `encode`, of another process.
        buffers: for each of `slots`, an array of that many bytes (or bytes).

    Raises:
        InputError: it is no structure.
    """
    given: Iterator[Any] = iter(buffers)
    known = _arrays.get(structure)
    if known is not None:
        return _array(known[0], known[1], next(given) if known[2] else b"")

    def take(slot: Slot) -> Any:
        kind, dtype, shape, size = slot
        raw = next(given) if size else b""
        if kind == "array":
            return _array(dtype, shape, raw)
        return bytes(raw) if kind == "bytes" else bytes(raw).decode()

    payload = _parsed(structure, take)
    if type(payload) is np.ndarray:
        if len(_arrays) >= _KEPT:
            _arrays.clear()
        _arrays[structure] = payload.dtype, payload.shape, payload.nbytes
    return payload


def _array(dtype: np.dtype[Any], shape: tuple[int, ...], raw: Any) -> np.ndarray[Any, Any]:
    if not len(raw):
        empty = np.empty(shape, dtype)
        empty.flags.writeable = False
        return empty
    found = np.frombuffer(raw, dtype).reshape(shape)
    found.flags.writeable = False
    return found


def _parsed(structure: bytes, take: Callable[[Slot], Any], depth: int = 0) -> Any:
    def extension(code: int, data: bytes) -> Any:
        if code == _ARRAY:
            return take(_array_slot(data))
        if code in (_BYTES, _TEXT):
            size = msgpack.unpackb(data)
            if type(size) is not int or not APART <= size < 2**48:
                raise InputError(f"a length of {size!r}")
            return take(("bytes" if code == _BYTES else "text", np.dtype("u1"), (size,), size))
        if code == _BIG:
            return int.from_bytes(data, "little", signed=True)
        if code == _SCALAR:
            name, raw = msgpack.unpackb(data)
            return np.frombuffer(raw, _dtype(name))[0]
        if depth > _DEEPEST:
            raise InputError("tuples too deep within each other")
        if code == _TUPLE:
            return tuple(_parsed(data, take, depth + 1))
        if code == _OBJECT:
            return _object(*_parsed(data, take, depth + 1))
        raise InputError(f"an extension {code}")

    try:
        return msgpack.unpackb(structure, ext_hook=extension, strict_map_key=False)
    except InputError:
        raise
    except Exception as error:  # of bytes from outside, msgpack and NumPy raise errors of many kinds
        raise InputError(f"no structure of a payload: {type(error).__name__}: {error}") from None


def _dtype(name: Any) -> np.dtype[Any]:
    if not isinstance(name, str) or len(name) > _LONGEST_DTYPE:
        raise InputError("no dtype")
    dtype = np.dtype(name)
    if dtype.kind not in _KINDS:
        raise InputError(f"a dtype {name!r}")
    return dtype


def _array_slot(data: bytes) -> Slot:
    name, shape = msgpack.unpackb(data)
    dtype = _dtype(name)
    if len(shape) > 32 or any(type(side) is not int or not 0 <= side < 2**48 for side in shape):
        raise InputError(f"a shape {shape!r}")
    return "array", dtype, tuple(shape), dtype.itemsize * math.prod(shape)


def _object(module: Any, name: Any, fields: Any) -> Any:
    """Return an object with these fields: of its class, where that is a dataclass that is loaded."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        return SimpleNamespace(**fields)
    made = object.__new__(found)
    for key, value in fields.items():
        object.__setattr__(made, key, value)
    return made
