"""Faults: rules that break things on purpose, and the injector that does what they say to a run.

In flow `[[faults]]` and messages; out flow messages delayed, dropped, doubled, changed. Beside them,
adversaries: programs in the place of honest ones. It may import
the emulators.
"""

from mpcsim.faults.adversaries import WITHHELD, Attack, Attacked, Puppet, corrupt
from mpcsim.faults.injector import Injector, check_ends
from mpcsim.faults.rules import (
    RULES,
    Corrupt,
    Crash,
    Delay,
    Drop,
    Duplicate,
    Partition,
    Slow,
    Tamper,
    read_faults,
)

__all__ = [
    "RULES",
    "WITHHELD",
    "Attack",
    "Attacked",
    "Corrupt",
    "Crash",
    "Delay",
    "Drop",
    "Duplicate",
    "Injector",
    "Partition",
    "Puppet",
    "Slow",
    "Tamper",
    "check_ends",
    "corrupt",
    "read_faults",
]
