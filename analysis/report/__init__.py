"""`mpcsim report`: a run as one HTML page that holds all it needs and opens without a network."""

from __future__ import annotations

from pathlib import Path

from analysis.report.content import gather
from analysis.report.page import render
from mpcsim import InputError
from mpcsim.record import read_record

FILE = "report.html"


def write(run: Path, out: Path | None = None) -> Path:
    """Write the report of a run record and return its file.

    Args:
        run: the record's folder.
        out: the file; by default report.html in the record's folder.

    Raises:
        InputError: the record is missing or damaged, or the file cannot be written.
    """
    record = read_record(run)
    page = render(gather(record))
    file = run / FILE if out is None else out
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: the report cannot be written: {error.strerror}") from None
    return file
