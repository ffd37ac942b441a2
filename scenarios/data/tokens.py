"""Texts as a network reads them: one-hot rows of tokens, from an archive of their numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mpcsim.errors import InputError
from scenarios.data.dataset import Dataset
from scenarios.data.files import archived

_CLASS = ("text",)


def load_tokens(path: Path, split: Literal["train", "test"], shape: Sequence[int] | None = None) -> Dataset:
    """Read texts of one length from an .npz archive, as images of 1 × tokens × words.

    The archive holds `train_tokens` and `test_tokens`, whole numbers (n, tokens), and `words`, how many
    words there are. Texts have no labels: all are of one class. A file of ONNX says the `shape` (…, words)
    that its tokens have, and the archive needs no `words`.

    Raises:
        InputError: it cannot be read, lacks these, or a token is no word.
    """
    wanted = f"{split}_tokens"
    if shape is None:
        tokens, many = archived(path, (wanted, "words"), "an archive of tokens")
        if tokens.ndim != 2 or tokens.size == 0 or many.ndim or not _whole(tokens, many):
            raise InputError(
                f"{path}: {wanted} is {tokens.shape} {tokens.dtype}, words {many.shape} {many.dtype}; "
                "accepted: whole numbers (texts, tokens), and one"
            )
        words = int(many)
    else:
        (tokens,) = archived(path, (wanted,), "an archive of tokens")
        places, words = math.prod(shape[:-1]), shape[-1]
        if tokens.size == 0 or tokens.size != len(tokens) * places or not _whole(tokens):
            raise InputError(
                f"{path}: {wanted} is {tokens.shape} {tokens.dtype}; accepted: whole numbers, of each text "
                f"{places}, as the model reads"
            )
    tokens = tokens.reshape(len(tokens), -1)
    wrong = (tokens < 0) | (tokens >= words)
    if wrong.any():
        text, place = (int(index) for index in np.argwhere(wrong)[0])
        raise InputError(
            f"{path}: token {place} of text {text} is {tokens[text, place]}; accepted: 0 to {words - 1}"
        )
    rows = one_hot(tokens, shape or (1, tokens.shape[1], words))
    labels = np.zeros(len(tokens), np.int64)
    return Dataset(rows, labels, _CLASS, f"{wanted} of {path}; texts have no labels")


def random_tokens(shape: Sequence[int], count: int, seed: int) -> Dataset:
    """Return texts of random tokens of a shape (…, words): to measure cost with."""
    tokens = np.random.default_rng([1, seed]).integers(0, shape[-1], (count, math.prod(shape[:-1])))
    what = f"uniformly random tokens below {shape[-1]}; texts have no labels"
    return Dataset(one_hot(tokens, shape), np.zeros(count, np.int64), _CLASS, what)


def one_hot(tokens: NDArray[np.integer], shape: Sequence[int]) -> NDArray[np.float64]:
    """Return tokens (n, places) as rows that are 1 at the token's place, of a shape (…, words)."""
    rows = np.zeros((tokens.size, shape[-1]))
    rows[np.arange(tokens.size), tokens.reshape(-1)] = 1
    return rows.reshape(len(tokens), *shape)


def _whole(*arrays: NDArray[np.generic]) -> bool:
    return all(np.issubdtype(array.dtype, np.integer) for array in arrays)
