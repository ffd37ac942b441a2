"""The notebooks of examples/ as pages: text, code, and what they show where `make docs` ran them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pages import ROOT, Pages

SOURCES = ROOT / "examples"
RAN = ROOT / ".docs" / "notebooks"
"""Where notebooks are kept as they ran, beside a file that says what they were made of."""
_STYLE = re.compile(r"<style.*?</style>", re.DOTALL)


def pages() -> Pages:
    """Return a page for each notebook."""
    return {f"tutorials/{file.stem}.md": _page(file) for file in sorted(SOURCES.glob("*.ipynb"))}


def _page(file: Path) -> str:
    ran = RAN / file.name
    current = ran.is_file() and ran.stat().st_mtime >= file.stat().st_mtime
    notebook = json.loads((ran if current else file).read_text(encoding="utf-8"))
    parts = [part for one in notebook["cells"] for part in _cell(one)]
    where = f"*This page is the notebook `examples/{file.name}`.*"
    return "\n\n".join([parts[0], where, *parts[1:]]) + "\n"


def _cell(cell: Mapping[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] != "code":
        yield source.replace("](../docs/", "](../")
        return
    yield f"```python\n{source}\n```"
    for output in cell.get("outputs", []):
        yield from _output(output)


def _output(output: Mapping[str, Any]) -> Iterator[str]:
    data = output.get("data", {})
    if "image/png" in data:
        picture = "".join(data["image/png"]).strip()
        yield f'<img alt="what this cell draws" src="data:image/png;base64,{picture}">'
    elif "text/html" in data:
        html = _STYLE.sub("", "".join(data["text/html"]))
        yield f'<div class="shown">{" ".join(html.split())}</div>'
    else:
        text = "".join(data.get("text/plain", output.get("text", "")))
        if text:
            yield f"```text\n{text.rstrip()}\n```"


def run() -> None:
    """Run every notebook that is newer than its copy."""
    import nbclient
    import nbformat

    RAN.mkdir(parents=True, exist_ok=True)
    for file in sorted(SOURCES.glob("*.ipynb")):
        ran = RAN / file.name
        if ran.is_file() and ran.stat().st_mtime >= file.stat().st_mtime:
            continue
        print(file.name, flush=True)
        notebook = nbformat.read(file, as_version=4)
        nbclient.NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(RAN)}}
        ).execute()
        nbformat.write(notebook, ran)


if __name__ == "__main__":
    run()
