"""Train a scenario's network in the clear and write its weights.

`python -m scenarios.clear.train scenarios/pomic_inference.toml --out scenarios/weights/NAME.npz`
reads `[data]`, `[model]` and, where there is one, `[training]`. Where labels are masks, the epoch that fits
the validation tiles best is written, and the test tiles are looked at once, in the end. The seed is the
scenario's. The same machine, BLAS and number of BLAS threads give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mpcsim.errors import InputError, MpcsimError
from mpcsim.scenario import read_tables, validate
from scenarios.clear import fixed, optimise
from scenarios.data import Dataset, DataSettings, check_classes, load_split
from scenarios.networks import LayerPlan, ModelSettings, refuse_batches, shapes
from scenarios.networks import weights as weight_files

REPORTED = 256
"""Test images on which the fixed-point twin is looked at after training."""


class ClearTraining(BaseModel):
    """The `[training]` table, as far as training in the clear uses it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    epochs: Annotated[int, Field(ge=1)] = 15
    batch: Annotated[int, Field(ge=1)] = 32
    max_steps: Annotated[int, Field(ge=0, description="0: no limit")] = 0
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.01
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e-3
    flips: bool = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 good, 2 unusable input."""
    parser = argparse.ArgumentParser(prog="scenarios.clear.train", description=__doc__)
    parser.add_argument("scenario", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    parser.add_argument("--epochs", type=int, help="instead of the scenario's, or 15")
    parser.add_argument("--rate", type=float, help="instead of the scenario's, or 0.01")
    parser.add_argument("--batch", type=int, help="instead of the scenario's, or 32")
    parser.add_argument("--precision", choices=("float16", "float32"), default="float16")
    options = parser.parse_args(arguments)
    try:
        given = {"epochs": options.epochs, "rate": options.rate, "batch": options.batch}
        _run(options.scenario, options.out, options.precision, **given)
    except MpcsimError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


def _run(
    scenario: Path, out: Path, precision: Literal["float16", "float32"], **given: float | None
) -> None:
    read = _read(scenario)
    data, model, training, seed = read.data, read.model, read.training, read.seed
    plans = shapes(model)
    refuse_batches(plans)
    last = plans[-1]
    if last.output == (1,):
        raise InputError(
            f"{scenario}: {last} has one output, and softmax over it is 1 whatever it is; accepted here: "
            "an output for each class (private_training accepts one, with the loss 'sigmoid')"
        )
    said = {key: value for key, value in given.items() if value is not None}
    training = validate(ClearTraining, training.model_dump() | said)
    train, test = (load_split(data, split, scenario.parent) for split in ("train", "test"))
    masks = train.labels.ndim > 1
    watched, watching = (
        (load_split(data, "validation", scenario.parent), "validation") if masks else (test, "test")
    )
    for name, images in {"train": train, watching: watched, "test": test}.items():
        _check_labels(images, last)
        shares = np.bincount(images.labels.reshape(-1), minlength=len(images.classes)) / images.labels.size
        mix = ", ".join(f"{s:.1%} {label}" for label, s in zip(images.classes, shares, strict=True))
        print(f"{name}: {len(images)} images ({mix})", flush=True)
    optimiser = optimise.SGD(training.rate, training.momentum, training.decay)
    started = time.perf_counter()
    final = weight_files.initial(model, seed)
    best = -1.0
    for epoch in optimise.fit(
        model,
        dict(final),
        train,
        optimiser,
        epochs=training.epochs,
        batch=training.batch,
        seed=seed,
        flips=training.flips,
        max_steps=training.max_steps,
    ):
        right = optimise.accuracy(model, epoch.weights, watched)
        if not masks or right > best:
            best, final = right, epoch.weights
        seconds = time.perf_counter() - started
        print(
            f"epoch {epoch.number:3}: loss {epoch.loss:.4f} nats, train accuracy "
            f"{epoch.train_accuracy:.4f}, {watching} accuracy {right:.4f} ({seconds:.0f} s)",
            flush=True,
        )
    weight_files.save(out, model, final, precision)
    _report(model, weight_files.load(out, model), test, out)


def _report(model: ModelSettings, weights: weight_files.Weights, test: Dataset, out: Path) -> None:
    """Print what the written file does: accuracy, size, and the largest value of every layer."""
    found = optimise.classes(model, weights, test)
    share = optimise.overlap(found == 1, test.labels == 1)
    masked = f", intersection over union of {test.classes[1]!r} {share:.4f}" if found.ndim > 1 else ""
    print(
        f"{out}: {out.stat().st_size / 1e6:.2f} MB, test accuracy "
        f"{float((found == test.labels).mean()):.4f}{masked}"
    )
    some = test.images[:: max(1, len(test) // REPORTED)]
    layers = fixed.forward_layers(model, weights, some)
    print(f"largest magnitude of each layer in fixed point, {len(some)} test images:")
    for name, values in layers.items():
        print(f"  {name}: {np.abs(values).max():.3f}")


def _check_labels(data: Dataset, last: LayerPlan) -> None:
    """Refuse labels that the last layer does not answer: of images, or of places of its map."""
    check_classes(data.classes, last.channels)
    if data.labels.shape[1:] != last.output[:-1]:
        raise InputError(
            f"labels of shape {data.labels.shape[1:]} an image, but {last} answers {last.output[:-1]}; "
            "accepted: data.truth = 'pixel' for maps as large as the tiles, 'image' for a class an image"
        )


class _Tables(BaseModel):
    """What is read of a scenario's file."""

    model_config = ConfigDict(extra="ignore")

    seed: Annotated[int, Field(ge=0)] = 0
    data: DataSettings = DataSettings()
    model: ModelSettings
    training: ClearTraining = ClearTraining()


def _read(scenario: Path) -> _Tables:
    tables = read_tables(scenario)
    try:
        return validate(_Tables, tables)
    except InputError as error:
        raise InputError(f"{scenario}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
