"""TCP on every link: what `[network] transport = "tcp"` adds to the link law (docs/emulator.md).

In flow messages with a time and a size; out flow arrivals. It may import `mpcsim.network`.
"""

from mpcsim.tcp.connection import Held
from mpcsim.tcp.emulation import AnyEmulator, emulate
from mpcsim.tcp.emulator import TcpEmulator

__all__ = [
    "AnyEmulator",
    "Held",
    "TcpEmulator",
    "emulate",
]
