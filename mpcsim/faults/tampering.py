"""What a rule of kind "tamper" does to a payload."""

from __future__ import annotations

from typing import Any

import numpy as np


def added(payload: Any, value: int | float) -> Any:
    """Return a payload with a value added to each of its numbers, within their types; bits are flipped."""
    if isinstance(payload, list | tuple):
        return type(payload)([added(one, value) for one in payload])
    if isinstance(payload, dict):
        return {key: added(one, value) for key, one in payload.items()}
    if isinstance(payload, np.ndarray):
        return _array(payload, value)
    if isinstance(payload, bool):
        return payload ^ bool(int(value) & 1)
    if isinstance(payload, int):
        return payload + int(value)
    if isinstance(payload, float):
        return payload + value
    if isinstance(payload, bytes):
        return _array(np.frombuffer(payload, np.uint8), value).tobytes()
    return payload


def _array(values: np.ndarray[Any, Any], value: int | float) -> np.ndarray[Any, Any]:
    changed = values.copy()
    if values.dtype.kind == "b":
        changed ^= bool(int(value) & 1)
    elif values.dtype.kind in "iu":
        words = changed.view(values.dtype.str.replace("i", "u"))
        words += np.array(int(value) % 2 ** (8 * values.dtype.itemsize), words.dtype)
    else:
        changed += value
    return changed


def replaced(payload: Any, value: Any) -> Any:
    """Return a payload of the same shape that holds a value everywhere; a text stands for the whole."""
    if isinstance(value, str):
        return value
    if isinstance(payload, list | tuple):
        return type(payload)([replaced(one, value) for one in payload])
    if isinstance(payload, dict):
        return {key: replaced(one, value) for key, one in payload.items()}
    if isinstance(payload, np.ndarray):
        return added(np.zeros_like(payload), value)
    if isinstance(payload, bytes):
        return bytes([int(value) % 256]) * len(payload)
    if isinstance(payload, bool | int | float):
        return type(payload)(value)
    return payload
