"""The same programs on real sockets: a process a party, TCP with mutual TLS, one record of all.

In flow a scenario and where its parties are; out flows a `Run` whose times are real. It stands beside
`mpcsim.simulate`, and may import the engine, the record and the scenario.
"""

from mpcsim.sockets.processes import Where, run_processes
from mpcsim.sockets.runner import Options, keep_part, run_party
from mpcsim.sockets.wire import Hosts, Limits, certificates, read_hosts

__all__ = [
    "Hosts",
    "Limits",
    "Options",
    "Where",
    "certificates",
    "keep_part",
    "read_hosts",
    "run_party",
    "run_processes",
]
