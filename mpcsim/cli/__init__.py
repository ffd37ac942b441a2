"""The command line: it collects what each room registers, and turns errors into exit statuses.

In flow arguments; out flow text and exit statuses. It may import the rest of `mpcsim`, and no other
room.
"""

from mpcsim.cli import completion
from mpcsim.cli.app import build
from mpcsim.cli.line import obey
from mpcsim.cli.options import Json, ScenarioName

__all__ = [
    "Json",
    "ScenarioName",
    "build",
    "completion",
    "obey",
]
