import numpy as np
import pytest

from mpcsim.fingerprint import fingerprint, size
from mpcsim.memory import keep_freed_memory


def test_a_fingerprint_is_that_of_the_bytes_in_c_order():
    array = np.arange(60, dtype=">i4").reshape(3, 4, 5)
    assert fingerprint(array) == fingerprint(array.tobytes()) == fingerprint(array.data)
    assert size(array.data) == size(array.tobytes()) == 240


def test_it_is_the_same_on_every_machine():
    assert fingerprint(bytes(range(256)) * 100).hex() == "adddb36e3fbd314bc012f180560ab56c"


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
