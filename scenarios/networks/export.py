"""Write a scenario's network with its weights as an ONNX file.

`python -m scenarios.networks.export SCENARIO --out FILE.onnx` takes the weights that `[model]` names, or
those of `--weights`: of a training in the clear, or what a hospital was given after one on shares.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mpcsim.errors import InputError, MpcsimError
from mpcsim.scenario import read_tables, validate
from scenarios.networks import weights
from scenarios.networks.keeping import to_file
from scenarios.networks.layers import ModelSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 good, 2 unusable input."""
    parser = argparse.ArgumentParser(prog="scenarios.networks.export", description=__doc__)
    parser.add_argument("scenario", type=Path, help="the scenario whose [model] it is")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write")
    parser.add_argument("--weights", help="an .npz file, or a shipped one's name, instead of model.weights")
    options = parser.parse_args(arguments)
    try:
        _export(options.scenario, options.weights, options.out)
    except MpcsimError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


def _export(scenario: Path, given: str | None, out: Path) -> None:
    model = model_of(scenario)
    if model.onnx is not None:
        raise InputError(f"{scenario}: model.onnx is such a file already; accepted: declared layers")
    reference = given or model.weights
    if reference is None:
        raise InputError(f"{scenario}: no weights; accepted: model.weights, or --weights FILE")
    found = weights.load(weights.find(reference, Path() if given else scenario.parent), model)
    to_file(out, model, found)


def model_of(scenario: Path) -> ModelSettings:
    """Return the `[model]` of a scenario's file.

    Raises:
        InputError: it is not readable, or says no model.
    """
    tables = read_tables(scenario)
    try:
        return validate(_Tables, tables).model
    except InputError as error:
        raise InputError(f"{scenario}: {error}") from None


class _Tables(BaseModel):
    """What is read of a scenario's file."""

    model_config = ConfigDict(extra="ignore")

    model: ModelSettings


if __name__ == "__main__":
    sys.exit(main())
