"""Three servers, 2-out-of-3 replicated secret sharing, one of them curious: the family of POMIC.

`sharings` hold values; `constructions` compute on them; `functions`, `layers` and `training` are built
of those, each importing only what stands before it. Nothing outside this folder knows that there are
three.

`Replicated3` is its face among the families.
"""

from protocols.replicated3.family import Replicated3, Replicated3Choices

__all__ = ["Replicated3", "Replicated3Choices"]
