"""The network: its description, the laws of its links, and the emulator that follows them.

In flow messages with a time and a size; out flow arrivals. It may import `mpcsim.engine`.
"""

from mpcsim.network.description import Network
from mpcsim.network.downlink import Downlink
from mpcsim.network.emulator import Emulator, transmission_ns
from mpcsim.network.jitter import Time
from mpcsim.network.laws import Law, Laws, party_id
from mpcsim.network.link_tables import ANY, Effects, TransportName
from mpcsim.network.profiles import PROFILES
from mpcsim.network.streams import Stream
from mpcsim.network.tcp_keys import Rules, rules

__all__ = [
    "ANY",
    "PROFILES",
    "Downlink",
    "Effects",
    "Emulator",
    "Law",
    "Laws",
    "Network",
    "Rules",
    "Stream",
    "Time",
    "TransportName",
    "party_id",
    "rules",
    "transmission_ns",
]
