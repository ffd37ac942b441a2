"""Which emulator a network has: the link law's, or TCP's."""

from __future__ import annotations

from collections.abc import Sequence

from mpcsim.clock import Clock
from mpcsim.emulator import Emulator
from mpcsim.network import Network
from mpcsim.tcp.emulator import TcpEmulator
from mpcsim.trace import Trace

AnyEmulator = Emulator | TcpEmulator


def emulate(
    network: Network,
    roles: Sequence[str],
    clock: Clock,
    seed: int | None = None,
    trace: Trace | None = None,
) -> AnyEmulator:
    """Return the emulator of a network's transport; the arguments are those of `Emulator`."""
    kind = TcpEmulator if network.transport == "tcp" else Emulator
    return kind(network, roles, clock, seed, trace)
