"""Two parties without a dealer, costed: a garbled circuit's messages and an oblivious-transfer extension's.

The bytes that travel have the sizes and the order of the protocols, and no meaning: rounds, bytes and times
are theirs, results are not. Sources: Chou and Orlandi 2015 (base transfers); Ishai, Kilian, Nissim, Petrank
2003 with Asharov, Lindell, Schneider, Zohner 2013 (extension: a column of m bits for each of 128 base
transfers, then correlated or chosen messages); Zahur, Rosulek, Evans 2015 (half gates: 2 kappa bits for an
AND gate); Rosulek and Roy 2021 (three halves: 1.5 kappa + 5 bits). XOR gates are free.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mpcsim import Party, Run
from mpcsim.scenario import Program, Scenario

KAPPA = 128  # bits of security: of labels, of columns, of seeds
_POINT = 32  # bytes of a point of the curve
_LABEL = KAPPA // 8


class Garbled(BaseModel):
    """A circuit; sizes are numbers of gates and of bits."""

    model_config = ConfigDict(extra="forbid")

    and_gates: int = Field(ge=0)
    garbler_bits: int = Field(ge=0)
    evaluator_bits: int = Field(ge=0)
    output_bits: int = Field(ge=0)
    scheme: Literal["half_gates", "three_halves"] = "half_gates"


class Transfers(BaseModel):
    """Oblivious transfers of one of two messages of so many bits."""

    model_config = ConfigDict(extra="forbid")

    count: int = Field(ge=1)
    bits: int = Field(128, ge=1)
    correlated: bool = False


def packed(bits: int) -> int:
    """Return the bytes of so many bits."""
    return -(-bits // 8)


async def base_send(party: Party) -> None:
    """Play the sender of 128 base transfers: a point out, 128 points back."""
    party.send(1 - party.id, bytes(_POINT))
    await party.recv(1 - party.id)


async def base_receive(party: Party) -> None:
    """Play the receiver of 128 base transfers; their random messages are seeds, which nobody sends."""
    await party.recv(1 - party.id)
    party.send(1 - party.id, bytes(KAPPA * _POINT))


async def extend_send(party: Party, what: Transfers) -> None:
    """Play the sender of the extension, who receives in the base transfers."""
    with party.phase("base"), party.span("base"):
        await base_receive(party)
    with party.phase("extension"), party.span("extension"):
        await party.recv(1 - party.id)
        each = what.bits if what.correlated else 2 * what.bits
        party.send(1 - party.id, bytes(packed(what.count * each)))


async def extend_receive(party: Party, what: Transfers) -> None:
    """Play the receiver of the extension, who sends in the base transfers."""
    with party.phase("base"), party.span("base"):
        await base_send(party)
    with party.phase("extension"), party.span("extension"):
        party.send(1 - party.id, bytes(KAPPA * packed(what.count)))
        await party.recv(1 - party.id)


def base_cost() -> dict[str, int]:
    """Return payload bytes and rounds of the base transfers: a point, and one for each."""
    return {"payload_bytes": _POINT * (KAPPA + 1), "rounds": 2}


def extension_cost(what: Transfers) -> dict[str, int]:
    """Return those of the extension: kappa m bits, then m or 2m messages."""
    each = what.bits if what.correlated else 2 * what.bits
    return {"payload_bytes": KAPPA * packed(what.count) + packed(what.count * each), "rounds": 2}


def gate_bits(scheme: str) -> int:
    """Return the bits of an AND gate."""
    return 2 * KAPPA if scheme == "half_gates" else 3 * KAPPA // 2 + 5


async def _garble(party: Party, what: Garbled) -> None:
    if what.evaluator_bits:
        await extend_send(party, Transfers(count=what.evaluator_bits, bits=KAPPA, correlated=False))
    with party.phase("circuit"), party.span("circuit"):
        labels = what.garbler_bits * _LABEL
        sizes = (packed(what.and_gates * gate_bits(what.scheme)), labels, packed(what.output_bits))
        party.send(1 - party.id, [bytes(size) for size in sizes])
        await party.recv(1 - party.id)


async def _evaluate(party: Party, what: Garbled) -> None:
    if what.evaluator_bits:
        await extend_receive(party, Transfers(count=what.evaluator_bits, bits=KAPPA, correlated=False))
    with party.phase("circuit"), party.span("circuit"):
        await party.recv(1 - party.id)
        party.send(1 - party.id, bytes(packed(what.output_bits)))


def circuit_cost(what: Garbled) -> dict[str, int]:
    """Return payload bytes and rounds: tables, the garbler's labels, decoding bits; the output back."""
    sizes = (packed(what.and_gates * gate_bits(what.scheme)), what.garbler_bits * _LABEL)
    return {"payload_bytes": sum(sizes) + 2 * packed(what.output_bits), "rounds": 2}


def _beside(run: Run, formulas: dict[str, dict[str, int]]) -> dict[str, Any]:
    """Return the formula of each phase beside what was measured."""
    rows = {
        name: formula
        | {"measured_bytes": run.phases[name].payload_bytes, "measured_rounds": run.phases[name].rounds}
        for name, formula in formulas.items()
    }
    equal = all(
        row["payload_bytes"] == row["measured_bytes"] and row["rounds"] == row["measured_rounds"]
        for row in rows.values()
    )
    return {"phases": rows, "equal": equal}


def transfers(settings: Transfers, scenario: Scenario) -> Program:
    """Return the two parties of the extension."""
    return Program(
        {"sender": lambda p: extend_send(p, settings), "receiver": lambda p: extend_receive(p, settings)},
        lambda run: _beside(run, {"base": base_cost(), "extension": extension_cost(settings)}),
    )


def garbled(settings: Garbled, scenario: Scenario) -> Program:
    """Return garbler and evaluator."""
    formulas = {"circuit": circuit_cost(settings)}
    if settings.evaluator_bits:
        inputs = Transfers(count=settings.evaluator_bits, bits=KAPPA)
        formulas = {"base": base_cost(), "extension": extension_cost(inputs)} | formulas
    return Program(
        {"garbler": lambda p: _garble(p, settings), "evaluator": lambda p: _evaluate(p, settings)},
        lambda run: _beside(run, formulas),
    )
