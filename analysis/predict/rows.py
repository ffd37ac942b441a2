"""Rows of a validation: a formula, what it predicts, what was measured, and whether they are equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Formula:
    """A formula as people read it: rounds, and payload bytes summed over the parties."""

    rounds: str
    payload_bytes: str
    rounds_latex: str = ""
    payload_latex: str = ""

    def __str__(self) -> str:
        return f"rounds = {self.rounds}; bytes = {self.payload_bytes}"


@dataclass(frozen=True)
class Row:
    """One validated operation or layer.

    Attributes:
        op: operation, or MODEL/SPAN.
        params: shape, ring and choices.
        formula: None where there is none yet.
        predicted: rounds, payload_bytes (sum over the parties), per_party; or None.
        measured: the same.
        source: where the formula comes from.
        network: the small network of the grid that it is a layer of; "" where it is none's.
        family: whose protocols ran.
        parties: how many servers it had.
    """

    op: str
    params: Mapping[str, Any]
    formula: Formula | None
    predicted: Mapping[str, Any] | None
    measured: Mapping[str, Any]
    source: str
    network: str = ""
    family: str = "replicated3"
    parties: int = 3

    @property
    def equal(self) -> bool | None:
        """Whether prediction and measurement are the same; None where nothing was predicted."""
        return None if self.predicted is None else dict(self.predicted) == dict(self.measured)

    @property
    def where(self) -> str:
        """Return the operation, with its family where that is not the default one."""
        return self.op if self.family == "replicated3" else f"{self.family}: {self.op}"

    def describe(self) -> dict[str, Any]:
        """Return the row as plain JSON."""
        return {
            "op": self.op,
            "params": dict(self.params) | {"family": self.family, "parties": self.parties},
            "formula": "none yet" if self.formula is None else str(self.formula),
            "predicted": None if self.predicted is None else dict(self.predicted),
            "measured": dict(self.measured),
            "equal": self.equal,
            "unit": "rounds: longest chain of messages; payload bytes, summed and by party",
            "source": self.source,
        }

    def difference(self) -> str:
        """Return what differs, for an error message."""
        assert self.predicted is not None
        parts = [
            f"{key} predicted {self.predicted[key]}, measured {self.measured[key]}"
            for key in self.predicted
            if self.predicted[key] != self.measured[key]
        ]
        return f"{self.where} ({params_text(self.params)}): {'; '.join(parts)}"


def cost(rounds: int, per_party: list[int]) -> dict[str, Any]:
    """Return the block that predictions and measurements share."""
    return {"rounds": rounds, "payload_bytes": sum(per_party), "per_party": per_party}


def among(sent: Sequence[Any], parties: int) -> list[Any]:
    """Return what each of `parties` sends: a formula of fewer says that the others send nothing.

    A formula of more keeps what it has: it is of another protocol, unless the further ones send nothing.
    """
    shown = [*sent, *[0] * (parties - len(sent))]
    while len(shown) > parties and shown[-1] == 0:
        shown.pop()
    return shown


def params_text(params: Mapping[str, Any]) -> str:
    """Return parameters as people write them: n=13, l=64, table, radix=4."""
    words = []
    for key, value in params.items():
        if isinstance(value, str):
            words.append(value)
        elif isinstance(value, bool):
            words.append(key if value else f"no {key}")
        elif isinstance(value, list | tuple):
            words.append(f"{key}={_sides(value)}")
        else:
            words.append(f"{key}={value}")
    return ", ".join(words)


def _sides(value: Any) -> str:
    return "×".join(_sides(one) if isinstance(one, list | tuple) else str(one) for one in value)
