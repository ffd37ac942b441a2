"""What a hospital spends itself (POMIC figure 10): sharing its images, or training on them in the clear.

For each number of samples a hospital shares images and labels, training and test images together, with
three servers; its processor time is measured as the engine measures it (`compute = "measured"`). Then the
same network is trained in the clear on the training images, in float32 with the BLAS of NumPy.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mpcsim import InputError, Party, Run
from mpcsim.engine import aside
from mpcsim.scenario import Program, Scenario
from mpcsim.texts import plural
from protocols.domains import Ring
from protocols.replicated3.sharings import Server, receive_from_client, share_by_client
from scenarios.clear import floating, optimise
from scenarios.data import Dataset, DataSettings, load_split, pick
from scenarios.networks import LayerPlan, ModelSettings, refuse_batches, shapes
from scenarios.networks import weights as weight_files
from scenarios.settings import RingSettings
from scenarios.training import TrainingSettings, targets_of

HOSPITAL = "hospital"
_Count = Annotated[int, Field(strict=True, ge=4)]


class CostSettings(BaseModel):
    """The further keys of `[workload]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: tuple[_Count, ...] = Field(min_length=1, description="numbers of samples, training and test")
    train_share: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.7, description="how many of the samples are for training; the paper's ratio is 7:3"
    )


class LocalCostSettings(BaseModel):
    """The tables of the scenario. `[training]` says how the network is trained in the clear."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workload: CostSettings
    ring: RingSettings = RingSettings()
    data: DataSettings = DataSettings()
    model: ModelSettings
    training: TrainingSettings = TrainingSettings()


def local_cost(settings: LocalCostSettings, scenario: Scenario) -> Program:
    """Return the program that measures both."""
    if scenario.engine.compute != "measured":
        raise InputError(
            f'engine.compute = {scenario.engine.compute!r}: accepted: "measured", since processor time is '
            "what this workload is about"
        )
    plans = shapes(settings.model)
    refuse_batches(plans)
    job = _Job(settings, scenario.folder, plans, scenario.seed or 0)
    roles: dict[str, Any] = {f"server{i}": job.server for i in range(3)}
    return Program(
        roles | {HOSPITAL: job.hospital},
        summarize=job.summarize,
        describe={"ring": settings.ring.model_dump(), "training": settings.training.model_dump()},
        render=_render,
        prepare=job.read,
    )


@dataclass(frozen=True)
class _Job:
    settings: LocalCostSettings
    folder: Path
    plans: Sequence[LayerPlan]
    seed: int

    @cached_property
    def sets(self) -> list[Dataset]:
        """The hospital's images, for each number of samples."""
        whole = load_split(self.settings.data, "train", self.folder)
        floating.check_images(self.plans, whole.images)
        offset = self.settings.data.offset
        return [pick(whole, count, offset, self.seed) for count in self.settings.workload.samples]

    def read(self, readers: Collection[str]) -> None:
        """Read the images, where the hospital is among these."""
        if HOSPITAL in readers:
            _ = self.sets

    async def hospital(self, party: Party) -> None:
        """Share every set, from the pixels on."""
        ring = self.settings.ring.ring()
        aside(party, lambda: self._words(ring, self.sets[0]))  # whatever the first call alone costs
        for data in self.sets:
            with party.span(f"share/{len(data)}", "sharing"):
                for name, words in self._words(ring, data).items():
                    with party.channel(f"{name}/{len(data)}"):
                        share_by_client(party, ring, words)

    def _words(self, ring: Ring, data: Dataset) -> dict[str, Any]:
        return {
            "images": ring.encode(data.images, "image"),
            "targets": ring.encode_integers(targets_of(data.labels, self.plans[-1].output[0])),
        }

    async def server(self, party: Party) -> None:
        """Receive the shares."""
        server = await Server.join(party, self.settings.ring.ring())
        for count in self.settings.workload.samples:
            for name in ("images", "targets"):
                with party.channel(f"{name}/{count}"):
                    await receive_from_client(server, HOSPITAL)

    def summarize(self, run: Run) -> dict[str, Any]:
        """Train in the clear, and return a row for each number of samples."""
        hospital = list(run.outputs).index(HOSPITAL)
        rows = []
        for data in self.sets:
            span = run.span(f"share/{len(data)}")
            training = data.take(np.arange(round(len(data) * self.settings.workload.train_share)))
            rows.append(
                {
                    "samples": len(data),
                    "training_samples": len(training),
                    "sharing_s": span.compute_ns.get(hospital, 0) / 1e9,
                    "sharing_bytes": span.sent[hospital].payload_bytes,
                    "training_s": self._train(training),
                }
            )
        return {"rows": rows, "epochs": self.settings.training.epochs, "data": self.sets[0].description}

    def _train(self, data: Dataset) -> float:
        """Return the processor time of training in the clear."""
        training, model = self.settings.training, self.settings.model
        optimiser = optimise.SGD(training.rate, training.momentum, training.decay)
        first = weight_files.initial(model, self.seed)
        began = time.process_time()
        epochs = optimise.fit(
            model,
            first,
            data,
            optimiser,
            epochs=training.epochs,
            batch=min(training.batch, len(data)),
            seed=self.seed,
            flips=False,
        )
        for _ in epochs:
            pass
        return time.process_time() - began


def _render(output: dict[str, Any]) -> Iterable[str]:
    """Yield lines for people."""
    for row in output["rows"]:
        yield (
            f"{plural(row['samples'], 'sample')}: sharing takes the hospital {row['sharing_s']:.3g} s of "
            f"processor time and {row['sharing_bytes'] / 1e6:.3g} MB; "
            f"{plural(output['epochs'], 'epoch')} in the clear: {row['training_s']:.3g} s"
        )
    yield f"images: {output['data']}"
