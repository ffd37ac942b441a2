"""The command line: it collects what each room registers, and turns errors into exit statuses.

In flow arguments; out flow text and exit statuses. It may import the rest of `mpcsim`, and no other
room.
"""

from mpcsim.cli.app import build
from mpcsim.cli.exits import BROKEN_PIPE, UNFINISHED, ended, flushed, terminable, unread
from mpcsim.cli.options import Json

__all__ = [
    "BROKEN_PIPE",
    "UNFINISHED",
    "Json",
    "build",
    "ended",
    "flushed",
    "terminable",
    "unread",
]
