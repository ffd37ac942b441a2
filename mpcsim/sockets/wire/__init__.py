"""Connections between parties: frames and what they hold, certificates, handshake, mesh, barrier.

In flow addresses and payloads; out flow links on which all agree to be in the same run. It may import the
record's version and the scenario file. `certificates` and `codec` are offered whole.
"""

from mpcsim.sockets.wire import certificates, codec
from mpcsim.sockets.wire.barrier import PeerFailed, of_peer, start_together
from mpcsim.sockets.wire.certificates import COLLECTOR
from mpcsim.sockets.wire.frames import (
    ABORT,
    BEAT,
    BYE,
    FIN,
    MESSAGE,
    NEWS,
    PART,
    Control,
    Message,
    control,
    message,
)
from mpcsim.sockets.wire.hello import Hello, Refused, scenario_digest
from mpcsim.sockets.wire.hosts import Hosts, Limits, read_hosts
from mpcsim.sockets.wire.link import Link, LinkLost
from mpcsim.sockets.wire.mesh import Acceptor, End, connect, describe, dial, listen, part

__all__ = [
    "ABORT",
    "BEAT",
    "BYE",
    "COLLECTOR",
    "FIN",
    "MESSAGE",
    "NEWS",
    "PART",
    "Acceptor",
    "Control",
    "End",
    "Hello",
    "Hosts",
    "Limits",
    "Link",
    "LinkLost",
    "Message",
    "PeerFailed",
    "Refused",
    "certificates",
    "codec",
    "connect",
    "control",
    "describe",
    "dial",
    "listen",
    "message",
    "of_peer",
    "part",
    "read_hosts",
    "scenario_digest",
    "start_together",
]
