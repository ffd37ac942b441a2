"""When the phases of a run are over another network: from the operations at which strands enter them."""

from __future__ import annotations

from analysis.replay.ghosts import Timing
from analysis.replay.structure import FORK, PHASE, SEND, Structure
from mpcsim.metering import extent

_Since = tuple[int, int]
"""(number of the phase, -1 for none; position at which it was entered)."""


def phase_times(structure: Structure, timing: Timing, count: int) -> list[tuple[int, int, int]]:
    """Return, by number of the phase, how long some party or message is in it, its begin, its end.

    All are nanoseconds; `count` is how many phases the run has.
    """
    stretches: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    times, inherited = timing.times, dict[int, _Since]()
    at: _Since = (-1, 0)
    strand = -1
    for position, (kind, _, x, y, _) in enumerate(structure.ops):
        if structure.strands[position] != strand:
            strand = structure.strands[position]
            at = inherited.pop(strand, (-1, position))
        if kind == PHASE:
            if at[0] >= 0:
                stretches[at[0]].append((times[at[1]], times[position]))
            at = (x, position)
        elif kind == SEND and at[0] >= 0 and timing.arrivals[position] >= 0:
            stretches[at[0]].append((times[position], timing.arrivals[position]))
        elif kind == FORK and at[0] >= 0:
            inherited.update(dict.fromkeys(range(x, x + y), at))
    return [extent(one) for one in stretches]
