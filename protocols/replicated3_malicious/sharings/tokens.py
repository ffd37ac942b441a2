"""Tokens: what a server lets out when it has found nothing wrong, and others know by its hash.

Of the token that a server lets out next both others have the hash, its *image*: of the first since they
agreed on keys, of a further one since the release before. Both compare what they were given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from protocols.replicated3_malicious.sharings.digests import DIGEST, digest

TOKEN = DIGEST
"""Bytes of a token, and of its image."""


@dataclass
class Tokens:
    """A server's own tokens, and the images of the others' next ones.

    Attributes:
        draw: gives so many secret bytes for a name.
        images: of the others' next tokens, by place.
        own: the tokens that were drawn and are not out yet, by number.
        released: how many of its own it has let out.
    """

    draw: Callable[[str, int], bytes]
    images: dict[int, bytes] = field(default_factory=dict)
    own: dict[int, bytes] = field(default_factory=dict)
    released: int = 0

    def image(self, later: int = 0) -> bytes:
        """Return the image of the next token, or of one after it."""
        number = self.released + later
        if number not in self.own:
            self.own[number] = self.draw(f"token {number}", TOKEN)
        return digest(self.own[number])

    def release(self) -> bytes:
        """Return the next token, no longer a secret."""
        self.released += 1
        return self.own.pop(self.released - 1)

    def opens(self, place: int, found: Any) -> bool:
        """Return whether what was said is the token of the server in that place."""
        return isinstance(found, bytes) and len(found) == TOKEN and digest(found) == self.images[place]


def is_image(found: Any) -> bool:
    """Return whether it can be an image."""
    return isinstance(found, bytes) and len(found) == TOKEN
