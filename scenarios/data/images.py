"""One image file as an array: which kinds of pixels are read, and as what.

Pillow opens the file and, where it has a conversion that keeps what is seen, converts it. An orientation
that a camera wrote (EXIF, or TIFF's own) is applied. All else is refused by its mode.

| mode of Pillow | pixels | read as |
|---|---|---|
| `1`, `L` | black and white, grey | grey |
| `LA` | grey with opacity | grey; opacity is dropped, whatever lies under it |
| `I;16`, `I;16B`, `I;16L`; `I` of a PNG | grey of 16 bits | grey, all 16 bits |
| `F` | grey fractions | grey, if all are in [0, 1] |
| `RGB`, `RGBX` | colour | colour; of a PNG of 16 bits the upper 8, of a TIFF of 16 bits all |
| `RGBA`, `RGBa`, `PA` | colour with opacity | colour; opacity is dropped |
| `P` | a palette, with a transparent colour or without | colour, also where all its colours are grey |
| `CMYK`, `YCbCr`, `HSV` | colour | colour by Pillow's conversion, without a colour profile |
| `LAB`, `La`, `I` of other files, all others | | refused |

Files of several pictures (TIFF, animated PNG) are refused; of a camera's MPO the first is read.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mpcsim.errors import InputError

_GREY = ("1", "L", "LA")
_COLOUR = ("RGB", "RGBX", "RGBA", "RGBa", "P", "PA", "CMYK", "YCbCr", "HSV")
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N")
_ACCEPTED = ", ".join((*_GREY, *_DEEP[:1], "F", *_COLOUR))

_APPLE = bytes.fromhex("00051607")
"""How a file begins that macOS keeps beside another one, where a disk knows no attributes."""
_BITS, _PHOTOMETRIC, _ORIENTATION, _WHITE_IS_ZERO = 258, 262, 274, 0

_TURNS: Mapping[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x.swapaxes(0, 1)[:, ::-1],
    7: lambda x: x.swapaxes(0, 1)[::-1, ::-1],
    8: lambda x: x.swapaxes(0, 1)[::-1],
}
"""What makes an array upright, by TIFF's number of its orientation."""


def read_image(file: Path) -> NDArray[Any]:
    """Return an image's pixels, (height, width, 1 or 3): bool, uint8, uint16 or fractions.

    Raises:
        InputError: the file is no image, several, or of a mode that is not read; names it.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    if raw.startswith(_APPLE):
        raise InputError(
            f"{file}: no image, but what macOS keeps beside a file of that name (AppleDouble); remove such "
            f"files (find {file.parent} -name '._*' -delete)"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a decoder finds odd and reads all the same
            return _pixels(file, raw)
    except (InputError, ModuleNotFoundError):
        raise
    except Exception as error:  # every decoder behind Pillow and tifffile fails in its own way
        begins = f"it begins with {raw[:8].hex(' ')}" if raw else "it is empty"
        why = " ".join(str(error).split()).replace(repr(io.BytesIO), "it")
        what = "" if isinstance(error, UnidentifiedImageError) else f"; {why}"
        raise InputError(f"{file}: not a readable image ({begins}{what})") from error


def _pixels(file: Path, raw: bytes) -> NDArray[Any]:
    try:
        image = Image.open(io.BytesIO(raw))
    except UnidentifiedImageError:
        if raw[:4] in (
            b"II*\0",
            b"MM\0*",
        ):  # a TIFF of numbers that Pillow has no mode for: fractions of colour
            return _by_tifffile(file)
        raise
    with image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":
            raise InputError(f"{file}: {frames} pictures; accepted: a file for each image")
        bits = _tag(image, _BITS)
        if isinstance(bits, tuple) and len(bits) > 1 and set(bits) == {16}:
            return _by_tifffile(file)  # Pillow would keep 8
        mode = image.mode
        if mode == "I" and image.format == "PNG":
            mode = "I;16"
        if mode in _DEEP and _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO:
            raise InputError(f"{file}: grey of 16 bits whose 0 is white; accepted: whose 0 is black")
        image.load()
        upright = ImageOps.exif_transpose(image)
        if mode in _DEEP:
            return np.asarray(upright).astype(np.uint16)[..., np.newaxis]
        if mode == "F":
            return np.asarray(upright)[..., np.newaxis]
        if mode in _GREY:
            return np.asarray(upright.convert("L"))[..., np.newaxis]
        if mode in _COLOUR:
            return np.asarray(
                upright.convert("RGBA") if mode in ("RGBa", "PA") else upright.convert("RGB")
            )[..., :3]
    raise InputError(f"{file}: pixels of Pillow's mode {mode!r}; accepted are the modes {_ACCEPTED}")


def _tag(image: Image.Image, number: int) -> Any:
    """Return a TIFF's tag; None of other files."""
    tags: Any = getattr(image, "tag_v2", None)
    return None if tags is None else tags.get(number)


def _by_tifffile(file: Path) -> NDArray[Any]:
    """Return grey or colour of a TIFF whose numbers Pillow has no mode for."""
    import tifffile

    with tifffile.TiffFile(file) as found:
        page: Any = found.pages[0]  # its type has frames too, which no single picture is
        kind = page.photometric.name
        if len(found.pages) != 1 or kind not in ("MINISBLACK", "RGB") or page.planarconfig != 1:
            raise InputError(
                f"{file}: {len(found.pages)} picture(s) of {kind}, {page.dtype} {page.shape}; accepted: "
                "one, grey or RGB, its colours side by side"
            )
        pixels: NDArray[Any] = page.asarray()
        turn = page.tags.get(_ORIENTATION)
    pixels = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    samples = 3 if kind == "RGB" else 1
    if pixels.ndim != 3 or pixels.shape[-1] not in (samples, samples + 1):
        raise InputError(f"{file}: an array of {pixels.shape}; accepted is one grey or RGB image")
    number = int(turn.value) if turn else 1
    pixels = pixels[..., :samples]
    return _TURNS[number](pixels) if number in _TURNS else pixels
