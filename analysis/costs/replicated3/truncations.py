"""Truncations of one third with n values, by role: what it costs to lose `shift` low bits.

z = z_0 + z_1 + z_2 is a masked sum of products, z_i at role i; or it is already in halves v + w.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.costs.algebra import LOCAL, Cost, exchange, messages, reshare, sequence
from analysis.costs.numbers import Number, packed
from analysis.costs.replicated3.setting import Setting, chosen


def product(setting: Setting, n: Number, shift: Number) -> Cost:
    """Product: n sums of products over 2^shift, as a sharing; a shift by nothing is the reshare alone."""
    if shift == 0:
        return reshare(packed(n, setting.l))
    return chosen(TRUNCATIONS, setting.truncation, "truncation")(setting, n, shift)


def fused(setting: Setting, n: Number, shift: Number) -> Cost:
    """1 round, 3l bits. Source: SecureML §4.1 (Mohassel, Zhang 2017): constructions.md#truncation-fused."""
    size = packed(n, setting.l)
    return messages((1, 2, size), (2, 1, size), (0, 2, size))


def safe(setting: Setting, n: Number, shift: Number) -> Cost:
    """2 rounds, 3l + 3·shift bits.

    Role 0 deals the bit of its half's wrap and its shifted half; the correction, `shift` bits, is
    reshared by roles 1 and 2. Source: constructions.md#truncation-safe.
    """
    size, wrap = packed(n, setting.l), packed(n, shift)
    first = messages((1, 2, size), (2, 1, size), (0, 2, wrap + size))
    return sequence(first, exchange(wrap))


def of_halves(n: Number, shift: Number) -> Cost:
    """Halves to shifted halves, as in `safe`: the wrap bit, then the correction; 3·shift bits."""
    wrap = packed(n, shift)
    return sequence(messages((0, 2, wrap)), exchange(wrap))


def of_halves_at_once(n: Number, shift: Number) -> Cost:
    """Halves to shifted halves in 1 round: the wrap bit in three parts, as in a lift; 4·shift bits."""
    if shift == 0:
        return LOCAL
    wrap = packed(n, shift)
    return messages((0, 1, wrap), (0, 2, wrap), (1, 2, wrap), (2, 1, wrap))


def of_sharing_at_once(setting: Setting, n: Number, shift: Number) -> Cost:
    """Sharing to shifted sharing: it lies in halves, of which role 0 shares its own; l + 4·shift bits."""
    return sequence(of_halves_at_once(n, shift), messages((0, 2, packed(n, setting.l))))


TRUNCATIONS: dict[str, Callable[[Setting, Number, Number], Cost]] = {"fused": fused, "safe": safe}
