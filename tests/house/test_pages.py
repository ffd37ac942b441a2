"""The pages of docs/ are on the site, and the README is for the first five minutes."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAVIGATION = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_page_stands_in_the_navigation():
    named = set(re.findall(r"[\w/]+\.md", NAVIGATION))
    assert sorted(file.name for file in (ROOT / "docs").glob("*.md") if file.name not in named) == []


def test_the_readme_says_the_two_commands_that_set_everything_up():
    start = README.partition("## Start")[2].partition("\n## ")[0]
    assert re.findall(r"^make (\w+)", start, re.MULTILINE) == ["demo", "test"]


def test_the_readme_is_short_and_its_links_lead_somewhere():
    assert len(README.split()) < 1100
    links = re.findall(r"\]\(([\w./-]+)\)", README)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert len([link for link in links if link.endswith(".svg")]) == 2
