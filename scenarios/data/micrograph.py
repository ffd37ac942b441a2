"""Write `ihc.npz`, the micrograph that ships, from scikit-image: `python -m scenarios.data.micrograph`.

The file holds the pixels (512×512×3, 8-bit RGB) and, a bit each, which of them are brown: colour
deconvolution (`skimage.color.rgb2hed`; Ruifrok and Johnston, 2001) estimates how much DAB a pixel holds,
and it is brown where that is above `ihc.DAB_LEVEL`. Only this command needs scikit-image.

Licence of the picture: "No known copyright restrictions", says scikit-image of its function
`skimage.data.immunohistochemistry`; it comes from the Center for Microscopy And Molecular Imaging.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from scenarios.data.ihc import DAB_LEVEL, FILE


def write(file: Path) -> None:
    """Write the micrograph and its brown pixels."""
    from skimage.color import rgb2hed
    from skimage.data import immunohistochemistry

    pixels = immunohistochemistry()  # type: ignore[no-untyped-call]  # scikit-image has no types
    brown = rgb2hed(pixels)[..., 2] > DAB_LEVEL
    np.savez_compressed(file, pixels=pixels, brown=np.packbits(brown))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="scenarios.data.micrograph", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FILE, help="the file to write")
    write(parser.parse_args().out)
