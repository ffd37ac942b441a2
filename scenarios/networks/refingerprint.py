"""Write a file of weights anew with the fingerprint of a scenario's network: the weights stay, bit for bit.

`python -m scenarios.networks.refingerprint FILE SCENARIO` is for files whose fingerprint says less than
today's. What it says must agree with the scenario; for what it does not say, the scenario is believed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mpcsim.errors import MpcsimError
from scenarios.networks import weights
from scenarios.networks.export import model_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 good, 2 unusable input."""
    parser = argparse.ArgumentParser(prog="scenarios.networks.refingerprint", description=__doc__)
    parser.add_argument("file", type=Path, help="the .npz file, which is replaced")
    parser.add_argument("scenario", type=Path, help="the scenario whose [model] it belongs to")
    options = parser.parse_args(arguments)
    try:
        weights.refingerprint(options.file, model_of(options.scenario))
    except MpcsimError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
