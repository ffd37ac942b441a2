"""One operation alone: its rounds, its bytes, its error over inputs from its stated range."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from mpcsim import Party, Run
from mpcsim.scenario import Scenario
from mpcsim.workload import Program
from protocols.activation import relu
from protocols.arithmetic import matmul_fixed, multiply, multiply_fixed
from protocols.comparison import less_than
from protocols.division import divide
from protocols.exponential import exponential, sigmoid, softmax
from protocols.maximum import argmax
from protocols.pooling import max_pool2d
from protocols.ring import Ring, Words
from protocols.roots import logarithm, square_root
from protocols.server import Choices, Server
from protocols.sharing import (
    Share,
    receive_from_client,
    receive_reveal,
    reveal,
    reveal_to_client,
    share_by_client,
)
from scenarios.settings import SecureSettings

CLASSES = 10
CLIENT = "client"

Values = NDArray[np.float64]
Shape = tuple[int, ...]
Draw = Callable[[np.random.Generator, Shape, float], list[Values]]


def _vector(size: int) -> Shape:
    return (size,)


def _square(size: int) -> Shape:
    return (size, size)


def _rows(size: int) -> Shape:
    return (size, CLASSES)


@dataclass(frozen=True)
class Operation:
    """An operation to measure.

    Attributes:
        protocol: takes the server and the shared inputs, returns shares (or revealed words).
        draw: takes a generator, the inputs' shape and the ring's bound; returns the inputs, as real
            numbers.
        want: the result in float64 of those inputs.
        inputs: what the inputs are drawn from.
        integer_inputs, integer_output: these are integers, not fixed-point numbers.
        arity: how many inputs there are.
        shape: of each input, for a size.
        result: shape of the result, for a size; that of an input by default.
    """

    protocol: Callable[..., Awaitable[Any]]
    draw: Draw
    want: Callable[..., NDArray[Any]]
    inputs: str
    integer_inputs: bool = False
    integer_output: bool = False
    arity: int = 1
    shape: Callable[[int], Shape] = _vector
    result: Callable[[int], Shape] | None = None


def _anywhere(rng: np.random.Generator, shape: Shape, bound: float) -> Values:
    """Return values over the whole range, a half of them spread over all magnitudes."""
    uniform = rng.uniform(-1, 1, shape) * bound
    small = uniform * 2.0 ** -rng.integers(0, 20, shape)
    return np.where(rng.random(shape) < 0.5, uniform, small)


def _one(rng: np.random.Generator, shape: Shape, bound: float) -> list[Values]:
    return [_anywhere(rng, shape, bound)]


def _two(rng: np.random.Generator, shape: Shape, bound: float) -> list[Values]:
    return [_anywhere(rng, shape, bound) for _ in range(2)]


def _factors(rng: np.random.Generator, shape: Shape, bound: float, terms: int = 1) -> list[Values]:
    """Return two arrays whose sums of `terms` products stay within the bound."""
    edge = np.sqrt(bound / terms)
    return [_anywhere(rng, shape, edge) for _ in range(2)]


async def _pool(server: Server, x: Share) -> Share:
    pooled = await max_pool2d(server, x.reshape(1, 2, -1, 1), (2, 2))
    return pooled.flat()


OPERATIONS = {
    "reveal": Operation(reveal, _one, lambda x: x, "all values"),
    "mul": Operation(
        multiply,
        lambda rng, shape, bound: [np.rint(x) for x in _factors(rng, shape, bound)],
        lambda x, y: x * y,
        "integers whose product is a value",
        integer_inputs=True,
        integer_output=True,
        arity=2,
    ),
    "mul_fixed": Operation(multiply_fixed, _factors, lambda x, y: x * y, "products in range", arity=2),
    "matmul": Operation(
        matmul_fixed,
        lambda rng, shape, bound: _factors(rng, shape, bound, shape[-1]),
        lambda x, y: x @ y,
        "sums in range",
        arity=2,
        shape=_square,
    ),
    "compare": Operation(
        less_than,
        _two,
        lambda x, y: x < y,
        "all pairs of values; the result is 1 where x < y",
        integer_output=True,
        arity=2,
    ),
    "relu": Operation(relu, _one, lambda x: np.maximum(x, 0), "all values"),
    "maxpool": Operation(
        _pool,
        _one,
        lambda x: x.reshape(2, -1, 2).max(axis=(0, 2)),
        "all values",
        shape=lambda size: (4 * size,),
        result=_vector,
    ),
    "argmax": Operation(
        argmax,
        _one,
        lambda x: x.argmax(axis=1),
        f"all values; the largest of {CLASSES}",
        integer_output=True,
        shape=_rows,
        result=_vector,
    ),
}


def _quotients(rng: np.random.Generator, shape: Shape, bound: float) -> list[Values]:
    """Return pairs with a divisor of any magnitude, away from zero, and a quotient within the bound."""
    divisor = _anywhere(rng, shape, bound)
    divisor = np.where(np.abs(divisor) < 2.0**-6, 1.0, divisor)
    limit = np.minimum(bound, 0.99 * bound * np.abs(divisor))
    return [rng.uniform(-1, 1, shape) * limit, divisor]


def _positive(rng: np.random.Generator, shape: Shape, bound: float) -> list[Values]:
    """Return values above zero, spread over all magnitudes."""
    return [np.abs(_anywhere(rng, shape, bound)) + 2.0**-8]


def _exponents(rng: np.random.Generator, shape: Shape, bound: float) -> list[Values]:
    """Return values whose exponential is a value: a half near zero, the rest down to the least value."""
    near = rng.uniform(-16, np.log(bound) - 2.0**-4, shape)
    return [np.where(rng.random(shape) < 0.75, near, -np.abs(_anywhere(rng, shape, bound)))]


def _softmax(x: Values) -> Values:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    shares: Values = powers / powers.sum(axis=1, keepdims=True)
    return shares


OPERATIONS |= {
    "div": Operation(divide, _quotients, lambda a, b: a / b, "|divisor| ≥ 2^−6, quotient a value", arity=2),
    "exp": Operation(exponential, _exponents, np.exp, "all values below ln(bound)"),
    "log": Operation(logarithm, _positive, np.log, "all values from 2^−8"),
    "sqrt": Operation(square_root, _positive, np.sqrt, "all values from 2^−8"),
    "sigmoid": Operation(sigmoid, _one, lambda x: (1 + np.tanh(x / 2)) / 2, "all values"),
    "softmax": Operation(softmax, _one, _softmax, f"all values; of {CLASSES}", shape=_rows),
}


class MicrobenchWorkload(BaseModel):
    """The further keys of `[workload]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    op: Literal[
        "reveal", "mul", "mul_fixed", "matmul", "compare", "relu", "maxpool",
        "div", "exp", "log", "sqrt", "sigmoid", "softmax", "argmax",
    ]  # fmt: skip
    size: Annotated[int, Field(strict=True, ge=1, le=10**8)] = 1000


class MicrobenchSettings(SecureSettings):
    """The tables of a microbench scenario."""

    workload: MicrobenchWorkload


def microbench(settings: MicrobenchSettings, scenario: Scenario) -> Program:
    """Return the program: a client shares the inputs, the servers run one operation, the client checks."""
    ring, op, size = settings.ring.ring(), settings.workload.op, settings.workload.size
    operation, kernels = OPERATIONS[op], settings.kernels(scenario)
    shape = operation.shape(size)
    want: Values | None = None
    if settings.dry_run:
        words = [kernels.zeros(shape, ring.dtype) for _ in range(operation.arity)]
    else:
        words, want = _inputs(operation, shape, ring, scenario.seed)
    result = (operation.result or operation.shape)(size)
    job = _Job(ring, settings.protocol.choices(), kernels, operation, words, result, settings.dry_run)
    roles = {f"server{i}": job.server for i in range(3)} | {CLIENT: job.client}

    def summarize(run: Run) -> dict[str, Any]:
        got, span = run.outputs[CLIENT], run.span("operation")
        parties = [span.sent[i].payload_bytes if i in span.sent else 0 for i in range(3)]
        return {
            "op": op,
            "size": size,
            "inputs": operation.inputs,
            "rounds": span.rounds,
            "payload_bytes": span.payload_bytes,
            "payload_bytes_per_party": parties,
            "bytes_per_party_and_value": span.payload_bytes / 3 / size,
            "max_error": None
            if want is None
            else float((np.abs(got - want) / np.maximum(1, np.abs(want))).max()),
        }

    return Program(roles, summarize, settings.describe(), _render)


def _inputs(operation: Operation, shape: Shape, ring: Ring, seed: int | None) -> tuple[list[Words], Values]:
    """Return inputs as ring elements, and the result that is wanted of what these stand for."""
    bound = ring.bound - 2.0**-ring.fraction_bits  # rounding to fixed point stays below the bound
    drawn = operation.draw(np.random.default_rng(seed), shape, bound)
    encode = ring.encode_integers if operation.integer_inputs else ring.encode
    words = [encode(x) for x in drawn]
    held = drawn if operation.integer_inputs else [ring.decode(x) for x in words]
    return words, np.asarray(operation.want(*held), dtype=np.float64)


@dataclass(frozen=True)
class _Job:
    ring: Ring
    choices: Choices
    kernels: ModuleType
    operation: Operation
    words: list[Words]
    shape: Shape
    dry_run: bool

    async def client(self, party: Party) -> Values | None:
        for number, words in enumerate(self.words):
            with party.channel(f"input/{number}"):
                share_by_client(party, self.ring, words, self.kernels)
        with party.channel("result"):
            words = await receive_reveal(party, self.ring, self.shape, self.kernels)
        if self.dry_run:
            return None
        return (
            self.ring.signed(words).astype(np.float64)
            if self.operation.integer_output
            else self.ring.decode(words)
        )

    async def server(self, party: Party) -> None:
        server = await Server.join(party, self.ring, self.choices, self.kernels)
        shares = []
        for number in range(len(self.words)):
            with party.channel(f"input/{number}"):
                shares.append(await receive_from_client(server, CLIENT))
        with party.span("operation", "operation"):
            result = await self.operation.protocol(server, *shares)
        with party.channel("result"):
            if not isinstance(result, Share):  # the operation revealed it; any one server knows
                zero = server.kernels.zeros(self.shape, self.ring.dtype)
                result = Share(result if server.role == 0 else zero, zero)
            reveal_to_client(server, result, CLIENT)


def _render(output: dict[str, Any]) -> Iterable[str]:
    error = output["max_error"]
    yield (
        f"{output['op']} on {output['size']}: {output['rounds']} rounds, "
        f"{output['bytes_per_party_and_value']:.2f} B a party and unit of size, "
        + ("dry run: no values" if error is None else f"largest error {error:.2e} (of max(1, |want|))")
    )
