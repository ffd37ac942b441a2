"""Python's cyclic garbage collector during a run."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENT = (5_000, 20, 500)  # net new objects before a look at the young; looks before the older


@contextmanager
def patient_collector() -> Iterator[None]:
    """Have the collector look less often, as a run keeps many messages that are no garbage.

    With Python's own thresholds it would look through a million messages under way again and again,
    which costs several times what the messages themselves do.
    """
    before = gc.get_threshold()
    gc.set_threshold(*(max(one, two) for one, two in zip(before, _PATIENT, strict=True)))
    try:
        yield
    finally:
        gc.set_threshold(*before)
