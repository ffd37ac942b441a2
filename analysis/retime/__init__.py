"""`mpcsim retime`: a run over another network, or a grid of them, and what takes the time.

In flows a record and keys of `[network]`; out flow makespans, spans and critical paths. Every run's screen
retimes its own record, so that what it does without is imported by who asks for it: `grid`, of many
networks, and `screen`, what people see. It may import replay and critical.
"""

from analysis.retime.messages import Message, Messages, messages_of, messages_within
from analysis.retime.retiming import Retiming, load, retime_point

__all__ = [
    "Message",
    "Messages",
    "Retiming",
    "load",
    "messages_of",
    "messages_within",
    "retime_point",
]
