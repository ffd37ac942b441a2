"""What is sent: its weight, its bytes on the wire, the accounts that it enters, and the digest.

In flow payloads; out flow frames, bytes by link, span and party, and one digest. It knows nobody who
sends.
"""

from mpcsim.metering.frames import copied, weigh
from mpcsim.metering.meter import Digest, LinkAccounts, PartyCost, SpanCost, SpanRun, Traffic, collect_spans

__all__ = [
    "Digest",
    "LinkAccounts",
    "PartyCost",
    "SpanCost",
    "SpanRun",
    "Traffic",
    "collect_spans",
    "copied",
    "weigh",
]
