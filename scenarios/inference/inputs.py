"""What goes into a private inference: each input is read when its owner asks for it, and by nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import ModuleType

from mpcsim import InputError
from protocols.domains import Ring, Words
from protocols.family import Value
from scenarios.clear import floating
from scenarios.data import Dataset, DataSettings, check_classes, load_data
from scenarios.networks import ModelSettings, imported, shapes
from scenarios.networks import weights as weight_files


class Held(Mapping[str, Value]):
    """Weights as they arrived at a server: each is made a value whenever it is read, and kept by nobody."""

    def __init__(self, parts: Mapping[str, Callable[[], Value]]) -> None:
        self._parts = parts

    def __getitem__(self, name: str) -> Value:
        return self._parts[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


class Inputs:
    """The hospital's images and the owner's weights.

    Args:
        data: which images.
        model: whose weights.
        ring: of the words that are shared.
        folder: where relative paths start.
        seed: orders the images.
        shapes_only: the kernels of a dry run, which reads nothing; None: values are wanted.
    """

    def __init__(
        self,
        data: DataSettings,
        model: ModelSettings,
        ring: Ring,
        folder: Path,
        seed: int,
        shapes_only: ModuleType | None = None,
    ) -> None:
        self._settings, self._model, self._ring = data, model, ring
        self._folder, self._seed, self._shapes = folder, seed, shapes_only
        self.public = model.public_weights
        self.wanted: Mapping[str, tuple[int, ...]] = weight_files.expected(model)
        self.count = data.count

    @cached_property
    def data(self) -> Dataset:
        """The images, with their labels, as they are read.

        Raises:
            InputError: they are missing, damaged, or do not fit the model.
        """
        plans = shapes(self._model)
        data = load_data(self._settings, self._folder, self._seed)
        floating.check_images(plans, data.images)
        check_classes(data.classes, plans[-1].channels)
        return data

    @cached_property
    def weights(self) -> weight_files.Weights:
        """The weights, as they are read.

        Raises:
            InputError: they are missing, damaged, or another model's.
        """
        if self._model.onnx is not None:
            return dict(imported(self._model).weights)
        if self._model.weights is None:
            raise InputError(
                "model.weights: missing; accepted: a file of weights, or the name of a shipped one (only a "
                "dry run, dry_run = true, needs none)"
            )
        path = weight_files.find(self._model.weights, self._folder)
        return weight_files.load(path, self._model, narrow=True)

    @cached_property
    def images(self) -> Words:
        """The images (count, h, w, c) as ring elements; the hospital's."""
        if self._shapes is not None:
            empty: Words = self._shapes.zeros((self.count, *self._model.input), self._ring.dtype)
            return empty
        return self._ring.encode(self.data.images, "image")

    @cached_property
    def known(self) -> Mapping[str, Words]:
        """The weights as ring elements, by name, where all servers know them."""
        return dict(self.words())

    def words(self) -> Iterator[tuple[str, Words]]:
        """Yield the weights as ring elements, by name, one after the other; the owner's, if not public."""
        for name, shape in self.wanted.items():
            if self._shapes is not None:
                yield name, self._shapes.zeros(shape, self._ring.dtype)
            else:
                yield name, self._ring.encode(self.weights[name], name)
