"""What a party does besides sending to and hearing from one other: choose, leave a channel, abort."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Awaitable, Generator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from mpcsim.engine.asks import OUTSIDE_ITS_COROUTINE, Abort, Choice, Engine
from mpcsim.engine.strand import Actor
from mpcsim.errors import UsageError
from mpcsim.schema import shown
from mpcsim.texts import whole

if TYPE_CHECKING:
    from mpcsim.engine.strand import Strand


class Chooser(Actor):
    """The part of a `Party` that waits for any of several others, and that ends early."""

    _scheduler: Engine

    if TYPE_CHECKING:

        def recv(self, source: int | str, timeout: float | str | None = None) -> Awaitable[Any]:
            """See `Party`."""

    async def recv_any(self, sources: Sequence[int | str] | None = None) -> tuple[int, Any]:
        """Await a message of any of `sources` on the present channel; return (id of its sender, payload).

        Of messages that wait already it is the one that arrived first. Of a message that arrived before
        this party's first choice, the order is that of the senders' first messages that wait, then of
        sending.

        Args:
            sources: ids or roles, each once; all others by default.

        Raises:
            PeerAborted: nothing waits, and all sources have aborted.
            UsageError: no sources, one that is not there or is there twice, or the party itself.
        """
        strand = self._running()
        ids = self._sources(sources)
        source: int = await _choose(self, strand, ids)
        return source, await self.recv(source)

    async def recv_quorum(self, sources: Sequence[int | str] | None, k: int) -> list[tuple[int, Any]]:
        """Await one message each of the first `k` of `sources` on the present channel, in order of arrival.

        What the others send stays to be received, or is dropped by `leave_channel`.

        Raises:
            PeerAborted: so many sources have aborted that k are no longer to be had.
            UsageError: as `recv_any`, or k is no number from 0 to that of the sources.
        """
        left = self._sources(sources)
        if type(k) is not int or not 0 <= k <= len(left):
            raise UsageError(
                f"party.recv_quorum: found k = {shown(k)}; accepted: 0 to {len(left)}, the sources"
            )
        found: list[tuple[int, Any]] = []
        while len(found) < k:
            source, payload = await self.recv_any(left)
            left.remove(source)  # fewer than k: `recv_any` raises, once all that are left have aborted
            found.append((source, payload))
        return found

    def leave_channel(self) -> None:
        """Drop what waits on the present channel unread, and what will still come on it for this party.

        What is late is then no error. The party cannot receive on the channel any more.
        """
        strand = self._running()
        channel = strand.channel.id
        self._left.add(channel)
        self.odd = True
        for key in [key for key in self._mail if key[1] == channel]:
            del self._mail[key]
        self._scheduler.note_left(strand)

    async def abort(self, reason: str) -> NoReturn:
        """End this party's program with ⊥: its output is None, its outcome "aborted".

        Who waits for it, or waits for it later, hears so by `PeerAborted` once all that it sent has come
        and the link's latency has passed. What it has under way in other children of a gather is closed.

        Raises:
            UsageError: the reason is no text.
        """
        self._running()
        if not isinstance(reason, str):
            raise UsageError(f"party.abort takes text for its reason: found {type(reason).__name__}")
        await _ask(Abort(whole(reason)))
        raise AssertionError("a party that aborted went on")

    def _running(self) -> Strand:
        if self._strand is None:
            raise UsageError(OUTSIDE_ITS_COROUTINE)
        return self._strand

    def _sources(self, sources: Sequence[int | str] | None) -> list[int]:
        if sources is None:
            return [id for id in range(self.n) if id != self.id]
        if isinstance(sources, str) or not isinstance(sources, Sequence | set | frozenset | range):
            raise UsageError(f"party.recv_any takes a list of sources: found {shown(sources)}")
        ids = [one if type(one) is int else self._id_of(one) for one in sources]
        for one in ids:
            if not 0 <= one < self.n or one == self.id:
                raise UsageError(self._no_such_party("receive from", one))
        if not ids or len(set(ids)) < len(ids):
            raise UsageError(f"party.recv_any: found {shown(ids)}; accepted: one source or more, each once")
        return ids

    # The mailbox

    def order_arrivals(self) -> None:
        """Keep from here on in which order messages come that nobody waits for."""
        if self._arrivals is not None:
            return
        self._arrivals = {}
        self.odd = True
        first, later = [], []
        for key, mail in self._mail.items():
            first.append(key)
            if type(mail) is deque:
                later += [(message[2], key) for message in list(mail)[1:]]
        for key in [*first, *(key for _, key in sorted(later))]:
            self._note_arrival(key)

    def earliest(self, keys: Sequence[tuple[int, int]]) -> int | None:
        """Return the source of the message that waits longest; None where none does."""
        found: tuple[int, int] | None = None
        assert self._arrivals is not None
        for key in keys:
            mail = self._mail.get(key)
            if mail is None:
                continue
            came, unread = self._arrivals[key], len(mail) if type(mail) is deque else 1
            while len(came) > unread:
                came.popleft()
            if found is None or came[0] < found[0]:
                found = came[0], key[0]
        return None if found is None else found[1]


@types.coroutine
def _choose(party: Chooser, strand: Strand, sources: Sequence[int]) -> Generator[Any, Any, int]:
    """Return the source whose message is the first to be there; it is in the mailbox."""
    watch = party._watch
    if watch is not None:
        watch.pause()
    channel = strand.channel.id
    keys = [(source, channel) for source in sources]
    party.order_arrivals()
    party._scheduler.note_choice(strand, sources)
    found = party.earliest(keys)
    if found is None:
        keys = [key for key in keys if key[0] not in party._gone]
        if not keys or channel in party._left:
            party.refuse_wait((sources[-1], channel))
        mail = yield Choice(keys)
        found = strand.choose()
        party._mail[found, channel] = mail
        party._note_arrival((found, channel))
        if watch is not None:
            watch.hold()
    if watch is not None:
        watch.resume()
    return found


@types.coroutine
def _ask(what: Any) -> Generator[Any, Any, Any]:
    return (yield what)
