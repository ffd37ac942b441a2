"""The family where products alone are checked, in one of three ways other than proofs: for comparison.

A value is a `Share`, a sum the products that it is made of, as elsewhere in the family; edges are the
same. All but products is refused by name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np

from protocols.domains import Words
from protocols.family import NO_PADDING, Kind, NotOffered, Padding, Terms
from protocols.replicated3.sharings import Share
from protocols.replicated3_malicious.baselines import CHECKS
from protocols.replicated3_malicious.constructions import Sum
from protocols.replicated3_malicious.family import ReplicatedMalicious

INTERACTIVE = (
    "truncate_exact", "negative", "select", "both", "to_value", "from_value", "decompose", "compose",
    "relu", "less_than", "maximum", "max_pool", "block", "widen",
)  # fmt: skip
"""Methods that send what these checks are not about."""


class Compared(ReplicatedMalicious, verifies=tuple(CHECKS)):
    """One of the three servers, whose products are checked by MACs, sacrifice or cut and choose.

    Attributes:
        checked: the check, and what it has to verify.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        choices = self.choices
        self.checked = CHECKS[choices.verification](self.server, choices.security)

    @classmethod
    def check(cls, terms: Terms, function: str, **arguments: Any) -> None:
        """Refuse all but products without a shift, and too large a security parameter.

        Raises:
            InputError: it is one of these.
        """
        way = terms.choices.verification
        CHECKS[way].fits(terms.ring, terms.choices.security, way)
        shifts = terms.ring.fraction_bits > 0
        accepted = ["reveal", "mul"] if shifts else ["reveal", "mul", "mul_fixed", *CHECKS[way].kinds]
        if function not in accepted:
            raise refused(terms, function)

    # Products

    async def product(
        self,
        kind: Kind,
        x: Share,
        y: Share,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = NO_PADDING,
    ) -> Sum:
        """Return a sum of one product; it is computed where it is closed.

        Raises:
            NotOffered: this check has no such product.
        """
        if kind not in CHECKS[self.choices.verification].kinds:
            raise refused(self.terms, kind)
        return await super().product(kind, x, y, stride, padding)

    async def close(self, z: Sum, shift: int | None = None) -> Share:
        """Return shares of the sum, unverified; see `Check.multiply`.

        Raises:
            NotOffered: it would be shifted.
        """
        if self.ring.fraction_bits if shift is None else shift:
            raise refused(self.terms, "truncation")
        if z.products:
            return await self.checked.multiply(z)
        assert z.share is not None
        return z.share

    @property
    def unverified(self) -> bool:
        """Whether anything was multiplied, or shared by a client, since the last verification."""
        return bool(self.checked or self.noted)

    async def verify(self) -> None:
        """Check all products; see `Check.verify`."""
        await self.checked.verify()

    # Linear steps, where numbers are kept in a larger ring

    def _linear(self, function: Callable[..., Words], otherwise: Share, *given: Share) -> Share:
        return self.checked.linear(function, *given) or otherwise

    def add(self, x: Share, y: Share) -> Share:
        """Return x + y."""
        return self._linear(self.checked.domain.add, super().add(x, y), x, y)

    def subtract(self, x: Share, y: Share) -> Share:
        """Return x − y."""
        return self._linear(self.checked.domain.sub, super().subtract(x, y), x, y)

    def negate(self, x: Share) -> Share:
        """Return −x."""
        return self._linear(self.checked.domain.neg, super().negate(x), x)

    def scale(self, x: Share, words: Words) -> Share:
        """Return x times public integers."""
        domain = self.checked.domain
        return self._linear(
            lambda part: domain.mul(part, domain.of(np.asarray(words))), super().scale(x, words), x
        )

    def reshape(self, x: Share, shape: Sequence[int]) -> Share:
        """Return the same numbers in another shape."""
        return self._linear(lambda part: part.reshape(tuple(shape)), super().reshape(x, shape), x)

    def cut(self, x: Share, index: Any) -> Share:
        """Return x[index], for basic indices."""
        return self._linear(lambda part: part[index], super().cut(x, index), x)

    def concatenate(self, values: Sequence[Share], axis: int = 0) -> Share:
        """Return values joined along an axis."""
        join = self.kernels.concatenate
        return self._linear(
            lambda *parts: join(list(parts), axis), super().concatenate(values, axis), *values
        )

    def stack(self, values: Sequence[Share], axis: int = 0) -> Share:
        """Return values joined along a new axis."""
        join = self.kernels.stack
        return self._linear(lambda *parts: join(list(parts), axis), super().stack(values, axis), *values)


def refused(terms: Terms, what: str) -> NotOffered:
    """Return the error that says what a check is about."""
    way = terms.choices.verification
    shiftless = ", ".join(("mul_fixed", *CHECKS[way].kinds[1:]))
    return NotOffered(
        what,
        ReplicatedMalicious.name,
        f"verification = {way!r} accepts reveal, mul and, where ring.fraction_bits = 0, {shiftless}; "
        "verification = 'proof' accepts all",
    )


def _refusing(name: str) -> Callable[..., Awaitable[Any]]:
    async def method(self: Compared, *given: Any, **more: Any) -> Any:
        raise refused(self.terms, name)

    method.__doc__ = f"Refuse {name}."
    return method


for _name in INTERACTIVE:
    setattr(Compared, _name, _refusing(_name))
