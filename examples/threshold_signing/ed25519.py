"""Arithmetic on edwards25519 (RFC 8032) in Python's integers: for examples, not for keys of value."""

from __future__ import annotations

from hashlib import sha512

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]
"""Extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z."""

NEUTRAL: Point = (0, 1, 1, 0)


def add(one: Point, other: Point) -> Point:
    """Return the sum of two points."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * _D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar: int, point: Point) -> Point:
    """Return a multiple of a point."""
    found = NEUTRAL
    while scalar:
        if scalar & 1:
            found = add(found, point)
        point, scalar = add(point, point), scalar >> 1
    return found


def encode(point: Point) -> bytes:
    """Return the 32 bytes of a point."""
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode(data: bytes) -> Point:
    """Return the point of 32 bytes.

    Raises:
        ValueError: there is no such point.
    """
    packed = int.from_bytes(data, "little")
    y, sign = packed & (1 << 255) - 1, packed >> 255
    x = _root(y)
    if x is None or (x == 0 and sign):
        raise ValueError("no point of edwards25519")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def _root(y: int) -> int | None:
    square = (y * y - 1) * pow(_D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return x if y < P and (x * x - square) % P == 0 else None


BASE = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def hashed(*parts: bytes) -> int:
    """Return SHA-512 of the parts, as a scalar."""
    return int.from_bytes(sha512(b"".join(parts)).digest(), "little") % ORDER
