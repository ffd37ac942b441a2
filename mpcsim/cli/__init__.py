"""The command line: it collects what each room registers, and turns errors into exit statuses.

In flow arguments; out flow text and exit statuses. It may import the rest of `mpcsim`, and no other
room.
"""

from mpcsim.cli import completion
from mpcsim.cli.app import build
from mpcsim.cli.exits import BROKEN_PIPE, UNFINISHED, ended, flushed, terminable, unread
from mpcsim.cli.options import Json, ScenarioName

__all__ = [
    "BROKEN_PIPE",
    "UNFINISHED",
    "Json",
    "ScenarioName",
    "build",
    "completion",
    "ended",
    "flushed",
    "terminable",
    "unread",
]
