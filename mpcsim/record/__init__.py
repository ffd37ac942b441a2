"""The run record: a folder with the resolved scenario, the summary and the events of a run.

`summaries` says what a run was, `writing` keeps it, `reading` reads it back and checks all of it (by
`summary_checks` and `event_checks`), so that whoever holds a `Record` may trust what it says.
"""

from mpcsim.record.reading import Record, read_record
from mpcsim.record.summaries import FORMAT, json_safe, summary, to_json, unfinished, version
from mpcsim.record.writing import check_folder, default_folder, write_record

__all__ = [
    "FORMAT",
    "Record",
    "check_folder",
    "default_folder",
    "json_safe",
    "read_record",
    "summary",
    "to_json",
    "unfinished",
    "version",
    "write_record",
]
