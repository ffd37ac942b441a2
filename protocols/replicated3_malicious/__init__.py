"""Three servers, 2-out-of-3 replicated secret sharing, one of them malicious: what each sends it proves.

`sharings` hold the servers, their ledgers and the two steps that all is made of; `constructions` compute on
shares of `protocols.replicated3`; `layers` are built of those; `edges` is where values come in and go out.
`baselines` check products in older ways, and `compared` is the family with these in place of claims.

`ReplicatedMalicious` is its face among the families.
"""

from protocols.replicated3_malicious.compared import Compared
from protocols.replicated3_malicious.family import MaliciousChoices, ReplicatedMalicious

__all__ = ["Compared", "MaliciousChoices", "ReplicatedMalicious"]
