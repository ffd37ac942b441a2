"""Image sets from the user's own files: class folders, MedMNIST archives, MNIST files.

Every loader returns pixels as float64 in [0, 1] and refuses what it does not understand with the
path, what it found there and what it accepts.
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mpcsim.errors import InputError
from scenarios.data.dataset import Dataset
from scenarios.data.folders import Layout, labelled_files

Split = Literal["train", "test"]

IDX_NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
CLASSES = 1 << 16
"""More classes than any network here tells apart; a greater label numbers something else."""
_RED_GREEN_BLUE = np.array([0.2125, 0.7154, 0.0721])  # luminance weights of skimage's rgb2gray


def load_folder(
    path: Path,
    split: Split,
    size: int | None = None,
    channels: int | None = None,
    layout: Layout | None = None,
) -> Dataset:
    """Read PATH/train/CLASS/*.png and PATH/test/CLASS/*.png (or .jpg, .tif, .bmp), at any depth.

    Where PATH holds neither `train` nor `test`, its class folders are the test split, and there
    is no train split, unless the layout says what share is for training. Classes and files are taken in
    the order of their names. `size` resizes every image to a square of that side (bilinear, smoothed when
    shrinking); it is required when the images differ. Without `channels`, the images decide: all grey, or
    all colour (`scenarios.data.images` says which files are which). Folders whose
    names begin with a dot, and `__MACOSX`, are left out; elsewhere what is named as an image must be one.
    """
    from skimage.transform import resize  # a tenth of a second, and an extra, which only folders need

    from scenarios.data.images import read_image

    classes, found = labelled_files(path, split, layout or Layout())
    images: list[NDArray[np.float64]] = []
    for file, _ in found:
        image = with_channels(_unit(read_image(file), str(file)), channels, str(file))
        if size is not None:
            image = resize(image, (size, size), order=1, anti_aliasing=True)  # type: ignore[no-untyped-call]
        if images and image.shape != images[0].shape:
            raise InputError(
                f"{file}: {image.shape}, but the first image is {images[0].shape}; set "
                "data.size (and data.channels) to bring images to one shape"
            )
        images.append(image)
    return Dataset(
        np.stack(images),
        np.array([label for _, label in found], dtype=np.int64),
        classes,
        f"{split} images of {path}, one folder for each class",
    )


def load_npz(path: Path, split: Split) -> Dataset:
    """Read a MedMNIST archive: train_images, train_labels, test_images, test_labels.

    Images are uint8 (n, h, w), (n, h, w, 1) or (n, h, w, 3), neither volumes nor channels first; labels are
    (n,) or (n, 1).
    """
    wanted = (f"{split}_images", f"{split}_labels")
    images, labels = archived(path, wanted, "a MedMNIST archive")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.size == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{path}: {wanted[1]} is {labels.shape} {labels.dtype}; accepted are whole numbers "
            "(n,) or (n, 1): one class for each image"
        )
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise InputError(
            f"{path}: {wanted[0]} is {images.shape}{_hint(images.shape)}; accepted are images (n, height, "
            "width), (n, height, width, 1) or (n, height, width, 3)"
        )
    classes = _numbered(labels, f"{path}: {wanted[1]}")
    pixels = _unit(images, f"{path}: {wanted[0]}")
    return Dataset(pixels, labels, classes, f"{wanted[0]} of {path}")


def archived(path: Path, wanted: Sequence[str], what: str) -> list[NDArray[Any]]:
    """Read these arrays of an .npz archive.

    Args:
        what: the kind of archive, for whoever has another.

    Raises:
        InputError: it cannot be read, or lacks one of them.
    """
    accepted = f"accepted is {what} with {' and '.join(wanted)}"
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            if not set(wanted) <= set(archive.files):
                raise InputError(f"{path}: holds {', '.join(sorted(archive.files))}; {accepted}")
            return [archive[name] for name in wanted]
    except (  # damaged, in whatever way: NumPy and zipfile raise all of these
        OSError,
        ValueError,
        TypeError,
        EOFError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise InputError(f"{path}: not a readable .npz archive ({error}); {accepted}") from error


def _hint(shape: tuple[int, ...]) -> str:
    """Say what an array of four axes looks like that is no (n, height, width, channels)."""
    if len(shape) != 4:
        return ""
    if shape[1] in (1, 3):
        return ": channels come last here (images.transpose(0, 2, 3, 1))"
    return ": volumes" if shape[1] == shape[2] == shape[3] else ""


def load_idx(path: Path, split: Split) -> Dataset:
    """Read the MNIST files of a folder, plain or .gz, under their usual names."""
    pixels, labels = (_read_idx(_idx_file(path, name)) for name in IDX_NAMES[split])
    if pixels.ndim != 3 or labels.ndim != 1 or labels.size == 0:
        raise InputError(
            f"{path}: images of shape {pixels.shape} and labels of shape {labels.shape}; accepted "
            "are (n, height, width) and (n,)"
        )
    classes = _numbered(labels, str(path))
    images = _unit(pixels[..., np.newaxis], str(path))
    return Dataset(images, labels.astype(np.int64), classes, f"MNIST {split} files of {path}")


def with_channels(images: NDArray[np.float64], channels: int | None, where: str) -> NDArray[np.float64]:
    """Bring (..., h, w, c) to `channels`: luminance for 1, the grey thrice for 3, None as it is."""
    found = images.shape[-1]
    if channels is None or channels == found:
        return images
    if found == 3 and channels == 1:
        grey: NDArray[np.float64] = (images @ _RED_GREEN_BLUE)[..., np.newaxis]
        return grey
    if found == 1:
        return np.repeat(images, channels, axis=-1)
    raise InputError(f"{where}: {found} channels cannot become data.channels = {channels}")


def _unit(pixels: NDArray[Any], where: str) -> NDArray[np.float64]:
    """Pixels in [0, 1]: whole numbers by their type's largest value, fractions as they are."""
    if pixels.dtype == np.bool_:
        return pixels.astype(np.float64)
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels.astype(np.float64) / np.iinfo(pixels.dtype).max
    if np.issubdtype(pixels.dtype, np.floating) and bool(np.all((pixels >= 0) & (pixels <= 1))):
        return pixels.astype(np.float64)
    raise InputError(
        f"{where}: pixels are {pixels.dtype}; accepted are uint8, uint16, and fractions in [0, 1]"
    )


def _numbered(labels: NDArray[Any], where: str) -> tuple[str, ...]:
    """Return the names of classes 0 to the greatest label; there may be some without an image.

    Raises:
        InputError: a label is no number of a class.
    """
    wrong = (labels < 0) | (labels >= CLASSES)
    if wrong.any():
        index = int(np.argmax(wrong))
        raise InputError(
            f"{where}: image {index} has label {labels[index]}; accepted are numbers of classes, 0 to "
            f"{CLASSES - 1}"
        )
    return tuple(str(label) for label in range(int(labels.max()) + 1))


def _idx_file(path: Path, name: str) -> Path:
    for candidate in (path / name, path / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise InputError(f"{path}: holds neither {name} nor {name}.gz")


def _read_idx(file: Path) -> NDArray[np.uint8]:
    """Read an IDX file of bytes: 0, 0, 8, rank, big-endian sizes, data."""
    try:
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file}: cannot be read ({error})") from error
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08" or len(raw) < 4 + 4 * raw[3]:
        raise InputError(
            f"{file}: begins with {raw[:4].hex(' ') or 'nothing'}; accepted is an IDX file of "
            "unsigned bytes (00 00 08 and the number of axes)"
        )
    shape = struct.unpack_from(f">{raw[3]}I", raw, 4)
    start = 4 + 4 * raw[3]
    if len(raw) - start != math.prod(shape):
        raise InputError(
            f"{file}: {len(raw) - start} bytes of data, but its header announces "
            f"{'×'.join(map(str, shape))} = {math.prod(shape)}"
        )
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)
