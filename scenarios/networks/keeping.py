"""A model and its weights as a file, of the kind that its name says."""

from __future__ import annotations

from pathlib import Path

from mpcsim.errors import InputError
from scenarios.networks import weights
from scenarios.networks.layers import ModelSettings
from scenarios.networks.shapes import shapes


def to_file(path: Path, model: ModelSettings, found: weights.Weights) -> None:
    """Write a model as its file's name says: `.onnx`, or `.npz` with a fingerprint of its layers.

    Raises:
        InputError: another name, or a layer that has no form in such a file.
    """
    if path.suffix == ".npz":
        weights.save(path, model, found)
        return
    if path.suffix != ".onnx":
        raise InputError(f"{path}: accepted is a name that ends in .onnx or .npz")
    from scenarios.onnx import write  # of a package that declared layers do without

    write(path, shapes(model), found)
