"""Formulas of the family `replicated3_malicious`: what its steps send, and what they leave to prove.

In flow the ring and the family's choices; out flow costs by server, with the claims that a proof is about.
It may import `analysis.costs.written`, which prices the functions of all families.
"""

from analysis.costs.replicated3_malicious.catalogue import OPERATIONS, verification
from analysis.costs.replicated3_malicious.network import EDGES, network
from analysis.costs.replicated3_malicious.training import ProvenTraining as Training
from analysis.costs.replicated3_malicious.trees import growth

__all__ = ["EDGES", "OPERATIONS", "Training", "growth", "network", "verification"]
