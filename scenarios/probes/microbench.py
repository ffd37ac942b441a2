"""One operation alone: its rounds, its bytes, its error over inputs from its stated range."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mpcsim import InputError, Party, Run
from mpcsim.scenario import Program, Scenario
from mpcsim.texts import plural
from mpcsim.units import BITS
from protocols.domains import Ring, Words
from protocols.family import Family, NotOffered, Terms
from protocols.tables import DIGIT, WIDEST
from scenarios.probes.operations import CLASSES, OPERATIONS, SPAN, Opened, Operation, Shape, Values
from scenarios.settings import SecureSettings

__all__ = ["OPERATIONS", "Operation", "measured", "microbench"]

CLIENT = "client"
_FUNCTIONS = {
    "trunc_exact": "truncate_exact", "compare": "less_than", "maxpool": "max_pool", "max": "maximum",
}  # fmt: skip
"""What operations are called as functions, where that differs."""


class MicrobenchWorkload(BaseModel):
    """The further keys of `[workload]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    op: Literal[
        "reveal", "mul", "mul_fixed", "dot", "matmul", "conv2d", "avgpool", "trunc_exact", "compare",
        "equal", "a2b", "b2a", "inject", "select", "relu", "maxpool", "max", "argmax", "div", "reciprocal",
        "exp", "log", "sqrt", "rsqrt", "sigmoid", "softmax", "shuffle", "sort", "topk",
        "group_sums", "group_max", "join", "gelu", "gelu_tanh", "silu", "tanh", "erf", "softplus",
        "logistic", "elu", "relu6", "clip", "hard_sigmoid", "hard_swish", "leaky_relu",
        "layer_norm", "rms_norm", "group_norm", "abs", "min", "power", "log_softmax",
        "one_hot", "rotary", "attention", "embedding", "lstm", "gru",
    ] = Field(description="the operation")  # fmt: skip
    size: Annotated[int, Field(strict=True, ge=1, le=10**8)] = Field(
        default=1000,
        description="values; side of a square matmul or image; windows of 2×2 of maxpool; "
        "rows of ten of argmax, max, softmax and dot; heads of attention; tokens of embedding; "
        "sequences of two steps of lstm and gru",
    )
    digit: Annotated[int, Field(strict=True, ge=1, le=WIDEST), BITS] | None = Field(
        default=None, description=f"a digit of a sort; {DIGIT} if absent"
    )
    row: Annotated[int, Field(strict=True, ge=1, le=1 << 20)] | None = Field(
        default=None,
        description="values of a row, where an operation takes rows; rows of a head of attention, words "
        f"of an embedding, values that a step of lstm and gru reads; {CLASSES} if absent",
    )
    few_rounds: bool = Field(
        default=False,
        description="max, argmax: the constructions of fewest rounds",
    )
    payload: Literal["after", "carried"] | None = Field(
        default=None, description="sort: columns move after it, or are carried through every pass"
    )


class MicrobenchSettings(SecureSettings):
    """The tables of a microbench scenario."""

    workload: MicrobenchWorkload


def microbench(settings: MicrobenchSettings, scenario: Scenario) -> Program:
    """Return the program of one of the suite's operations."""
    asked = settings.workload
    operation = OPERATIONS[asked.op]
    for key, value in (("digit", asked.digit), ("payload", asked.payload)):
        if value is None:
            continue
        if key not in operation.sorting:
            accepted = [name for name, one in OPERATIONS.items() if key in one.sorting]
            raise InputError(
                f"workload.{key} = {value!r}: {asked.op!r} has no such choice; accepted with "
                f"{', '.join(accepted)}"
            )
        operation = replace(operation, sorting={**operation.sorting, key: value})
    if asked.row is not None:
        _check(operation.rows, f"row = {asked.row}", lambda one: one.rows)
        operation = operation.of_rows(asked.row)
    if asked.few_rounds:
        _check(operation.tournament, "few_rounds = true", lambda one: one.tournament)
        operation = operation.in_few_rounds()
    return measured(asked.op, operation, asked.size, settings, scenario)


def _check(meant: bool, key: str, has: Callable[[Operation], bool]) -> None:
    """Refuse a key of `[workload]` that means nothing to an operation."""
    if not meant:
        accepted = ", ".join(name for name, one in OPERATIONS.items() if has(one))
        raise InputError(f"workload.{key}: accepted with {accepted}")


def measured(
    op: str, operation: Operation, size: int, settings: SecureSettings, scenario: Scenario
) -> Program:
    """Return the program: a client shares the inputs, the servers run one operation, the client checks.

    Args:
        op: name of the operation, for the output.
        operation: what is run; one of `OPERATIONS` or of your own.
        size: what the shapes of the inputs depend on.
        settings: ring and choices.
        scenario: whence seed and engine.
    """
    secured, kernels = settings.secured(scenario), settings.kernels(scenario)
    ring = secured.terms.ring
    if operation.plan is not None:
        operation.plan(ring, settings.of_replicated3(op).accuracy)
    only = operation.offered_by
    if only is not None and not issubclass(secured.family, only):
        names = " and ".join(one.name for one in only)
        raise NotOffered(op, secured.family.name, f"{names} {'has' if len(only) == 1 else 'have'} it")
    if operation.view:
        asked = operation.function or _FUNCTIONS.get(op, op)
        secured.family.check(secured.terms, asked, **operation.arguments)
    shapes = operation.shapes(size)
    want: Values | None = None
    if settings.dry_run:
        words = [kernels.zeros(shape, ring.dtype) for shape in shapes]
    else:
        words, want = _inputs(operation, shapes, ring, scenario.seed)
    result = (operation.result or operation.shape)(size)
    job = _Job(secured.family, secured.terms, operation, words, result)
    roles: dict[str, Any] = dict.fromkeys(secured.actors, job.server) | {CLIENT: job.client}
    actors, servers = len(secured.actors), len(secured.terms.roster.servers)

    def summarize(run: Run) -> dict[str, Any]:
        got, span = run.outputs[CLIENT], run.span(SPAN)
        parties = [span.sent[i].payload_bytes if i in span.sent else 0 for i in range(actors)]
        return {
            "op": op,
            "size": size,
            "inputs": operation.inputs,
            "rounds": span.rounds,
            "payload_bytes": span.payload_bytes,
            "payload_bytes_per_party": parties,
            "bytes_per_party_and_value": span.payload_bytes / servers / size,
            **_by_phase(run),
            **_sorting(operation),
            **({"asked": dict(operation.asked)} if operation.asked else {}),
            "max_error": None
            if want is None
            else float((np.abs(got - want) / np.maximum(1, np.abs(want))).max()),
        }

    return Program(roles, summarize, settings.describe(secured), _render)


def _sorting(operation: Operation) -> dict[str, Any]:
    """Return how an operation sorts, under the names that formulas have for it; nothing, if not at all."""
    if not operation.sorting:
        return {}
    names = {"digit": "sort_digit", "payload": "payload"}
    return {"sorting": {names[key]: value for key, value in operation.sorting.items()}}


def _by_phase(run: Run) -> dict[str, Any]:
    """Return what the operation cost in each of its family's phases; nothing, where it has none.

    Bytes are those of the operation; rounds and time those of the phase in the whole run.
    """
    if not run.phases:
        return {}
    span = run.span(SPAN)
    phases = {
        name: {
            "rounds": phase.rounds,
            "payload_bytes": span.by_phase.get(name, 0),
            "makespan_s": phase.makespan_ns / 1e9,
        }
        for name, phase in run.phases.items()
    }
    return {"phases": phases}


def _inputs(
    operation: Operation, shapes: tuple[Shape, ...], ring: Ring, seed: int | None
) -> tuple[list[Words], Values]:
    """Return inputs as ring elements, and the result that is wanted of what these stand for."""
    bound = ring.bound - 2.0**-ring.fraction_bits  # rounding to fixed point stays below the bound
    drawn = operation.draw(np.random.default_rng(seed), shapes, bound)
    encode = ring.encode_integers if operation.integer_inputs else ring.encode
    words = [encode(x) for x in drawn]
    held = drawn if operation.integer_inputs else [ring.decode(x) for x in words]
    return words, np.asarray(operation.want(*held), dtype=np.float64)


@dataclass(frozen=True)
class _Job:
    family: type[Family]
    terms: Terms
    operation: Operation
    words: list[Words]
    shape: Shape

    async def client(self, party: Party) -> Values | None:
        for number, words in enumerate(self.words):
            with party.channel(f"input/{number}"):
                self.family.give(party, self.terms, words)
        with party.channel("result"):
            words = await self.family.learn(party, self.terms, self.shape)
        if self.terms.dry:
            return None
        ring = self.terms.ring
        return (
            ring.signed(words).astype(np.float64) if self.operation.integer_output else ring.decode(words)
        )

    async def server(self, party: Party) -> None:
        me = await self.family.join(party, self.terms)
        values = []
        for number, words in enumerate(self.words):
            with party.channel(f"input/{number}"):
                values.append(await me.take(CLIENT, words.shape))
        further = {**self.operation.sorting, **self.operation.further}
        taken = me if self.operation.view else me.native
        with me.online(), nullcontext() if self.operation.spans else party.span(SPAN, SPAN):
            result = await self.operation.protocol(taken, *values, **further)
        await me.settle()
        with party.channel("result"):
            if isinstance(result, Opened):  # all servers know
                result = me.public(result.words)
            elif isinstance(result, np.ndarray) and not self.operation.view:
                result = me.public(result)
            me.show(result, CLIENT)


def _render(output: dict[str, Any]) -> Iterable[str]:
    error = output["max_error"]
    if error is None:
        off = "dry run: no values"
    else:
        off = f"largest error {error:.2e} of max(1, |result|)" if error else "exact"
    yield (
        f"{output['op']} on {output['size']}: {plural(output['rounds'], 'round')}, "
        f"{output['bytes_per_party_and_value']:.2f} B a party and unit of size, {off}"
    )
