"""What a scenario chooses, and what follows: the field, how products are reduced, numbers in and out."""

from __future__ import annotations

from math import comb
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from protocols.domains import PrimeField, Words
from protocols.family import Terms
from protocols.shamir.products import cheaper
from protocols.shamir.server import FEW


class ShamirChoices(BaseModel):
    """The `[protocol]` table of this family."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prime: Literal[61, 127] = Field(default=127, description="values are mod 2^61 − 1 or 2^127 − 1")
    kappa: int = Field(
        default=40,
        ge=1,
        le=100,
        description="statistical security: masks have so many bits more than what they hide",
    )
    multiplication: Literal["auto", "grr", "dn"] = Field(
        default="auto",
        description='"grr": shares are dealt again, one round; "dn": a king opens masked products, two '
        'rounds, 2(n − 1) elements; "auto": what sends less',
    )
    doubles: Literal["auto", "drawn", "extracted"] = Field(
        default="auto",
        description='double sharings of "dn": "drawn" from keys of all sets of n − t servers; "extracted" '
        'by a hyper-invertible matrix from what all deal; "auto": drawn where there are few sets',
    )
    truncation: Literal["probabilistic", "exact"] = Field(
        default="probabilistic",
        description='"probabilistic": off by (t + 1) / 2 units at most; "exact": rounded down, by carries',
    )


def multiplication_of(terms: Terms) -> tuple[str, bool]:
    """Return the multiplication, and whether double sharings are extracted."""
    n, t = len(terms.roster.servers), terms.roster.threshold
    choices = terms.choices
    found = cheaper(n, t) if choices.multiplication == "auto" else choices.multiplication
    few = comb(n, t) <= FEW if choices.doubles == "auto" else choices.doubles == "drawn"
    return found, found == "dn" and not few


def field_of(terms: Terms) -> PrimeField:
    """Return the field of the values, and the bits that it leaves beside κ and the carries of masks."""
    ring, choices = terms.ring, terms.choices
    carries = terms.roster.threshold.bit_length()  # ⌈log2(t + 1)⌉
    bits = min(64, choices.prime - 1 - choices.kappa - carries)
    return PrimeField(bits, ring.fraction_bits, ring.value_bits, choices.prime, choices.kappa)


def as_shared(terms: Terms, words: Words) -> Words:
    """Return clients' numbers, signed mod 2^l, as elements."""
    k, ring = terms.kernels, terms.ring
    wide = k.astype(words, np.dtype(np.uint64))
    if ring.bits < 64:
        half = k.full((), 1 << (ring.bits - 1), np.dtype(np.uint64))
        wide = k.sub(k.low_bits(k.add(wide, half), ring.bits), half)
    found: Words = k.mersenne_integers(wide, field_of(terms).dtype)
    return found


def as_given(terms: Terms, found: Words) -> Words:
    """Return elements as numbers mod 2^l."""
    k, ring = terms.kernels, terms.ring
    words: Words = k.astype(k.low_bits(k.mersenne_words(found), ring.bits), ring.dtype)
    return words
