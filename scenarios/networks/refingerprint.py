"""Write a file of weights anew with the fingerprint of a scenario's network: the weights stay, bit for bit.

`python -m scenarios.networks.refingerprint FILE SCENARIO` is for files whose fingerprint says less than
today's. What it says must agree with the scenario; for what it does not say, the scenario is believed.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from mpcsim.errors import InputError, MpcsimError
from scenarios.networks import weights
from scenarios.networks.layers import ModelSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 good, 2 unusable input."""
    parser = argparse.ArgumentParser(prog="scenarios.networks.refingerprint", description=__doc__)
    parser.add_argument("file", type=Path, help="the .npz file, which is replaced")
    parser.add_argument("scenario", type=Path, help="the scenario whose [model] it belongs to")
    options = parser.parse_args(arguments)
    try:
        weights.refingerprint(options.file, _model(options.scenario))
    except MpcsimError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


def _model(scenario: Path) -> ModelSettings:
    try:
        document = tomllib.loads(scenario.read_text(encoding="utf-8"))
        return ModelSettings.model_validate(document.get("model", {}))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{scenario}: not a readable TOML file ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("model", *first["loc"])))
        raise InputError(f"{scenario}: {where}: {first['msg']} (found {first['input']!r})") from error


if __name__ == "__main__":
    sys.exit(main())
