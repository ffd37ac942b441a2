"""Small training scenarios, and how tests run them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS

HEAD = """
name = "test"
workload = "private_training"
seed = 3
[engine]
trace = false
[protocol]
comparison = "masked"
select = "one_round"
[data]
source = "npz"
path = "images.npz"
count = {count}
pixels = "signed"
[training]
epochs = 2
batch = 4
rate = 0.03125
{training}
[model]
input = [7, 7, 3]
"""

CONVOLUTIONS = """
[[model.layers]]
type = "conv2d"
filters = 3
kernel = 3
padding = "same"
activation = "relu"
[[model.layers]]
type = "maxpool2d"
[[model.layers]]
type = "conv2d"
filters = 4
kernel = 2
activation = "relu"
[[model.layers]]
type = "dense"
units = 3
"""

POOLINGS = """
[[model.layers]]
type = "conv2d"
filters = 3
kernel = [3, 2]
stride = 1
padding = 1
[[model.layers]]
type = "maxpool2d"
size = 3
stride = 2
padding = 1
[[model.layers]]
type = "avgpool2d"
size = 2
padding = "same"
[[model.layers]]
type = "flatten"
[[model.layers]]
type = "dense"
units = 6
activation = "relu"
bias = false
[[model.layers]]
type = "dense"
units = 3
"""

STRIDES = """
[[model.layers]]
type = "conv2d"
filters = 4
kernel = 3
stride = 2
padding = "same"
activation = "relu"
[[model.layers]]
type = "conv2d"
filters = 2
kernel = 3
stride = [1, 2]
padding = 1
activation = "relu"
bias = false
[[model.layers]]
type = "dense"
units = 3
"""

RESIDUAL = """
layers = [
  { type = "conv2d", filters = 4, kernel = 3, padding = 1, activation = "relu" },
  { type = "conv2d", name = "a", filters = 4, kernel = 3, padding = 1, activation = "relu" },
  { type = "conv2d", name = "b", filters = 4, kernel = 3, padding = 1, bias = false },
  { type = "add", name = "first", from = "conv1", activation = "relu" },
  { type = "conv2d", name = "c", filters = 6, kernel = 3, stride = 2, padding = 1, activation = "relu" },
  { type = "conv2d", name = "d", filters = 6, kernel = 3, padding = 1 },
  { type = "conv2d", name = "projection", from = "first", filters = 6, kernel = 1, stride = 2 },
  { type = "add", name = "second", from = "d", activation = "relu" },
  { type = "add", name = "third", from = "second" },
  { type = "avgpool2d", size = "global" },
  { type = "dense", units = 3 },
]
"""
"""Joins with and without ReLU; outputs that several read; a projection with a stride."""

NORMALISED = """
layers = [
  { type = "conv2d", filters = 4, kernel = 3, padding = 1, bias = false },
  { type = "batch_norm", name = "stem", activation = "relu" },
  { type = "maxpool2d", name = "pool", size = 2 },
  { type = "conv2d", name = "a", filters = 5, kernel = 3, stride = 2, padding = 1, bias = false },
  { type = "batch_norm", name = "an", epsilon = 0.01, activation = "relu" },
  { type = "conv2d", name = "b", filters = 5, kernel = 3, padding = 1, bias = false },
  { type = "batch_norm", name = "bn", average = 0.5 },
  { type = "conv2d", name = "way", from = "pool", filters = 5, kernel = 1, stride = 2, bias = false },
  { type = "batch_norm", name = "pn" },
  { type = "add", name = "joined", from = "bn", activation = "relu" },
  { type = "avgpool2d", size = "global" },
  { type = "dense", units = 3 },
]
"""
"""A residual block as ResNets have it, every convolution normalised over the batch."""


def write(
    folder: Path, layers: str = CONVOLUTIONS, training: str = "", count: int = 12, further: str = ""
) -> Path:
    """Write a scenario and its images (7×7×3, three classes, blobs that can be told apart)."""
    rng = np.random.default_rng(5)
    arrays = {}
    for split, size in (("train", 30), ("test", 18)):
        labels = np.arange(size) % 3
        pixels = rng.integers(0, 120, (size, 7, 7, 3))
        for image, label in zip(pixels, labels, strict=True):
            image[2 * label : 2 * label + 3, 1:5, label] += 120
        arrays |= {f"{split}_images": pixels.astype(np.uint8), f"{split}_labels": labels}
    path = folder / "images.npz"
    np.savez(path, **arrays)
    file = folder / "scenario.toml"
    file.write_text(HEAD.format(count=count, training=training) + layers + further)
    return file


def run(file: Path, *overrides: str, seed: int | None = None):
    """Run a scenario; return (the finished run, the workload's output)."""
    scenario = load_scenario(file, overrides, seed)
    program = workload.build_program(scenario, WORKLOADS)
    finished = workload.run_program(program, scenario)
    return finished, program.summarize(finished)
