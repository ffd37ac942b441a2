"""Every operation of the microbench scenario: a whole run, from the client's inputs to its results."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.scenario import prepare

OPERATIONS = (
    "reveal", "mul", "mul_fixed", "compare", "relu", "maxpool", "argmax", "div", "exp", "log", "sqrt",
    "sigmoid", "softmax",
)  # fmt: skip
VALUES_PER_UNIT = {"maxpool": 4, "argmax": 10, "softmax": 10}


@pytest.mark.parametrize("values", [1_000, 100_000, 1_000_000])
@pytest.mark.parametrize("op", OPERATIONS)
def test_operation(measure: Any, op: str, values: int) -> None:
    size = values // VALUES_PER_UNIT.get(op, 1)
    run = prepare("microbench", f"workload.op={op}", f"workload.size={size}")
    measure(run, rounds=2 if values > 100_000 else 3)


@pytest.mark.parametrize("comparison", ["masked", "tree"])
def test_relu_of_a_million_by(measure: Any, comparison: str) -> None:
    size = "workload.size=1000000"
    run = prepare("microbench", "workload.op=relu", size, f"protocol.comparison={comparison}")
    measure(run, rounds=2)


@pytest.mark.parametrize("side", [128, 512])
def test_matrix_product(measure: Any, side: int) -> None:
    measure(prepare("microbench", "workload.op=matmul", f"workload.size={side}"), rounds=3)


def test_products_of_fifty_servers(measure: Any) -> None:
    overrides = ("protocol.family=shamir", "parties.n=50", "workload.op=mul", "workload.size=1000")
    measure(prepare("microbench", *overrides), rounds=3)
