"""The kernels alone, on the sizes that a million values or the flagship's layers give them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mpcsim.metering.fingerprint import fingerprint
from protocols import kernels

MILLION = 10**6
SAME = ((1, 1), (1, 1))


def _words(*shape: int, dtype: Any = np.uint64) -> Any:
    return np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)


@pytest.mark.parametrize("side", [128, 512])
def test_matmul(measure: Any, side: int) -> None:
    a, b = _words(side, side), _words(side, side)
    measure(lambda: kernels.matmul(a, b), iterations=8)


def test_matmul_numpy_512(measure: Any) -> None:
    a, b = _words(512, 512), _words(512, 512)
    measure(lambda: a @ b, rounds=3)


@pytest.mark.parametrize(
    ("side", "channels", "filters"), [(50, 3, 32), (25, 32, 64), (12, 64, 128), (6, 128, 128)]
)
def test_convolution_of_three_terms(measure: Any, side: int, channels: int, filters: int) -> None:
    xa, xb = _words(2, 1, side, side, channels)
    wa, wb = _words(2, 3, 3, channels, filters)
    measure(lambda: kernels.conv2d3(xa, xb, wa, wb, (1, 1), SAME), iterations=10)


def _elementwise() -> dict[str, Callable[[], Any]]:
    """Return jobs on a million values, by name."""
    x, y, z, u, v = _words(5, MILLION)
    narrow = x.astype(np.uint32)
    planes = kernels.bit_planes(narrow, 0, 32)
    masks = [np.roll(planes, shift, axis=1) for shift in range(1, 5)]
    widths = [2] * 16
    entries = kernels.digit_entries(widths)
    p = 17
    random = _words(kernels.uniform_mod_words(p, 16 * MILLION))
    digits = kernels.uniform_mod(random, p, 16 * MILLION).reshape(16, MILLION)
    shares = kernels.uniform_mod(
        _words(kernels.uniform_mod_words(p, entries * MILLION)), p, entries * MILLION
    )
    shares = shares.reshape(entries, MILLION)
    packed = kernels.pack_mod(digits, p)
    turns, flips = (x % 16).astype(np.uint8), (y % 2).astype(np.uint8)
    tables = kernels.one_hot(planes[:4], MILLION)
    thirty_three = kernels.pack(x, 33)
    return {
        "product3": lambda: kernels.product3(x, y, z, u, v),
        "bit_planes_32": lambda: kernels.bit_planes(narrow, 0, 32),
        "from_planes_32": lambda: kernels.from_planes(planes, MILLION, np.uint32),
        "and3_32_planes": lambda: kernels.and3(planes, *masks),
        "one_hot_4": lambda: kernels.one_hot(planes[:4], MILLION),
        "table_lookup_4": lambda: kernels.table_lookup(tables, planes[4:8]),
        "pack_33": lambda: kernels.pack(x, 33),
        "unpack_33": lambda: kernels.unpack(thirty_three, 33, (MILLION,), np.uint64),
        "uniform_mod_17_x16": lambda: kernels.uniform_mod(random, p, 16 * MILLION),
        "pack_mod_17_x16": lambda: kernels.pack_mod(digits, p),
        "unpack_mod_17_x16": lambda: kernels.unpack_mod(packed, p, 16 * MILLION),
        "compare_digits_2x16": lambda: kernels.compare_digits(narrow, flips, shares, widths, p, 1),
        "blind_16": lambda: kernels.blind(digits, digits, turns, digits, p, 1),
        "prf_8_MB": lambda: kernels.expand_words(bytes(16), bytes(12), (MILLION,), np.dtype(np.uint64)),
        "fingerprint_8_MB": lambda: fingerprint(x),
        "blake2b_8_MB": lambda: hashlib.blake2b(x, digest_size=16).digest(),
    }


NAMES = (
    "product3", "bit_planes_32", "from_planes_32", "and3_32_planes", "one_hot_4", "table_lookup_4",
    "pack_33", "unpack_33", "uniform_mod_17_x16", "pack_mod_17_x16", "unpack_mod_17_x16",
    "compare_digits_2x16", "blind_16", "prf_8_MB", "fingerprint_8_MB", "blake2b_8_MB",
)  # fmt: skip


@pytest.fixture(scope="module")
def jobs() -> dict[str, Callable[[], Any]]:
    """Return the elementwise jobs, whose inputs are made once."""
    return _elementwise()


@pytest.mark.parametrize("name", NAMES)
def test_a_million_values(measure: Any, jobs: dict[str, Callable[[], Any]], name: str) -> None:
    measure(jobs[name], rounds=7, iterations=3)
