"""What three servers tell each other of their checks: each that it found nothing, or all that nobody did.

`agree` ends a batch after which nothing is shown. `release` comes before something is: of two honest
servers both go on or neither does, whatever the third says, to whom, and where it stops (docs/malicious.md,
"The last verdict").
"""

from __future__ import annotations

from typing import Any

from mpcsim import PeerAborted, RecvTimeout
from protocols.replicated3_malicious.sharings import Checked, is_image, seconds

TOKENS, FORWARDS = 2, 3
"""How many times its patience a server waits for a token, and then for what another got."""
LONGEST = TOKENS + FORWARDS + 1
"""How many times a client's patience lasts, to hear of servers that may have waited so long."""


async def agree(server: Checked) -> None:
    """Tell both others that all is well, and hear it of them. Rounds: 1. Bytes: 2 a server."""
    for place in _others(server.role):
        server.send(place, True)
    for place in _others(server.role):
        if await server.recv(place) is not True:
            await server.refuse("the verdict of another")


async def release(server: Checked) -> None:
    """Go on if all three have found nothing wrong, and both honest servers know; else abort.

    That all is well a server says by the image of its next token. Who has heard so of both others lets its
    own token out, and hands on to the third what came of another's. It goes on with both others' tokens,
    each from its owner or handed on. Once its own is out it says all its words, whatever the others do.

    Rounds: 3. Bytes: six of `TOKEN` a server.
    """
    following = server.tokens.image(1)
    images = await server.party.gather(*(_image(server, owner, following) for owner in range(3)))
    if not all(is_image(one) for one in images):
        await server.refuse("the verdict of another")
    own = server.tokens.release()
    held = await server.party.gather(*(_token(server, owner, own) for owner in range(3)))
    if not all(held):
        await server.refuse("the verdict of another")
    server.tokens.images = dict(enumerate(images))


async def _image(server: Checked, owner: int, following: bytes) -> Any:
    """Return the image of a server's next token, as it says; both others are heard side by side."""
    if owner != server.role:
        return await server.recv(owner)
    for place in _others(owner):
        server.send(place, following)
    return following


async def _token(server: Checked, owner: int, own: bytes) -> bool:
    """Return whether a token is out: at its owner to say it, at the others to hear and hand it on."""
    if owner == server.role:
        for place in _others(owner):
            server.send(place, own)
        return True
    (third,) = {0, 1, 2} - {owner, server.role}
    token = await _word(server, owner, TOKENS)
    known = server.tokens.opens(owner, token)
    server.send(third, token if known else b"")
    handed = await _word(server, third, FORWARDS)
    return known or server.tokens.opens(owner, handed)


async def _word(server: Checked, place: int, times: int) -> Any:
    """Return the next message of a server; None where it aborts, or is silent so many times too long."""
    try:
        return await server.party.recv(server.servers[place], seconds(server.patience, times))
    except (PeerAborted, RecvTimeout):
        return None


def _others(place: int) -> tuple[int, int]:
    return (place + 1) % 3, (place + 2) % 3
