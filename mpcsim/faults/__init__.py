"""Faults: rules that break things on purpose, and the injector that does what they say to a run.

In flow `[[faults]]` and messages; out flow messages delayed, dropped, doubled, changed. It may import
the emulators.
"""

from mpcsim.faults.injector import Injector, check_ends
from mpcsim.faults.rules import Corrupt, Crash, Delay, Drop, Duplicate, Partition, Slow, read_faults

__all__ = [
    "Corrupt",
    "Crash",
    "Delay",
    "Drop",
    "Duplicate",
    "Injector",
    "Partition",
    "Slow",
    "check_ends",
    "read_faults",
]
