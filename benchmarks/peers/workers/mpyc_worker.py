"""MPyC: three processes over loopback (it starts the other two itself), Shamir shares."""

from __future__ import annotations

import sys
from typing import Any

import jobs
import numpy as np

if "-M3" not in sys.argv:
    sys.argv += ["-M3", "--no-log"]

from mpyc.runtime import mpc

SECRET = mpc.SecFxp(32, 16)


def _relu(x: Any) -> Any:
    return (x >= 0) * x


def _pool(x: Any) -> Any:
    """Return the maxima of 2×2 windows of (h, w, c)."""
    half = x.shape[0] // 2
    corners = [x[i : 2 * half : 2, j : 2 * half : 2] for i in (0, 1) for j in (0, 1)]
    for pairs in (2, 1):
        corners = [y + _relu(x - y) for x, y in zip(corners[:pairs], corners[pairs:], strict=True)]
    return corners[0]


def _convolve(x: Any, kernel: Any) -> Any:
    """Return the 'same' convolution of (h, w, c): nine shifted products, added."""
    side, channels = x.shape[0], x.shape[2]
    row = SECRET.array(np.zeros((1, side, channels)))
    column = SECRET.array(np.zeros((side + 2, 1, channels)))
    x = mpc.np_concatenate((row, x, row), axis=0)
    x = mpc.np_concatenate((column, x, column), axis=1)
    taps = [
        x[i : i + side, j : j + side].reshape(side * side, channels) for i in range(3) for j in range(3)
    ]
    product = mpc.np_concatenate(taps, axis=1) @ kernel.reshape(9 * channels, kernel.shape[3])
    return product.reshape(side, side, kernel.shape[3])


def _forward(x: Any, weights: list[Any]) -> Any:
    *convolutions, dense = weights
    for number, kernel in enumerate(convolutions):
        x = _relu(_convolve(x, kernel))
        if number < jobs.POOLED:
            x = _pool(x)
    return x.reshape(1, dense.shape[0]) @ dense


def _protocol(job: jobs.Job, shared: list[Any]) -> Any:
    if job.kind == "relu":
        return _relu(shared[0])
    if job.kind == "multiply":
        return shared[0] * shared[1]
    if job.kind == "matmul":
        return shared[0] @ shared[1]
    return _forward(shared[0], shared[1:])


def _arguments(job: jobs.Job) -> list[Any]:
    if job.kind != "inference":
        return job.inputs()
    network = jobs.NETWORKS[job.network]
    return [network.images(1)[0], *(kernel for kernel, _ in network.weights())]


def main() -> None:
    """Party 0 shares all inputs; processor time is the sum over the parties."""
    job, repeats = jobs.arguments()
    arguments = _arguments(job)

    async def repeat() -> Any:
        secret = [SECRET.array(np.asarray(x)) for x in arguments]
        shared = [mpc.input(x, senders=0) for x in secret]
        return await mpc.output(_protocol(job, shared))

    mpc.run(mpc.start())
    cpu, wall, result = jobs.measure(lambda: mpc.run(repeat()), repeats)
    parties = mpc.run(mpc.transfer(cpu))
    mpc.run(mpc.shutdown())
    if mpc.pid == 0:
        total = [sum(times) for times in zip(*parties, strict=True)]
        jobs.report(total, wall, jobs.largest_error(job, np.asarray(result, dtype=np.float64)))


main()
