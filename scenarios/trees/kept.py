"""What servers keep of growing trees: a checkpoint after every level, of boosted trees after every tree.

Of trees side by side each has files of its own, `SERVERi-treeN`; a run goes on from the newest level that
all trees have at all servers. Boosted trees keep their bins apart, once, in the folder `bins`.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError, Party, log
from mpcsim.engine import aside
from mpcsim.plugins import place
from mpcsim.scenario import Scenario
from scenarios.checkpoints import GOES_ON, KEPT, Halted, Store, fingerprint
from scenarios.trees.inputs import Inputs
from scenarios.trees.settings import PrivateTreesSettings

Arrays = Mapping[str, NDArray[Any]]
State = TypeVar("State")
_SERVERS = 3
_SAME = "the data, the seed and the tables ring, protocol, trees and hospitals"
_BINS = 1


def arrays_of(state: Any, name: str = "") -> dict[str, NDArray[Any]]:
    """Return the arrays of a state by the paths of their fields; what is None has none."""
    if state is None:
        return {}
    if is_dataclass(state):
        parts = {field.name: getattr(state, field.name) for field in fields(state)}
    elif isinstance(state, tuple):
        parts = {str(index): one for index, one in enumerate(state)}
    else:
        return {name: np.asarray(state)}
    return {
        path: one for key, part in parts.items() for path, one in arrays_of(part, f"{name}/{key}").items()
    }


def state_of(kind: Any, arrays: Arrays, name: str = "") -> Any:
    """Return the state of a kind whose arrays these are: `arrays_of` backwards.

    Raises:
        KeyError: an array is missing, by its path.
    """
    origin, of = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        there = name in arrays or any(path.startswith(f"{name}/") for path in arrays)
        return state_of(of[0], arrays, name) if there else None
    if origin is tuple and Ellipsis not in of:
        return tuple(state_of(one, arrays, f"{name}/{index}") for index, one in enumerate(of))
    if origin is tuple:
        count = len({path[len(name) + 1 :].split("/")[0] for path in arrays if path.startswith(f"{name}/")})
        return tuple(state_of(of[0], arrays, f"{name}/{index}") for index in range(count))
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        parts = {
            field.name: state_of(hints[field.name], arrays, f"{name}/{field.name}")
            for field in fields(kind)
        }
        return kind(**parts)  # type: ignore[operator]  # a class, as its fields are a class's
    return kind(arrays[name]) if kind in (int, bool) else arrays[name]


@dataclass(frozen=True)
class Kept:
    """The checkpoints of a run of trees.

    Attributes:
        trees, bins: what is kept; None where nothing is, bins of boosted trees alone.
        step, found: levels that are there to go on from (of boosted ones trees), and whether bins are.
        asked: digest of all that decides what the run sends.
        halt_after: stop after so many steps; 0: never.
    """

    trees: Store | None = None
    bins: Store | None = None
    step: int = 0
    found: bool = False
    asked: str = ""
    halt_after: int = 0

    def begin(self) -> str:
        """Return what sets this run's keys and seeds apart from those of all others in its folder."""
        stores = [(self.trees, self.step), (self.bins, int(self.found))]
        runs = [store.begin(start) for store, start in stores if store is not None]
        fresh = not self.step and not self.found and max(runs, default=1) == 1
        return "" if fresh else f"run {' '.join(map(str, runs))}: {self.asked}"

    def mark(self, party: Party, trees: range) -> None:
        """Leave a mark that this server takes part."""
        if self.trees is not None and not self.step:
            for tree in trees:
                self._save(self.trees, party, _actor(party, tree), 0, None)
        if self.bins is not None and not self.found:
            self._save(self.bins, party, party.role, 0, None)

    def state(self, party: Party, tree: int, kind: type[State]) -> State | None:
        """Return what a server kept of a tree, or of boosted ones; None where the run begins."""
        if self.trees is None or not self.step:
            return None
        return _loaded(self.trees, _actor(party, tree), self.step, kind)

    def ground(self, party: Party, kind: type[State]) -> State | None:
        """Return a server's bins; None where there are none yet."""
        if self.bins is None or not self.found:
            return None
        return _loaded(self.bins, party.role, _BINS, kind)

    def keep(self, party: Party, tree: int, step: int, state: Any) -> None:
        """Write what stands after a step, which takes no time of the run; halt where the scenario says so.

        Raises:
            Halted: as `checkpoint.halt_after` says.
        """
        if self.trees is not None:
            self._save(self.trees, party, _actor(party, tree), step, state)
        if step == self.halt_after:
            raise Halted(f"stopped after step {step}, as checkpoint.halt_after says; {GOES_ON}")

    def keep_ground(self, party: Party, state: Any) -> None:
        """Write bins."""
        if self.bins is not None:
            self._save(self.bins, party, party.role, _BINS, state)

    @staticmethod
    def _save(store: Store, party: Party, actor: str, step: int, state: Any) -> None:
        aside(party, lambda: store.save(actor, step, arrays_of(state)))


def progress(**steps: int) -> None:
    """Tell people how far a run is."""
    log.info("progress", **steps)


def _actor(party: Party, tree: int) -> str:
    return f"{party.role}-tree{tree}"


def _loaded(store: Store, actor: str, step: int, kind: type[State]) -> State:
    arrays, _ = store.load(actor, step)
    try:
        found: State = state_of(kind, arrays)
    except KeyError as missing:
        raise InputError(
            f"{store.folder}: {actor}, step {step}: damaged, or not a checkpoint (it lacks {missing})"
        ) from None
    return found


def kept_of(settings: PrivateTreesSettings, scenario: Scenario, inputs: Inputs) -> Kept:
    """Return the checkpoints of a scenario, and where to go on from.

    Raises:
        InputError: they are damaged, of another scenario, or some server's are missing.
    """
    table, trees = settings.checkpoint, settings.trees
    if table.folder is None:
        return Kept(halt_after=table.halt_after)
    if trees.grown == "clear":
        raise InputError(
            "checkpoint.folder: a tree that its owner grew leaves servers nothing to go on from; accepted: "
            "without it, or trees.grown = 'shares'"
        )
    if settings.dry_run:
        return Kept(halt_after=table.halt_after)
    data = blake2b(digest_size=16)
    for part in inputs.integers:
        data.update(part.tobytes())
    beside: dict[str, Any] = {"checkpoint": True, "dry_run": True, "output": True}
    grown = settings.model_dump(mode="json", exclude=beside)
    mark = fingerprint({"seed": scenario.seed, "data": data.hexdigest()} | grown)
    everything = settings.model_dump(mode="json")
    asked = fingerprint({"mark": mark, "queries": fingerprint(inputs.asked[0].tolist())} | everything)
    folder, boosted = place(scenario.folder, table.folder), inputs.boosted
    count, steps = (1, KEPT) if boosted or trees.count == 1 else (trees.count, trees.height + 1)
    servers = [f"server{i}" for i in range(_SERVERS)]
    actors = [f"{role}-tree{tree}" for role in servers for tree in range(count)]
    store = Store(folder, mark, actors, _SAME, kept=steps)
    bins = Store(folder / "bins", mark, servers, _SAME) if boosted else None
    step = store.newest() if table.resume else 0
    found = bool(bins is not None and table.resume and bins.newest())
    return Kept(store, bins, step, found, asked, table.halt_after)
