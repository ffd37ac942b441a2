"""One operation alone: its rounds, its bytes, its error over inputs from its stated range."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
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
Draw = Callable[[np.random.Generator, int, float], list[Values]]


@dataclass(frozen=True)
class Operation:
    """An operation to measure.

    Attributes:
        protocol: takes the server and the shared inputs, returns shares (or revealed words).
        draw: takes a generator, the size and the ring's bound; returns the inputs, as real numbers.
        want: the result in float64 of those inputs.
        inputs: what the inputs are drawn from.
        integer: inputs and results are integers, not fixed-point numbers.
    """

    protocol: Callable[..., Awaitable[Any]]
    draw: Draw
    want: Callable[..., NDArray[Any]]
    inputs: str
    integer_inputs: bool = False
    integer_output: bool = False


def _anywhere(rng: np.random.Generator, shape: tuple[int, ...], bound: float) -> Values:
    """Return values over the whole range, a half of them spread over all magnitudes."""
    uniform = rng.uniform(-1, 1, shape) * bound
    small = uniform * 2.0 ** -rng.integers(0, 20, shape)
    return np.where(rng.random(shape) < 0.5, uniform, small)


def _factors(rng: np.random.Generator, shape: tuple[int, ...], bound: float, terms: int) -> list[Values]:
    """Return two arrays whose sums of `terms` products stay within the bound."""
    edge = np.sqrt(bound / terms)
    return [_anywhere(rng, shape, edge) for _ in range(2)]


async def _pool(server: Server, x: Share) -> Share:
    pooled = await max_pool2d(server, x.reshape(1, 2, -1, 1), (2, 2))
    return pooled.flat()


OPERATIONS = {
    "reveal": Operation(reveal, lambda r, n, b: [_anywhere(r, (n,), b)], lambda x: x, "all values"),
    "mul": Operation(
        multiply,
        lambda r, n, b: [np.rint(x) for x in _factors(r, (n,), b, 1)],
        lambda x, y: x * y,
        "integers whose product is a value",
        integer_inputs=True,
        integer_output=True,
    ),
    "mul_fixed": Operation(
        multiply_fixed, lambda r, n, b: _factors(r, (n,), b, 1), lambda x, y: x * y, "products in range"
    ),
    "matmul": Operation(
        matmul_fixed, lambda r, n, b: _factors(r, (n, n), b, n), lambda x, y: x @ y, "sums in range"
    ),
    "compare": Operation(
        less_than,
        lambda r, n, b: [_anywhere(r, (n,), b) for _ in range(2)],
        lambda x, y: x < y,
        "all pairs of values; the result is 1 where x < y",
        integer_output=True,
    ),
    "relu": Operation(
        relu, lambda r, n, b: [_anywhere(r, (n,), b)], lambda x: np.maximum(x, 0), "all values"
    ),
    "maxpool": Operation(
        _pool,
        lambda r, n, b: [_anywhere(r, (4 * n,), b)],
        lambda x: x.reshape(2, -1, 2).max(axis=(0, 2)),
        "all values",
    ),
    "argmax": Operation(
        argmax,
        lambda r, n, b: [_anywhere(r, (n, CLASSES), b)],
        lambda x: x.argmax(axis=1),
        f"all values; the largest of {CLASSES}",
        integer_output=True,
    ),
}


def _quotients(rng: np.random.Generator, size: int, bound: float) -> list[Values]:
    """Return pairs with a divisor of any magnitude, away from zero, and a quotient within the bound."""
    divisor = _anywhere(rng, (size,), bound)
    divisor = np.where(np.abs(divisor) < 2.0**-6, 1.0, divisor)
    limit = np.minimum(bound, 0.99 * bound * np.abs(divisor))
    return [rng.uniform(-1, 1, size) * limit, divisor]


def _positive(rng: np.random.Generator, size: int, bound: float) -> list[Values]:
    """Return values above zero, spread over all magnitudes."""
    return [np.abs(_anywhere(rng, (size,), bound)) + 2.0**-8]


def _exponents(rng: np.random.Generator, size: int, bound: float) -> list[Values]:
    """Return values whose exponential is a value: a half near zero, the rest down to the least value."""
    near = rng.uniform(-16, np.log(bound) - 2.0**-4, size)
    return [np.where(rng.random(size) < 0.75, near, -np.abs(_anywhere(rng, (size,), bound)))]


def _softmax(x: Values) -> Values:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    shares: Values = powers / powers.sum(axis=1, keepdims=True)
    return shares


OPERATIONS |= {
    "div": Operation(divide, _quotients, lambda a, b: a / b, "|divisor| ≥ 2^−6, quotient a value"),
    "exp": Operation(exponential, _exponents, np.exp, "all values below ln(bound)"),
    "log": Operation(logarithm, _positive, np.log, "all values from 2^−8"),
    "sqrt": Operation(square_root, _positive, np.sqrt, "all values from 2^−8"),
    "sigmoid": Operation(
        sigmoid, lambda r, n, b: [_anywhere(r, (n,), b)], lambda x: (1 + np.tanh(x / 2)) / 2, "all values"
    ),
    "softmax": Operation(
        softmax, lambda r, n, b: [_anywhere(r, (n, CLASSES), b)], _softmax, f"all values; of {CLASSES}"
    ),
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
    ring, operation = settings.ring.ring(), OPERATIONS[settings.workload.op]
    rng = np.random.default_rng(scenario.seed)
    bound = ring.bound - 2.0**-ring.fraction_bits  # rounding to fixed point stays below the bound
    inputs = operation.draw(rng, settings.workload.size, bound)
    encode = ring.encode_integers if operation.integer_inputs else ring.encode
    words = [encode(x) for x in inputs]
    held = inputs if operation.integer_inputs else [ring.decode(x) for x in words]
    want = np.asarray(operation.want(*held), dtype=np.float64)
    job = _Job(ring, settings.protocol.choices(), operation, words, want.shape)
    roles = {f"server{i}": job.server for i in range(3)} | {CLIENT: job.client}

    def summarize(run: Run) -> dict[str, Any]:
        got, span = run.outputs[CLIENT], run.span("operation")
        parties = [span.sent[i].payload_bytes if i in span.sent else 0 for i in range(3)]
        return {
            "op": settings.workload.op,
            "size": settings.workload.size,
            "inputs": operation.inputs,
            "rounds": span.rounds,
            "payload_bytes": span.payload_bytes,
            "payload_bytes_per_party": parties,
            "bytes_per_party_and_value": span.payload_bytes / 3 / settings.workload.size,
            "max_error": float((np.abs(got - want) / np.maximum(1, np.abs(want))).max()),
        }

    return Program(roles, summarize, settings.describe(), _render)


@dataclass(frozen=True)
class _Job:
    ring: Ring
    choices: Choices
    operation: Operation
    words: list[Words]
    shape: tuple[int, ...]

    async def client(self, party: Party) -> Values:
        for number, words in enumerate(self.words):
            with party.channel(f"input/{number}"):
                share_by_client(party, self.ring, words)
        with party.channel("result"):
            words = await receive_reveal(party, self.ring, self.shape)
        return (
            self.ring.signed(words).astype(np.float64)
            if self.operation.integer_output
            else self.ring.decode(words)
        )

    async def server(self, party: Party) -> None:
        server = await Server.join(party, self.ring, self.choices)
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
    yield (
        f"{output['op']} on {output['size']}: {output['rounds']} rounds, "
        f"{output['bytes_per_party_and_value']:.2f} B a party and unit of size, "
        f"largest error {output['max_error']:.2e} (of max(1, |want|))"
    )
