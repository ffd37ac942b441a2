"""`mpcsim retime`: a run over another network, or a grid of them, and what takes the time.

In flows a record and keys of `[network]`; out flow makespans, spans and critical paths, and what people see
of them by the module `screen`. It may import replay and critical.
"""

from analysis.retime.grid import Grid, retime_grid
from analysis.retime.messages import Message, Messages, messages_of, messages_within
from analysis.retime.retiming import Retiming, load, retime_point

__all__ = [
    "Grid",
    "Message",
    "Messages",
    "Retiming",
    "load",
    "messages_of",
    "messages_within",
    "retime_grid",
    "retime_point",
]
