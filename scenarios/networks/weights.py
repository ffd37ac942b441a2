"""Weights of networks: first values, files, and the fingerprint that ties a file to its model.

Weights are a flat mapping from "NAME/kernel" and "NAME/bias" to arrays: convolution kernels (kh,
kw, Cin, Cout), dense kernels (inputs, units), biases (units,). A file is an .npz archive of these
and of a fingerprint, which lists every layer of the model with all that decides what it computes. A file
whose fingerprint says less (as it once did, without window, stride and padding) is refused;
`python -m scenarios.networks.refingerprint FILE SCENARIO` writes it anew. Shipped files lie here.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mpcsim.errors import InputError
from scenarios.graph import LayerPlan, Operator, shape_text
from scenarios.networks.layers import ModelSettings
from scenarios.networks.shapes import shapes

Weights = dict[str, NDArray[np.float64]]

SHIPPED = Path(__file__).parent
_FINGERPRINT = "fingerprint"
_SAID = {
    "type",
    "name",
    "source",
    "activation",
    "bias",
    "kernel",
    "filters",
    "units",
    "size",
    "stride",
    "padding",
}


def expected(model: ModelSettings) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all weights that a model has, in order."""
    wanted: dict[str, tuple[int, ...]] = {}
    for plan in shapes(model):
        wanted |= plan.learned
    return wanted


def initial(model: ModelSettings, seed: int = 0) -> Weights:
    """First values for training: He et al. 2015, normal with variance 2/inputs; biases zero."""
    rng = np.random.default_rng(seed)
    return {
        name: np.zeros(shape)
        if name.endswith(("/bias", "/mean"))
        else np.ones(shape)
        if len(shape) == 1
        else rng.normal(0.0, np.sqrt(2.0 / np.prod(shape[:-1])), shape)
        for name, shape in expected(model).items()
    }


def fingerprint(model: ModelSettings) -> list[dict[str, Any]]:
    """One entry for each layer, of everything that its function depends on besides the weights.

    Its name, type, activation and `from`; shapes of input, output, kernel and bias; window, stride and
    padding ((top, bottom), (left, right)) as numbers, so that "same" is whichever padding it comes to.
    """
    return [
        {
            "name": plan.name,
            "type": plan.layer.type,
            "input": list(plan.input),
            "output": list(plan.output),
            "kernel": None if plan.kernel is None else list(plan.kernel),
            "bias": None if plan.bias is None else list(plan.bias),
            "activation": "relu" if plan.relu else "none",
            "window": list(plan.window),
            "stride": list(plan.stride),
            "padding": [list(pads) for pads in plan.pads],
            **({} if plan.layer.source is None else {"from": plan.layer.source}),
            **_further(plan),
        }
        for plan in shapes(model)
    ]


def _further(plan: LayerPlan) -> dict[str, Any]:
    """Return what a layer says besides, where it is not as it is by default."""
    if isinstance(plan.layer, Operator):
        more = {"function": plan.layer.function, "factor": plan.layer.factor, "shift": plan.shift}
        arguments = {name: str(value) for name, value in plan.arguments}
        return {key: value for key, value in (more | arguments).items() if value not in ("", 0, 1.0)}
    said = plan.layer.model_dump(exclude=_SAID, exclude_defaults=True)
    return json.loads(json.dumps(said))  # type: ignore[no-any-return]  # tuples as they are read back


def save(
    path: Path,
    model: ModelSettings,
    weights: Mapping[str, NDArray[Any]],
    precision: Literal["float16", "float32"] = "float32",
) -> None:
    """Write the model's weights, rounded to `precision` and compressed. Same input, same bytes."""
    wanted = expected(model)
    for name, shape in wanted.items():
        if name not in weights or weights[name].shape != shape:
            found = shape_text(weights[name].shape) if name in weights else "nothing"
            raise InputError(f"weights {name}: {found}; the model needs {shape_text(shape)}")
    arrays: dict[str, Any] = {name: np.asarray(weights[name], precision) for name in wanted}
    _write(path, model, arrays)


def _write(path: Path, model: ModelSettings, arrays: Mapping[str, Any]) -> None:
    mark = np.frombuffer(json.dumps(fingerprint(model)).encode(), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        whole: dict[str, Any] = {**arrays, _FINGERPRINT: mark}
        np.savez_compressed(file, **whole)


def load(path: Path, model: ModelSettings, *, narrow: bool = False) -> Weights:
    """Read weights as float64, or with `narrow` in the precision of the file, which takes less memory.

    Raises:
        InputError: they are damaged, or another model's.
    """
    arrays, mark = _read(path)
    _compare(path, mark, fingerprint(model))
    return _checked(path, arrays, model, narrow)


def refingerprint(path: Path, model: ModelSettings) -> None:
    """Write a file anew, its arrays bit for bit, with the whole fingerprint of its model.

    Raises:
        InputError: the file is damaged, or what its fingerprint says is another model's.
    """
    arrays, mark = _read(path)
    whole = fingerprint(model)
    if len(mark) == len(whole):
        mark = [ours | theirs for ours, theirs in zip(whole, mark, strict=True)]
    _compare(path, mark, whole)
    _checked(path, arrays, model)
    _write(path, model, arrays)


def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a file's arrays, and its fingerprint."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            arrays = {name: np.asarray(archive[name]) for name in archive.files}
        mark = json.loads(arrays.pop(_FINGERPRINT).tobytes()) if _FINGERPRINT in arrays else None
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file of weights") from error
    except (  # damaged, in whatever way: NumPy and zipfile raise all of these
        OSError,
        ValueError,
        TypeError,
        AttributeError,
        EOFError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise InputError(f"{path}: damaged, or not a file of weights ({error})") from error
    if not isinstance(mark, list) or not all(isinstance(entry, dict) for entry in mark):
        raise InputError(f"{path}: no fingerprint of a model inside; accepted is what `save` wrote")
    return arrays, mark


def _checked(path: Path, arrays: Mapping[str, Any], model: ModelSettings, narrow: bool = False) -> Weights:
    result: Weights = {}
    for name, shape in expected(model).items():
        if name not in arrays or arrays[name].shape != shape:
            found = shape_text(arrays[name].shape) if name in arrays else "missing"
            raise InputError(f"{path}: damaged: {name} is {found}, expected {shape_text(shape)}")
        values = arrays[name]
        if not narrow or values.dtype.kind != "f":
            values = values.astype(np.float64)
        if not np.isfinite(values).all():
            raise InputError(f"{path}: damaged: {name} holds a value that is not a finite number")
        result[name] = values
    return result


def find(name: str, base: Path | None = None) -> Path:
    """Return the file that a scenario names: a path from its folder, or a shipped file's name."""
    for candidate in ((base or Path()) / Path(name).expanduser(), SHIPPED / name):
        if candidate.is_file():
            return candidate
    shipped = ", ".join(sorted(file.name for file in SHIPPED.glob("*.npz"))) or "none"
    raise InputError(
        f"model.weights = {name!r}: neither a file in {base or Path.cwd()} nor a shipped one "
        f"(shipped: {shipped})"
    )


def _compare(path: Path, found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    for index, (theirs, ours) in enumerate(zip_longest(found, wanted)):
        keys = dict.fromkeys((*(ours or {}), *(theirs or {})))
        differ = [key for key in keys if (theirs or {}).get(key) != (ours or {}).get(key)]
        unsaid = [key for key in ours or {} if key not in (theirs or {}) and key != "from"]
        if theirs and differ == unsaid != []:
            raise InputError(
                f"{path}: the fingerprint of layer {index} {theirs['name']!r} does not say "
                f"{', '.join(unsaid)}, so it may be another model's; if it is this one's: "
                "python -m scenarios.networks.refingerprint FILE SCENARIO"
            )
        if differ:
            which = f"; they differ in {', '.join(differ)}" if theirs and ours else ""
            raise InputError(
                f"{path}: weights of another model: layer {index} is {_entry_text(theirs)} in the "
                f"file, but {_entry_text(ours)} in the scenario{which}"
            )


def _entry_text(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return "absent"
    ends = " → ".join(shape_text(entry.get(end) or ()) for end in ("input", "output"))
    parts = [f"{entry.get('name')!r} ({entry.get('type')}) {ends}"]
    parts += [f"{part} {shape_text(entry[part])}" for part in ("kernel", "bias") if entry.get(part)]
    if entry.get("type") not in ("dense", "flatten", "add"):
        parts += [f"{part} {shape_text(entry[part])}" for part in ("window", "stride") if entry.get(part)]
        parts += [f"padding {entry['padding']}"] if "padding" in entry else []
    parts += [f"from {entry['from']!r}"] if "from" in entry else []
    return ", ".join([*parts, f"activation {entry.get('activation')}"])
