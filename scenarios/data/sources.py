"""Image sources: what the hospital sends, and what a network learns from; rows of a table are images too.

`load_data` gives the images that a scenario's `[data]` table asks for; `load_split` gives a whole
split, for training and for measuring accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from mpcsim.errors import InputError
from mpcsim.units import PIXELS
from scenarios.data import files, ihc
from scenarios.data.dataset import Dataset, choose, pick
from scenarios.data.folders import Layout
from scenarios.data.tables import TableSettings, load_table
from scenarios.data.tokens import load_tokens, random_tokens

__all__ = ["DataSettings", "Dataset", "load_data", "load_split", "load_texts", "pick"]

_Whole = Annotated[int, Field(strict=True)]


class DataSettings(BaseModel):
    """The `[data]` table of a scenario.

    Pixels leave every source in [0, 1] (of a table: the rows to train on). `pixels = "signed"` then maps
    them to [-1, 1], so that the zeros which a convolution pads with are mid-grey; `"unit"` leaves them, and
    so are one-hot rows of tokens left.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["ihc", "folder", "npz", "idx", "table", "tokens", "random"] = Field(
        default="ihc",
        description="tiles of the shipped micrograph, files, rows, texts, or random images",
    )
    count: Annotated[_Whole, Field(ge=1, description="images that the hospital sends")] = 1
    split: ihc.Split = Field(
        default="test", description="which part the images come from; validation: of masks alone"
    )
    truth: ihc.Truth = Field(
        default="image", description="ihc: what has a class, a tile or each of its pixels (a mask)"
    )
    offset: Annotated[_Whole, Field(ge=0, description="images of the order to skip")] = 0
    seed: Annotated[_Whole, Field(ge=0)] | None = Field(
        default=None, description="order of the images; the scenario's seed if absent"
    )
    path: str | None = Field(default=None, description="folder, npz, idx, tokens: where the files are")
    size: Annotated[_Whole, Field(ge=1), PIXELS] | None = Field(
        default=None, description="side in pixels; ihc cuts tiles of it (50), folder resizes to it"
    )
    channels: Literal[1, 3] | None = Field(default=None, description="1: luminance, 3: colour")
    stride: Annotated[_Whole, Field(ge=1, description="ihc: between tiles"), PIXELS] = 8
    pixels: Literal["signed", "unit"] = Field(
        default="signed", description="signed: in [−1, 1], so that padding is mid-grey; unit: in [0, 1]"
    )
    labels: Literal["outer", "inner"] = Field(
        default="outer", description="folder: which folder names the class; inner: below one a patient"
    )
    match: str | None = Field(default=None, description='folder: a glob of paths, such as "*/40X/*"')
    train_share: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="folder without train and test folders: how much is for training"
    )
    table: TableSettings | None = Field(default=None, description="table: which one, and what of it")


def load_data(settings: DataSettings, base: Path | None = None, seed: int = 0) -> Dataset:
    """Return the `count` images that the settings ask for, the classes taking turns.

    Relative paths start at `base`, the scenario's folder. `seed` is the scenario's, and orders
    the images unless the settings have a seed of their own.
    """
    order = seed if settings.seed is None else settings.seed

    def chosen(labels: NDArray[np.int64]) -> NDArray[np.int64]:
        return choose(labels, len(ihc.CLASSES[settings.truth]), settings.count, settings.offset, order)

    if settings.source == "ihc":
        return _scaled(_read(settings, settings.split, base, chosen), settings)
    return pick(load_split(settings, base=base), settings.count, settings.offset, order)


def load_texts(settings: DataSettings, base: Path | None, seed: int, shape: Sequence[int]) -> Dataset:
    """Return the texts that the settings ask for, for an input of a file that reads tokens.

    Args:
        settings: an archive of tokens, or random ones.
        base: where relative paths start.
        seed: orders the texts unless the settings have a seed.
        shape: what the input is, without the axis of images, words last.

    Raises:
        InputError: they are of another kind, cannot be read, or are no tokens of the file's.
    """
    order = seed if settings.seed is None else settings.seed
    if settings.source == "random":
        found = random_tokens(shape, 2 * (settings.offset + settings.count), settings.seed or 0)
    elif settings.source == "tokens" and settings.path is not None and settings.split != "validation":
        path = (base or Path()) / Path(settings.path).expanduser()
        found = load_tokens(path, settings.split, shape)
    else:
        raise InputError(
            f"data.source = {settings.source!r}: the model reads tokens there; accepted: 'tokens' with a "
            "path (split: train, test), or 'random'"
        )
    return pick(found, settings.count, settings.offset, order)


def load_split(
    settings: DataSettings,
    split: ihc.Split | None = None,
    base: Path | None = None,
) -> Dataset:
    """Return every image of a split (the settings' own unless given), pixels as they ask."""
    return _scaled(_read(settings, split or settings.split, base), settings)


def _scaled(data: Dataset, settings: DataSettings) -> Dataset:
    """Return the images with pixels in the range that the settings ask for."""
    if settings.pixels == "unit" or settings.source == "tokens":
        return data
    return Dataset(data.images * 2.0 - 1.0, data.labels, data.classes, data.description)


def _read(
    settings: DataSettings,
    split: ihc.Split,
    base: Path | None,
    chosen: Callable[[NDArray[np.int64]], NDArray[np.int64]] | None = None,
) -> Dataset:
    if settings.source == "ihc":
        if settings.path is not None:
            raise InputError(
                f"data.path = {settings.path!r}: the source 'ihc' ships with scikit-image and takes no path"
            )
        return ihc.load(
            split, settings.size or 50, settings.channels or 3, settings.stride, chosen, settings.truth
        )
    if settings.truth == "pixel":
        raise InputError(
            f"data.truth = 'pixel': the source {settings.source!r} has no masks; accepted: 'ihc'"
        )
    if split == "validation":
        raise InputError("data.split = 'validation': accepted with data.truth = 'pixel'; or train, test")
    if settings.source == "random":
        return _random(settings, split)
    if settings.source == "table":
        return _rows(settings, split, base)
    if settings.path is None:
        raise InputError(f"data.path is missing: the source {settings.source!r} needs one")
    path = (base or Path()) / Path(settings.path).expanduser()
    if settings.source == "tokens":
        return load_tokens(path, split)
    if settings.source == "folder":
        layout = Layout(settings.labels, settings.match, settings.train_share)
        return files.load_folder(path, split, settings.size, settings.channels, layout)
    data = (files.load_npz if settings.source == "npz" else files.load_idx)(path, split)
    side = data.images.shape[1:3]
    if settings.size is not None and side != (settings.size, settings.size):
        raise InputError(
            f"data.size = {settings.size}: {path} holds images of {side[0]}×{side[1]}; only the "
            "source 'folder' resizes"
        )
    images = files.with_channels(data.images, settings.channels, str(path))
    return Dataset(images, data.labels, data.classes, data.description)


def _random(settings: DataSettings, split: Literal["train", "test"]) -> Dataset:
    """Return twice as many random images as are asked for, of two classes: noise, to measure cost with."""
    size, channels = settings.size or 28, settings.channels or 1
    count = 2 * (settings.offset + settings.count)
    rng = np.random.default_rng([0 if split == "train" else 1, settings.seed or 0])
    images = rng.random((count, size, size, channels))
    labels = np.arange(count) % 2
    what = f"uniformly random pixels, {size}×{size}×{channels}; labels mean nothing"
    return Dataset(images, labels, ("zero", "one"), what)


def _rows(settings: DataSettings, split: Literal["train", "test"], base: Path | None) -> Dataset:
    """Return rows of a table as images of 1×1 pixels, a channel each attribute.

    An attribute's least value among the rows to train on becomes 0, its greatest 1: ranges are public.
    """
    if settings.table is None or settings.path is not None:
        raise InputError("data.source = 'table': accepted is [data.table], where a CSV file has its path")
    train, test = load_table(settings.table, base, settings.seed or 0)
    if not train.classes:
        raise InputError("data.table: its targets are real numbers; accepted: a table of classes")
    wanted = train if split == "train" else test
    if len(wanted) == 0:
        raise InputError(
            f"data.table.train = {len(train)}: all rows are for training, none is left to test"
        )
    low, high = train.values.min(0), train.values.max(0)
    scaled = (wanted.values - low) / np.where(high > low, high - low, 1.0)
    name = settings.table.path or settings.table.source
    what = f"{split} rows of the table {name}, by the range of each attribute"
    return Dataset(scaled.reshape(len(wanted), 1, 1, -1), wanted.targets, train.classes, what)
