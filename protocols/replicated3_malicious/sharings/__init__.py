"""Servers that believe no message, the ledger of what they claim, and two steps that all is made of.

In flow shares of `protocols.replicated3.sharings`, whose local algebra serves here too; out flow shares,
and claims. It may import `protocols.replicated3`.
"""

from protocols.replicated3_malicious.sharings.dealing import cross, cross_planes, deal, deal_planes
from protocols.replicated3_malicious.sharings.digests import DIGEST, digest, is_digest
from protocols.replicated3_malicious.sharings.ledger import Bilinear, Claim, Ledger, Map, Moved, Part, Rows
from protocols.replicated3_malicious.sharings.server import BYTE, Checked, Shape, heard, seconds
from protocols.replicated3_malicious.sharings.tokens import TOKEN, Tokens, is_image

__all__ = [
    "BYTE",
    "DIGEST",
    "TOKEN",
    "Bilinear",
    "Checked",
    "Claim",
    "Ledger",
    "Map",
    "Moved",
    "Part",
    "Rows",
    "Shape",
    "Tokens",
    "cross",
    "cross_planes",
    "deal",
    "deal_planes",
    "digest",
    "heard",
    "is_digest",
    "is_image",
    "seconds",
]
