"""What tests of every room may ask for."""

import sys

import pytest


@pytest.fixture
def calls():
    """Return how to count the calls, Python's and C's, that an action makes: work, on any machine."""

    def counted(action):
        count = 0

        def profile(_frame, event, _arg):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(profile)
        try:
            action()
        finally:
            sys.setprofile(None)
        return count

    return counted
