import numpy as np
import pytest

from protocols import kernels
from protocols.kernels import _threads

SHAPES = [(1, (1, 1)), (1, (2, 2)), (5, (1, 1)), (2, (2, 1))]


@pytest.fixture
def several(monkeypatch):
    monkeypatch.setattr(_threads, "_WORTHWHILE", 1)
    return lambda count: monkeypatch.setattr(_threads, "_threads", lambda: count)


@pytest.mark.parametrize(("images", "stride"), SHAPES)
def test_convolutions_do_not_depend_on_the_number_of_threads(several, images, stride):
    rng = np.random.default_rng(1)
    xa, xb = rng.integers(0, 2**64, (2, images, 13, 11, 3), dtype=np.uint64)
    wa, wb = rng.integers(0, 2**64, (2, 3, 3, 3, 8), dtype=np.uint64)
    results = []
    for count in (1, 2, 3, 64):
        several(count)
        results.append(kernels.conv2d3(xa, xb, wa, wb, stride, ((1, 1), (0, 1))))
    assert all(np.array_equal(result, results[0]) for result in results)


def test_matrix_products_do_not_depend_on_the_number_of_threads(several):
    a, b = np.random.default_rng(1).integers(0, 2**64, (2, 37, 37), dtype=np.uint64)
    for count in (1, 2, 3, 64):
        several(count)
        assert np.array_equal(kernels.matmul(a, b), a @ b)


@pytest.mark.parametrize("text", ["0", "-1", "many", ""])
def test_a_senseless_number_of_threads_is_refused(monkeypatch, text):
    monkeypatch.setenv(_threads.VARIABLE, text)
    with pytest.raises(ValueError, match="accepted is a whole number"):
        _threads._threads.__wrapped__()
