"""Adversaries: programs that take the place of honest ones, or hold their strings.

An attack is a coroutine function of its party and of the honest program. It sees what the party sees: its
messages, its randomness, its own inputs. It may run another program, or the honest one on a `Puppet`, whose
messages it sees and changes. One that waits for the others' messages of a round before it sends its own is
a rushing adversary.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mpcsim.errors import InputError
from mpcsim.network import party_id
from mpcsim.schema import shown

if TYPE_CHECKING:
    from mpcsim.engine import Party

Honest = Callable[[Any], Awaitable[Any]]
Attack = Callable[["Party", Honest], Awaitable[Any]]

WITHHELD = object()
"""What a `send` of a `Puppet` returns for a message that is not to be sent."""


class Attacked:
    """The program of a party that an adversary has corrupted."""

    def __init__(self, attack: Attack, honest: Honest) -> None:
        self.attack = attack
        self.honest = honest

    def __call__(self, party: Party) -> Awaitable[Any]:
        """Return the coroutine that runs instead of the honest program."""
        return self.attack(party, self.honest)


def corrupt(programs: Mapping[str, Any], attacks: Mapping[str, Attack]) -> dict[str, Any]:
    """Return programs by role, those of corrupted parties replaced.

    Raises:
        InputError: a role that is not there, or an attack that is no function.
    """
    roles, found = list(programs), dict(programs)
    for number, (role, attack) in enumerate(attacks.items()):
        known = roles[party_id(role, roles, f"adversaries.{number}.role")]
        if not callable(attack):
            raise InputError(
                f"adversaries.{number}.program: found {shown(attack)}; accepted: a coroutine function of "
                "the party and the honest program"
            )
        found[known] = Attacked(attack, found[known])
    return found


class Puppet:
    """A party on which an adversary runs the honest program; all else is the party's own.

    Args:
        party: the corrupted party.
        send: takes (receiver, payload) of what the program sends, and returns what goes out in its place,
            or `WITHHELD`.
        receive: takes (sender, payload) of what comes, and returns what the program gets in its place.
    """

    def __init__(
        self,
        party: Party,
        send: Callable[[Any, Any], Any] | None = None,
        receive: Callable[[Any, Any], Any] | None = None,
    ) -> None:
        self._party, self._change, self._show = party, send, receive

    def __getattr__(self, name: str) -> Any:
        return getattr(self._party, name)

    def send(self, to: int | str, payload: Any) -> None:
        """See `Party.send`."""
        if self._change is not None:
            payload = self._change(to, payload)
        if payload is not WITHHELD:
            self._party.send(to, payload)

    async def recv(self, source: int | str, timeout: float | str | None = None) -> Any:
        """See `Party.recv`."""
        payload = await self._party.recv(source, timeout)
        return payload if self._show is None else self._show(source, payload)

    async def recv_any(self, sources: Sequence[int | str] | None = None) -> tuple[int, Any]:
        """See `Party.recv_any`."""
        source, payload = await self._party.recv_any(sources)
        return source, payload if self._show is None else self._show(source, payload)

    async def recv_quorum(self, sources: Sequence[int | str] | None, k: int) -> list[tuple[int, Any]]:
        """See `Party.recv_quorum`."""
        found = await self._party.recv_quorum(sources, k)
        return found if self._show is None else [(one, self._show(one, payload)) for one, payload in found]
