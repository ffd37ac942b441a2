"""mpcsim: run MPC protocols as message-passing actors over an emulated network.

The public names are imported when they are first used: the command line's `--help` needs none of them.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpcsim.engine import Party
    from mpcsim.errors import (
        CheckFailed,
        DeadlockError,
        EncodingError,
        InputError,
        MpcsimError,
        PartyError,
        PeerAborted,
        RecvTimeout,
        RunError,
        ScenarioError,
        UsageError,
    )
    from mpcsim.faults import Puppet
    from mpcsim.network import Network
    from mpcsim.record import Run
    from mpcsim.simulate import simulate

__all__ = [
    "CheckFailed",
    "DeadlockError",
    "EncodingError",
    "InputError",
    "MpcsimError",
    "Network",
    "Party",
    "PartyError",
    "PeerAborted",
    "Puppet",
    "RecvTimeout",
    "Run",
    "RunError",
    "ScenarioError",
    "UsageError",
    "simulate",
]

_ELSEWHERE = {
    "Network": "network", "Party": "engine", "Puppet": "faults", "Run": "record",
    "simulate": "simulate",
}  # fmt: skip


class _Package(types.ModuleType):
    """The package, whose `simulate` is the function, not the module that the import system puts there."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "simulate" or not isinstance(value, types.ModuleType):
            super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_ELSEWHERE.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | set(__all__))


sys.modules[__name__].__class__ = _Package
