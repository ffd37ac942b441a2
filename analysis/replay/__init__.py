"""The causal structure of a recorded run, checked, and stepped again over another network.

In flow a record's events; out flow times. It may import `mpcsim`.
"""

from analysis.replay.phases import phase_times
from analysis.replay.reading import build, read_structure
from analysis.replay.stepping import Timing, replay
from analysis.replay.structure import (
    FORK,
    RECV,
    SEND,
    SLEEP,
    STAGE,
    START,
    NotRetimable,
    Occurrence,
    Structure,
)

__all__ = [
    "FORK",
    "RECV",
    "SEND",
    "SLEEP",
    "STAGE",
    "START",
    "NotRetimable",
    "Occurrence",
    "Structure",
    "Timing",
    "build",
    "phase_times",
    "read_structure",
    "replay",
]
