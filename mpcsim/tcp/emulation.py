"""Which emulator a network has: the link law's, or TCP's."""

from __future__ import annotations

from collections.abc import Sequence

from mpcsim.engine import Clock, Trace
from mpcsim.network import Emulator, Network
from mpcsim.tcp.emulator import TcpEmulator

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
