"""What formulas, docstrings and tables cite can be opened: every section that they name exists."""

import re
from pathlib import Path

from analysis.costs.replicated3.catalogue import OPERATIONS
from analysis.validate import claims

ROOT = Path(__file__).parents[2]
PAGE = "constructions.md"
CITED = re.compile(re.escape(PAGE) + r"#([\w-]*)")
LINK = re.compile(r"\]\(#([\w-]+)\)")
ROOMS = ("mpcsim", "protocols", "scenarios", "analysis", "docs")


def anchors(text):
    """Return the anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


def files():
    return [
        file
        for room in ROOMS
        for file in (ROOT / room).rglob("*")
        if file.suffix in (".py", ".md", ".toml") and file.is_file()
    ]


FOUND = anchors((ROOT / "docs" / PAGE).read_text(encoding="utf-8"))


def missing(text):
    return {anchor for anchor in CITED.findall(text) if anchor not in FOUND}


def test_every_cited_section_exists():
    cited = {file: CITED.findall(text) for file in files() if (text := file.read_text(encoding="utf-8"))}
    assert sum(map(len, cited.values())) > 40
    assert {
        str(file): gone for file in files() if (gone := missing(file.read_text(encoding="utf-8")))
    } == {}


def test_a_section_that_does_not_exist_is_found():
    assert missing("constructions.md#selection, constructions.md#seduction") == {"seduction"}


def test_headings_differ_and_links_within_the_page_lead_somewhere():
    assert len(set(FOUND)) == len(FOUND)
    text = (ROOT / "docs" / PAGE).read_text(encoding="utf-8")
    assert set(LINK.findall(text)) <= set(FOUND)


def test_every_formula_has_a_source_and_none_cites_what_does_not_ship():
    for name, formula in OPERATIONS.items():
        assert formula.source, name
        assert not _lost(formula.source), name


def test_no_claim_cites_what_does_not_ship():
    for claim in claims.load():
        assert not _lost(claim.source), claim.row
    assert _lost("peers.md")
    assert _lost("paper/text.txt, section 5")


def _lost(source):
    """Return the files that a source names and that docs/ does not hold."""
    named = re.findall(r"[\w/-]+\.(?:md|txt|pdf)\b", source)
    return [name for name in named if not (ROOT / "docs" / name).is_file()]


def test_claims_that_we_have_not_read_are_marked_and_shown_so():
    unread = [claim for claim in claims.load() if not claim.verified]
    assert {"ABY3", "Falcon"} == {claim.paper for claim in unread}
    assert claims.Judgement(unread[0], "differs").paper == f"{unread[0].paper} (unverified)"
    assert all(claim.verified is False for claim in claims.load() if claim.paper == "Falcon")
