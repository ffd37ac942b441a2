"""CrypTen: three processes over loopback, one thread each, its default provider of triples."""

from __future__ import annotations

from typing import Any

import crypten
import crypten.mpc as mpc
import jobs
import torch


def _forward(x: Any, weights: Any) -> Any:
    *convolutions, (dense, bias) = weights
    for number, (kernel, offset) in enumerate(convolutions):
        x = (x.conv2d(kernel, padding=1) + offset).relu()
        if number < jobs.POOLED:
            x = x.max_pool2d(2)
    return x.flatten(start_dim=1).matmul(dense) + bias


def _arguments(job: jobs.Job) -> list[Any]:
    """Return the inputs in CrypTen's order of axes: (n, c, h, w), kernels (Cout, Cin, 3, 3)."""
    if job.kind != "inference":
        return [torch.tensor(x) for x in job.inputs()]
    network = jobs.NETWORKS[job.network]
    *convolutions, (dense, bias) = network.weights()
    found = [torch.tensor(network.images(job.size)).permute(0, 3, 1, 2)]
    for kernel, offset in convolutions:
        found += [torch.tensor(kernel).permute(3, 2, 0, 1), torch.tensor(offset).reshape(1, -1, 1, 1)]
    side = network.side // 2**jobs.POOLED
    rows = torch.tensor(dense).reshape(side, side, -1, 2).permute(2, 0, 1, 3).reshape(len(dense), 2)
    return [*found, rows, torch.tensor(bias)]


def _run(job: jobs.Job, arguments: list[Any]) -> Any:
    shared = [crypten.cryptensor(x) for x in arguments]
    if job.kind == "relu":
        result = shared[0].relu()
    elif job.kind == "multiply":
        result = shared[0] * shared[1]
    elif job.kind == "matmul":
        result = shared[0].matmul(shared[1])
    else:
        rest = shared[1:]
        result = _forward(shared[0], list(zip(rest[::2], rest[1::2])))  # noqa: B905  (older Python)
    return result.get_plain_text()


@mpc.run_multiprocess(world_size=3)
def _party(name: str, repeats: int) -> Any:
    torch.set_num_threads(1)
    job = jobs.JOBS[name]
    arguments = _arguments(job)
    cpu, wall, result = jobs.measure(lambda: _run(job, arguments), repeats)
    return cpu, wall, jobs.largest_error(job, result.numpy())  # small: large results never arrive


def main() -> None:
    """Run the parties; processor time is the sum over all of them."""
    job, repeats = jobs.arguments()
    parties = _party(next(name for name, known in jobs.JOBS.items() if known == job), repeats)
    cpu = [sum(times) for times in zip(*(party[0] for party in parties))]  # noqa: B905  (older Python)
    jobs.report(cpu, *parties[0][1:])


if __name__ == "__main__":
    main()
