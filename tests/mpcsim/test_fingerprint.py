import inspect

import numpy as np
import pytest

from mpcsim.memory import keep_freed_memory
from mpcsim.metering.fingerprint import fingerprint, size


def test_a_fingerprint_is_that_of_the_bytes_in_c_order():
    array = np.arange(60, dtype=">i4").reshape(3, 4, 5)
    assert fingerprint(array) == fingerprint(array.tobytes()) == fingerprint(array.data)
    assert size(array.data) == size(array.tobytes()) == 240


def test_it_is_the_same_on_every_machine():
    assert fingerprint(bytes(range(256)) * 100).hex() == "adddb36e3fbd314bc012f180560ab56c"


@pytest.mark.parametrize("length", [1, 15, 16, 17, 1000, 4096, 20_001])
@pytest.mark.parametrize("piece", [1, 7, 16, 1000, 4096, 20_000, 1 << 30])
def test_it_does_not_depend_on_the_pieces_in_which_data_is_handed_over(length, piece):
    data = np.random.default_rng(length).integers(0, 256, length, np.uint8).tobytes()
    assert fingerprint(data, piece) == fingerprint(data, length)


def test_no_piece_is_as_large_as_the_library_refuses(monkeypatch):
    """Its bindings panic at 2^31 bytes; here on a small scale, since memory is short."""
    handed = []

    class Tag:
        def authenticate_additional_data(self, data):
            handed.append(len(data))

        def finalize(self):
            self.tag = b""

    class Counting:
        def __init__(self, *_):
            pass

        def encryptor(self):
            return Tag()

    monkeypatch.setattr("mpcsim.metering.fingerprint.Cipher", Counting)
    fingerprint(bytes(2500), 1000)
    fingerprint(np.zeros(3 << 20, np.uint8), 1 << 20)
    assert handed == [1000, 1000, 500, 1 << 20, 1 << 20, 1 << 20]
    assert inspect.signature(fingerprint).parameters["piece"].default < 2**31


@pytest.mark.parametrize("place", [0, 1, 77, 19_999])
def test_any_bit_changes_it(place):
    data = bytearray(20_000)
    before = fingerprint(data)
    data[place] ^= 1
    assert fingerprint(data) != before


def test_length_and_order_change_it():
    ones, blocks = bytes([1]) * 32, bytes(16) + bytes([1]) * 16
    assert len({fingerprint(data) for data in (ones, ones + bytes(1), blocks, blocks[::-1])}) == 4


def test_asking_twice_for_freed_memory_is_answered_alike():
    assert keep_freed_memory() is keep_freed_memory()
