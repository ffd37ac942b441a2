"""The check of a built site: every link leads somewhere, and nothing is fetched from elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

_SCRIPT = re.compile(r"(<script[^>]*>).*?</script>", re.DOTALL)
_TAG = re.compile(r"<(a|link|script|img|iframe|source|video)\s([^>]*)>")
_ATTRIBUTE = re.compile(r"""([\w-]+)=(?:"([^"]*)"|'([^']*)'|([^\s>]+))""")
_PLACE = re.compile(r'\s(?:id|name)="?([^"\s>]+)')
_STYLES = {"stylesheet", "preconnect", "preload", "icon", "modulepreload", "dns-prefetch"}
"""What a page that links to these fetches."""


@dataclass(frozen=True)
class _Page:
    """The places that a page has, what it fetches, and where it leads."""

    places: set[str]
    fetches: list[str]
    leads: list[str]


@cache
def _read(file: Path) -> _Page:
    text = _SCRIPT.sub(r"\1", file.read_text(encoding="utf-8"))
    fetches, leads = [], []
    for tag, inside in dict.fromkeys(_TAG.findall(text)):
        found = {name: unescape(a or b or c) for name, a, b, c in _ATTRIBUTE.findall(inside)}
        link = "src" if tag not in ("a", "link") else "href"
        if link in found:
            fetched = tag != "a" and (tag != "link" or bool(_STYLES & set(found.get("rel", "").split())))
            (fetches if fetched else leads).append(found[link])
    return _Page({unescape(place) for place in _PLACE.findall(text)}, fetches, leads)


def problems(site: Path) -> list[str]:
    """Return what is wrong with a site: a line for each link."""
    _read.cache_clear()
    found = []
    for file in sorted(site.rglob("*.html")):
        page, where = _read(file), file.relative_to(site)
        found += [
            f"{where}: fetches {url}" for url in page.fetches if urlsplit(url).netloc and url[:5] != "data:"
        ]
        found += [
            f"{where}: {url} leads nowhere" for url in (*page.fetches, *page.leads) if not _leads(file, url)
        ]
    return list(dict.fromkeys(found))


def _leads(file: Path, url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return True
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        return False
    place = unquote(parts.fragment)
    return not place or target.suffix != ".html" or place in _read(target).places
