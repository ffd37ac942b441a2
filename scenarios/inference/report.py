"""What a private inference says of itself: the secure result beside the same model in the clear."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim import Run
from mpcsim.texts import out_of, plural
from protocols.family import Family, Terms
from scenarios.clear import fixed, floating, optimise, ranges
from scenarios.data import Dataset, class_name
from scenarios.inference.inputs import Inputs
from scenarios.networks import LayerPlan
from scenarios.networks import weights as weight_files
from scenarios.table3 import table3

HOSPITAL = "hospital"
_AT_ONCE = 4  # images in the clear: it takes less memory than the servers do


class LayerValues:
    """Outputs of layers, put together from what enough servers hold, in 32 bits a value where they fit.

    Batches go through a layer in order, on every server.
    """

    def __init__(self, family: type[Family], terms: Terms) -> None:
        self._family, self._terms = family, terms
        self._needed = family.enough(terms)
        self._waiting: dict[str, dict[int, deque[Any]]] = {}
        self._values: dict[str, list[NDArray[Any]]] = {}

    def take(self, name: str, party: int, value: Any) -> None:
        """Take `layer/NAME` from a server."""
        if party not in self._needed or not name.startswith("layer/"):
            return
        waiting = self._waiting.setdefault(name, {place: deque() for place in self._needed})
        waiting[party].append(value)
        if not all(waiting.values()):
            return
        parts = [queue.popleft() for queue in waiting.values()]
        words = self._terms.ring.signed(self._family.together(self._terms, parts))
        narrow = words.astype(np.int32)
        values = narrow if np.array_equal(narrow, words) else words
        self._values.setdefault(name.removeprefix("layer/"), []).append(values)

    def values(self) -> dict[str, NDArray[Any]]:
        """Return the scaled integers of each layer, of all images, in the order of the layers."""
        return {name: np.concatenate(batches) for name, batches in self._values.items()}


@dataclass
class Report:
    """The same model in the clear, in floating point and in fixed point, beside the secure result."""

    plans: Sequence[LayerPlan]
    family: type[Family]
    terms: Terms
    inputs: Inputs

    @property
    def weights(self) -> weight_files.Weights:
        """The owner's weights, read again where another process had them."""
        return self.inputs.weights

    @property
    def data(self) -> Dataset:
        """The hospital's images, likewise."""
        return self.inputs.data

    def __post_init__(self) -> None:
        self.seen = LayerValues(self.family, self.terms)

    def observe(self, name: str, party: int, value: Any) -> None:
        """Take the share of a layer's output from a server."""
        self.seen.take(name, party, value)

    def _errors(self) -> tuple[dict[str, float], NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return each layer's largest error against fixed point, and logits: secure, fixed, floating.

        A few images at a time: all layers of all images would take more memory than the servers do.
        """
        secure, errors = self.seen.values(), dict[str, float]()
        ring = self.terms.ring
        sizes = ring.fraction_bits, ring.value_bits
        wrapped = 2.0 ** (ring.value_bits - 2 - ring.fraction_bits)  # what wraps is off by more
        in_fixed, in_floating = [], []
        for first in range(0, len(self.data), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            images = self.data.images[part]
            try:
                exact = {
                    plan.name: fixed.decode(values, ring.fraction_bits)
                    for plan, values in fixed.walked(self.plans, self.weights, images, *sizes)
                }
            except fixed.OutOfRange:
                self._refuse_range(secure)
                raise
            for name in exact.keys() & secure.keys():
                found = secure[name][part] / 2.0**ring.fraction_bits
                error = float(np.abs(found.reshape(exact[name].shape) - exact[name]).max())
                errors[name] = max(errors.get(name, 0.0), error)
                if error > wrapped:
                    self._refuse_range(secure)
            in_fixed.append(self._logits(exact))
            walked = floating.walked(self.plans, self.weights, images)
            in_floating.append(self._logits({plan.name: y for plan, y in walked}))
        in_order = {name: errors[name] for name in secure if name in errors}
        logits = self._logits(secure) / 2.0**ring.fraction_bits
        return in_order, logits, np.concatenate(in_fixed), np.concatenate(in_floating)

    def _refuse_range(self, secure: dict[str, NDArray[Any]]) -> None:
        """Say which layer left the range on shares first, and how far.

        Raises:
            OutOfRange: one did.
        """
        ring = self.terms.ring
        f, most = ring.fraction_bits, ring.value_bits
        images = self.data.images
        found = ranges.out_of_range(self.plans, self.weights, images, secure, f, most)
        if not found:
            return
        first, *later = found
        (plan,) = (plan for plan in self.plans if plan.name == first)
        enough = f + 2 + math.floor(math.log2(found[first]))
        also = f" (further: {', '.join(later[:3])}{', …' if later[3:] else ''})" if later else ""
        raise fixed.OutOfRange(
            f"{plan}: on shares, a value of magnitude {found[first]:.6g} left value_bits = {most} with {f} "
            f"for the fraction (below {2.0 ** (most - 1 - f):.6g}), and what was computed from it means "
            f"nothing{also}; it fits ring.value_bits = {enough}, or scale the weights or images down; "
            "--calibrate proposes both sizes",
            found[first],
        )

    def _logits(self, outputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Return the logits among nodes' outputs (n, …); of several tokens (n, tokens, words)."""
        found = [outputs[self.plans[plan.sources[0]].name] for plan in self.plans if _chooses(plan)]
        return np.stack(found, 1) if found else outputs[self.plans[-1].name]

    def compare(self, run: Run) -> dict[str, Any]:
        """Return the workload's output; errors are absolute, and of every image and logit."""
        if (
            run.outputs[HOSPITAL] is None
        ):  # it aborted, as it should where a server cheated: it knows nothing
            return {}
        errors, logits, fixed_logits, float_logits = self._errors()
        revealed = np.asarray(run.outputs[HOSPITAL])
        predictions = revealed if revealed.ndim < logits.ndim else _classes(revealed)
        clear, in_fixed = _classes(float_logits), _classes(fixed_logits)
        margins = np.sort(fixed_logits, axis=-1)
        labels = self.data.labels
        maps = predictions.ndim > 1
        tokens = {"tokens": logits.shape[1]} if any(map(_chooses, self.plans)) else {}
        return tokens | {
            "images": len(labels),
            "classes": list(self.data.classes),
            "predictions": predictions.tolist(),
            "clear_predictions": clear.tolist(),
            "fixed_predictions": in_fixed.tolist(),
            "labels": labels.tolist(),
            "accuracy": _right(predictions, labels),
            "clear_accuracy": _right(clear, labels),
            "agreement": float((predictions == clear).mean()),
            "fixed_agreement": float((predictions == in_fixed).mean()),
            "least_clear_margin": float((margins[..., -1] - margins[..., -2]).min())
            if margins.shape[-1] > 1
            else 0.0,
            "max_logit_error": float(np.abs(logits - fixed_logits).max()),
            "max_logit_error_float": float(np.abs(logits - float_logits).max()),
            "max_layer_error": errors,
            "logits": None if maps else logits.tolist(),
            **(_overlaps(predictions, clear, float_logits, labels) if maps else {}),
            "data": self.data.description,
            "latency_note": "the network's latency is one way",
            "table3": table3(run, "inference", "inference"),
        }

    def public(self, run: Run) -> dict[str, Any]:
        """Return what can be said without anybody's inputs: what the hospital learnt, and no twins."""
        revealed = np.asarray(run.outputs[HOSPITAL])
        predictions = revealed if np.issubdtype(revealed.dtype, np.integer) else _classes(revealed)
        return {"images": len(predictions), "predictions": predictions.tolist()}

    @staticmethod
    def render(output: dict[str, Any]) -> Iterable[str]:
        """Yield lines for people."""
        if "classes" not in output:
            yield f"predictions: {output['predictions']}; what the owners of inputs have stays with them"
            return
        images, classes = output["images"], output["classes"]
        maps, texts = np.ndim(output["predictions"]) > 1, "tokens" in output
        for i in range(0 if maps else min(images, 12)):
            truth, found, clear = (
                class_name(classes, output[key][i])
                for key in ("labels", "predictions", "clear_predictions")
            )
            yield f"image {i}: {found} (in the clear: {clear}; label: {truth})"
        if images > 12 and not maps:
            yield f"… and {plural(images - 12, 'further image')}"
        if texts:
            yield from _of_texts(output)
        elif maps:
            yield from _of_maps(output)
        count = np.size(output["predictions"])
        found, clear, same, fixed = (
            "" if output[key] is None else out_of(output[key], count)
            for key in ("accuracy", "clear_accuracy", "agreement", "fixed_agreement")
        )
        yield (
            (f"right: {found} (in the clear {clear}); " if found else "")
            + f"same class as the clear model on {same}, as its fixed-point twin on {fixed}"
        )
        yield (
            f"largest logit error {output['max_logit_error']:.2e} against fixed point, "
            f"{output['max_logit_error_float']:.2e} against floating point"
        )
        yield f"images: {output['data']}"


def _classes(logits: NDArray[Any]) -> NDArray[Any]:
    """Return each row's class: the largest logit's; of one output, whether it is ≥ 0, as in training."""
    return (logits[..., 0] >= 0).astype(np.int64) if logits.shape[-1] == 1 else logits.argmax(axis=-1)


def _right(predictions: NDArray[Any], labels: NDArray[Any]) -> float | None:
    """Return the share of right classes; None of maps where only images are labelled."""
    return float((predictions == labels).mean()) if predictions.shape == labels.shape else None


def _chooses(plan: LayerPlan) -> bool:
    """Return whether a node is the place of the largest output: a token."""
    return plan.kind == "function" and plan.layer.function == "argmax"


def _of_texts(output: dict[str, Any]) -> Iterable[str]:
    """Yield the tokens that follow the first texts."""
    for i, (found, clear) in enumerate(
        zip(output["predictions"][:12], output["clear_predictions"], strict=False)
    ):
        yield f"text {i}: {' '.join(map(str, found))} (in the clear: {' '.join(map(str, clear))})"


def _overlaps(
    predictions: NDArray[Any], clear: NDArray[Any], logits: NDArray[Any], labels: NDArray[Any]
) -> dict[str, Any]:
    """Return how maps agree: places that differ from floating point, and with labels, by class.

    The margin is between the two largest logits in floating point, at places that differ the largest.
    """
    differing = predictions != clear
    ends = np.sort(logits, axis=-1)
    margins = ends[..., -1] - ends[..., -2] if ends.shape[-1] > 1 else np.abs(logits[..., 0])
    found: dict[str, Any] = {
        "differing_places": int(differing.sum()),
        "differing_margin": float(margins[differing].max(initial=0.0)),
    }
    if labels.shape == predictions.shape:
        numbers = range(int(max(labels.max(), predictions.max(), clear.max())) + 1)
        for key, one in (("overlap", predictions), ("clear_overlap", clear)):
            found[key] = [optimise.overlap(one == number, labels == number) for number in numbers]
    return found


def _of_maps(output: dict[str, Any]) -> Iterable[str]:
    """Yield how much of the first maps each class takes, and how maps agree with labels and twin."""
    classes = output["classes"]
    for number, share in enumerate(output.get("overlap", ())):
        yield (
            f"intersection over union of {class_name(classes, number)!r}: {share:.1%} (in the clear "
            f"{output['clear_overlap'][number]:.1%})"
        )
    if "differing_places" in output:
        yield (
            f"{plural(output['differing_places'], 'place')} of another class than in floating point, "
            f"with margins of at most {output['differing_margin']:.2e} there"
        )
    for i, found in enumerate(np.asarray(output["predictions"])[:12]):
        numbers, counts = np.unique(found, return_counts=True)
        shares = (
            f"{class_name(classes, int(number))} {count / found.size:.1%}"
            for number, count in zip(numbers, counts, strict=True)
        )
        yield f"image {i}: of {'×'.join(map(str, found.shape))} places: {', '.join(shares)}"


@dataclass(frozen=True)
class DryRun:
    """What a run on shapes alone has to say."""

    images: int
    parameters: int
    tokens: int = 1

    def observe(self, name: str, party: int, value: Any) -> None:
        """Leave what has a shape alone."""

    def compare(self, run: Run) -> dict[str, Any]:
        """Return the workload's output: costs are in the rest of the record."""
        tokens = {"tokens": self.tokens} if self.tokens > 1 else {}
        return tokens | {
            "images": self.images,
            "parameters": self.parameters,
            "predictions": None,
            "table3": table3(run, "inference", "inference"),
        }

    def public(self, run: Run) -> dict[str, Any]:
        """Return the workload's output, which has nobody's inputs in it."""
        return self.compare(run)

    @staticmethod
    def render(output: dict[str, Any]) -> Iterable[str]:
        """Yield lines for people."""
        yield (
            f"dry run: costs of {plural(output['images'], 'image')} and "
            f"{plural(output['parameters'], 'parameter')}, from "
            "shapes alone; no predictions"
        )
