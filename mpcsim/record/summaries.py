"""What `summary.json` says of a run, as plain JSON."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mpcsim import texts
from mpcsim.errors import InputError
from mpcsim.memory import peak_memory_mb
from mpcsim.record.run import Run
from mpcsim.scenario_file import Scenario

FORMAT = 1
_DEEPEST = 100  # lists and dicts within each other
_LONGEST_INT = 8192  # bits; Python writes and reads about 14 000 in decimal


def summary(
    run: Run,
    scenario: Scenario,
    output: Mapping[str, Any],
    describe: Mapping[str, Any] | None = None,
    output_error: BaseException | None = None,
) -> dict[str, Any]:
    """Return what `summary.json` holds: plain JSON, sums over parties where not said otherwise.

    What cannot be had of the workload's result is left out, and `output_error` says why: a run that
    finished is never lost over it.

    Args:
        run: the run; where it did not finish, `error` says why and the rest goes as far as it went.
        scenario: what was run.
        output: the workload's own result.
        describe: blocks of the workload, such as `ring` and `protocol`.
        output_error: what kept the workload from giving (all of) its result.
    """
    problem: BaseException | None
    blocks, problem = _held(describe or {}, "")
    for key in ("ring", "protocol"):
        if not isinstance(blocks.setdefault(key, {}), dict):
            problem = problem or InputError(f"{key}: found {blocks[key]!r}; accepted: a dict")
            blocks[key] = {}
    result, refused = _held(output, "output.")
    problem = output_error or refused or problem
    found = {
        "format": FORMAT,
        "mpcsim": version(),
        "name": scenario.name,
        "finished": run.finished,
        "error": None if run.error is None else describe_error(run.error),
        "outcomes": run.outcomes,
        "workload": scenario.workload,
        "seed": run.seed,
        "clock": run.clock,
        "compute": run.compute,
        "digest": run.digest,
        "payload_digest": run.payload_digest or None,
        "rounds": run.rounds,
        "makespan_s": run.makespan,
        "makespan_ns": run.makespan_ns,
        "messages": run.messages,
        "payload_bytes": run.payload_bytes,
        "wire_bytes": run.wire_bytes,
        "per_party": [party.describe() for party in run.per_party],
        "links": [
            {"from": sender, "to": receiver} | dataclasses.asdict(traffic)
            for (sender, receiver), traffic in sorted(run.links.items())
        ],
        "wall_s": run.wall_s,
        "peak_memory_mb": peak_memory_mb(),
        "network": run.network.describe(),
        **({} if run.sockets is None else {"sockets": run.sockets}),
    }
    after = {
        "spans": [span.describe() for span in run.spans],
        "phases": {name: phase.describe() for name, phase in run.phases.items()},
        **({"aborts": run.aborts} if run.aborts else {}),
        **({"adversaries": run.adversaries} if run.adversaries else {}),
        "faults": run.faults,
        "timeouts": run.timeouts,
        "resent_segments": run.resent,
        **({"shared": run.shared} if run.shared else {}),
        **({"clock_reads": run.clock_reads} if run.clock_reads else {}),
        "output": result,
        "output_error": None if problem is None else describe_error(problem),
    }
    own = {key: value for key, value in blocks.items() if key not in found | after}
    return {key: json_safe(value, key) for key, value in (found | own | after).items()}


def describe_error(error: BaseException) -> dict[str, Any]:
    """Return an error as the record keeps it: its class, its text, its notes."""
    notes = [str(note) for note in getattr(error, "__notes__", [])]
    return {"kind": type(error).__name__, "text": str(error), "notes": notes}


def _held(given: object, place: str) -> tuple[dict[str, Any], InputError | None]:
    """Return the keys of a workload's table that JSON can hold, and what was wrong with the first other."""
    if not isinstance(given, Mapping):
        what = place.rstrip(".")
        return {}, InputError(f"{what}: found {type(given).__name__}; accepted: a dict of values by name")
    held: dict[str, Any] = {}
    problem = None
    for key, value in given.items():
        try:
            name = texts.whole(str(key))
            if name in held:
                raise InputError(
                    f"{place}{name}: two keys are the same text, and JSON has only text for keys"
                )
            held[name] = json_safe(value, f"{place}{name}")
        except InputError as error:
            problem = problem or error
        except Exception as error:  # objects of the user's own, whose methods may raise anything
            text = f"{place}{type(key).__name__}: cannot be read: {type(error).__name__}: {error}"
            problem = problem or InputError(text)
    return held, problem


def unfinished(summary: Mapping[str, Any]) -> str:
    """Return what to say of a run that did not finish, and why; "" of one that did."""
    error = summary["error"]
    if summary["finished"] or error is None:
        return ""
    return f"the run did not finish: its costs go as far as it went. {error['kind']}: {error['text']}"


def version() -> str:
    """Return the installed version of mpcsim."""
    try:
        return importlib.metadata.version("mpcsim")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def json_safe(value: Any, where: str = "value", depth: int = 0) -> Any:
    """Return plain JSON for what a workload gives: NumPy becomes lists and numbers.

    What is no number becomes text ("nan", "inf", "-inf"), since JSON has no such numbers; so does an
    integer too long for readers of JSON, in hexadecimal.

    Raises:
        InputError: naming the place of what JSON cannot hold.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _LONGEST_INT else hex(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if depth > _DEEPEST:
        raise InputError(
            f"{where[:_DEEPEST]}…: more than {_DEEPEST} lists or dicts within each other, or a cycle"
        )
    if isinstance(value, np.generic | np.ndarray):
        return json_safe(value.tolist(), where, depth + 1)
    if isinstance(value, bytes):
        return value.hex()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [json_safe(item, f"{where}.{place}", depth + 1) for place, item in enumerate(value)]
    if isinstance(value, Mapping):
        safe = {
            texts.whole(str(key)): json_safe(item, f"{where}.{key}", depth + 1)
            for key, item in value.items()
        }
        if len(safe) == len(value):
            return safe
        raise InputError(f"{where}: two keys are the same text, and JSON has only text for keys")
    raise InputError(
        f"{where}: a run record cannot hold {type(value).__name__}; accepted: NumPy arrays, "
        "numbers, text, bytes, None, dataclasses, and lists or dicts of these"
    )


def to_json(record: Mapping[str, Any]) -> str:
    """Return a summary as text that UTF-8 can hold, whatever characters its names have."""
    return texts.to_json(record) + "\n"
