"""What fixed point a layer of BERT-base's size needs: `python -m benchmarks.precision`.

128 rows of 768 numbers go through one layer of twelve heads and 3 072 inner units, on shares, at several
rings, beside the same layer in floating point and in fixed point in the clear. Weights are drawn at the
scale of trained ones: matrices with deviations of 0.04, and three channels that stand out, in what comes in
and in the scales of both normalisations, so that outputs there are 10 to 60 times as large as the others'
deviation (Kovaleva et al. 2021; Dettmers et al. 2022).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from numpy.typing import NDArray

from mpcsim import InputError
from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS
from scenarios.clear import fixed, floating
from scenarios.networks import ModelSettings, weights

ROWS, WIDTH, HEADS, INNER = 128, 768, 12, 3072
OUTLIERS = {77: (-45.0, 3.0), 308: (-60.0, 4.0), 381: (40.0, 2.5)}
"""Channels that stand out: what comes in there, about, and the scale of normalisations."""
RINGS = ("64,8,20", "64,10,22", "64,12,24", "64,14,26", "64,16,28", "64,16,31", "64,18,31", "64,20,31")
"""l, f and V."""
Reals = NDArray[np.float64]


def model_of(layers: int) -> dict[str, Any]:
    """Return the `[model]` table: what comes in is made of numbers in [0, 1], then so many layers."""
    return {
        "input": [ROWS, WIDTH, 1],
        "layers": [
            {"type": "reshape", "shape": [ROWS, WIDTH]},
            {"type": "scale", "name": "given"},
            {
                "type": "transformer", "name": "bert", "repeat": layers, "heads": HEADS, "inner": INNER,
                "epsilon": 1e-12,
            },
        ],
    }  # fmt: skip


def drawn(model: ModelSettings, seed: int) -> dict[str, Reals]:
    """Return weights of a realistic scale."""
    rng, found = np.random.default_rng(seed), {}
    for name, shape in weights.expected(model).items():
        node, part = name.rsplit("/", 1)
        if node == "given":  # x = 8 u − 4, and channels apart
            array = np.full(shape, 8.0 if part == "kernel" else -4.0)
            for channel, (about, _) in OUTLIERS.items():
                array[channel] = 16.0 if part == "kernel" else about - 8
        elif "norm" in node:
            array = rng.normal(0.85, 0.1, shape) if part == "kernel" else rng.normal(0, 0.1, shape)
            if part == "kernel":
                array[list(OUTLIERS)] = [scale for _, scale in OUTLIERS.values()]
        else:
            array = rng.normal(0, 0.04 if part == "kernel" else 0.05, shape)
        found[name] = array
    return found


def images(seed: int) -> Reals:
    """Return normal numbers from −4 to 4 as numbers in [0, 1]."""
    normal = np.clip(np.random.default_rng([seed, 1]).normal(size=(2, ROWS, WIDTH, 1)), -4, 4)
    return (normal + 4) / 8


def measured(folder: Path, ring: str, scale: Reals) -> Mapping[str, Any]:
    """Return what a run on shares gives beside floating point, `scale` being the numbers of that."""
    bits, fraction, value = ring.split(",")
    said = [f"ring.bits={bits}", f"ring.fraction_bits={fraction}", f"ring.value_bits={value}"]
    loaded = load_scenario(str(folder / "layer.toml"), said, None, ())
    program = workload.build_program(loaded, WORKLOADS)
    start = time.process_time()
    run = workload.run_program(program, loaded)
    seconds = time.process_time() - start
    off = np.abs(run.outputs["hospital"] - scale)
    return {
        "largest": off.max(), "typical": np.sqrt((off**2).mean()), "seconds": seconds, "rounds": run.rounds,
        "megabytes": run.span("inference").payload_bytes / 1e6,
    }  # fmt: skip


def power(number: float) -> str:
    """Write a number as a power of two."""
    return f"2^{np.log2(number):.1f}" if number > 0 else "0"


def in_clear(layers: int, ring: str, x: Reals, seed: int) -> str:
    """Return how far the fixed-point twin of so many layers is from floating point."""
    model = ModelSettings.model_validate(model_of(layers))
    held = drawn(model, seed)
    _, fraction, value = map(int, ring.split(","))
    try:
        found = fixed.forward(model, held, x, fraction, value)
    except InputError:
        return "out of range"
    return power(float(np.abs(found - floating.forward(model, held, x)).max()))


def lines(rings: Sequence[str], layers: int, seed: int) -> Iterator[str]:
    """Yield the table of rings, a line when it is known."""
    model, x = ModelSettings.model_validate(model_of(1)), images(seed)
    held = drawn(model, seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights.save(folder / "w.npz", model, held)
        arrays = {"images": x.astype(np.float32), "labels": np.array([0, 1])}
        both = {f"{part}_{name}": one for part in ("train", "test") for name, one in arrays.items()}
        np.savez(folder / "x.npz", **both)  # type: ignore[arg-type]  # of arrays by name
        tables = {
            "workload": "private_inference",
            "seed": seed,
            "model": model_of(1) | {"weights": "w.npz"},
            "data": {"source": "npz", "path": "x.npz", "pixels": "unit"},
            "output": {"reveal": "logits"},
            "protocol": {"comparison": "masked", "select": "one_round"},
        }
        (folder / "layer.toml").write_text(tomli_w.dumps(tables))
        shown = x[:1].astype(np.float32).astype(np.float64)
        want = floating.forward(model, held, shown)
        typical, largest = np.median(np.abs(want)), np.abs(want).max()
        inner = floating.forward_layers(model, held, shown)
        reach = max((float(np.abs(y).max()), node) for node, y in inner.items())
        yield (
            f"outputs: median {typical:.2f}, largest {largest:.1f} ({largest / typical:.0f} times); "
            f"the largest value of all: {reach[0]:.0f} ({reach[1]})"
        )
        columns = [
            "l, f, V",
            "twin",
            f"twin, {layers} layers",
            "shares, largest",
            "shares, rms",
            "MB in all",
        ]
        yield f"| {' | '.join([*columns, 'rounds', 's'])} |"
        yield "|---|---|---|---|---|---|---|---|"
        for ring in rings:
            one, deep = (in_clear(count, ring, shown, seed) for count in (1, layers))
            try:
                found = measured(folder, ring, want)
            except InputError as error:
                yield f"| {ring} | {one} | {deep} | refused: {str(error).rpartition(': ')[2]} | | | | |"
                continue
            yield (
                f"| {ring} | {one} | {deep} | {power(found['largest'])} | {power(found['typical'])} | "
                f"{found['megabytes']:.0f} | {found['rounds']} | {found['seconds']:.1f} |"
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rings", nargs="+", default=RINGS, metavar="L,F,V")
    parser.add_argument("--layers", type=int, default=12, help="of the deep twin in the clear")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    for line in lines(asked.rings, asked.layers, asked.seed):
        print(line, flush=True)


if __name__ == "__main__":
    main()
