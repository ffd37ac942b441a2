"""Every key that a scenario may hold, from the models that validate it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module

from pages import Pages, plain, table

from mpcsim import plugins
from mpcsim.scenario.keys import Key, Table, engine_tables, tables_of, workload_tables
from scenarios import listing
from scenarios.families import families

_SHARED = {"", "ring", "parties", "protocol"}
"""Tables that all workloads of secure computation have: on the page of families."""
_INDEX = """# Scenario keys

A scenario is a TOML file. Its top says `workload`: what runs (a name below, or `"file.py:function"` of
yours, as a text or as `name` of a table `[workload]`). The engine reads the tables `[engine]`,
`[network]`, `[[faults]]` and `[[adversaries]]`; all others belong to the workload. An unknown key is
refused, with what is accepted. Any key can be replaced on the command line: `--set network.latency="10
ms"`.

{engine}

{workloads}

A workload of yours that is an `async def` takes one key more, `parties`: how many run it (3); its
settings are what its model says.

On these pages a key without a default is *required*, and – means that it is absent. A time, a rate and
a size are texts of a number and a unit, such as `"88.5 ms"`, `"220 Mbit/s"`, `"4 MB"`.
"""


def pages() -> Pages:
    """Return a page for each part of the engine, for families, for each workload; and one of all."""
    engine = engine_tables()
    network = [one for one in engine if one.path.startswith("network")]
    faults = [one for one in engine if one.path in ("faults", "adversaries")]
    rest = [one for one in engine if one not in (*network, *faults)]
    links = [one for one in network if not one.path.startswith("network.links.jitter")]
    found = {
        "keys/engine.md": _page("The engine", "Time, seeds, what is kept.", rest),
        "keys/network.md": _page(
            "The network", "Its laws are in [the emulator](../emulator.md). `[network.links.jitter]` has "
            "the keys of `[network.jitter]`.", links,
        ),
        "keys/faults.md": _page(
            "Faults and adversaries", "See [the emulator](../emulator.md#faults).", faults
        ),
        "keys/families.md": _families(),
    }  # fmt: skip
    workloads = []
    for name, reference in plugins.workloads().items():
        tables = workload_tables(name)
        secure = any(one.path == "protocol" for one in tables)
        about = plain((import_module(reference.partition(":")[0]).__doc__ or "").split("\n\n")[0])
        also = (
            " It runs on any family: [`[ring]`, `[protocol]`, `[parties]`](families.md)." if secure else ""
        )
        own = [one for one in tables if not (secure and one.path in _SHARED) and one.keys]
        found[f"keys/{name}.md"] = _page(f"Workload `{name}`", about + also, own)
        headings = dict.fromkeys(one.heading.split("] ")[0].rstrip("]") + "]" for one in own)
        workloads.append(
            (f"[`{name}`]({name}.md)", about, " ".join(f"`{_closed(one)}`" for one in headings))
        )
    parts = [
        ("[The engine](engine.md)", "the keys at the top, `[engine]`"),
        ("[The network](network.md)", "`[network]`, links, jitter, TCP"),
        ("[Faults and adversaries](faults.md)", "`[[faults]]`, `[[adversaries]]`"),
        ("[Families](families.md)", "`[ring]`, `[parties]`, `[protocol]` by family"),
    ]
    index = _INDEX.format(
        engine=table(("page", "keys"), parts),
        workloads=table(("workload", "what runs", "tables of its own"), workloads),
    )
    return {"keys/index.md": index, **found}


def _closed(heading: str) -> str:
    return heading + "]" if heading.startswith("[[") and not heading.endswith("]]") else heading


def _families() -> str:
    tables = workload_tables("microbench")
    shared = [one for one in tables if one.path in _SHARED - {"protocol"}]
    protocol = next(one for one in tables if one.path == "protocol")
    chosen = tuple(key for key in protocol.keys if key.name == "family")
    own = [Table("protocol", False, "", "Which family, and then what it lets one choose.", chosen)]
    for row in listing.rows():
        (only,) = tables_of(families()[row["name"]].Choices, "protocol")
        helpers = f", beside them {', '.join(row['helpers'])}" if row["helpers"] else ""
        about = f"Servers: {row['servers']}{helpers}. Security: {row['security']['text']}."
        own.append(Table("protocol", False, f'family = "{row["name"]}"', about, only.keys))
    intro = (
        "What every workload on shares reads. A scenario of one family runs on another: "
        "`--set protocol.family=shamir`; keys that only the first knows are dropped, with a note. "
        "[Families](../families.md) says how to add one."
    )
    return _page("Families: ring, parties, protocol", intro, [*shared, *own])


def _page(title: str, intro: str, tables: Sequence[Table]) -> str:
    parts = [f"# {title}", intro, *(_section(one) for one in tables)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(one: Table) -> str:
    about = (
        ""
        if not one.path
        else "\n\n".join(" ".join(plain(part).split()) for part in one.about.split("\n\n"))
    )
    rows = table(("key", "type", "unit", "default", "meaning"), map(_row, one.keys))
    heading = f"`{one.heading}`" if one.path else "Keys at the top"
    rows = f'<div class="keys" markdown>\n\n{rows}\n\n</div>' if rows else "No keys of its own."
    return "\n\n".join(part for part in (f"## {heading}", about, rows) if part)


def _row(key: Key) -> tuple[str, ...]:
    default = "*required*" if key.default is None else f"`{key.default}`" if key.default else "–"
    bounds = re.sub(r"([≥≤<>]) ", "\\1\u00a0", key.type)
    return f"`{key.name}`", bounds, key.unit, default, plain(key.meaning)
