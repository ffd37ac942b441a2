"""`mpcsim sweep`: a scenario over many values of its keys, in parallel, resumable.

In flows a scenario and lists of values; out flows a folder of records and a table.
"""

from analysis.sweep import screen, sweep
from analysis.sweep.engines import choose
from analysis.sweep.results import DESCRIPTION, Results, read_results

__all__ = [
    "DESCRIPTION",
    "Results",
    "choose",
    "read_results",
    "screen",
    "sweep",
]
