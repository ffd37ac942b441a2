"""Logs on standard error: for people on a terminal, one JSON object a line in a pipe."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import structlog

from mpcsim.paths import in_text

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def configure() -> None:
    """Send the logs of this process to standard error."""
    people = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if people else "iso", utc=not people),
            _place,
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer()
            if people
            else structlog.processors.JSONRenderer(sort_keys=True),
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # as it is when a line is written
    )


def party_log(party: Any) -> Any:
    """Return a logger whose lines say which party speaks, in which span, at what time of its own."""
    return structlog.get_logger().bind(party=party)


def _place(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    party = event.get("party")
    if party is not None:
        strand = party._strand
        event.update(
            party=party.role,
            span=in_text(strand.span.path) if strand else "",
            time_s=party._scheduler.time_of(party) / 1e9,
        )
    return event
