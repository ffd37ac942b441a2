"""Tiles of a real immunohistochemistry micrograph, labelled by how much of each is stained brown.

The micrograph is scikit-image's (`skimage.data.immunohistochemistry`: 512×512 pixels, 8-bit RGB, colonic
glands; the antibody is made visible with diaminobenzidine, DAB, which is brown, and the nuclei with
haematoxylin, which is blue). It ships as `ihc.npz`, which `scenarios.data.micrograph` writes (it states
the licence too). Nothing is downloaded.

**The label is not a diagnosis.** No pathologist gave it, and it says nothing about disease. It is
computed from the stain: colour deconvolution (`skimage.color.rgb2hed`; Ruifrok and Johnston, 2001)
estimates how much DAB each pixel holds; a pixel counts as brown when that is above `DAB_LEVEL`; a
tile is "stained" (label 1) when more than `STAINED_SHARE` of its pixels are brown, otherwise
"unstained" (label 0). `DAB_LEVEL` is the Otsu threshold of the whole micrograph (0.0622), rounded;
`STAINED_SHARE` is one half. A network that learns this label has learnt to see the stain, which is
enough to hold a secure computation to its plaintext twin on real pathology pixels, and no more.

Test tiles lie in one vertical band of the micrograph, train tiles to the left and to the right of
it: no pixel is in both. The band was placed where both splits come out balanced (48 % and 51 % of
their 50×50 tiles are stained). Tiles within a split overlap, so they are not independent samples.

With `truth = "pixel"` the label of a tile is its mask: each pixel's class, "brown" (1) or "other" (0),
by the same rule. A second band, right of the test tiles, is then for validation: no pixel is in two of
the three. The rule looks at each pixel by itself, so that a network needs little of its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mpcsim.errors import InputError
from scenarios.data.dataset import Dataset

Split = Literal["train", "validation", "test"]
Truth = Literal["image", "pixel"]

DAB_LEVEL = 0.06
STAINED_SHARE = 0.5
SIDE = 512
REGIONS: dict[Truth, dict[Split, tuple[tuple[int, int], ...]]] = {
    "image": {"train": ((0, 96), (288, SIDE)), "test": ((96, 288),)},
    "pixel": {"train": ((0, 96), (384, SIDE)), "validation": ((288, 384),), "test": ((96, 288),)},
}
"""Columns that a split may use: pairs of the first and the one after the last."""
CLASSES: dict[Truth, tuple[str, str]] = {"image": ("unstained", "stained"), "pixel": ("other", "brown")}
FILE = Path(__file__).with_name("ihc.npz")
LUMINANCE = np.array([0.2125, 0.7154, 0.0721])
"""Weights of red, green and blue in the luminance: those of scikit-image's `rgb2gray`."""


def corners(split: Split, size: int = 50, stride: int = 8, truth: Truth = "image") -> NDArray[np.int64]:
    """Top-left (row, column) of every tile of a split, row by row: shape (n, 2)."""
    if split not in REGIONS[truth]:
        raise InputError(
            f"data.split = {split!r}: with data.truth = {truth!r}, accepted: {', '.join(REGIONS[truth])}"
        )
    regions = REGIONS[truth][split]
    widest = min(stop - first for first, stop in regions)
    if not 1 <= size <= widest:
        raise InputError(
            f"data.size = {size}: tiles of the {split} split have a side of 1 to {widest} pixels"
        )
    if stride < 1:
        raise InputError(f"data.stride = {stride}: a step of at least 1 pixel is accepted")
    rows = np.arange(0, SIDE - size + 1, stride)
    columns = np.concatenate([np.arange(first, stop - size + 1, stride) for first, stop in regions])
    return np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)


def load(
    split: Split,
    size: int = 50,
    channels: int = 3,
    stride: int = 8,
    chosen: Callable[[NDArray[np.int64]], NDArray[np.int64]] | None = None,
    truth: Truth = "image",
) -> Dataset:
    """Cut the tiles of one split, side `size` pixels, one every `stride` pixels both ways.

    Pixels are float64 in [0, 1]. With `channels=1` they are the luminance of the colour tile;
    labels are computed from the colours all the same. Every call gives the same tiles in the same
    order. `chosen` maps the labels of all tiles to the indices of those to cut: a split holds a
    hundred megabytes, of which a hospital sends a few tiles. With `truth = "pixel"` labels are masks
    (n, size, size), and `chosen` is told of one class.
    """
    if channels not in (1, 3):
        raise InputError(f"data.channels = {channels}: accepted are 3 (colour) and 1 (grey)")
    at = corners(split, size, stride, truth)
    pixelwise = truth == "pixel"
    labels = (_brown_counts(at, size) > STAINED_SHARE * size * size).astype(np.int64)
    labels = np.zeros_like(labels) if pixelwise else labels
    if chosen is not None:
        wanted = chosen(labels)
        at, labels = at[wanted], labels[wanted]
    colours = _micrograph()[0] / 255.0
    pixels = colours if channels == 3 else (colours @ LUMINANCE)[..., np.newaxis]
    images = _cut(pixels, at, size)
    rule = (
        f"label of a pixel: DAB > {DAB_LEVEL}"
        if pixelwise
        else f"label: more than {STAINED_SHARE:.0%} of the pixels have DAB > {DAB_LEVEL}"
    )
    return Dataset(
        images,
        _cut(_micrograph()[1], at, size).astype(np.int64) if pixelwise else labels,
        CLASSES[truth],
        f"immunohistochemistry micrograph of scikit-image, {split} tiles of "
        f"{size}×{size}×{channels} every {stride} pixels; {rule} (a stain measure, not a diagnosis)",
    )


def _cut(pixels: NDArray[Any], at: NDArray[np.int64], size: int) -> NDArray[Any]:
    """Return the tiles at these corners, (n, size, size, …)."""
    return np.stack([pixels[row : row + size, col : col + size] for row, col in at])


@lru_cache(maxsize=1)
def _micrograph() -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the pixels, (512, 512, 3), and which are brown, (512, 512)."""
    with np.load(FILE) as file:
        pixels: NDArray[np.uint8] = file["pixels"]
        bits: NDArray[Any] = np.unpackbits(file["brown"], count=SIDE * SIDE)
    return pixels, bits.reshape(SIDE, SIDE).astype(np.bool_)


def _brown_counts(at: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Brown pixels in each tile, from one summed-area table."""
    brown = _micrograph()[1]
    table = np.zeros((SIDE + 1, SIDE + 1), dtype=np.int64)
    table[1:, 1:] = brown.cumsum(axis=0).cumsum(axis=1)
    top, left = at.T
    bottom, right = top + size, left + size
    counts: NDArray[np.int64] = (
        table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
    )
    return counts
