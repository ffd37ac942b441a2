"""SPU (ABY3, 64-bit ring) in its in-memory simulator: three parties as threads of one process.

A repetition shares the inputs, runs the compiled program and reconstructs; compiling is left out.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import jobs
import numpy as np
from jax import lax
from spu import libspu
from spu.utils import frontend, simulation


def _forward(x: Any, weights: Any) -> Any:
    *convolutions, (dense, bias) = weights
    for number, (kernel, offset) in enumerate(convolutions):
        layout = ("NHWC", "HWIO", "NHWC")
        x = lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout) + offset
        x = jnp.maximum(x, 0)
        if number < jobs.POOLED:
            half = x.shape[1] // 2  # cut off here: SPU's gradient of pooling fails on odd sizes
            x = x[:, : 2 * half, : 2 * half]
            x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return x.reshape(x.shape[0], -1) @ dense + bias


def _step(x: Any, labels: Any, weights: Any) -> Any:
    def loss(weights: Any) -> Any:
        logits = _forward(x, weights)
        shifted = logits - lax.stop_gradient(logits.max(axis=1, keepdims=True))
        log_sum = jnp.log(jnp.exp(shifted).sum(axis=1, keepdims=True))
        return -(labels * (shifted - log_sum)).sum() / len(x)

    gradients = jax.grad(loss)(weights)
    return jax.tree_util.tree_map(lambda w, g: w - 0.01 * g, weights, gradients)


def _program(job: jobs.Job) -> tuple[Any, list[Any]]:
    """Return the function and its secret arguments."""
    if job.kind in ("inference", "training"):
        network = jobs.NETWORKS[job.network]
        arguments = [network.images(job.size), network.weights()]
        if job.kind == "inference":
            return _forward, arguments
        labels = np.eye(2)[np.arange(job.size) % 2]
        return _step, [arguments[0], labels, arguments[1]]
    functions = {"relu": lambda x: jnp.maximum(x, 0), "multiply": jnp.multiply, "matmul": jnp.matmul}
    return functions[job.kind], job.inputs()


def main() -> None:
    """Compile the job once and repeat its run."""
    job, repeats = jobs.arguments()
    function, arguments = _program(job)
    arguments = jax.tree_util.tree_map(lambda x: np.asarray(x, np.float32), arguments)
    simulator = simulation.Simulator.simple(3, libspu.ProtocolKind.ABY3, libspu.FieldType.FM64)
    flat = jax.tree_util.tree_leaves(arguments)
    executable, _ = frontend.compile(
        frontend.Kind.JAX,
        function,
        arguments,
        {},
        [f"in{i}" for i in range(len(flat))],
        [libspu.Visibility.VIS_SECRET] * len(flat),
        lambda out: [f"out{i}" for i in range(len(out))],
    )
    cpu, wall, result = jobs.measure(lambda: simulator(executable, *flat), repeats)
    jobs.report(cpu, wall, jobs.largest_error(job, result[0]))


main()
