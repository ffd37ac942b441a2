"""What travels between processes comes out as it went in, aligned, and nothing else is taken."""

import dataclasses
import os
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mpcsim.errors import InputError
from mpcsim.metering import weigh
from mpcsim.sockets.wire import codec
from mpcsim.sockets.wire.frames import MESSAGE, Message, Reader, message

dtypes = st.sampled_from(["?", "u1", "<i4", "<u8", "<f4", "<f8", ">i2", "<f2"])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
leaves = scalars | arrays.arrays(
    dtypes.map(np.dtype), arrays.array_shapes(min_dims=0, max_dims=3, min_side=0)
)
keys = st.integers() | st.text() | st.binary() | st.booleans()
payloads = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(keys, inner),
    max_leaves=8,
)


def same(one, other):
    if isinstance(one, np.ndarray):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        )
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other


def through(buffers, step=10**9, largest=1 << 40):
    """Read frames `step` bytes at a time."""
    raw, reader, at = b"".join(buffers), Reader(largest), 0

    def receive(place):
        nonlocal at
        count = min(len(place), step, len(raw) - at)
        place[:count] = raw[at : at + count]
        at += count
        return count

    while at < len(raw):
        reader.read(receive)
    (found,) = reader.came
    return found


@settings(max_examples=100, deadline=None)
@given(payloads, st.integers(1, 200))
def test_what_goes_in_comes_out(payload, step):
    frozen = weigh(payload)[0]
    found = through(message(7, 2**64 - 1, frozen), step)
    assert isinstance(found, Message)
    assert (found.kind, found.depth, found.channel) == (MESSAGE, 7, 2**64 - 1)
    assert same(frozen, found.payload)


@pytest.mark.parametrize("size", [0, 1, 65_000, 65_536, 262_144, 262_145, 3_000_000])
def test_large_arrays_come_in_pieces_aligned_and_read_only(size):
    payload = [np.arange(size // 8, dtype="<u8"), "x" * size, b"y" * size, (np.ones((2, size // 16)),)]
    found = through(message(1, 2, payload), 100_000).payload
    assert same(payload, found)
    assert all(one.flags.aligned and not one.flags.writeable for one in (found[0], found[3][0]))


@dataclasses.dataclass
class Result:
    """A class of a user."""

    name: str
    values: np.ndarray

    def __post_init__(self):
        raise AssertionError("no code of a class runs when it comes over a wire")


def test_results_may_hold_dataclasses_and_no_code_runs():
    made = object.__new__(Result)
    made.name, made.values = "a", np.arange(3)
    structure, buffers = codec.encode([made], objects=True)
    (found,) = codec.decode(structure, [bytes(one) for one in buffers])
    assert type(found).__name__ in ("Result", "SimpleNamespace")
    assert found.name == "a"
    assert np.array_equal(found.values, made.values)
    other = structure.replace(b"Result", b"getcwd").replace(Result.__module__.encode(), b"os")
    assert other != structure
    with pytest.raises(InputError, match="cannot travel"):
        codec.encode([made])
    with pytest.raises(InputError, match="cannot travel"):
        codec.encode(lambda: 0, objects=True)


def test_changed_bytes_are_refused_or_decoded_and_nothing_else_happens():
    random.seed(3)
    raw = b"".join(message(3, 4, [np.arange(50), {"a": (1, 2.5, None)}, b"z" * 5000, 2**80]))
    for _ in range(3000 if os.environ.get("MPCSIM_LONG") else 600):
        bad = bytearray(raw)
        for _ in range(random.randrange(1, 4)):
            bad[random.randrange(len(bad))] = random.randrange(256)
        reader, view = Reader(1 << 20), memoryview(bytes(bad))

        def receive(place, view=view):
            place[: len(view)] = view
            return len(view)

        try:
            reader.read(receive)
        except InputError:
            continue


@pytest.mark.parametrize("deep", [b"\x91" * 5000 + b"\xc0", b"\xc7\xff\x03" * 50])
def test_structures_too_deep_are_refused(deep):
    with pytest.raises(InputError):
        codec.slots(deep)
