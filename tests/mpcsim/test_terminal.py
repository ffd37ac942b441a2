"""Tables on screens of any width: nothing is cut, numbers stay whole, what leaves is named."""

import io
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcsim.terminal import Column, Screen, Sheet, broken, columns_of, repeated, span_name
from mpcsim.texts import out_of, percent, plural

_LETTERS = "abc xyz×é漢한\u1112\u1161\u11ab\u0301"  # wide ones, parts of a syllable, an accent
_TEXTS = st.text(_LETTERS, min_size=1, max_size=30).map(lambda text: text.strip() or "a")
_NUMBERS = st.integers(0, 10**9).map(lambda number: f"{number:,}")


@st.composite
def _sheets(draw):
    columns = [Column("name")]
    for place in range(draw(st.integers(0, 6))):
        title, number = draw(_TEXTS), draw(st.booleans())
        columns.append(Column(f"{title}{place}", number=number, leaves=draw(st.integers(0, 3))))
    sheet = Sheet(columns, "Title")
    for _ in range(draw(st.integers(1, 4))):
        sheet.add(*(draw(_NUMBERS if column.number else _TEXTS) for column in columns))
    return sheet


def _printed(sheet, width):
    out = io.StringIO()
    Screen(out, width).show(sheet)
    return out.getvalue()


@given(_sheets(), st.integers(40, 200))
def test_no_table_is_wider_than_its_screen_and_none_is_cut(sheet, width):
    text = _printed(sheet, width)
    assert "…" not in text
    assert all(columns_of(line.rstrip()) <= width for line in text.splitlines())


@given(_sheets(), st.integers(40, 200))
def test_numbers_of_columns_that_stay_are_whole_and_those_that_leave_are_named(sheet, width):
    text = _printed(sheet, width)
    kept, gone = sheet.kept(width)
    for cells, _ in sheet.rows:
        for place in kept:
            if sheet.columns[place].number:
                assert cells[place] in text
    assert all(sheet.columns[place].leaves for place in gone)
    flat = " ".join(text.split())
    for place in gone:
        assert "left out at" in flat
        assert " ".join(sheet.columns[place].title.split()) in flat


def test_columns_leave_in_the_order_of_their_numbers_and_only_as_far_as_they_must():
    columns = [Column("span"), Column("first to go", leaves=2), Column("second", leaves=1), Column("stays")]
    sheet = Sheet(columns)
    sheet.add("a" * 12, "b" * 12, "c" * 12, "d" * 12)
    assert sheet.kept(80)[1] == []
    assert sheet.kept(45)[1] == [1]
    assert sheet.kept(30)[1] == [1, 2]


def test_names_stay_whole_while_columns_can_leave_and_notes_leave_with_their_columns():
    columns = [
        Column("span"),
        Column("op"),
        Column("gain", number=True, leaves=1, note="gain: so much sooner"),
    ]
    sheet = Sheet(columns)
    sheet.add("  transformer1.0.residual1", "layer_norm", "1.339 s")
    wide, narrow = _printed(sheet, 60), _printed(sheet, 40)
    assert "gain: so much sooner" in wide
    assert "gain: so much sooner" not in narrow
    for text in (wide, narrow):
        assert "  transformer1.0.residual1" in text


def test_a_number_and_its_unit_stay_together():
    sheet = Sheet([Column("what"), Column("cost")])
    sheet.add("conv1", "1 round, 37,632 B and 88.5 ms")
    for width in range(20, 40):
        text = _printed(sheet, width)
        assert "37,632 B" in text
        assert "88.5 ms" in text


def test_what_may_not_leave_goes_on_below_with_the_first_column_again():
    sheet = Sheet([Column("key"), *(Column(f"run{place}", number=True) for place in range(9))])
    sheet.add("rounds", *(f"{10**6 + place:,}" for place in range(9)))
    text = _printed(sheet, 40)
    assert text.count("rounds") > 1
    assert all(f"{10**6 + place:,}" in text for place in range(9))


def test_a_pipe_gets_whole_lines_without_spaces_at_their_ends(capsys):
    sheet = Sheet([Column("what"), Column("size", number=True)], "Title")
    sheet.add("word " * 60, "1")
    sheet.add("b", "12,345")
    out = Screen()
    out.show(sheet)
    out.show("word " * 60 + "end")
    lines = capsys.readouterr().out.split("\n")
    assert ("word " * 60).strip() in "\n".join(lines)
    assert lines[-2] == "word " * 60 + "end"
    assert [line for line in lines[:-2] if line != line.rstrip()] == []


@given(st.text(f"{_LETTERS}/=-", max_size=200), st.integers(20, 100))
def test_lines_break_between_words_and_words_stay_whole(text, width):
    lines = broken(text, width)
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
    words = set(text.split())
    assert all(columns_of(line) <= width or line.split()[-1] in words for line in lines if line.strip())


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0), ("conv1", 5), ("é", 1), ("e\u0301", 1), ("漢字", 4), ("Ａ", 2), ("ﾊ", 1), ("→×µ", 3),
        (normalize("NFC", "한국"), 4), (normalize("NFD", "한국"), 4), ("\u00ad", 1), ("a\u200bb", 2),
    ],
)  # fmt: skip
def test_a_text_takes_the_columns_that_terminals_give_it(text, columns):
    assert columns_of(text) == columns


@pytest.mark.parametrize(
    ("count", "what", "said"),
    [
        (1, "round", "1 round"), (0, "round", "0 rounds"), (2, "image", "2 images"),
        (1, "party", "1 party"),
        (5, "party", "5 parties"), (3, "class", "3 classes"), (12345, "message", "12,345 messages"),
    ],
)  # fmt: skip
def test_one_is_said_in_the_singular(count, what, said):
    assert plural(count, what) == said


def test_of_few_cases_their_number_is_said_and_of_many_a_share():
    assert [percent(0.0), percent(1e-5), percent(0.5)] == ["0.0%", "<0.1%", "50.0%"]
    assert [out_of(1.0, 1), out_of(7 / 8, 8), out_of(0.9371, 143)] == ["1 of 1", "7 of 8", "93.7%"]


def test_what_a_repeated_span_means_is_said_where_one_is():
    assert span_name(("a", "b"), 2) == "  b ×2"
    assert repeated([{"count": 1}]) == []
    (note,) = repeated([{"count": 1}, {"count": 2}])
    assert "×2" in note


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("out", "environment", "styled"),
    [
        (_Terminal, {}, True), (_Terminal, {"NO_COLOR": ""}, True), (_Terminal, {"NO_COLOR": "1"}, False),
        (_Terminal, {"TERM": "dumb"}, False), (_Terminal, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (io.StringIO, {}, False), (io.StringIO, {"FORCE_COLOR": "1"}, True),
    ],
)  # fmt: skip
def test_styles_are_for_terminals_that_show_them_and_people_who_want_them(
    out, environment, styled, monkeypatch
):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    file = out()
    sheet = Sheet([Column("what")], "Title")
    sheet.add("cell", bad=True)
    Screen(file, 80).show(sheet)
    assert ("\x1b[" in file.getvalue()) == styled
