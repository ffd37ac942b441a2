"""Where tables are printed: names of users are text there, and nothing else."""

from __future__ import annotations

from rich.console import Console


def console(width: int = 0) -> Console:
    """Return a console on standard output that reads no markup and no emoji codes in what it prints.

    Args:
        width: columns that it has at least.
    """
    found = Console(highlight=False, markup=False, emoji=False)
    found.width = max(found.width, width)
    return found
