"""The message diagram of a span: every message an arrow, each party a lane, the critical path dark."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.patches import FancyArrowPatch

from analysis.figures import style as figures
from analysis.figures.messages import MOST_ARROWS, diagram, thinned
from analysis.figures.plot import plot
from analysis.retime.messages import Message, Messages, messages_of
from mpcsim.__main__ import main
from mpcsim.record import read_record

_CODE = """
import numpy as np

async def ring(party):
    with party.span("first"):
        for number in range(2):
            party.send((party.id + 1) % party.n, np.zeros(50_000, np.uint8))
            await party.recv((party.id - 1) % party.n)
        with party.span("inner"):
            party.send((party.id + 1) % party.n, b"")
            await party.recv((party.id - 1) % party.n)
    with party.span("silent"):
        pass

async def impatient(party):
    with party.span("first"):
        party.send((party.id + 1) % party.n, 1)
        await party.recv((party.id - 1) % party.n, timeout=5)
"""


@pytest.fixture
def record(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ring.py").write_text(_CODE)

    def make(function="ring", *sets):
        (tmp_path / "case.toml").write_text(
            f'workload = "ring.py:{function}"\nseed = 6\n[network]\nlatency = "10 ms"\n'
            'bandwidth = "10 Mbit/s"\n'
        )
        with pytest.raises(SystemExit) as caught:
            main(["run", "case.toml", "--out", "run", *(word for one in sets for word in ("--set", one))])
        assert caught.value.code == 0
        capsys.readouterr()
        return tmp_path / "run"

    return make


def arrows(figure):
    return [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]


def test_a_span_has_its_messages_with_those_of_spans_inside(record):
    folder = record()
    found = messages_of(read_record(folder), "first")
    assert (found.path, len(found.rows)) == (("first",), 9)
    assert len(messages_of(read_record(folder), "inner").rows) == 3
    assert sum(row.critical for row in found.rows) == 3
    for row in found.rows:
        assert row.sent <= row.starts <= row.leaves
        assert row.arrival == row.leaves + 10_000_000


def test_every_message_is_an_arrow_and_every_party_a_lane(record):
    found = messages_of(read_record(record()), "first")
    with figures.styled():
        figure = diagram(found, "ring")
    assert len(arrows(figure)) == 9
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["party2 (2)", "party1 (1)", "party0 (0)"]
    assert sum(arrow.get_linewidth() > 1 for arrow in arrows(figure)) == 3
    assert "9 messages" in figure.get_suptitle()


def test_a_hundred_parties_stay_on_a_page_with_names_that_do_not_touch():
    rows = [
        Message(one, other, 0, 0, 10, 1000, 10, "", one == 0 and other == 1)
        for one in range(100)
        for other in range(100)
        if one != other
    ]
    with figures.styled():
        figure = diagram(Messages("", [f"server{n}" for n in range(100)], 0, 1000, rows), "many")
    assert figure.get_size_inches()[1] < 11
    drawn = arrows(figure)
    assert len(drawn) < MOST_ARROWS
    assert sum(arrow.get_linewidth() > 1 for arrow in drawn) == 1  # the critical one
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))


def test_files_are_written_in_every_format_and_twice_the_same(record, tmp_path):
    folder = record()
    paths = plot([folder], ["messages"], tmp_path / "one", span="first")
    again = plot([folder], ["messages"], tmp_path / "two", span="first")
    assert [path.name for path in paths] == [f"messages-first.{form}" for form in ("svg", "pdf", "png")]
    assert [one.read_bytes() for one in paths] == [two.read_bytes() for two in again]


def test_a_figure_in_grey_keeps_the_critical_path_apart(record, tmp_path):
    (path,) = plot([record()], ["messages"], tmp_path / "one", "png", span="first")
    picture = imread(path)[..., :3] @ np.array([0.299, 0.587, 0.114])
    assert (picture < 0.2).mean() > 0.002  # the critical path and the lanes
    assert ((picture > 0.45) & (picture < 0.65)).mean() > 0.002  # other messages


def test_many_messages_are_thinned_and_the_title_says_so():
    rows = [
        Message(place % 3, (place + 1) % 3, place, place, place, place + 500, 10, "", place % 100 == 0)
        for place in range(3000)
    ]
    kept = thinned(rows, MOST_ARROWS, 3000)
    assert len(kept) < 1.3 * MOST_ARROWS
    with figures.styled():
        figure = diagram(Messages("", ["a", "b", "c"], 0, 3500, rows), "many")
    assert "3,000 messages" in figure.get_suptitle()
    assert f"{len(arrows(figure)):,} arrows" in figure.get_suptitle()
    assert {row.critical for row in kept} == {True, False}


def test_of_many_links_the_whole_time_is_drawn_and_all_of_the_critical_path():
    """Every one of 40 parties sends to every other, in 50 rounds of 100."""
    rows = [
        Message(
            source,
            to,
            100 * turn,
            100 * turn,
            100 * turn,
            100 * turn + 90,
            10,
            "",
            source == to - 1 == turn % 39,
        )
        for turn in range(50)
        for source in range(40)
        for to in range(40)
        if source != to
    ]
    kept = thinned(rows, 200, 5000)
    assert [row for row in kept if row.critical] == [row for row in rows if row.critical]
    others = [row.sent for row in kept if not row.critical]
    assert 100 < len(others) <= 200
    assert all(any(since <= sent < since + 500 for sent in others) for since in range(0, 5000, 500))


def test_a_run_that_used_a_timeout_is_drawn_without_a_critical_path(record, tmp_path):
    found = messages_of(read_record(record("impatient")), "first")
    assert len(found.rows) == 3
    with figures.styled():
        assert (
            "no critical path: cannot be retimed: the run used a timeout"
            in diagram(found, "x").get_suptitle()
        )


def test_an_unknown_a_silent_and_a_missing_span_are_refused(record, capsys):
    folder = record()
    for arguments, reason in (
        (["--span", "frist"], "did you mean 'first'?); accepted: first, first/inner, silent"),
        (["--span", "silent"], "sent no message"),
        ([], "needs a run record with events, and --span NAME"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(["plot", str(folder), "--kind", "messages", *arguments])
        assert caught.value.code == 2
        assert reason in capsys.readouterr().err


def test_a_run_without_events_is_refused(record, capsys):
    folder = record("ring", "engine.trace=false")
    with pytest.raises(SystemExit) as caught:
        main(["plot", str(folder), "--kind", "messages", "--span", "first"])
    assert (caught.value.code, "kept no trace" in capsys.readouterr().err) == (2, True)


def test_a_long_span_of_many_occurrences_shows_one_and_says_which(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ring.py").write_text(
        "async def laps(party):\n"
        "    for number in range(60):\n"
        '        with party.span("lap"):\n'
        "            for _ in range(3):\n"
        "                party.send((party.id + 1) % party.n, number)\n"
        "                await party.recv((party.id - 1) % party.n)\n"
    )
    (tmp_path / "case.toml").write_text('workload = "ring.py:laps"\n[network]\nlatency = "10 ms"\n')
    with pytest.raises(SystemExit):
        main(["run", "case.toml", "--out", "run"])
    assert len(messages_of(read_record(tmp_path / "run"), "lap").rows) == 540
    (path,) = plot([tmp_path / "run"], ["messages"], tmp_path / "one", "png", span="lap")
    assert path.name == "messages-lap-1.png"
    third = messages_of(read_record(tmp_path / "run"), "lap#3")
    assert (len(third.rows), third.begin, third.end) == (9, 60_000_000, 90_000_000)
    with figures.styled():
        assert "occurrence 3 of 60" in diagram(third, "laps").get_suptitle()
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(["plot", "run", "--kind", "messages", "--span", "lap#61"])
    assert (caught.value.code, "accepted: #1 to #60" in capsys.readouterr().err) == (2, True)
