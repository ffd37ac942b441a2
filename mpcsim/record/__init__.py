"""What a run leaves: `Run`, its tables, the folder that keeps it, and other forms of its events.

In flows what the engine counted; out flow files, tables and HTML. It may import the engine, the
network, and the scenario file that a record holds.
"""

from mpcsim.record import chrome
from mpcsim.record.notebook import Shown, link_frame, party_frame, row_frame, span_frame
from mpcsim.record.reading import Record, read_record
from mpcsim.record.run import ClockName, Run
from mpcsim.record.summaries import FORMAT, json_safe, summary, to_json, unfinished, version
from mpcsim.record.writing import check_folder, default_folder, write_record

__all__ = [
    "FORMAT",
    "ClockName",
    "Record",
    "Run",
    "Shown",
    "check_folder",
    "chrome",
    "default_folder",
    "json_safe",
    "link_frame",
    "party_frame",
    "read_record",
    "row_frame",
    "span_frame",
    "summary",
    "to_json",
    "unfinished",
    "version",
    "write_record",
]
