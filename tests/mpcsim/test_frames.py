"""Frames: what a message weighs is what its bytes are."""

from contextlib import suppress

import hypothesis.extra.numpy as arrays_of
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcsim import InputError
from mpcsim.metering.frames import decode, encode, seal

_DTYPES = st.one_of(
    arrays_of.boolean_dtypes(),
    arrays_of.integer_dtypes(),
    arrays_of.unsigned_integer_dtypes(),
    arrays_of.floating_dtypes(),
)
_ARRAYS = arrays_of.arrays(_DTYPES, arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0))
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | st.text()
    | st.binary(max_size=300)
)
_KEYS = st.text() | st.integers(-(2**70), 2**70) | st.binary()
_PAYLOADS = st.recursive(
    _SCALARS | _ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=20) | st.tuples(inner, inner) | st.dictionaries(_KEYS, inner, max_size=20)
    ),
    max_leaves=20,
)


def _equal(left, right):
    """Compare exactly: kinds, dtypes, shapes, and the bits of floating point."""
    if isinstance(left, np.ndarray):
        return (
            isinstance(right, np.ndarray)
            and left.dtype == right.dtype
            and left.shape == right.shape
            and left.tobytes() == right.tobytes()
        )
    if isinstance(left, list | tuple):  # both arrive as lists
        return isinstance(right, list) and len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, float):
        return np.float64(left).tobytes() == np.float64(right).tobytes()
    return type(left) is type(right) and left == right


@given(st.integers(0, 2**64 - 1), _PAYLOADS)
def test_a_frame_comes_back_as_it_was_sent(channel, payload):
    got_channel, got = decode(encode(channel, payload))
    assert got_channel == channel
    assert _equal(payload, got)


@given(_PAYLOADS)
def test_a_message_weighs_as_much_as_its_frame_is_long(payload):
    frame = encode(2**64 - 1, payload)  # encode first: seal freezes
    assert seal(payload).wire_bytes == len(frame)


@given(_PAYLOADS)
def test_the_payload_never_outweighs_the_frame_of_arrays(payload):
    sealed = seal(payload)
    if isinstance(payload, np.ndarray):
        assert sealed.payload_bytes == payload.nbytes
        assert sealed.wire_bytes > payload.nbytes


@pytest.mark.parametrize("size", [1, 2, 4, 7, 8, 16, 17, 255, 256, 2**16 - 1, 2**16, 2**17])
def test_weights_are_right_where_msgpack_changes_its_headers(size):
    for count in range(max(size - 16, 0), size + 2):  # an array's own header takes up to 16
        for payload in (np.zeros(count, np.uint8), b"x" * count, "x" * count):
            assert seal(payload).wire_bytes == len(encode(0, payload))
    for payload in ([None] * size, dict.fromkeys(range(size))):
        assert seal(payload).wire_bytes == len(encode(0, payload))


def test_every_channel_costs_the_same():
    assert len(encode(0, 1)) == len(encode(2**64 - 1, 1)) == seal(1).wire_bytes


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(np.arange(12).reshape(3, 4)),
        np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1),
        np.broadcast_to(np.float32(1.5), (3, 5)),
        np.arange(10)[::-3],
        np.array(7),
        np.array([1, 2], dtype=">i4"),
    ],
    ids=["fortran", "transposed", "broadcast", "strided", "zero-dimensional", "big-endian"],
)
def test_arrays_of_any_layout_keep_their_values(array):
    sealed = seal(array)
    frame = encode(3, sealed.payload)
    assert sealed.wire_bytes == len(frame)
    assert np.array_equal(decode(frame)[1], array)
    assert not sealed.payload.flags.writeable


def test_numpy_scalars_travel_as_numbers():
    assert decode(encode(0, [np.int64(3), np.float32(0.5), np.bool_(True)]))[1] == [3, 0.5, True]
    assert seal(np.int64(3)).payload == 3


@given(st.binary(max_size=200))
def test_bytes_that_are_no_frame_never_raise_anything_but_our_own_error(data):
    with suppress(InputError):
        decode(data)


@given(_PAYLOADS, st.data())
def test_a_truncated_frame_is_refused(payload, data):
    frame = encode(5, payload)
    cut = data.draw(st.integers(0, len(frame) - 1))
    with pytest.raises(InputError, match="not a frame"):
        decode(frame[:cut])
