"""Run records as pandas data frames, and the words that tell one record from another.

Times are seconds and sizes are bytes. `Run.frame` gives the same tables for a run in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.span_parts import parts
from mpcsim.record import Record, link_frame, party_frame, row_frame, span_frame
from mpcsim.texts import shown, to_json

_NOT_COMPARED = ("description", "folder", "name", "network.note")
_MOST_KEYS = 4
"""More differing keys than this make no label: names of scenarios or folders do."""


def spans(record: Record) -> pd.DataFrame:
    """Return the spans of a record, indexed by the text of their paths."""
    return span_frame(record.summary["spans"])


def parties(record: Record) -> pd.DataFrame:
    """Return what each party sent, indexed by party id."""
    return party_frame(record.summary["per_party"])


def links(record: Record) -> pd.DataFrame:
    """Return what was sent over each directed link."""
    return link_frame(record.summary.get("links", []))


def layers(record: Record) -> pd.DataFrame:
    """Return the layers of a record: spans with an `op`, and spans that have no others inside.

    What a span without `op` costs beyond those inside it is a row of its own, "PATH (rest)", and so is
    what was sent outside all spans: the rows add up to the run. Spans inside a layer are parts of it.
    The index is the text of the path, the column `path` has its names, and `sent` the bytes by party.
    """
    found = parts(record.summary, layers=True)
    paths, keys = [part.path for part in found], [part.key for part in found]
    table = row_frame([part.row for part in found], paths, keys)
    table["path"] = paths
    table["sent"] = [dict(part.row["payload_bytes_per_party"]) for part in found]
    return table


# What was run


def flatten(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one dict by dotted key; arrays count as values."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def configuration(record: Record) -> dict[str, Any]:
    """Return what was run, by dotted key: the scenario, with the defaults that the summary knows."""
    known = {key: record.summary.get(key) or {} for key in ("network", "ring", "protocol")}
    flat = flatten(record.scenario.document) | flatten(known)
    flat |= {"family": record.summary["family"]} if "family" in record.summary else {}
    flat["mpcsim"] = record.summary.get("mpcsim")
    return {key: value for key, value in flat.items() if key not in _NOT_COMPARED}


def differences(records: Sequence[Record]) -> dict[str, list[Any]]:
    """Return the keys that differ between records, each with its value in every record."""
    found = [configuration(record) for record in records]
    keys = dict.fromkeys(key for one in found for key in one)
    values = {key: [one.get(key) for one in found] for key in keys}
    return {key: row for key, row in values.items() if any(value != row[0] for value in row)}


def setting(value: Any) -> str:
    """Return a setting as a scenario file would have it, texts without their quotes."""
    return value if isinstance(value, str) else to_json(value, None)


def labels(records: Sequence[Record]) -> list[str]:
    """Return a short text for each record that tells it from the others: what differs, if that is short.

    Otherwise the scenario's name, or the folder's, where names are the same. A run that did not finish is
    marked.
    """
    found = _labels(records)
    return [marked(record, label) for record, label in zip(records, found, strict=True)]


def marked(record: Record, text: str) -> str:
    """Return what a record is called, and that it is unfinished where it is."""
    return text if record.finished else f"{text} (unfinished)"


def family(record: Record) -> str:
    """Return the family of a run, with its helpers; "" of a run without."""
    name, helpers = record.summary.get("family", ""), record.summary.get("parties", {}).get("helpers")
    return f"{name} with {', '.join(helpers)}" if helpers else str(name)


def security(record: Record) -> str:
    """Return what the family of a run protects from, and who must not collude; "" of a run without."""
    return str(record.summary.get("security", {}).get("text", ""))


def family_labels(records: Sequence[Record]) -> list[str]:
    """Return each run's family and security, and what else tells runs of one family apart."""
    found = [f"{family(record)}: {security(record)}" for record in records]
    if len(set(found)) == len(found):
        return found
    return [f"{one} ({record.folder.name})" for one, record in zip(found, records, strict=True)]


def _labels(records: Sequence[Record]) -> list[str]:
    families = [record.summary.get("family") for record in records]
    if None not in families and len(set(families)) == len(families):
        return [str(one) for one in families]
    names = [str(record.summary["name"]) for record in records]
    if len(records) == 1:
        return names
    differ = differences(records)
    short = all(not isinstance(value, list) for row in differ.values() for value in row)
    if differ and short and len(differ) <= _MOST_KEYS:
        said = [
            settings_label({key: row[place] for key, row in differ.items()})
            for place in range(len(records))
        ]
        if len(set(said)) == len(said):
            return said
    if len(set(names)) == len(names):
        return names
    folders = [_short(record.folder) for record in records]
    return folders if len(set(folders)) == len(folders) else [str(record.folder) for record in records]


def settings_label(values: Mapping[str, Any]) -> str:
    """Return "comparison = table, latency = 10 ms" for values by dotted key."""
    last = [key.rpartition(".")[2] for key in values]
    keys = [word if last.count(word) == 1 else key for word, key in zip(last, values, strict=True)]
    texts = ["none" if value is None else shown(str(value)) for value in values.values()]
    return ", ".join(f"{shown(key)} = {text}" for key, text in zip(keys, texts, strict=True))


def _short(folder: Path) -> str:
    return folder.resolve().name
