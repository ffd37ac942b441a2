"""The engine's core: parties as coroutines, their scheduler, clocks, transport and traces.

In flow programs of parties; out flow messages to the links of `mpcsim.network` (known here by `ports`
alone), accounts of what was sent, and events. It knows no network, no record and no scenario: it may
import `mpcsim.metering`, and modules at the room's top: errors, units, paths, causes.
"""

from mpcsim.engine import failure
from mpcsim.engine.beside import aside
from mpcsim.engine.clock import Clock, VirtualClock
from mpcsim.engine.compute import Stopwatch
from mpcsim.engine.party import Party
from mpcsim.engine.ports import CUT, CUT_FOR_EVER, PASSES, Crashed, Deliver
from mpcsim.engine.scheduler import Compute, Outcome, Scheduler
from mpcsim.engine.strand import Actor, Strand
from mpcsim.engine.trace import COLUMNS, KINDS, NONE, Trace
from mpcsim.engine.transport import Transport
from mpcsim.engine.wall import WallClock

__all__ = [
    "COLUMNS",
    "CUT",
    "CUT_FOR_EVER",
    "KINDS",
    "NONE",
    "PASSES",
    "Actor",
    "Clock",
    "Compute",
    "Crashed",
    "Deliver",
    "Outcome",
    "Party",
    "Scheduler",
    "Stopwatch",
    "Strand",
    "Trace",
    "Transport",
    "VirtualClock",
    "WallClock",
    "aside",
    "failure",
]
