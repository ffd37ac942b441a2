"""Folders of images named after their classes: which files there are, their labels, and the two splits.

Layouts of public breast-cancer sets are covered as they are unpacked: BreakHis keeps every class in a
folder with further ones below (`labels = "outer"`, `match = "*/40X/*"` for one magnification), IDC keeps a
folder a patient with one folder a class in it (`labels = "inner"`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from mpcsim.errors import InputError

Split = Literal["train", "test"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True)
class Layout:
    """How a folder of images is read.

    Attributes:
        labels: "outer": the folder below the root names the class, images may lie anywhere in it; "inner":
            the folder that holds an image does, and the one below the root is a patient.
        match: a glob that a path from the root must match, such as "*/40X/*".
        train_share: where there are no folders `train` and `test`: how much is for training. Patients
            ("inner") are never in both splits.
    """

    labels: Literal["outer", "inner"] = "outer"
    match: str | None = None
    train_share: float | None = None


def labelled_files(
    path: Path, split: Split, layout: Layout
) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """Return the classes, and the files of a split in the order of their names, each with its label.

    Raises:
        InputError: there is no such folder, class, image or split.
    """
    root, divided = _root(path, split, layout)
    files = [
        file
        for file in sorted(root.rglob("*"))
        if file.suffix.lower() in IMAGE_SUFFIXES
        and not file.is_dir()
        and not any(map(_hidden, file.relative_to(root).parts[:-1]))
        and _matches(file.relative_to(root), layout.match)
    ]
    inner = layout.labels == "inner"
    files = [file for file in files if len(file.relative_to(root).parts) > 1 + inner]
    names = {file: file.parent.name if inner else file.relative_to(root).parts[0] for file in files}
    folders = (
        []
        if inner
        else [entry.name for entry in root.iterdir() if entry.is_dir() and not _hidden(entry.name)]
    )
    classes = tuple(sorted({*names.values(), *folders}))
    if not classes:
        raise InputError(
            f"{root}: no class folders; accepted is one sub-folder for each class with images "
            f"({', '.join(IMAGE_SUFFIXES)}) inside"
        )
    if not files:
        matching = f" that match {layout.match!r}" if layout.match else ""
        raise InputError(f"{root}: class folders without images ({', '.join(IMAGE_SUFFIXES)}){matching}")
    labelled = [(file, classes.index(names[file])) for file in files]
    if not divided and layout.train_share is not None:
        labelled = _part(root, labelled, split, layout)
    return classes, labelled


def _root(path: Path, split: Split, layout: Layout) -> tuple[Path, bool]:
    """Return the folder of class folders, and whether it holds one split alone."""
    if not path.is_dir():
        raise InputError(f"{path}: not a folder; accepted is a folder with one folder per class")
    if (path / "train").is_dir() or (path / "test").is_dir():
        path = path / split
        if not path.is_dir():
            raise InputError(f"{path}: missing, although the folder of the other split exists")
        return path, True
    if split == "train" and layout.train_share is None:
        raise InputError(
            f"{path}: holds no 'train' folder; to train, put class folders in {path / 'train'} "
            f"and {path / 'test'}, or set data.train_share"
        )
    return path, False


def _matches(relative: Path, pattern: str | None) -> bool:
    return pattern is None or relative.match(pattern)


def _hidden(name: str) -> bool:
    """Return whether a folder is none of a data set: `.git`, `.ipynb_checkpoints`, a zip's `__MACOSX`."""
    return name.startswith(".") or name == "__MACOSX"


def _part(
    root: Path, labelled: Sequence[tuple[Path, int]], split: Split, layout: Layout
) -> list[tuple[Path, int]]:
    """Return one split: a fixed random share of each class's images, or of the patients."""
    assert layout.train_share is not None
    if layout.labels == "inner":
        groups: list[list[str]] = [sorted({file.relative_to(root).parts[0] for file, _ in labelled})]
        keys = [file.relative_to(root).parts[0] for file, _ in labelled]
    else:
        labels = sorted({label for _, label in labelled})
        groups = [[str(file) for file, label in labelled if label == one] for one in labels]
        keys = [str(file) for file, _ in labelled]
    train: set[str] = set()
    for number, group in enumerate(groups):
        order = np.random.default_rng([0, number]).permutation(len(group))
        train |= {group[i] for i in order[: round(layout.train_share * len(group))]}
    part = [pair for pair, key in zip(labelled, keys, strict=True) if (key in train) == (split == "train")]
    if not part:
        raise InputError(
            f"{root}: data.train_share = {layout.train_share} leaves no image for the {split} split"
        )
    return part
