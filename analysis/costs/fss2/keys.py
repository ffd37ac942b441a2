"""What a comparison costs whose keys are dealt: from docs/constructions.md, "Comparison keys"."""

from __future__ import annotations

from analysis.costs.algebra import Cost, sequence
from analysis.costs.dealer2 import NOTHING, Dealt
from analysis.costs.dealer2 import opening as shown
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number, packed, planes

_WORD = 128
"""Bits of the correction word of a level: a seed's and those of two control bits."""


def opening(setting: FamilySetting, online: Number, key: Number) -> Cost:
    """Price an opening of so many bytes a server beside a key, which the dealer sends to both.

    On demand it waits until both have asked; what is stored is there.
    """
    if setting.choice("stored"):
        return shown(setting, online)
    asked = setting.choice("dealing") == "on_demand"
    own, other = (2, 2) if asked else (0, 1)
    ask = 1 if asked else None
    return Cost((online, online, 2 * key), ((own, other, 1), (other, own, 1), (ask, ask, 0)))


def levels(bits: int, width: int) -> tuple[int, int]:
    """Return (levels, entries of a leaf): of all depths the one whose key is smallest.

    A level has a correction word and one of the output, a leaf 2^(bits − levels) of the output.
    """
    depths = range(bits, -1, -1)
    best = min(depths, key=lambda depth: depth * (_WORD + width) + width * 2 ** (bits - depth))
    return best, 2 ** (bits - best)


def bit_key(n: Number, bits: int) -> Number:
    """Return the bytes of n keys that compare numbers of so many bits into a bit."""
    depth, entries = levels(bits, 1)
    return depth * n * (_WORD // 8) + planes(depth + entries, n)


def word_key(setting: FamilySetting, n: Number, bits: int, many: int) -> Number:
    """Return the bytes of n keys whose outputs are so many numbers."""
    depth, entries = levels(bits, many * setting.l)
    return depth * n * (_WORD // 8) + packed((depth + entries) * many * n, setting.l)


class Keys(Dealt):
    """Comparisons into bits: one opening, of signed numbers, whose lower bits the key compares."""

    def sign(self, setting: FamilySetting, n: Number, bits: Number, limits: int = 1) -> Cost:
        """One key serves all limits; the sign of one bit is that bit."""
        if bits == 1 and limits == 1:
            return NOTHING
        return opening(setting, packed(n, bits), bit_key(n, bits - 1))

    def equal(self, setting: FamilySetting, n: Number) -> Cost:
        """Below 1 and not below 0."""
        return sequence(self.sign(setting, n, setting.V + 1, 2), self.numbers(setting, n))


class Splines(Keys):
    """Comparisons into numbers, and their products with what is opened beside."""

    def places(self, setting: FamilySetting, n: Number, limits: int, bits: int) -> Cost:
        """One key of one number serves all limits."""
        return opening(setting, packed(n, bits), word_key(setting, n, bits - 1, 1))

    def where_positive(self, setting: FamilySetting, n: Number, bits: int, own: int, others: int) -> Cost:
        """All that is chosen is opened whole; the comparison alone where its number is not among that."""
        chosen = own + others
        online = chosen * packed(n, setting.l) + (0 if own else packed(n, bits))
        return opening(setting, online, word_key(setting, n, bits - 1, 1 + chosen))

    def compare(self, setting: FamilySetting, n: Number) -> Cost:
        """Price one limit of a difference."""
        return self.places(setting, n, 1, setting.V + 1)

    def equal(self, setting: FamilySetting, n: Number) -> Cost:
        """Two limits of a difference."""
        return self.places(setting, n, 2, setting.V + 1)


_FORMS = {"key": Keys(), "spline": Splines()}


def priced(setting: FamilySetting) -> Dealt:
    """Return what prices the form of keys that was chosen."""
    return _FORMS[str(setting.choice("form"))]
