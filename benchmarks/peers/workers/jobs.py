"""The jobs that every system runs, and how each repetition is measured; needs NumPy alone.

A worker is started as ``python WORKER.py JOB REPEATS`` and prints one JSON object as its last line. The
first repetition warms up (compilation, allocation) and does not count.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

BOUND = 8.0
"""Inputs of the elementwise jobs are uniform between −BOUND and BOUND."""


@dataclass(frozen=True)
class Network:
    """A stack of 3×3 'same' convolutions with ReLU, 2×2 max pooling after the first three, dense 2."""

    side: int
    channels: int
    filters: tuple[int, ...]

    def weights(self, seed: int = 1) -> list[tuple[Any, Any]]:
        """Return (kernel, bias) of each layer, kernels as (3, 3, Cin, Cout), then the dense layer's."""
        rng = np.random.default_rng(seed)
        layers, channels, side = [], self.channels, self.side
        for number, filters in enumerate(self.filters):
            scale = np.sqrt(2 / (9 * channels))
            layers.append((rng.normal(0, scale, (3, 3, channels, filters)), np.zeros(filters)))
            channels = filters
            side = side // 2 if number < POOLED else side
        inputs = side * side * channels
        layers.append((rng.normal(0, np.sqrt(2 / inputs), (inputs, 2)), np.zeros(2)))
        return layers

    def images(self, count: int, seed: int = 2) -> Any:
        """Return seeded images (n, h, w, c) of 8-bit pixels, scaled to −1 … 1."""
        shape = (count, self.side, self.side, self.channels)
        return np.random.default_rng(seed).integers(0, 256, shape) / 255 * 2 - 1

    def forward(self, x: Any) -> Any:
        """Return the logits (n, 2) in floating point: what every system's result is held against."""
        *convolutions, (dense, bias) = self.weights()
        for number, (kernel, offset) in enumerate(convolutions):
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
            x = np.maximum(np.einsum("nhwcij,ijcf->nhwf", patches, kernel, optimize=True) + offset, 0)
            if number < POOLED:
                half = x.shape[1] // 2
                x = x[:, : 2 * half, : 2 * half]
                x = x.reshape(len(x), half, 2, half, 2, -1).max(axis=(2, 4))
        return x.reshape(len(x), -1) @ dense + bias


POOLED = 3
NETWORKS = {
    "flagship": Network(50, 3, (32, 64, 128, 128)),
    "thin": Network(28, 1, (8, 16, 16, 32)),
}


@dataclass(frozen=True)
class Job:
    """A job's name in parts: what it does, and to how much.

    Attributes:
        kind: relu, multiply, matmul, inference or training.
        size: values; the side of a square matrix; images.
        network: which one, for inference and training.
    """

    kind: str
    size: int
    network: str = ""

    def inputs(self) -> list[Any]:
        """Return the seeded inputs of an elementwise job or a matrix product."""
        rng = np.random.default_rng(0)
        shape = (self.size, self.size) if self.kind == "matmul" else (self.size,)
        bound = 1.0 if self.kind == "matmul" else BOUND
        return [rng.uniform(-bound, bound, shape) for _ in range(1 if self.kind == "relu" else 2)]

    def want(self) -> Any:
        """Return the result in floating point, or None for a training step."""
        if self.kind == "training":
            return None
        if self.kind == "inference":
            network = NETWORKS[self.network]
            return network.forward(network.images(self.size))
        inputs = self.inputs()
        if self.kind == "relu":
            return np.maximum(inputs[0], 0)
        return inputs[0] @ inputs[1] if self.kind == "matmul" else inputs[0] * inputs[1]


JOBS = {
    "relu_1k": Job("relu", 1_000),
    "relu_100k": Job("relu", 100_000),
    "relu_1m": Job("relu", 1_000_000),
    "multiply_1k": Job("multiply", 1_000),
    "multiply_100k": Job("multiply", 100_000),
    "multiply_1m": Job("multiply", 1_000_000),
    "matmul_128": Job("matmul", 128),
    "matmul_512": Job("matmul", 512),
    "thin_1": Job("inference", 1, "thin"),
    "flagship_1": Job("inference", 1, "flagship"),
    "thin_step_32": Job("training", 32, "thin"),
}


def arguments() -> tuple[Job, int]:
    """Return the job and the number of repetitions of the command line."""
    return JOBS[sys.argv[1]], int(sys.argv[2])


def measure(run: Callable[[], Any], repeats: int) -> tuple[list[float], list[float], Any]:
    """Return processor and wall seconds of every repetition but the first, and the last result."""
    cpu, wall, result = [], [], None
    for _ in range(repeats + 1):
        started, clock = time.process_time(), time.perf_counter()
        result = run()
        cpu.append(time.process_time() - started)
        wall.append(time.perf_counter() - clock)
    return cpu[1:], wall[1:], result


def largest_error(job: Job, got: Any) -> float | None:
    """Return the largest difference from the result in floating point; None for a training step."""
    want = job.want()
    return None if want is None else float(np.abs(np.asarray(got) - want).max())


def report(cpu: Iterable[float], wall: Iterable[float], error: float | None) -> None:
    """Print the measurements as one line of JSON."""
    print(json.dumps({"cpu_s": list(cpu), "wall_s": list(wall), "max_error": error}), flush=True)
