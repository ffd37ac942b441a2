"""Older ways to check products, beside the proofs of `proofs`: what these save is measured against them.

`mac`, `sacrifice` and `cut` are checks: each multiplies, keeps what it will need, and verifies it before
anything is shown. `domain` is the ring that they compute in, `steps` what they have in common. In flow
shares and sums; out flow shares, or an abort. It may import the constructions and sharings.
"""

from typing import Any

from protocols.replicated3_malicious.baselines.check import Check
from protocols.replicated3_malicious.baselines.cut import Cut
from protocols.replicated3_malicious.baselines.mac import Mac
from protocols.replicated3_malicious.baselines.sacrifice import Sacrifice

CHECKS: dict[str, type[Check[Any]]] = {"cut": Cut, "sacrifice": Sacrifice, "mac": Mac}
"""By `[protocol] verification`."""

__all__ = ["CHECKS", "Check"]
