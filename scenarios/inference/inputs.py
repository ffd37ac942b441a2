"""What goes into a private inference: each input is read when its owner asks for it, and by nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import ModuleType

import numpy as np

from mpcsim import InputError
from protocols.domains import Ring, Words
from protocols.family import Value
from scenarios.data import Dataset, DataSettings, check_classes, load_data, load_texts
from scenarios.networks import ModelSettings, given, imported, shapes
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
    """The hospital's images, what other clients give beside them, and the owner's weights.

    Args:
        data: which images.
        model: whose weights.
        ring: of the words that are shared.
        folder: where relative paths start.
        seed: orders the images.
        others: the data of further inputs of a file, by name.
        shapes_only: the kernels of a dry run, which reads nothing; None: values are wanted.
    """

    def __init__(
        self,
        data: DataSettings,
        model: ModelSettings,
        ring: Ring,
        folder: Path,
        seed: int,
        others: Mapping[str, DataSettings] | None = None,
        shapes_only: ModuleType | None = None,
    ) -> None:
        self._settings, self._model, self._ring = data, model, ring
        self._folder, self._seed, self._shapes = folder, seed, shapes_only
        self.public = model.public_weights
        self.wanted: Mapping[str, tuple[int, ...]] = weight_files.expected(model)
        self.count = data.count
        self._encoded: dict[str, Words] = {}
        self.given = given(shapes(model))
        file = imported(model) if model.onnx is not None else None
        self._words = file.words if file else {}
        self._whole = file.whole if file else frozenset()
        self._others = self._matched(others or {})

    def _matched(self, others: Mapping[str, DataSettings]) -> dict[str, DataSettings]:
        """Return the data of further inputs, as many cases as the first has.

        Raises:
            InputError: data of an input is missing, or of none, or of another number of cases.
        """
        first, *wanted = self.given
        if set(others) != set(wanted):
            raise InputError(
                f"inputs: tables for {', '.join(others) or 'none'}; accepted: [data] for {first!r}, and "
                f"{', '.join(f'[inputs.{name}]' for name in wanted) or 'no other'}"
            )
        for name, one in others.items():
            if "count" in one.model_fields_set and one.count != self.count:
                raise InputError(f"inputs.{name}.count = {one.count}; accepted: data.count = {self.count}")
        return {name: others[name].model_copy(update={"count": self.count}) for name in wanted}

    @cached_property
    def data(self) -> Dataset:
        """The images, with their labels, as they are read.

        Raises:
            InputError: they are missing, damaged, or do not fit the model.
        """
        plans = shapes(self._model)
        (name, *others), data = self.given, self._of(self._settings, next(iter(self.given)))
        check_classes(data.classes, plans[-1].channels)
        if not others:
            return data
        parts = [data.images]
        for name in others:
            one = self._of(self._others[name], name)
            known = self._others[name].source != "random" and self._settings.source != "random"
            if known and not np.array_equal(one.labels, data.labels):
                raise InputError(
                    f"inputs.{name}: its labels are not those of [data]; accepted: the same cases in one "
                    "order"
                )
            parts.append(one.images)
        flat = [part.reshape(len(part), 1, 1, -1) for part in parts]
        return replace(data, images=np.concatenate(flat, axis=-1))

    def _of(self, settings: DataSettings, name: str) -> Dataset:
        """Return the data of one input, of its shape."""
        words = self._words.get(name)
        if words is not None:
            data = load_texts(settings, self._folder, self._seed, self.given[name])
        else:
            data = load_data(settings, self._folder, self._seed)
        if data.images.shape[1:] != self.given[name]:
            which = "" if len(self.given) == 1 else f" {name!r}"
            raise InputError(
                f"images of shape {data.images.shape} do not fit the model's input{which} "
                f"{self.given[name]}; accepted is (n, height, width, channels)"
            )
        if name in self._whole and (data.images != np.rint(data.images)).any():
            raise InputError(f"input {name!r}: the file says whole numbers; accepted: these")
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

    def images(self, name: str) -> Words:
        """Return what one client gives (count, h, w, c) as ring elements: its own input, by name."""
        if name not in self._encoded:
            shape, settings = self.given[name], self._others.get(name, self._settings)
            if self._shapes is not None:
                self._encoded[name] = self._shapes.zeros((self.count, *shape), self._ring.dtype)
            else:
                data = self.data if len(self.given) == 1 else self._of(settings, name)
                self._encoded[name] = self._ring.encode(data.images, "image")
        return self._encoded[name]

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
