"""TF Encrypted (ABY3) with its three servers as devices of one TensorFlow process.

A repetition shares the inputs, runs a function traced once and reconstructs.
"""

from __future__ import annotations

from typing import Any

import jobs
import tensorflow as tf
import tf_encrypted as tfe
from tf_encrypted.protocol import ABY3


def _forward(x: Any, weights: list[Any]) -> Any:
    *convolutions, dense, bias = weights
    for number in range(len(convolutions) // 2):
        kernel, offset = convolutions[2 * number : 2 * number + 2]
        x = tfe.relu(tfe.conv2d(x, kernel, [1, 1], "SAME") + offset)
        if number < jobs.POOLED:
            x = tfe.maxpool2d(x, [2, 2], [2, 2], "VALID")
    return tfe.matmul(tfe.reshape(x, [x.shape[0], dense.shape[0]]), dense) + bias


def _protocol(job: jobs.Job, shared: list[Any]) -> Any:
    if job.kind == "relu":
        return tfe.relu(shared[0])
    if job.kind == "multiply":
        return shared[0] * shared[1]
    if job.kind == "matmul":
        return tfe.matmul(shared[0], shared[1])
    return _forward(shared[0], shared[1:])


def _arguments(job: jobs.Job) -> list[Any]:
    """Return the inputs in TF Encrypted's order of axes: (n, c, h, w), kernels (3, 3, Cin, Cout)."""
    if job.kind != "inference":
        return job.inputs()
    network = jobs.NETWORKS[job.network]
    *convolutions, (dense, bias) = network.weights()
    found = [network.images(job.size).transpose(0, 3, 1, 2)]
    for kernel, offset in convolutions:
        found += [kernel, offset.reshape(-1, 1, 1)]
    side = network.side // 2**jobs.POOLED
    rows = dense.reshape(side, side, -1, 2).transpose(2, 0, 1, 3).reshape(len(dense), 2)
    return [*found, rows, bias]


def main() -> None:
    """Trace the job once and repeat its run."""
    job, repeats = jobs.arguments()
    arguments = _arguments(job)
    tfe.set_protocol(ABY3())

    @tfe.function  # type: ignore[untyped-decorator]  # no types
    def program(*shared: Any) -> Any:
        return _protocol(job, list(shared)).reveal().to_native()

    def repeat() -> Any:
        shared = [tfe.define_private_variable(tf.constant(x)) for x in arguments]
        return program(*shared).numpy()

    cpu, wall, result = jobs.measure(repeat, repeats)
    jobs.report(cpu, wall, jobs.largest_error(job, result))


main()
