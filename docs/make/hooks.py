"""What MkDocs calls: pages that come from the code, pages from outside docs/, the check of links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import commands
import costs
import gallery
import keys
import links
import notebooks
import reference
import shipped
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from pages import ROOT, Pages

_FOLDERS = ("commands", "keys", "api")
_LINK = re.compile(r"\]\(docs/([\w./#-]+)\)")
_ELSEWHERE = {
    "changelog.md": ROOT / "CHANGELOG.md",
    "contributing.md": ROOT / "CONTRIBUTING.md",
    "examples.md": ROOT / "examples" / "README.md",
}
_CELL = re.compile(r"<(t[dh])\b.*?</\1>", re.DOTALL)
_CODE = re.compile(r"<code>[^<]*</code>")
_FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
_BY_FILE = re.compile(r"(<a [^>]*>)(?:docs/)?([\w/]+\.md)(?=</a>)")
_PICTURE = re.compile(r'<img (?:[^>]* )?src="([^"]+\.svg)"[^>]*>')
_WITHIN = re.compile(
    r"(?<=\d) (?=(?:s|ms|µs|ns|B|kB|MB|GB|%)\b|%)|(?<=\d) (?=/ [\d.])|(?<=\d /) (?=[\d.])"
    r"|(?<=\d) (?=\d{3}(?!\d))"  # thousands
)
_FROM_THE_TOP = re.compile(r'(?<=\s)((?:href|src)=)"/(?!/)')
_TOP = """<script>
if (location.protocol !== "file:")
  document.head.append(Object.assign(document.createElement("base"), {href: "/"}))
</script>"""
"""A server answers with 404.html at any depth; from a folder it opens where it lies."""

_made: Pages = {}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the pages, and name those of a folder where the navigation names the folder."""
    _made.clear()
    for generator in (commands, costs, gallery, keys, notebooks, reference, shipped):
        _made.update(generator.pages())
    for path, file in _ELSEWHERE.items():
        _made[path] = _LINK.sub(r"](\1)", file.read_text(encoding="utf-8"))
    config.nav = _spread(config.nav)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that were made; one that completes a page of docs/ takes its place."""
    for path, text in _made.items():
        before = files.get_file_from_path(path)
        if before is not None:
            files.remove(before)
        files.append(File.generated(config, path, content=text))
    for path, source in gallery.pictures().items():
        files.append(File.generated(config, path, abs_src_path=str(source)))
    return files


def on_page_content(html: str, **_: Any) -> str:
    """Make a page fit for readers of the site, on narrow screens too.

    Numbers of tables stay whole, beside their units, and pairs on one line; so do options of commands. A
    link that names a file names its page, and a picture opens by itself, where it can be made larger.
    """
    html = _CELL.sub(lambda cell: _WITHIN.sub("\u00a0", cell[0]), html)
    html = _CODE.sub(lambda code: _FLAG.sub(r'<span class="flag">\g<0></span>', code[0]), html)
    html = _BY_FILE.sub(lambda link: link[1] + _title(link[2]), html)
    return _PICTURE.sub(r'<a class="picture" href="\1">\g<0></a>', html)


def _title(path: str) -> str:
    """Return what a page is called: its heading, up to a colon."""
    text = _made.get(path) or (ROOT / "docs" / path).read_text(encoding="utf-8")
    return text.partition("\n")[0].lstrip("# ").partition(":")[0]


def on_post_template(output: str, template_name: str, **_: Any) -> str:
    """Have 404.html find its styles and pages from a folder as well as on a server."""
    if template_name != "404.html":
        return output
    return _FROM_THE_TOP.sub(r'\1"', output).replace("<head>", f"<head>{_TOP}", 1)


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site with links that lead nowhere, or that fetches anything from elsewhere."""
    found = links.problems(Path(config.site_dir))
    if found:
        raise PluginError("links:\n  " + "\n  ".join(found))


def _spread(entries: Any) -> Any:
    if isinstance(entries, list):
        return [_spread(entry) for entry in entries]
    if isinstance(entries, dict):
        return {title: _spread(inner) for title, inner in entries.items()}
    folder = str(entries).rstrip("/")
    if folder not in _FOLDERS:
        return entries
    inside = [path for path in _made if path.startswith(f"{folder}/")]
    return sorted(inside, key=lambda path: (not path.endswith("index.md"), inside.index(path)))
