"""The peers' jobs on mpcsim: one repetition is a whole run, clients sharing inputs and reading results."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.workers import jobs
from mpcsim import Party, simulate
from protocols import (
    Ring,
    Server,
    matmul_fixed,
    multiply_fixed,
    receive_from_client,
    relu,
    reveal_to_client,
    share_by_client,
)
from protocols.replicated3.sharings.sharing import Share, receive_reveal

CLIENT = "client"
RING = Ring(bits=64, fraction_bits=16, value_bits=31)
_PROTOCOLS: dict[str, Any] = {"relu": relu, "multiply": multiply_fixed, "matmul": matmul_fixed}


@dataclass(frozen=True)
class _Operation:
    job: jobs.Job
    inputs: list[Any]

    async def server(self, party: Party) -> None:
        server = await Server.join(party, RING)
        shares: list[Share] = []
        for number in range(len(self.inputs)):
            with party.channel(f"input/{number}"):
                shares.append(await receive_from_client(server, CLIENT))
        reveal_to_client(server, await _PROTOCOLS[self.job.kind](server, *shares), CLIENT)

    async def client(self, party: Party) -> Any:
        for number, values in enumerate(self.inputs):
            with party.channel(f"input/{number}"):
                share_by_client(party, RING, RING.encode(values))
        return RING.decode(await receive_reveal(party, RING, self.inputs[0].shape))


def _operation(job: jobs.Job) -> Callable[[], Any]:
    operation = _Operation(job, job.inputs())
    roles = {f"server{i}": operation.server for i in range(3)} | {CLIENT: operation.client}
    return lambda: simulate(roles=roles, seed=1).outputs[CLIENT]


def _layers(network: jobs.Network) -> str:
    """Return the network as the layers of a scenario file."""
    convolution = 'type = "conv2d"\nkernel = 3\npadding = "same"\nactivation = "relu"\nfilters = '
    layers = []
    for number, filters in enumerate(network.filters):
        layers.append(f"{convolution}{filters}")
        layers += ['type = "maxpool2d"\nsize = 2'] if number < jobs.POOLED else []
    layers.append('type = "dense"\nunits = 2')
    return "".join(f"\n[[model.layers]]\n{layer}\n" for layer in layers)


def _inference(job: jobs.Job) -> Callable[[], Any]:
    """Build a scenario of the network in a folder of its own: images and weights are the peers'."""
    from mpcsim.scenario import load_scenario
    from mpcsim.scenario.workload import build_program, run_program
    from scenarios import WORKLOADS
    from scenarios.networks import ModelSettings
    from scenarios.networks import weights as weight_files

    network = jobs.NETWORKS[job.network]
    side, channels = network.side, network.channels
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = (network.images(job.size) + 1) / 2 * 255
        labels = np.zeros(job.size, np.int64)
        archive = {
            f"{split}_images": np.rint(images).astype(np.uint8) for split in ("train", "val", "test")
        }
        archive |= {f"{split}_labels": labels.reshape(-1, 1) for split in ("train", "val", "test")}
        np.savez(folder / "images.npz", **archive)
        text = (
            'name = "peer"\nworkload = "private_inference"\nseed = 1\n'
            f'[data]\nsource = "npz"\npath = "images.npz"\ncount = {job.size}\n'
            '[output]\nreveal = "logits"\n'
            f'[model]\ninput = [{side}, {side}, {channels}]\nweights = "weights.npz"\n{_layers(network)}'
        )
        (folder / "scenario.toml").write_text(text)
        model = ModelSettings(**tomllib.loads(text)["model"])
        values = [part for pair in network.weights() for part in pair]
        weights = dict(zip(weight_files.expected(model), values, strict=True))
        weight_files.save(folder / "weights.npz", model, weights)
        scenario = load_scenario(str(folder / "scenario.toml"))
        program = build_program(scenario, WORKLOADS)
    return lambda: run_program(program, scenario).outputs["hospital"]


def _training() -> Callable[[], Any]:
    """Return a run of the shipped training step, which is the peers' job on seeded images of its own."""
    from mpcsim.scenario import load_scenario
    from mpcsim.scenario.workload import build_program, run_program
    from scenarios import WORKLOADS

    scenario = load_scenario(str(files("scenarios") / "training_step.toml"))
    program = build_program(scenario, WORKLOADS)

    def run() -> None:
        run_program(program, scenario)

    return run


def prepare(job: jobs.Job) -> Callable[[], Any]:
    """Return what runs a job once and gives its result."""
    if job.kind == "inference":
        return _inference(job)
    return _training() if job.kind == "training" else _operation(job)


def main() -> None:
    """Run one job, as the peers' workers do."""
    job, repeats = jobs.arguments()
    cpu, wall, result = jobs.measure(prepare(job), repeats)
    jobs.report(cpu, wall, jobs.largest_error(job, result))


if __name__ == "__main__":
    main()
