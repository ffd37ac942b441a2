"""Windows of images put back where they came from."""

from collections.abc import Sequence

import numpy as np

from protocols.kernels._compiled import Words

Pair = tuple[int, int]


def scatter_windows(entries: Words, shape: Sequence[int], window: Pair, stride: Pair) -> Words:
    """Return images (n, h, w, c) that sum what windows hold at each of their places.

    entries is (places of a window, n · rows · columns · c), places row by row; places that no window
    covers hold zero. It is the transpose of cutting windows out.
    """
    n, height, width, channels = shape
    rows = (height - window[0]) // stride[0] + 1
    columns = (width - window[1]) // stride[1] + 1
    images = np.zeros(shape, entries.dtype)
    places = entries.reshape(*window, n, rows, columns, channels)
    for i in range(window[0]):
        for j in range(window[1]):
            down = slice(i, i + stride[0] * (rows - 1) + 1, stride[0])
            images[:, down, j : j + stride[1] * (columns - 1) + 1 : stride[1]] += places[i, j]
    return images
