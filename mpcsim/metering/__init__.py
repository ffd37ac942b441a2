"""What is sent: its weight, its bytes on the wire, the accounts that it enters, and the digest.

In flow payloads; out flow frames, bytes by link, span and party, and one digest. It knows nobody who
sends.
"""

from mpcsim.metering.frames import copied, weigh
from mpcsim.metering.meter import (
    Digest,
    LinkAccounts,
    PartyCost,
    SpanCost,
    SpanRun,
    collect_spans,
    payload_digest,
)
from mpcsim.metering.phases import PhaseCost, PhaseRun, extent
from mpcsim.metering.traffic import Traffic

__all__ = [
    "Digest",
    "LinkAccounts",
    "PartyCost",
    "PhaseCost",
    "PhaseRun",
    "SpanCost",
    "SpanRun",
    "Traffic",
    "collect_spans",
    "copied",
    "extent",
    "payload_digest",
    "weigh",
]
