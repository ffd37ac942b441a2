"""The flagship for one, eight and thirty-two images, and one step of training."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.scenario import prepare


@pytest.mark.parametrize("images", [1, 8, 32])
def test_flagship(measure: Any, images: int) -> None:
    measure(prepare("pomic_inference", f"data.count={images}"), rounds=3 if images > 1 else 9)


@pytest.mark.parametrize("form", ["key", "spline"])
def test_flagship_by_dealt_keys(measure: Any, form: str) -> None:
    measure(prepare("pomic_inference", "protocol.family=fss2", f"protocol.form={form}"), rounds=3)


def test_flagship_on_polynomials(measure: Any) -> None:
    measure(prepare("pomic_inference", "protocol.family=shamir"), rounds=3)


def test_training_step(measure: Any) -> None:
    measure(prepare("training_step"), rounds=3)
