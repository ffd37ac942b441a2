"""The entry point: the process is set up before anything large is imported."""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit, with a status of `mpcsim.cli.exits`."""
    gc.set_threshold(200_000, 20, 500)  # starting up makes many objects, and no garbage
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)  # else all of them are looked through once more: a tenth of a short run
    # NumPy's threads would spin through small products in the clear, longer than those take.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a screen that cannot show a letter gets its escape
        sys.stdout.reconfigure(errors="backslashreplace")
    from mpcsim.cli import obey

    sys.exit(obey(arguments))


if __name__ == "__main__":
    main()
