"""The page: a template filled with what is static, and the data that its script draws."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from analysis.critical import PARTS
from analysis.report import content as contents
from analysis.report.content import Content
from analysis.report.pieces import Cells, absent, bytes_cell, duration, table, time_cell
from mpcsim.paths import distinct, in_short
from mpcsim.record import unfinished
from mpcsim.texts import escaped, percent, plural, shown, to_json
from mpcsim.units import format_bytes, format_time

_ASSETS = files("analysis.report") / "assets"


def render(content: Content) -> str:
    """Return the page: one document without any reference to another."""
    summary = content.record.summary
    parts = {
        "title": escape(f"{shown(summary['name'])}: report of a run"),
        "style": _asset("style.css"),
        "heading": escape(shown(summary["name"])),
        "lead": escape(_lead(summary)),
        "banner": _banner(summary),
        "tiles": _tiles(content),
        "critical": _critical(content),
        "explore": _explore(content),
        "layers": _layers(content),
        "parties": _phases(summary) + _parties(summary),
        "training": _training(content),
        "training_link": '<li><a href="#training">Training</a></li>' if content.training else "",
        "timeline": _timeline(content),
        "validation": _validation(content),
        "configuration": _configuration(content),
        "data": _embedded(data(content)),
        "charts": _asset("charts.js"),
        "script": _asset("report.js"),
    }
    page = _asset("page.html")
    pieces = page.split("%%")
    return "".join(parts[piece] if place % 2 else piece for place, piece in enumerate(pieces))


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def data(content: Content) -> dict[str, Any]:
    """Return what the script draws."""
    leaves = _leaves(content)
    return {
        "run": str(content.record.folder),
        "name": content.record.summary["name"],
        "makespan_ns": content.record.summary.get("makespan_ns"),
        "parts": PARTS if content.retimed else [],
        "bars": contents.bars(content),
        "choices": None if content.choices is None else content.choices.describe(),
        "leaves": leaves,
        "leaf_names": distinct([content.spans[place]["path"] for place in leaves]),
        "timeline": content.timeline,
        "training": content.training,
    }


def _leaves(content: Content) -> list[int]:
    """Return the rows of spans that have no others inside: what the chart at another network shows."""
    parents = {row["path"][:-1] for row in content.spans}
    leaves = [place for place, row in enumerate(content.spans) if row["path"] not in parents]
    longest = sorted(leaves, key=lambda place: -content.spans[place]["makespan_s"])[: contents.MOST_BARS]
    return [place for place in leaves if place in longest]


def _embedded(found: Mapping[str, Any]) -> str:
    """Return JSON that cannot end the script element that holds it."""
    text = to_json(found, None)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


# Static parts


def _lead(summary: Mapping[str, Any]) -> str:
    network = summary["network"]
    seed = "no seed" if summary.get("seed") is None else f"seed {summary['seed']}"
    return (
        f"Workload {summary.get('workload')}, {plural(len(summary['per_party']), 'party')}, {seed}, clock "
        f"{summary.get('clock')}, compute {summary.get('compute')}. Network: one-way latency "
        f"{network['latency']}, bandwidth {network['bandwidth']} for each {network['sharing']}"
        f"{_further(network)}. "
        f"mpcsim {summary.get('mpcsim')}, digest {summary['digest'] or 'none: retimed'}."
    )


def _further(network: Mapping[str, Any]) -> str:
    """Say what the network has beside latency and bandwidth."""
    said = [
        f"{name.replace('_', ' ')} {_said(network[name])}"
        for name in ("loss", "jitter", "retransmission_timeout", "downlink", "profile", "transport")
        if network.get(name)
    ]
    said += [f"{plural(len(network['links']), 'rule')} for links"] if network.get("links") else []
    return "".join(f", {one}" for one in said)


def _said(value: Any) -> str:
    """Return a value of the network as a line says it; of a table what each key is."""
    if isinstance(value, Mapping):
        return f"({', '.join(f'{key} {_said(one)}' for key, one in value.items())})"
    return escaped(str(value))


def _banner(summary: Mapping[str, Any]) -> str:
    """Say what a reader must know before any number: an unfinished run, a crash, a missing result."""
    notes = [unfinished(summary)] if not summary["finished"] else []
    notes += summary["error"]["notes"] if not summary["finished"] else []
    stopped = [
        f"{shown(role)} {outcome}" for role, outcome in summary["outcomes"].items() if outcome != "finished"
    ]
    others = "; the others finished" if len(stopped) < len(summary["outcomes"]) else ""
    notes += [f"Parties: {', '.join(stopped)}{others}."] if stopped else []
    notes += [f"Adversary: {role}" for role in summary.get("adversaries", [])]
    notes += [f"{role} aborted: {reason}" for role, reason in summary.get("aborts", {}).items()]
    if summary["output_error"] is not None:
        notes.append(f"The run has no result, or not all of it: {summary['output_error']['text']}")
    if not notes:
        return ""
    text = escape("\n".join(map(_lines, notes)))
    heading = "" if summary["finished"] else "<strong>UNFINISHED</strong> "
    return f'<div class="banner" role="alert">{heading}{text}</div>'


def _tiles(content: Content) -> str:
    summary = content.record.summary
    sent = [party["payload_bytes"] for party in summary["per_party"]]
    tiles = [
        ("Makespan", format_time(round(summary["makespan_s"] * 1e9)), _so_far(summary)),
        ("Rounds", f"{summary['rounds']:,}", "longest chain of messages"),
        ("Messages", f"{summary['messages']:,}", "all parties together"),
        ("Payload", format_bytes(summary["payload_bytes"]), "all parties together"),
        ("Payload, busiest", format_bytes(max(sent, default=0)), "of one party"),
        ("On the wire", format_bytes(summary["wire_bytes"]), "all parties together"),
    ]
    if content.retimed:
        path = content.retimed["critical_path"]
        tiles.append(("Bound by", path["bound_by"] or "nothing", "most of the critical path"))
    other = None if content.choices is None else content.choices.other_makespan_ns
    if content.choices is not None and other is not None:
        over = "by the link law alone" if content.choices.transport == "tcp" else "over TCP"
        tiles.insert(1, (f"Makespan, {over}", format_time(other), "the same run, retimed"))
    return "".join(
        f'<div class="tile"><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(about)}</small></dd>'
        "</div>"
        for name, value, about in tiles
    )


def _lines(text: str) -> str:
    """Return text with its line ends, and what cannot be seen written out."""
    return "\n".join(map(escaped, text.split("\n")))


def _so_far(summary: Mapping[str, Any]) -> str:
    return f"{summary['clock']} time" + ("" if summary["finished"] else ", until the run stopped")


def _critical(content: Content) -> str:
    if content.retimed is None:
        return absent("No critical path", content.notes["retiming"])
    path, whole = content.retimed["critical_path"], content.retimed["makespan_s"]
    rows: list[Cells] = []
    for part in PARTS:
        size = path[f"{part}_s"]
        if not size and part in _TCP:
            continue
        share = percent(size / whole) if whole else ""
        rows.append([(part, part), time_cell(size), (share, size), (_ABOUT[part], "")])
    parts = table("parts", ["part", "time", "share", "what it is"], rows, "Parts of the makespan")
    gains = [
        f"{_HALVED[name]}: {duration(gain['makespan_s'])} ({duration(gain['gain_s'])} less)"
        for name, gain in path["halved"].items()
    ]
    bound = path["lower_bound"]
    return (
        f"{parts}<p>{plural(len(path['messages']), 'message')} on the path. What the run would take: "
        f"{escape('; '.join(gains))}.</p><p>Rounds·L + bytes·8/B = {duration(bound['rounds_latency_s'])} + "
        f"{duration(bound['bytes_bandwidth_s'])} = {duration(bound['sum_s'])}, with the bytes of the "
        f"busiest party; the run took {duration(whole)}. Both terms are bounds for certain; a protocol "
        "that sends while it waits can be faster than their sum.</p>"
    )


_TCP = ("window", "restart", "acknowledgement")  # parts that there are over TCP alone
_HALVED = {
    "latency": "with half the latency",
    "bandwidth": "with twice the bandwidth",
    "compute": "with half the compute",
}
_ABOUT = {
    "latency": "propagation of the messages on the path",
    "transmission": "their bits over the bandwidth",
    "queueing": "they waited for their sender's uplink",
    "window": "they waited for a window of TCP to open",
    "restart": "they waited for a window that idling had closed",
    "acknowledgement": "acknowledgements were before them on the uplink",
    "other": "jitter, retransmission, a shared downlink",
    "compute": "code of the parties, where it was measured",
    "waiting": "sleeps of the protocol",
}


def _explore(content: Content) -> str:
    if content.choices is None:
        return absent("No other networks", content.notes["retiming"])
    found = content.choices.describe()
    sliders = ""
    for key, name in (("latency", "One-way latency"), ("bandwidth", "Bandwidth")):
        values = found["latencies" if key == "latency" else "bandwidths"]
        start = found[key] if found[key] is not None else len(values) // 2
        sliders += (
            f'<div class="slider"><label for="{key}">{name}</label>'
            f'<input type="range" id="{key}" min="0" max="{len(values) - 1}" step="1" value="{start}" '
            f'aria-valuetext="{escape(values[start])}"><output for="{key}" id="{key}-value">'
            f"{escape(values[start])}</output></div>"
        )
    if found["other"] is not None:
        options = "".join(
            f'<option value="{name}"{" selected" if name == found["transport"] else ""}>{text}</option>'
            for name, text in (("ideal", "the link law alone"), ("tcp", "TCP"))
        )
        sliders += (
            '<div class="slider"><label for="transport">Transport</label>'
            f'<select id="transport">{options}</select></div>'
        )
    notes = []
    if found["latency"] is None or found["bandwidth"] is None:
        notes.append(
            "The links of this run differ; the sliders give all links one latency and one bandwidth."
        )
    if found["other"] is None:
        notes.append(
            "The sliders keep to the run's transport: over the other one its network is not defined, or "
            "the grid takes minutes. A point: <code>mpcsim retime --set network.transport=…</code>"
        )
    return (
        f"{''.join(f'<p>{note}</p>' for note in notes)}<div class='sliders'>{sliders}</div>"
        '<p class="result" aria-live="polite"><strong id="makespan"></strong> '
        '<span id="compared"></span><br>bound by <span id="bound"></span></p>'
        '<p><code id="command"></code></p>'
        '<div class="charts"><figure><div id="chart-grid" class="plot"></div><figcaption>Makespan over '
        "latency and bandwidth; the frame is where the sliders stand.</figcaption></figure>"
        '<figure><div id="chart-retimed" class="plot"></div><figcaption>Time of each layer at the '
        "sliders' network.</figcaption></figure></div>"
    )


def _layers(content: Content) -> str:
    measured = content.record.summary.get("compute") == "measured"
    retimed = content.retimed is not None
    names = ["span", "op", "times", "rounds", "messages", "payload, sum", "payload, busiest", "time"]
    names += ["bound by", "latency", "transmission", "queueing", "gain: half latency",
              "gain: double bandwidth"] if retimed else []  # fmt: skip
    names += ["compute, sum"] if measured else []
    rows: list[Cells] = []
    for place, row in enumerate(content.spans):
        sent = row["payload_bytes_per_party"].values()
        cells = [
            (in_short(row["path"]), place),
            (shown(row["op"]) if row["op"] else "", row["op"] or ""),
            (f"{row['count']:,}", row["count"]),
            (f"{row['rounds']:,}", row["rounds"]),
            (f"{row['messages']:,}", row["messages"]),
            bytes_cell(row["payload_bytes"]),
            bytes_cell(max(sent, default=0)),
            time_cell(row["makespan_s"]),
        ]
        if retimed:
            own = row["critical_path"]
            cells += [(own["bound_by"], own["bound_by"])]
            cells += [time_cell(own[f"{part}_s"]) for part in ("latency", "transmission", "queueing")]
            for name in ("latency", "bandwidth"):
                gain = own["halved"].get(name)
                cells.append(("", -1) if gain is None else time_cell(gain["gain_s"]))
        cells += [time_cell(row["compute_s"])] if measured else []
        rows.append(cells)
    if not rows:
        return absent("No layers", "the run opened no spans (party.span)")
    return table("spans", names, rows, "Cost of each span; nested spans are inside their parents")


def _phases(summary: Mapping[str, Any]) -> str:
    """Return the table of phases; nothing where the run has none."""
    measured = ["compute_s"] if summary.get("compute") == "measured" else []
    rows: list[Cells] = [
        [
            (shown(name), place),
            (f"{row['rounds']:,}", row["rounds"]),
            (f"{row['messages']:,}", row["messages"]),
            bytes_cell(row["payload_bytes"]),
            *(time_cell(row[key]) for key in ("begin_s", "end_s", "makespan_s", *measured)),
        ]
        for place, (name, row) in enumerate(summary.get("phases", {}).items())
    ]
    names = ["phase", "rounds", "messages", "payload, sum", "begin", "end", "time"]
    names += ["compute, sum"] if measured else []
    return table("phases", names, rows, "Cost of each phase") if rows else ""


def _parties(summary: Mapping[str, Any]) -> str:
    measured = summary.get("compute") == "measured"
    rows: list[Cells] = [
        [
            (f"{shown(party['role'])} ({place})", place),
            (f"{party['messages']:,}", party["messages"]),
            bytes_cell(party["payload_bytes"]),
            bytes_cell(party["wire_bytes"]),
            *([time_cell(party["compute_s"])] if measured else []),
        ]
        for place, party in enumerate(summary["per_party"])
    ]
    names = ["party", "messages", "payload", "wire", *(["compute"] if measured else [])]
    return table("parties", names, rows, "Sent by each party")


def _training(content: Content) -> str:
    """Return the section of a training that revealed its epochs; nothing for another run."""
    if not content.training:
        return ""
    figures = "".join(
        f'<figure><div id="chart-training-{number}" class="plot"></div>'
        f"<figcaption>{escape(one['title'].capitalize())} by epoch.</figcaption></figure>"
        for number, one in enumerate(content.training)
    )
    return (
        '<section id="training" aria-labelledby="training-h"><h2 id="training-h">Training</h2>'
        f'<div class="charts">{figures}</div></section>'
    )


def _timeline(content: Content) -> str:
    found = content.timeline
    if found is None:
        return absent("No timeline", content.notes["timeline"])
    if not found["count"]:
        return absent("No timeline", "no message was sent")
    if "messages" in found:
        path = "; those of the critical path stand out" if any(one[-1] for one in found["messages"]) else ""
        about = (
            f"All {found['count']:,} messages, from when the last bit leaves the uplink to the "
            f"arrival{path}. Drag to zoom, double-click to see all."
        )
    else:
        about = (
            f"{found['count']:,} messages are too many to draw one by one: bytes on the wire by sender and "
            f"interval of {format_time(round(found['interval_s'] * 1e9))}, the stronger the "
            "more; nothing where nothing was sent. Every message is counted. "
            "One span's messages: mpcsim plot RUN --kind messages --span NAME."
        )
    return (
        f'<figure><div id="chart-timeline" class="plot tall"></div><figcaption>{escape(about)}</figcaption>'
        "</figure>"
    )


def _validation(content: Content) -> str:
    if content.validation is None:
        return absent("No formulas", content.notes["validation"])
    rows: list[Cells] = []
    found = contents.validation_rows(content.validation)
    for row in found:
        predicted, measured = row["predicted"], row["measured"]
        verdict = {True: "equal", False: "differs", None: "no formula"}[row["equal"]]
        cells: list[tuple[str, Any]] = [(escaped(row["op"]), row["op"]), (verdict, verdict)]
        for key in ("rounds", "payload_bytes"):
            for side in (predicted, measured):
                cells.append(("", -1) if side is None else (f"{side[key]:,}", side[key]))
        rows.append([*cells, (row["formula"], row["formula"]), (row["params"], row["params"])])
    differ = sum(row["equal"] is False for row in found)
    equal = sum(row["equal"] is True for row in found)
    names = ["what", "verdict", "rounds, formula", "rounds, measured", "bytes, formula", "bytes, measured",
             "formula", "parameters"]  # fmt: skip
    return (
        f"<p>{len(found)} rows: {equal} equal, {differ} differ, {len(found) - equal - differ} without a "
        "formula. Bytes are payload, summed over the parties.</p>"
        + table("validation", names, rows, "Measured against formula")
    )


def _configuration(content: Content) -> str:
    rows = [[(key, key), (value, value)] for key, value in contents.configuration(content.record)]
    return table("configuration", ["key", "value"], rows, "Scenario, with defaults")
