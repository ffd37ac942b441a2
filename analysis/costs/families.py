"""Formulas by family and operation, and what a formula of any family looks at.

A family's formulas are the `OPERATIONS` of its package beside this module, or the `FORMULAS` of the file
that a user's own family is in.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.costs.algebra import Cost, sequence
from analysis.costs.numbers import Number

LONG = 32
"""Values of a row above which its maximum is looked for in few rounds, where there is a choice."""


@dataclass(frozen=True)
class Formula:
    """What a named operation costs.

    Attributes:
        cost: takes the setting and the size.
        source: where it comes from.
        depends: the parts of the setting that it looks at.
        general: whether it is written with symbols for the ring; else it holds for a ring in numbers.
        in_size: whether it is written with a symbol for the size; what proofs cost has steps, not a form.
    """

    cost: Callable[[Any, Number], Cost]
    source: str
    depends: tuple[str, ...] = ()
    general: bool = True
    in_size: bool = True

    def symbols(self, setting: Any) -> Any:
        """Return the setting with symbols for what the formula is general in."""
        return setting.symbolic() if self.general else setting


@dataclass(frozen=True)
class FamilySetting:
    """Ring sizes, parties and choices of a family that has no setting of its own.

    Attributes:
        l: ring bits.
        f: fraction bits.
        V: signed bits of a value.
        parties: servers.
        threshold: how many may collude.
        choices: the keys of `[protocol]`, defaults filled in.
        row: values of a row, where an operation takes rows.
        few_rounds: whether an operation takes the constructions of fewest rounds.
        sort_digit: bits of a digit of a sort.
        payload: whether a sort's columns move after it, or are carried through its passes.
    """

    l: Number = 64  # noqa: E741  # the literature's name
    f: Number = 16
    V: Number = 31
    parties: int = 1
    threshold: int = 0
    choices: tuple[tuple[str, Any], ...] = ()
    radix: Number = 0
    digit: Number = 0
    row: int = 10
    few_rounds: bool = False
    sort_digit: int = 4
    payload: str = "after"

    @classmethod
    def read(
        cls, ring: Mapping[str, Any], protocol: Mapping[str, Any], parties: Mapping[str, Any]
    ) -> FamilySetting:
        """Return the setting that the blocks of a run record say."""
        sizes = (ring["bits"], ring["fraction_bits"], ring["value_bits"])
        return cls(*sizes, parties["n"], parties["threshold"], tuple(protocol.items()))

    def choice(self, key: str) -> Any:
        """Return what a key of `[protocol]` says."""
        return dict(self.choices)[key]

    def symbolic(self) -> FamilySetting:
        """Return the same choices with symbols for the ring's numbers."""
        from analysis.costs import symbolic

        return replace(self, l=symbolic.l, f=symbolic.f, V=symbolic.V)

    def numbers(self, n: int) -> tuple[Number, ...]:
        """Return what `symbolic.compiled` formulas take, for n values."""
        return n, self.l, self.f, self.V, self.radix, self.digit

    def params(self, keys: tuple[str, ...]) -> dict[str, Any]:
        """Return those parts as parameters of a row."""
        held = {"l": self.l, "f": self.f, "V": self.V} | dict(self.choices)
        return {key: held[key] for key in keys if key in held}


@dataclass(frozen=True)
class SpanCost:
    """What a span of a private inference costs, and the formula as people read it.

    Attributes:
        rounds: longest chain of messages.
        sent: payload bytes by party: servers, helpers, hospital, owner; further ones send nothing.
        depths: of the whole inference: the longest chain of messages at each party, at its end.
    """

    rounds: int
    sent: tuple[int, ...]
    rounds_text: str
    bytes_text: str
    source: str
    depths: tuple[int, ...] = ()


@dataclass(frozen=True)
class Edges:
    """What goes into a run of a family and comes out of it, and how its functions are priced.

    Attributes:
        joining: bytes that each actor sends to set up keys.
        given: bytes that a client sends of an array of a shape.
        shown: bytes that each actor sends for a client to learn n numbers.
        priced: what prices the functions that are written once (`analysis.costs.written.Written`).
        settled: what is verified of so many costs before something is shown; None where nothing is.
        chained: what layers cost so many images, as one step; None where that is not known.
    """

    joining: Callable[[FamilySetting], tuple[int, ...]]
    given: Callable[[FamilySetting, Sequence[int]], int]
    shown: Callable[[FamilySetting, int], tuple[int, ...]]
    priced: Callable[[FamilySetting], Any]
    settled: Callable[[FamilySetting, Sequence[Cost]], Cost] | None = None
    chained: Callable[[FamilySetting, Sequence[Any], Number], Cost] | None = None


Network = Callable[[Any, Sequence[Any], Sequence[int], bool], Mapping[str, SpanCost]]
"""Takes the setting, the layers' plans, the images of each batch, and whether classes are revealed."""


def network_of(family: str) -> Network | None:
    """Return a family's formula of networks: `network` of its package, where it has one."""
    found: Network | None = _of(family, "network")
    return found


def edges_of(family: str) -> Edges | None:
    """Return what a family's inputs, results and steps cost: `EDGES` of its package, where it has them."""
    found: Edges | None = _of(family, "EDGES")
    return found


def _of(family: str, name: str) -> Any:
    """Return what a family's package of formulas calls so, or None."""
    package = f"analysis.costs.{family}"
    if not family.isidentifier() or importlib.util.find_spec(package) is None:
        return None
    return getattr(importlib.import_module(package), name, None)


def chained_by(family: str) -> Callable[[FamilySetting, Sequence[Any], Number], Cost]:
    """Return what layers cost in a family, which is looked up when it is asked."""

    def cost(setting: FamilySetting, plans: Sequence[Any], images: Number) -> Cost:
        edges = edges_of(family)
        assert edges is not None
        assert edges.chained is not None
        return edges.chained(setting, plans, images)

    return cost


def training_of(family: str) -> Callable[..., Any] | None:
    """Return what a family's trainings cost: `Training` of its package, where it has one."""
    found: Callable[..., Any] | None = _of(family, "Training")
    return found


def growth_of(family: str) -> Callable[..., Any] | None:
    """Return what it costs a family to grow a tree: `growth` of its package, where it has one."""
    found: Callable[..., Any] | None = _of(family, "growth")
    return found


def phases_of(family: str) -> Mapping[str, tuple[int, ...]]:
    """Return which parties send in each phase of a family: `PHASES` of its package, where it has them."""
    found: Mapping[str, tuple[int, ...]] = _of(family, "PHASES") or {}
    return found


def verification_of(family: str) -> Callable[[Any, str, int], Cost] | None:
    """Return a family's formula of verifying an operation, by its name and size; None without one."""
    found: Callable[[Any, str, int], Cost] | None = _of(family, "verification")
    return found


def operations(family: str) -> Mapping[str, Formula]:
    """Return a family's formulas by operation; none, where it has no package of them."""
    found: Mapping[str, Formula] = _of(family, "OPERATIONS") or {}
    return found


def composed(operations: Mapping[str, Any]) -> dict[str, Any]:
    """Return formulas of what is composed of operations that a family has: |x|, least, cube, log softmax.

    |x| is 2 max(x, 0) − x, the least is less the largest of −x, x³ two products.
    """
    product, largest, power, log = (operations[name] for name in ("mul_fixed", "max", "exp", "log"))

    def cube(setting: Any, n: Number) -> Cost:
        return sequence(product.cost(setting, n), product.cost(setting, n))

    def log_softmax(setting: Any, n: Number) -> Cost:
        tops = largest.cost(replace(setting, few_rounds=setting.row > LONG), n)
        return sequence(tops, power.cost(setting, setting.row * n), log.cost(setting, n))

    return {
        "abs": operations["relu"],
        "min": largest,
        "power": replace(product, cost=cube),
        "log_softmax": replace(power, cost=log_softmax, general=False),
    }
