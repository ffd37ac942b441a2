"""What a way to check products has to offer, and products as it keeps them until then."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar

from mpcsim import InputError
from protocols.domains import Ring, Words
from protocols.family import Kind
from protocols.replicated3.sharings import Share
from protocols.replicated3_malicious.baselines.domain import WIDEST, Domain
from protocols.replicated3_malicious.constructions import Sum
from protocols.replicated3_malicious.sharings import Checked

Kept = TypeVar("Kept")


class Check(ABC, Generic[Kept]):
    """How products are checked before anything is shown.

    Attributes:
        kinds: products that it can check.
        server: this server.
        security: s.
        domain: what it computes in.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("mul", "dot", "matmul", "conv2d")

    def __init__(self, server: Checked, security: int) -> None:
        self.server = server
        self.security = security
        self.domain = Domain(server.ring.bits + self.further(security), server.kernels)
        self._kept: list[tuple[tuple[int, int], Kept]] = []

    @classmethod
    def further(cls, security: int) -> int:
        """Return the bits of its domain above the ring's."""
        return security

    @classmethod
    def fits(cls, ring: Ring, security: int, name: str) -> None:
        """Refuse a ring and a security parameter that no domain has room for.

        Raises:
            InputError: they do not fit.
        """
        most = WIDEST - ring.bits
        if cls.further(security) > most:
            raise InputError(
                f"protocol.security = {security}: verification = {name!r} computes in a ring of "
                f"{ring.bits} + {cls.further(security)} bits; accepted: up to {most} in this ring"
            )

    @abstractmethod
    async def multiply(self, z: Sum) -> Share:
        """Return shares of a sum of products, unverified. Rounds and bits: see each check."""

    def linear(self, function: Callable[..., Words], *given: Share) -> Share | None:
        """Return a linear function of shares in the domain; None where it is one mod 2^l alone."""
        return None

    async def verify(self) -> None:
        """Check all products since the last time; abort where one is wrong."""
        kept = [one for _, one in sorted(self._kept, key=lambda pair: pair[0])]
        self._kept.clear()
        if kept:
            await self._verify(kept)

    @abstractmethod
    async def _verify(self, kept: list[Kept]) -> None:
        """Check what was kept, in the order that all servers share."""

    def keep(self, one: Kept) -> None:
        """Keep something until it is verified."""
        self._kept.append((self.server.party.call("unverified"), one))

    def __bool__(self) -> bool:
        return bool(self._kept)
