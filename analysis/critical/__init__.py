"""The critical path of a replayed run, and what halving latency, transmission or compute would gain.

In flows a replay with its times; out flow shares of the makespan by cause. It may import
`analysis.replay`.
"""

from analysis.critical import halving, path
from analysis.critical.path import PARTS, Path, Walker, sends_within

__all__ = [
    "PARTS",
    "Path",
    "Walker",
    "halving",
    "path",
    "sends_within",
]
