"""mpcsim: run MPC protocols as message-passing actors over an emulated network."""

from mpcsim.errors import (
    CheckFailed,
    DeadlockError,
    EncodingError,
    InputError,
    MpcsimError,
    PartyError,
    RunError,
    ScenarioError,
    UsageError,
)
from mpcsim.network import Network
from mpcsim.party import Party
from mpcsim.simulate import Run, simulate

__all__ = [
    "CheckFailed",
    "DeadlockError",
    "EncodingError",
    "InputError",
    "MpcsimError",
    "Network",
    "Party",
    "PartyError",
    "Run",
    "RunError",
    "ScenarioError",
    "UsageError",
    "simulate",
]
