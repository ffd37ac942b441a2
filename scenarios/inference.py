"""Private inference (POMIC figures 2 and 5): three servers classify images that none of them can see.

Five actors: the servers, the hospital, which shares images and alone learns the classes, and the owner
of the model, who shares its weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from mpcsim import InputError, Party, Run
from mpcsim.scenario import Scenario
from mpcsim.workload import Program
from protocols.maximum import argmax
from protocols.ring import Ring, Words
from protocols.server import Choices, Server
from protocols.sharing import (
    Share,
    concatenate,
    receive_from_client,
    receive_reveal,
    reveal_to_client,
    share_by_client,
)
from scenarios import weights as weight_files
from scenarios.batches import BatchSettings
from scenarios.clear import fixed, floating
from scenarios.data import Dataset, DataSettings, load_data
from scenarios.model import LayerPlan, ModelSettings, shapes
from scenarios.private_model import forward
from scenarios.settings import SecureSettings
from scenarios.table3 import table3, table3_text

HOSPITAL, OWNER = "hospital", "owner"
_AT_ONCE = 4  # images in the clear: it takes less memory than the servers do


class OutputSettings(BaseModel):
    """The `[output]` table: what the hospital learns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reveal: Literal["class", "logits"] = "class"


class InferenceSettings(SecureSettings):
    """The tables of an inference scenario."""

    data: DataSettings = DataSettings()
    model: ModelSettings
    output: OutputSettings = OutputSettings()
    inference: BatchSettings = BatchSettings()


def private_inference(settings: InferenceSettings, scenario: Scenario) -> Program:
    """Return the program of a private inference; of a dry run, without data and weights."""
    ring, kernels = settings.ring.ring(), settings.kernels(scenario)
    plans = shapes(settings.model)
    if len(plans[-1].output) != 1:
        raise InputError(f"model: the last layer gives {plans[-1].output}; accepted: a vector of classes")
    wanted = weight_files.expected(settings.model)
    clear: _Clear | _DryRun
    if settings.dry_run:
        images = kernels.zeros((settings.data.count, *settings.model.input), ring.dtype)
        words = {name: kernels.zeros(shape, ring.dtype) for name, shape in wanted.items()}
        clear = _DryRun(len(images), sum(map(math.prod, wanted.values())))
    else:
        weights, data = _load(settings, scenario)
        floating.check_images(plans, data.images)
        images = ring.encode(data.images, "image")
        words = {name: ring.encode(w, name) for name, w in weights.items()}
        clear = _Clear(settings, weights, data)
    choices, reveal = settings.protocol.choices(), settings.output.reveal
    batches = settings.inference.sizes(plans, len(images))
    job = _Job(ring, choices, kernels, plans, reveal, images, words, batches, settings.dry_run)
    roles = {f"server{i}": job.server for i in range(3)}
    return Program(
        roles | {HOSPITAL: job.hospital, OWNER: job.owner},
        summarize=clear.compare,
        describe=settings.describe(),
        render=clear.render,
    )


def _load(settings: InferenceSettings, scenario: Scenario) -> tuple[weight_files.Weights, Dataset]:
    if settings.model.weights is None:
        raise InputError(
            "model.weights: missing; accepted: a file of weights, or the name of a shipped one (only a "
            "dry run, dry_run = true, needs none)"
        )
    file = weight_files.find(settings.model.weights, scenario.folder)
    data = load_data(settings.data, scenario.folder, scenario.seed or 0)
    return weight_files.load(file, settings.model), data


@dataclass(frozen=True)
class _Job:
    """What the actors do. Only the hospital looks at `images`, only the owner at `weights`."""

    ring: Ring
    choices: Choices
    kernels: ModuleType
    plans: tuple[LayerPlan, ...]
    reveal: str
    images: Words
    weights: dict[str, Words]
    batches: list[int]
    dry_run: bool

    @property
    def count(self) -> int:
        return len(self.images)

    async def owner(self, party: Party) -> None:
        with party.span("sharing"):
            for name, words in self.weights.items():
                with party.channel(f"weights/{name}"):
                    share_by_client(party, self.ring, words, self.kernels)

    async def hospital(self, party: Party) -> NDArray[Any] | None:
        with party.span("sharing"), party.channel("images"):
            share_by_client(party, self.ring, self.images, self.kernels)
        in_class = self.reveal == "class"
        shape = (self.count,) if in_class else (self.count, *self.plans[-1].output)
        with party.span("reveal"), party.channel("result"):
            words = await receive_reveal(party, self.ring, shape, self.kernels)
        if self.dry_run:
            return None
        return self.ring.signed(words) if in_class else self.ring.decode(words)

    async def server(self, party: Party) -> None:
        with party.span("sharing"):
            server = await Server.join(party, self.ring, self.choices, self.kernels)
            weights: dict[str, Share] = {}
            for name in self.weights:
                with party.channel(f"weights/{name}"):
                    weights[name] = await receive_from_client(server, OWNER)
            with party.channel("images"):
                x = await receive_from_client(server, HOSPITAL)
        with party.span("inference"):
            results, first = [], 0
            for size in self.batches:
                results.append(await self._classify(server, weights, x[first : first + size]))
                first += size
            result = concatenate(server, results)
        with party.span("reveal"), party.channel("result"):
            reveal_to_client(server, result, HOSPITAL)

    async def _classify(self, server: Server, weights: dict[str, Share], images: Share) -> Share:
        """Return what the hospital is to learn of a batch, shared."""
        result = await forward(server, self.plans, weights, images)
        if self.reveal == "class":
            with server.party.span("argmax", "argmax"):
                result = await argmax(server, result)
        return result


@dataclass(frozen=True)
class _Clear:
    """The same model in the clear, in floating point and in fixed point, beside the secure result."""

    settings: InferenceSettings
    weights: weight_files.Weights
    data: Dataset

    def _errors(
        self, ring: Ring, secure: dict[str, NDArray[np.float64]]
    ) -> tuple[dict[str, float], NDArray[np.float64], NDArray[np.float64]]:
        """Return each layer's largest error against fixed point, and the logits, fixed and floating.

        A few images at a time: all layers of all images would take more memory than the servers do.
        """
        model, errors = self.settings.model, dict[str, float]()
        in_fixed, in_floating = [], []
        for first in range(0, len(self.data), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            images = self.data.images[part]
            sizes = ring.fraction_bits, ring.value_bits
            exact = fixed.forward_layers(model, self.weights, images, *sizes)
            for name in exact.keys() & secure.keys():
                error = np.abs(secure[name][part].reshape(exact[name].shape) - exact[name]).max()
                errors[name] = max(errors.get(name, 0.0), float(error))
            in_fixed.append(exact[list(exact)[-1]])
            in_floating.append(floating.forward(model, self.weights, images))
        in_order = {name: errors[name] for name in secure if name in errors}
        return in_order, np.concatenate(in_fixed), np.concatenate(in_floating)

    def compare(self, run: Run) -> dict[str, Any]:
        """Return the workload's output; errors are absolute, and of every image and logit."""
        ring = self.settings.ring.ring()
        secure = {
            name.removeprefix("layer/"): _reconstruct(ring, seen)
            for name, seen in run.observed.items()
            if name.startswith("layer/")
        }
        errors, fixed_logits, float_logits = self._errors(ring, secure)
        logits = secure[shapes(self.settings.model)[-1].name]
        revealed = np.asarray(run.outputs[HOSPITAL])
        predictions = revealed if revealed.ndim == 1 else revealed.argmax(axis=1)
        clear, in_fixed = float_logits.argmax(axis=1), fixed_logits.argmax(axis=1)
        margins = np.sort(fixed_logits, axis=1)
        labels = self.data.labels
        return {
            "images": len(labels),
            "classes": list(self.data.classes),
            "predictions": predictions.tolist(),
            "clear_predictions": clear.tolist(),
            "fixed_predictions": in_fixed.tolist(),
            "labels": labels.tolist(),
            "accuracy": float((predictions == labels).mean()),
            "clear_accuracy": float((clear == labels).mean()),
            "agreement": float((predictions == clear).mean()),
            "fixed_agreement": float((predictions == in_fixed).mean()),
            "least_clear_margin": float((margins[:, -1] - margins[:, -2]).min())
            if margins.shape[1] > 1
            else 0.0,
            "max_logit_error": float(np.abs(logits - fixed_logits).max()),
            "max_logit_error_float": float(np.abs(logits - float_logits).max()),
            "max_layer_error": errors,
            "logits": logits.tolist(),
            "data": self.data.description,
            "latency_note": "the network's latency is one way",
            "table3": table3(run, "inference", "inference"),
        }

    @staticmethod
    def render(output: dict[str, Any]) -> Iterable[str]:
        """Yield lines for people."""
        images, classes = output["images"], output["classes"]
        for i in range(min(images, 12)):
            truth, found = classes[output["labels"][i]], classes[output["predictions"][i]]
            clear = classes[output["clear_predictions"][i]]
            yield f"image {i}: {found} (in the clear: {clear}; label: {truth})"
        if images > 12:
            yield f"… and {images - 12} more images"
        yield (
            f"accuracy {output['accuracy']:.1%} (in the clear {output['clear_accuracy']:.1%}); same class "
            f"as the clear model on {output['agreement']:.1%}, as its fixed-point twin on "
            f"{output['fixed_agreement']:.1%}"
        )
        yield (
            f"largest logit error {output['max_logit_error']:.2e} against fixed point, "
            f"{output['max_logit_error_float']:.2e} against floating point"
        )
        yield table3_text(output["table3"])
        yield f"images: {output['data']}"


@dataclass(frozen=True)
class _DryRun:
    """What a run on shapes alone has to say."""

    images: int
    parameters: int

    def compare(self, run: Run) -> dict[str, Any]:
        """Return the workload's output: costs are in the rest of the record."""
        return {
            "images": self.images,
            "parameters": self.parameters,
            "predictions": None,
            "table3": table3(run, "inference", "inference"),
        }

    @staticmethod
    def render(output: dict[str, Any]) -> Iterable[str]:
        """Yield lines for people."""
        yield (
            f"dry run: costs of {output['images']} images and {output['parameters']:,} parameters, from "
            "shapes alone; no predictions"
        )
        yield table3_text(output["table3"])


def _reconstruct(ring: Ring, seen: dict[int, list[Share]]) -> NDArray[np.float64]:
    """Return the values of shares that the three servers handed to the observer."""
    batches = zip(seen[0], seen[1], strict=True)
    return np.concatenate([ring.decode(zero.a + zero.b + one.b) for zero, one in batches])
