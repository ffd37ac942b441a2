"""Texts as a network reads them: one-hot rows of tokens, from an archive of their numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from mpcsim.errors import InputError
from scenarios.data.dataset import Dataset
from scenarios.data.files import archived


def load_tokens(path: Path, split: Literal["train", "test"]) -> Dataset:
    """Read texts of one length from an .npz archive, as images of 1 × tokens × words.

    The archive holds `train_tokens` and `test_tokens`, whole numbers (n, tokens), and `words`, how many
    words there are. Texts have no labels: all are of one class.

    Raises:
        InputError: it cannot be read, lacks these, or a token is no word.
    """
    wanted = f"{split}_tokens"
    tokens, words = archived(path, (wanted, "words"), "an archive of tokens")
    whole = all(np.issubdtype(array.dtype, np.integer) for array in (tokens, words))
    if tokens.ndim != 2 or tokens.size == 0 or words.ndim or not whole:
        raise InputError(
            f"{path}: {wanted} is {tokens.shape} {tokens.dtype}, words {words.shape} {words.dtype}; "
            "accepted: whole numbers (texts, tokens), and one"
        )
    wrong = (tokens < 0) | (tokens >= words)
    if wrong.any():
        text, place = (int(index) for index in np.argwhere(wrong)[0])
        raise InputError(
            f"{path}: token {place} of text {text} is {tokens[text, place]}; accepted: 0 to "
            f"{int(words) - 1}"
        )
    rows = (tokens[:, None, :, None] == np.arange(int(words))).astype(np.float64)
    labels = np.zeros(len(tokens), np.int64)
    return Dataset(rows, labels, ("text",), f"{wanted} of {path}; texts have no labels")
