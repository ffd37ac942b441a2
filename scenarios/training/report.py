"""What a private training gave, beside its plaintext twins: the same steps in the clear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim import Run
from protocols.training import Descent, Scales
from scenarios.clear import training as clear
from scenarios.data import Dataset
from scenarios.networks import LayerPlan
from scenarios.table3 import table3
from scenarios.training.plan import Batch
from scenarios.training.settings import PrivateTrainingSettings
from scenarios.training.step import Model

Integers = dict[str, NDArray[np.int64]]


class Sets:
    """The images of a training, read when they are asked for; None where there are none, as in a dry run.

    Args:
        load: returns the images of "train", "test" or "asked".
    """

    def __init__(self, load: Callable[[str], Dataset | None]) -> None:
        self._load = load

    @cached_property
    def train(self) -> Dataset | None:
        """What is trained on."""
        return self._load("train")

    @cached_property
    def test(self) -> Dataset | None:
        """What is evaluated."""
        return self._load("test")

    @cached_property
    def asked(self) -> Dataset | None:
        """What the asker asks about."""
        return self._load("asked")


def targets_of(labels: NDArray[np.int64], outputs: int) -> NDArray[np.int64]:
    """Return labels as rows of 0 and 1: one-hot, or the label itself where there is one output."""
    if outputs == 1:
        return labels.reshape(-1, 1)
    found: NDArray[np.int64] = (labels.reshape(-1, 1) == np.arange(outputs)).astype(np.int64)
    return found


@dataclass(frozen=True)
class Report:
    """Compares a finished run with its twins."""

    settings: PrivateTrainingSettings
    scales: Scales
    plans: Sequence[LayerPlan]
    batches: Sequence[Batch]
    steps: Sequence[Descent]
    first: int
    sets: Sets

    def summarize(self, run: Run) -> dict[str, Any]:
        """Return the workload's output."""
        hospitals = self.settings.hospitals
        mine = run.outputs["hospital0"]
        answers = run.outputs[f"hospital{hospitals.asker}"]["answers"]
        asked, train = self.sets.asked, self.sets.train
        output: dict[str, Any] = {
            "images": self.settings.data.count,
            "hospitals": hospitals.count,
            "classes": list(train.classes) if train else [],
            "steps": len(self.batches),
            "resumed_from": self.first,
            "rate_unit": len(self.batches[0].indices) * self.scales.unit,
            "fraction_bits": asdict(self.scales),
            "history": mine["history"],
            "asker": f"hospital{hospitals.asker}",
            "answers": None if self.settings.dry_run else answers,
            "answer_labels": asked.labels.tolist() if asked else None,
            "twins": {},
            "test": {},
            "max_weight_error": {},
            "data": train.description if train else "none: a dry run",
            "table3": table3(run, "training", "step"),
        }
        if self.settings.dry_run:
            return output | {"history": [], "result_digest": None}
        output["result_digest"] = self._digest(run, output)
        return output | self._beside_twins(run)

    def public(self, run: Run) -> dict[str, Any]:
        """Return what can be said without anybody's inputs: what the hospitals learnt."""
        asker = f"hospital{self.settings.hospitals.asker}"
        return {
            "images": self.settings.data.count,
            "hospitals": self.settings.hospitals.count,
            "steps": len(self.batches),
            "resumed_from": self.first,
            "history": run.outputs["hospital0"]["history"],
            "asker": asker,
            "answers": run.outputs[asker]["answers"],
        }

    def _beside_twins(self, run: Run) -> dict[str, Any]:
        """Train the twins from where the run began, and hold the run's weights to theirs."""
        assert self.sets.train is not None
        wanted = self.settings.training.twin
        names = {"both": ("fixed", "float"), "none": ()}.get(wanted, (wanted,))
        secure = self._observed(run)
        images, targets = self._arrays(self.sets.train)
        test = self._arrays(self.sets.test) if self.sets.test else None
        steps = [self._step(batch) for batch in self.batches[self.first :]]
        ends = [batch.ends_epoch for batch in self.batches[self.first :]]
        found: dict[str, Any] = {"twins": {}, "max_weight_error": {}, "trajectory": {}, "test": {}}
        end, follow = len(self.batches), self.settings.training.follow
        finals: dict[str, Any] = {"secure": secure.get(end, secure[max(secure)])}
        for name in names:
            twin = self._twin(name, run)
            history, weights = clear.train(twin, images, targets, steps, ends, test, follow)
            found["twins"][name] = history
            errors = {
                self.first + step: _largest_difference(values, secure[self.first + step])
                for step, values in weights.items()
                if self.first + step in secure
            }
            followed = [step for step in errors if step - self.first <= follow]
            found["trajectory"][name] = errors
            found["max_weight_error"][name] = {
                "followed": max((errors[step] for step in followed), default=0.0),
                "last_step": max(followed, default=self.first),
                "end": errors.get(end, 0.0),
            }
            finals[name] = twin.weights()
        if test is not None:
            found["test"] = {name: self._judged(values, *test) for name, values in finals.items()}
        return found

    def _judged(self, weights: Mapping[str, Any], images: Any, targets: Any) -> dict[str, float]:
        """Return loss and accuracy of weights on the test images, in float64."""
        twin = clear.FloatTwin(
            self.plans, self.settings.training.loss, dict(weights), {}, 2.0**-self.scales.value
        )
        loss, right = twin.measure(images, targets)
        return {"loss": loss / len(images), "accuracy": right / len(images), "images": len(images)}

    def _step(self, batch: Batch) -> clear.Step:
        """Return a batch's public numbers as the secure training rounds them."""
        scales, integers = self.scales, self.steps[batch.step]
        return clear.Step(
            batch.indices,
            integers.rate / 2.0**scales.rate_bits,
            integers.momentum / 2.0**scales.update,
            integers.decay / 2.0**scales.decay_bits,
            integers.batch / 2.0**scales.batch_bits,
            integers.lift / 2.0**scales.lift_bits,
        )

    def _twin(self, name: str, run: Run) -> clear.FixedTwin | clear.FloatTwin:
        model = run.observed[f"model/{self.first}"]
        weights = self._opened({i: seen[0].weights for i, seen in model.items()})
        velocities = self._opened({i: seen[0].velocities for i, seen in model.items()})
        scales, loss = self.scales, self.settings.training.loss
        if name == "fixed":
            return clear.FixedTwin(self.plans, loss, clear.Bits(**asdict(scales)), weights, velocities)
        return clear.FloatTwin(
            self.plans,
            loss,
            {key: value / 2.0**scales.weight for key, value in weights.items()},
            {key: value / 2.0**scales.velocity for key, value in velocities.items()},
            2.0**-scales.value,
        )

    def _observed(self, run: Run) -> dict[int, dict[str, NDArray[np.float64]]]:
        """Return the weights that the servers handed to the observer, by the number of steps done."""
        found = {}
        for name, seen in run.observed.items():
            if name.startswith("model/"):
                weights = self._opened({i: models[0].weights for i, models in seen.items()})
                step = int(name.removeprefix("model/"))
                found[step] = {key: value / 2.0**self.scales.weight for key, value in weights.items()}
        return found

    def _opened(self, shares: Mapping[int, Mapping[str, Any]]) -> Integers:
        ring = self.settings.ring.ring()
        return {name: ring.signed(one.a + one.b + shares[1][name].b) for name, one in shares[0].items()}

    def _arrays(self, data: Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        outputs = self.plans[-1].output[0]
        return data.images, targets_of(data.labels, outputs).astype(np.float64)

    def _digest(self, run: Run, output: Mapping[str, Any]) -> str:
        """Return the hash of the results: every server's shares, what was revealed, what was answered."""
        found = blake2b(digest_size=16)
        for party, (model,) in sorted(run.observed["final"].items()):
            assert isinstance(model, Model)
            for kind in (model.weights, model.velocities):
                for name in sorted(kind):
                    found.update(f"{party}/{name}".encode())
                    found.update(kind[name].a.tobytes())
                    found.update(kind[name].b.tobytes())
        found.update(repr((output["history"], output["answers"])).encode())
        return found.hexdigest()


def _largest_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)
