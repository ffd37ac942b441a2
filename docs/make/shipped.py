"""The shipped scenarios: what each runs, and its file."""

from __future__ import annotations

import json

from pages import Pages, plain, table
from typer.testing import CliRunner

from mpcsim import plugins
from mpcsim.cli import build
from mpcsim.scenario import load_scenario

_INTRO = """# Scenarios

What ships, by name: `mpcsim run NAME`. Any key can be replaced (`--set`), and a file of your own may start
as a copy of one.
"""


def pages() -> Pages:
    """Return the page."""
    files = {file.stem: file for folder in plugins.scenario_folders() for file in folder.glob("*.toml")}
    listed = json.loads(CliRunner().invoke(build(), ["list", "--json"]).stdout)["scenarios"]
    rows = [(f"[`{one['name']}`](#{one['name']})", plain(one["description"])) for one in listed]
    parts = [_INTRO, table(("name", "what it runs"), rows)]
    for name in sorted(files):
        workload = load_scenario(files[name]).workload
        text = files[name].read_text(encoding="utf-8").strip()
        parts += [f"## {name}", f"Workload [`{workload}`](keys/{workload}.md).", f"```toml\n{text}\n```"]
    return {"scenarios.md": "\n\n".join(parts) + "\n"}
