"""A set of labelled images that has been looked at before anyone computes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpcsim.errors import InputError

_NAMED = 12
"""Classes that a message lists."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with labels.

    Args:
        images: float64, (n, height, width, channels), n >= 1, every pixel finite.
        labels: int64, (n,), or (n, h, w) of masks, each in 0 .. len(classes) - 1.
        classes: names of the labels, in the labels' order.
        description: where the images come from and what a label means.

    Raises:
        InputError: naming the first image that is unusable.
    """

    images: NDArray[np.float64]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    description: str

    def __post_init__(self) -> None:
        images = np.asarray(self.images, dtype=np.float64)
        if images.ndim != 4 or images.size == 0:
            raise InputError(
                f"images have shape {images.shape}; accepted is (n, height, width, channels) with "
                "at least one image"
            )
        labels = np.asarray(self.labels)
        if labels.ndim not in (1, 3) or len(labels) != len(images) or labels.size == 0:
            raise InputError(
                f"{len(images)} images come with labels of shape {labels.shape}; accepted is one "
                "label for each image, or a mask of labels (n, height, width)"
            )
        finite = np.isfinite(images).reshape(len(images), -1).all(axis=1)
        if not finite.all():
            raise InputError(f"image {int(np.argmin(finite))} has a pixel that is not a finite number")
        whole = np.isfinite(labels) & (labels == np.trunc(labels))
        inside = whole & (labels >= 0) & (labels < len(self.classes))
        if not inside.all():
            first = np.unravel_index(int(np.argmin(inside)), inside.shape)
            raise InputError(
                f"image {first[0]} has label {labels[first]}; accepted are the whole numbers 0 to "
                f"{len(self.classes) - 1} ({named(self.classes)})"
            )
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", labels.astype(np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.int64]) -> Dataset:
        """Return the images at these indices, in this order."""
        return Dataset(self.images[indices], self.labels[indices], self.classes, self.description)


def class_name(classes: Sequence[str], index: int) -> str:
    """Return the name of a class, or its number where a network has more outputs than classes are named."""
    return classes[index] if 0 <= index < len(classes) else str(index)


def named(classes: Sequence[str]) -> str:
    """Return the names of the first classes, as a message has them."""
    return ", ".join(classes[:_NAMED]) + (", …" if len(classes) > _NAMED else "")


def check_classes(classes: Sequence[str], outputs: int) -> None:
    """Refuse more classes than a network can tell apart; fewer are fine: the rest have no name.

    Raises:
        InputError: there is a class without an output.
    """
    if len(classes) > max(outputs, 2):
        raise InputError(
            f"data: {len(classes)} classes ({named(classes)}), but the last layer gives {outputs}; "
            "accepted: an output for each class (or one, of two classes)"
        )


def choose(
    labels: NDArray[np.int64], classes: int, count: int, offset: int = 0, seed: int = 0
) -> NDArray[np.int64]:
    """Return the indices of `count` images: shuffled within each class by `seed`, classes taking turns.

    The choice is one fixed order of the whole set, from which `offset` images are skipped, so
    that two hospitals with offsets 0 and `count` never send the same image.
    """
    if offset + count > len(labels):
        raise InputError(
            f"data: {count} images from offset {offset} are wanted, but this source has {len(labels)}"
        )
    turn = np.empty(len(labels))
    for label in sorted(set(labels.tolist())):  # np.unique imports numpy.ma
        members = np.flatnonzero(labels == label)
        order = np.random.default_rng([seed, label]).permutation(len(members))
        turn[members] = order + label / classes
    return np.argsort(turn, kind="stable")[offset : offset + count]


def pick(dataset: Dataset, count: int, offset: int = 0, seed: int = 0) -> Dataset:
    """Return the images that `choose` names."""
    return dataset.take(choose(dataset.labels, len(dataset.classes), count, offset, seed))
