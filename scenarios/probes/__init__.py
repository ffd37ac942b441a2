"""Workloads that measure one thing: an operation, a link, what a hospital spends itself.

In flows a `[workload]` table; out flow counts and errors.
"""

from scenarios.probes import microbench
from scenarios.probes.function_bounds import FunctionBound, bounds
from scenarios.probes.link_probe import Probe

__all__ = [
    "FunctionBound",
    "Probe",
    "bounds",
    "microbench",
]
