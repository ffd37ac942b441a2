"""The message diagram of a span: a lane for each party, time to the right, an arrow for each message.

A message stands on its sender's lane while it occupies the uplink (the thick part), and travels as an
arrow from when its last bit leaves to when it arrives: the slant is the latency. Arrows on the span's
critical path are dark and thick.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from hashlib import blake2b

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch

from analysis import frames
from analysis.figures import style as figures
from analysis.figures.sources import Sources
from analysis.retime import Message, Messages, messages_of, messages_within
from mpcsim import InputError
from mpcsim.paths import in_short, in_text
from mpcsim.texts import plural

MOST_ARROWS = 400
"""Beyond so many, the first occurrence of the span is drawn, where it has several.

Where it has one, messages of a link that lie close together are one arrow. The title says either.
"""

_LONGEST = 60  # characters of a path in a file's name
_LANE, _FRAME = 0.62, 1.35  # inches of height: of a lane, and of all around them
_TALLEST = 7.5  # inches: all lanes together
_LABEL = 0.14  # inches of height that a lane's name needs
_HALF = 0.055  # of a lane: half the height of what stands for a busy uplink
_MANY = 24  # lanes beyond which arrows are fewer and paler
_LEAST_SLOTS = 16  # of the time, where there are more links than arrows: some of each are drawn
_PALE = "#8a8a8a"
_BUSY = "#f2b447"


def draw(found: Sources) -> dict[str, Figure]:
    """Draw the diagram of the span that was chosen, for each run."""
    drawn = {}
    for place, record in enumerate(found.records, 1):
        messages = messages_of(record, found.span)
        if len(messages.rows) > MOST_ARROWS and messages.count > 1 and not messages.number:
            messages = messages_within(record, messages.path, 1)
        if not messages.rows:
            raise InputError(f"{record.folder}: {_whose(messages)} sent no message")
        stem = f"messages-{_file_name(messages)}"
        stem = stem if len(found.records) == 1 else f"{stem}-{place}"
        drawn[stem] = diagram(messages, frames.marked(record, figures.words(record.summary["name"])))
    return drawn


def _file_name(messages: Messages) -> str:
    """Return the path as a file can be called, with a hash where others could look the same."""
    names = "-".join(messages.path)
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", names)[:_LONGEST]
    alike = ""
    if plain != names or not all(name and "-" not in name for name in messages.path):
        alike = f"-{blake2b(in_text(messages.path).encode(), digest_size=3).hexdigest()}"
    return f"{plain}{alike}-{messages.number}" if messages.number else plain + alike


def _whose(messages: Messages) -> str:
    return f"span {in_short(messages.path)}" if messages.path else "whole run"


def diagram(messages: Messages, name: str) -> Figure:
    """Draw a message diagram."""
    lanes = sorted({end for row in messages.rows for end in (row.source, row.to)})
    lane = min(_LANE, _TALLEST / len(lanes))
    figure = figures.new(_FRAME + lane * len(lanes))
    axes = figure.subplots()
    last = max([messages.end, *(row.arrival or row.leaves for row in messages.rows)])
    factor, unit = figures.time_unit((last - messages.begin) / 1e9)
    scale = 1 / (factor * 1e9)
    place = {party: len(lanes) - 1 - row for row, party in enumerate(lanes)}
    many = len(lanes) > _MANY
    shown = thinned(messages.rows, MOST_ARROWS // 2 if many else MOST_ARROWS, last - messages.begin)
    for party in lanes:
        axes.axhline(place[party], color=figures.GRID if many else figures.INK, linewidth=0.8, zorder=1)
    for row in sorted(shown, key=lambda row: row.critical):
        _arrow(axes, row, place, lambda time: (time - messages.begin) * scale, pale=many)
    _uplinks(axes, messages, place, scale, min(0.35, _HALF * _LANE / lane))
    _frame(axes, messages, lanes, unit, math.ceil(_LABEL / lane))
    axes.set_xlim(-0.01 * (last - messages.begin) * scale, 1.01 * (last - messages.begin) * scale)
    figures.head(figure, _title(messages, name, len(shown)))
    handles, names = _legend(messages)
    figures.legend_below(figure, handles, names)
    return figure


def thinned(rows: Sequence[Message], most: int, whole: int) -> list[Message]:
    """Return about `most` messages or fewer, from all of the time: of those of one link close in time, one.

    The critical path keeps as many of its own, which are all of it but for very long ones.
    """
    if len(rows) <= most:
        return list(rows)
    begin = rows[0].sent
    parts = [[row for row in rows if row.critical is critical] for critical in (True, False)]
    return sorted(
        (row for part in parts for row in _some(part, most, begin, whole)), key=lambda row: row.sent
    )


def _some(rows: list[Message], most: int, begin: int, whole: int) -> list[Message]:
    if len(rows) <= most:
        return rows
    links = {(row.source, row.to) for row in rows}
    slots = max(_LEAST_SLOTS, most // len(links))
    kept: list[dict[tuple[int, int], Message]] = [{} for _ in range(slots)]
    for row in rows:
        slot = min(slots - 1, slots * (row.sent - begin) // max(whole, 1))
        kept[slot].setdefault((row.source, row.to), row)
    each = max(1, most // sum(map(bool, kept)))  # where there are more links than arrows
    return [row for found in kept for row in list(found.values())[:: math.ceil(len(found) / each) or 1]]


def _arrow(axes: Axes, row: Message, place: dict[int, int], at: object, *, pale: bool = False) -> None:
    assert callable(at)
    upward = 1 if place[row.to] > place[row.source] else -1
    start = (at(row.leaves), place[row.source] + upward * _HALF)
    ink = figures.INK if row.critical else _PALE
    width = 1.5 if row.critical else 0.7
    if row.arrival is None:
        end = (at(row.leaves), place[row.source] + upward * 0.3)
        axes.plot(*zip(start, end, strict=True), color=ink, linewidth=width)
        axes.plot(*end, marker="x", color=ink, markersize=5)
        return
    axes.add_patch(
        FancyArrowPatch(
            start,
            (at(row.arrival), place[row.to] - upward * _HALF * 0.3),
            arrowstyle="-|>,head_length=2.6,head_width=1.3",
            mutation_scale=1.6 if row.critical else 1.2,
            shrinkA=0,
            shrinkB=0,
            color=ink,
            linewidth=width,
            alpha=0.45 if pale and not row.critical else 1.0,
            zorder=4 if row.critical else 2,
        )
    )


def _uplinks(axes: Axes, messages: Messages, place: dict[int, int], scale: float, half: float) -> None:
    """Draw when uplinks are busy, joined where transmissions follow each other."""
    by_party: dict[int, list[tuple[int, int]]] = {}
    for row in sorted(messages.rows, key=lambda row: row.starts):
        spans = by_party.setdefault(row.source, [])
        if spans and row.starts <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], row.leaves))
        else:
            spans.append((row.starts, row.leaves))
    for party, spans in by_party.items():
        axes.broken_barh(
            [((since - messages.begin) * scale, (until - since) * scale) for since, until in spans],
            (place[party] - half, 2 * half),
            facecolor=_BUSY,
            edgecolor=figures.INK,
            linewidth=0.4,
            zorder=3,
        )


def _frame(axes: Axes, messages: Messages, lanes: Sequence[int], unit: str, step: int) -> None:
    """Name lanes and axis; of very many lanes, every `step`-th has its name."""
    named = range(len(lanes) - 1, -1, -step)[::-1]
    parties = [lanes[len(lanes) - 1 - place] for place in named]
    axes.set_yticks(list(named), [f"{figures.words(messages.roles[party])} ({party})" for party in parties])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_ylim(-0.45, len(lanes) - 0.55)
    axes.set_xlabel(f"time since {_begin(messages)} ({unit})")


def _begin(messages: Messages) -> str:
    if not messages.path:
        return "the start of the run"
    if not messages.begin:
        return "the span and the run began"
    return f"the span began, {figures.show_time(messages.begin / 1e9)} into the run"


def _title(messages: Messages, name: str, shown: int) -> str:
    sent = sum(row.wire_bytes for row in messages.rows)
    span = figures.plain(in_short(messages.path)) or "whole run"
    text = (
        f"{name}, {span}: {plural(len(messages.rows), 'message')}, "
        f"{figures.show_bytes(sent)} on the wire; first entry to last exit "
        f"{figures.show_time((messages.end - messages.begin) / 1e9)}"
    )
    if messages.number:
        text += f"\noccurrence {messages.number} of {messages.count} of this span (--span NAME#N)"
    if shown < len(messages.rows):
        text += f"\n{shown:,} arrows: of messages that are close in time, of one link or many, one is drawn"
    return text + (f"\nno critical path: {figures.plain(messages.note)}" if messages.note else "")


def _legend(messages: Messages) -> tuple[list[object], list[str]]:
    handles: list[object] = [Line2D([], [], color=_PALE, linewidth=0.9)]
    names = ["message: last bit sent to arrival"]
    if any(row.critical for row in messages.rows):
        handles.append(Line2D([], [], color=figures.INK, linewidth=1.8))
        names.append("on the critical path")
    if any(row.leaves > row.starts for row in messages.rows):
        handles.append(Patch(facecolor=_BUSY, edgecolor=figures.INK, linewidth=0.4))
        names.append("uplink busy")
    return handles, names
