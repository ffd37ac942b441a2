"""Quantities with units, read from text such as "88.5 ms" and kept as exact integers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from mpcsim.errors import InputError

_TIME = {"ns": 1, "us": 10**3, "\u00b5s": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9}
_GREEK_MU, _MICRO = "\u03bc", "\u00b5"  # they look alike, and keyboards give either
_RATE = {"bit/s": 1, "kbit/s": 10**3, "Mbit/s": 10**6, "Gbit/s": 10**9, "Tbit/s": 10**12}
_SIZE = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_RATE |= {unit.replace("bit/s", "bps"): factor for unit, factor in _RATE.items()}
_QUANTITY = re.compile(
    r"\s*([+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?)\s*([A-Za-z\u00b5\u03bc/]+)\s*"
)

NANOSECONDS = 10**9
_LONGEST = 10**9 * NANOSECONDS  # some thirty years: beyond that it is a typing error
_FASTEST = 10**18
_LARGEST = 10**15


@dataclass(frozen=True)
class Unit:
    """What a key of a scenario is counted in: said beside its type (`Annotated`), and shown by listings."""

    name: str


TIME = Unit(", ".join(_TIME))
RATE = Unit(", ".join(list(_RATE)[:5]))
SIZE = Unit(", ".join(_SIZE))
BYTES, BITS, PIXELS = Unit("bytes"), Unit("bits"), Unit("pixels")


def _read(text: object, units: dict[str, int], what: str, example: str) -> Decimal:
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) and len(text) < 64 else None
    unit = "" if match is None else match[2].replace(_GREEK_MU, _MICRO)
    if match is None or unit not in units:
        accepted = ", ".join(units)
        found = "" if match is None else f" (unknown unit {match[2]!r})"
        raise InputError(
            f"{text!r} is not a {what}{found}: write a number and a unit, as in {example!r}; "
            f"units: {accepted}"
        )
    return Decimal(match[1]) * units[unit]


def parse_time(text: object) -> int:
    """Return nanoseconds for text such as "88.5 ms"; zero is allowed, negative times are not."""
    value = _read(text, _TIME, "time", "88.5 ms")
    if not 0 <= value <= _LONGEST:
        raise InputError(f"{text!r} is out of range: a time lies between 0 s and 1e9 s")
    return int(value.to_integral_value(ROUND_HALF_UP))


def parse_bandwidth(text: object) -> int | None:
    """Return bits per second for text such as "220 Mbit/s"; None for "unlimited"."""
    if text == "unlimited":
        return None
    value = _read(text, _RATE, "bandwidth", "220 Mbit/s")
    if not 1 <= value <= _FASTEST:
        raise InputError(
            f'{text!r} is out of range: a bandwidth lies between 1 bit/s and 1e18 bit/s, or is "unlimited"'
        )
    return int(value.to_integral_value(ROUND_HALF_UP))


def parse_size(text: object) -> int | None:
    """Return bytes for text such as "4 MB"; None for "unlimited"."""
    if text == "unlimited":
        return None
    value = _read(text, _SIZE, "size", "4 MB")
    if not 0 <= value <= _LARGEST:
        raise InputError(f'{text!r} is out of range: a size lies between 0 B and 1e6 GB, or is "unlimited"')
    return int(value.to_integral_value(ROUND_HALF_UP))


def format_time(nanoseconds: int) -> str:
    """Return a time for people, in the largest unit that keeps it at or above one."""
    for unit in ("s", "ms", "us"):
        if abs(nanoseconds) >= _TIME[unit]:
            return f"{nanoseconds / _TIME[unit]:.4g} {unit}"
    return f"{nanoseconds} ns"


def format_bytes(count: float) -> str:
    """Return a size for people in decimal units, as network rates are."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if abs(count) >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} B"
