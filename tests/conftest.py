"""What tests of every room may ask for."""

import signal
import sys

import pytest


def pytest_configure():
    """Heed Ctrl-C, so that what tests start does: a shell has what runs in its background ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
