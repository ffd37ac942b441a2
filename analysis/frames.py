"""Run records as pandas data frames, and the words that tell one record from another.

Times are seconds and sizes are bytes. `Run.frame` gives the same tables for a run in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mpcsim import InputError
from mpcsim.notebook import link_frame, party_frame, span_frame, span_paths
from mpcsim.record import Record, read_record

_NOT_COMPARED = ("description", "folder", "name", "network.note")
_MOST_KEYS = 4
"""More differing keys than this make no label: names of scenarios or folders do."""


_ROW_KEYS = {
    "spans": ("name", "parent", "op", "rounds", "payload_bytes", "makespan_s", "payload_bytes_per_party"),
    "per_party": ("role", "payload_bytes", "wire_bytes", "messages", "compute_s"),
}


def read(folder: Path) -> Record:
    """Read a run record whose tables are whole.

    Raises:
        InputError: it is missing, of another format, or damaged.
    """
    record = read_record(folder)
    for table, keys in _ROW_KEYS.items():
        rows = record.summary[table]
        if not isinstance(rows, list):
            raise InputError(f"{folder}: damaged record: {table} is no list")
        for place, row in enumerate(rows):
            missing = [key for key in keys if not isinstance(row, dict) or key not in row]
            if missing:
                raise InputError(f"{folder}: damaged record: {table}.{place} has no {', '.join(missing)}")
    return record


def spans(record: Record) -> pd.DataFrame:
    """Return the spans of a record, indexed by path."""
    return span_frame(record.summary["spans"])


def parties(record: Record) -> pd.DataFrame:
    """Return what each party sent, indexed by party id."""
    return party_frame(record.summary["per_party"])


def links(record: Record) -> pd.DataFrame:
    """Return what was sent over each directed link."""
    return link_frame(record.summary.get("links", []))


def layers(record: Record) -> pd.DataFrame:
    """Return the layers of a record: spans with an `op`, and spans that have no others inside.

    What a span without `op` costs beyond those inside it is a row of its own, "PATH (rest)", so that
    the rows add up to the outermost spans. Spans inside a layer are parts of it.
    """
    table = spans(record)
    sent = dict(zip(span_paths(record.summary["spans"]), record.summary["spans"], strict=True))
    table["sent"] = [dict(sent[path].get("payload_bytes_per_party", {})) for path in table.index]
    children: dict[str, list[str]] = {}
    for path in table.index:
        children.setdefault(path.rpartition("/")[0], []).append(path)
    rows: list[pd.Series[Any]] = []

    def visit(path: str) -> None:
        own = table.loc[path]
        if own["op"] or path not in children:
            rows.append(own)
            return
        for child in children[path]:
            visit(child)
        rest = _rest(own, table.loc[children[path]])
        if rest is not None:
            rows.append(rest.rename(f"{path} (rest)"))

    for path in children.get("", []):
        visit(path)
    return pd.DataFrame(rows, columns=table.columns).rename_axis("path")


def _rest(whole: pd.Series[Any], parts: pd.DataFrame) -> pd.Series[Any] | None:
    """Return what a span costs beyond its parts, or None where that is nothing.

    Concurrent parts can cost more than the whole, in rounds and time: then nothing is left there.
    """
    rest = whole.copy()
    for key in ("rounds", "messages", "payload_bytes", "wire_bytes", "makespan_s", "compute_s"):
        rest[key] = max(0, whole[key] - parts[key].sum())
    rest["sent"] = {
        party: count - sum(part.get(party, 0) for part in parts["sent"])
        for party, count in whole["sent"].items()
    }
    rest["busiest_payload_bytes"] = max(rest["sent"].values(), default=0)
    return rest if rest["rounds"] or rest["payload_bytes"] else None


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
    flat["mpcsim"] = record.summary.get("mpcsim")
    return {key: value for key, value in flat.items() if key not in _NOT_COMPARED}


def differences(records: Sequence[Record]) -> dict[str, list[Any]]:
    """Return the keys that differ between records, each with its value in every record."""
    found = [configuration(record) for record in records]
    keys = dict.fromkeys(key for one in found for key in one)
    values = {key: [one.get(key) for one in found] for key in keys}
    return {key: row for key, row in values.items() if any(value != row[0] for value in row)}


def labels(records: Sequence[Record]) -> list[str]:
    """Return a short text for each record that tells it from the others: what differs, if that is short.

    Otherwise the scenario's name, or the folder's, where names are the same.
    """
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
    return ", ".join(
        f"{word if last.count(word) == 1 else key} = {'none' if value is None else value}"
        for word, (key, value) in zip(last, values.items(), strict=True)
    )


def _short(folder: Path) -> str:
    return folder.resolve().name
