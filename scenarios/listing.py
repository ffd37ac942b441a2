"""The registered families as a list shows them."""

from __future__ import annotations

from typing import Any

from protocols.domains import Ring
from protocols.family import Terms
from scenarios.families import families


def rows() -> list[dict[str, Any]]:
    """Return, for each family, who computes, what it protects from, and what a scenario may choose."""
    found = []
    for name, family in families().items():
        least, _, most = family.counts
        roster = family.roster()
        security = family.security(Terms(Ring(), family.Choices(), roster)).describe()
        found.append(
            {
                "name": name,
                "servers": str(least) if least == most else f"{least} to {most}",
                "helpers": list(roster.helpers),
                "phases": list(family.phases),
                "security": security,
                "choices": list(family.Choices.model_fields),
                "lacks": sorted(family.lacks),
            }
        )
    return found
