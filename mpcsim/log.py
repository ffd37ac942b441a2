"""What is said on standard error while something goes on: notes, progress, logs; and who wants to hear it.

`--quiet` silences all of it, errors aside. A pipe gets no progress on kernels and runs, and of logs the
warnings alone, unless `--log` or `MPCSIM_LOG` asks for more. structlog is imported where a log is written.
"""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mpcsim.errors import InputError
from mpcsim.paths import in_text

if TYPE_CHECKING:
    from collections.abc import MutableMapping

LOG = "MPCSIM_LOG"
FORMS = ("text", "json", "off")


@dataclass
class _Manner:
    quiet: bool = False
    form: str | None = None


_manner = _Manner()


def choose(*, quiet: bool = False, form: str | None = None) -> None:
    """Say how this process speaks.

    Args:
        quiet: nothing but errors and results.
        form: of logs: "text", "json" or "off"; None: text on a terminal, else warnings alone.

    Raises:
        InputError: another form of logs, here or in the environment.
    """
    found = form if form is not None else os.environ.get(LOG) or None
    if found is not None and found not in FORMS:
        where = "--log" if form is not None else LOG
        raise InputError(f"{where}: found {found!r}; accepted: {', '.join(FORMS)}")
    _manner.quiet, _manner.form = quiet, found


def forget() -> None:
    """Speak as a process does that has chosen nothing."""
    _manner.quiet, _manner.form = False, None


def hush() -> None:
    """Say nothing but errors and results from now on."""
    _manner.quiet = True


def quiet() -> bool:
    """Whether nothing but errors and results is wanted."""
    return _manner.quiet


def log_form() -> str | None:
    """Return the form of logs that was asked for, or None."""
    return "off" if _manner.quiet else _manner.form


def live() -> bool:
    """Whether somebody watches standard error: a terminal, and no `--quiet`."""
    return not _manner.quiet and sys.stderr is not None and sys.stderr.isatty()


def colours() -> bool:
    """Whether standard error may have colours: see no-color.org."""
    return live() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def say(text: str) -> None:
    """Say on a terminal what goes on, in one line; nothing elsewhere."""
    if live():
        print(f"mpcsim: {text}", file=sys.stderr, flush=True)


def note(text: str) -> None:
    """Say what everybody should know who has not asked for silence, in a pipe as well."""
    if not _manner.quiet:
        print(f"mpcsim: {text}", file=sys.stderr, flush=True)


# Logs


def configure() -> None:
    """Send the logs of this process to standard error, in the form that was chosen."""
    import structlog

    asked = log_form()
    people = asked != "json"
    least = logging.WARNING if asked is None and not live() else logging.DEBUG
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if people else "iso", utc=not people),
            _place,
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=colours())
            if people
            else structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_nobody if asked == "off" else _standard_error,
    )


def _standard_error(*_: Any) -> Any:
    import structlog

    return structlog.PrintLogger(sys.stderr)  # as it is when a line is written


def _nobody(*_: Any) -> Any:
    import structlog

    return structlog.ReturnLogger()


def party_log(party: Any) -> Any:
    """Return a logger whose lines say which party speaks, in which span, at what time of its own."""
    import structlog

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
