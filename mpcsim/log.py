"""What is said on standard error while something goes on: notes, progress, logs; and who wants to hear it.

`--quiet` silences all of it, errors aside. A pipe gets no progress on kernels and runs, and of logs the
warnings alone, unless `--log` or `MPCSIM_LOG` asks for more. structlog, which brings half a terminal with
it, is imported where a line is written.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mpcsim.errors import InputError
from mpcsim.paths import in_text

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

LOG = "MPCSIM_LOG"
FORMS = ("text", "json", "off")
_DEBUG, _INFO, _WARNING = 10, 20, 30  # as in the module logging


@dataclass
class _Manner:
    quiet: bool = False
    form: str | None = None
    configured: bool = False
    warnings_alone: bool = False

    @property
    def log_form(self) -> str | None:
        return "off" if self.quiet else self.form

    @property
    def least(self) -> int:
        """The level from which lines are written."""
        if self.warnings_alone or (self.log_form is None and not live()):
            return _WARNING
        return _INFO if self.log_form is None else _DEBUG  # details are for who asks for logs


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
    return _manner.log_form


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
    _manner.configured = True
    follow()


def follow() -> None:
    """Have structlog do so, where somebody has imported it; else it will when a line is written."""
    if "structlog" in sys.modules and _manner.configured:
        _configure()


@contextmanager
def warnings_alone() -> Iterator[None]:
    """Log nothing below warnings inside, and leave the logs as they were set."""
    before = replace(_manner)
    _manner.warnings_alone = True
    configure()
    try:
        yield
    finally:
        _manner.warnings_alone, _manner.configured = before.warnings_alone, before.configured
        if _manner.configured:
            follow()
        elif "structlog" in sys.modules:
            import structlog

            structlog.reset_defaults()


def debug(event: str, **fields: Any) -> None:
    """Write a line of detail to the log."""
    _write(_DEBUG, event, fields)


def info(event: str, **fields: Any) -> None:
    """Write a line to the log."""
    _write(_INFO, event, fields)


def warning(event: str, **fields: Any) -> None:
    """Write a line to the log that somebody should see."""
    _write(_WARNING, event, fields)


def party_log(party: Any) -> Any:
    """Return a logger whose lines say which party speaks, in which span, at what time of its own."""
    return _logger().bind(party=party)


def _write(level: int, event: str, fields: dict[str, Any]) -> None:
    if not _manner.configured or (_manner.log_form != "off" and level >= _manner.least):
        _logger().log(level, event, **fields)


def _logger() -> Any:
    import structlog

    if not structlog.is_configured():
        follow()
    return structlog.get_logger()


def _configure() -> None:
    import structlog

    asked = log_form()
    people = asked != "json"
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
        wrapper_class=structlog.make_filtering_bound_logger(_manner.least),
        logger_factory=_nobody if asked == "off" else _standard_error,
    )


def _standard_error(*_: Any) -> Any:
    import structlog

    return structlog.PrintLogger(sys.stderr)  # as it is when a line is written


def _nobody(*_: Any) -> Any:
    import structlog

    return structlog.ReturnLogger()


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
