"""Decision trees grown on shares of `replicated3_malicious`, level by level: every message is proven.

In flow views of the family and tables of shares; out flow trees of shares. Nothing is opened but orders
under a fresh shuffle, each once all it depends on is verified. It may import `protocols.proven_tables`, the
family, and of `protocols.trees` what both families share. docs/malicious.md#trees
"""

from protocols.proven_trees.grow import Stand, grow
from protocols.proven_trees.widths import check, hot_bits

__all__ = ["Stand", "check", "grow", "hot_bits"]
