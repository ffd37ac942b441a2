"""Spans of any name, from the run to every reader of its record: no byte is lost, none is counted twice."""

import json
import os
from html.parser import HTMLParser

import browser
import pytest
from odd_names import ODD, costs, flat, tree

from analysis import frames, report
from analysis.compare import records as compare
from analysis.figures.plot import plot
from analysis.report import networks
from analysis.report.content import bars, gather
from analysis.retime.messages import find_span, messages_of
from analysis.retime.retiming import load
from mpcsim import InputError, Network
from mpcsim.__main__ import main
from mpcsim.cli.printed import print_run
from mpcsim.paths import in_text, span_paths
from mpcsim.record import read_record
from mpcsim.scenario import load_scenario
from mpcsim.scenario.running import execute
from mpcsim.texts import shown

LONG = bool(os.environ.get("MPCSIM_LONG"))

_CODE = """
import json
from pathlib import Path

async def walk(party, spans):
    for name, size, children in spans:
        with party.span(name, "<op> [x] $"[: len(name) % 11] or None):
            if size:
                party.send((party.id + 1) % party.n, bytes(size))
                await party.recv((party.id - 1) % party.n)
            await walk(party, children)

async def program(party):
    await walk(party, json.loads(Path(__file__).with_name("tree.json").read_text()))
    if Path(__file__).with_name("outside").exists():
        party.send((party.id + 1) % party.n, bytes(500))
        await party.recv((party.id - 1) % party.n)
"""
_THERE = {"latency": "7 ms", "bandwidth": "1 Mbit/s"}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Return a function that runs a tree of spans and returns what came of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "case.py").write_text(_CODE)
    (tmp_path / "case.toml").write_text(
        'name = "$x_1^{$ [b] <i>"\nworkload = "case.py:program"\nseed = 1\n[network]\nlatency = "2 ms"\n'
        'bandwidth = "10 Mbit/s"\n'
    )

    def make(spans, folder="run", *overrides):
        (tmp_path / "tree.json").write_text(json.dumps(spans))
        return execute(load_scenario("case.toml", overrides), {}, tmp_path / folder)

    return make


def by_path(rows):
    return dict(zip(span_paths(rows), rows, strict=True))


class Page(HTMLParser):
    """Reads the rows of a table, and counts elements."""

    def __init__(self):
        super().__init__()
        self.counts, self.cells, self._inside = {}, [], False

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag == "th" and ("scope", "row") in attributes:
            self.cells.append("")
            self._inside = True

    def handle_endtag(self, tag):
        self._inside = self._inside and tag != "th"

    def handle_data(self, data):
        if self._inside:
            self.cells[-1] += data


def check(done, spans, other):
    """Hold the record, its retiming, tables, trace and comparison to the tree."""
    wanted = costs(spans)
    record = read_record(done.folder)
    rows = by_path(record.summary["spans"])
    assert list(rows) == list(wanted) == [span.path for span in done.run.spans]
    for path, row in rows.items():
        assert (row["count"], row["rounds"], row["payload_bytes"]) == wanted[path]
        assert row["name"] == path[-1]
        assert row["parent"] == (path[-2] if len(path) > 1 else None)
    total = record.summary["payload_bytes"]
    assert sum(row["payload_bytes"] for path, row in rows.items() if len(path) == 1) <= total
    layers = frames.layers(record)
    assert layers["payload_bytes"].sum() == total
    assert layers.index.is_unique
    content = gather(record)
    assert sum(bar["payload_bytes"] for bar in bars(content)) == total
    assert len({bar["name"] for bar in bars(content)}) == len(bars(content))
    retimed = load(record).describe(Network(**_THERE))
    fresh = by_path(read_record(other.folder).summary["spans"])
    assert {path: row["makespan_s"] for path, row in by_path(retimed["spans"]).items()} == {
        path: row["makespan_s"] for path, row in fresh.items()
    }
    assert retimed["makespan_s"] == other.run.makespan
    found = compare.compare([done.folder, other.folder]).describe()
    assert [tuple(row["names"]) for row in found["spans"]] == list(rows)
    assert all(row["payload_bytes"]["ratios"][1] in (1.0, None) for row in found["spans"])
    frame = done.run.frame()
    assert list(frame.index) == [in_text(path) for path in wanted]
    assert list(frame["payload_bytes"]) == [cost[2] for cost in wanted.values()]
    done.run._repr_html_().encode()


@pytest.mark.parametrize("seed", range(25))
def test_costs_of_a_tree_of_odd_names_are_the_same_in_every_reader(made, seed):
    spans = tree(seed)
    there = [f"network.{key}={value}" for key, value in _THERE.items()]
    check(made(spans), spans, made(spans, "there", *there))


@pytest.fixture
def coarse_sliders(monkeypatch):
    """Two steps for each slider, one of them the run's own: nearly all of a report's time is theirs."""
    monkeypatch.setattr(networks, "LATENCIES", ("20 ms",))
    monkeypatch.setattr(networks, "BANDWIDTHS", ("50 Mbit/s",))


@pytest.fixture
def all_names(made, tmp_path, coarse_sliders):
    (tmp_path / "outside").touch()
    return made(flat(ODD))


def test_every_odd_name_goes_through_every_command(all_names, made, tmp_path, capsys):
    made(flat(ODD[1::2]), "other")
    if LONG:
        drawn = ["run", "other"]
    else:  # figures of every name once, where a run has it inside a span and around one too
        drawn = ["once", "some"]
        once = [[name, 10 + place, []] for place, name in enumerate(ODD)]
        made(once, "once")
        made(once[1::2], "some")
    capsys.readouterr()
    for words in (
        ["compare", "run", "other"], ["compare", "run", "other", "--json"], ["trace", "run"],
        ["report", "run"],
        ["retime", "run", "--set", "network.latency=1ms"], ["retime", "run", "--json"],
        ["retime", "run", "--set", "network.latency=1ms,2ms", "--csv", "grid.csv"],
        ["plot", *drawn, "--format", "svg,pdf,png" if LONG else "svg", "--span", '["[relu]"]'],
    ):  # fmt: skip
        with pytest.raises(SystemExit) as caught:
            main(words)
        out, err = capsys.readouterr()
        assert (caught.value.code, err) == (0, ""), words
        out.encode()
    print_run(all_names.record, None)
    out = capsys.readouterr().out
    for said in ("[relu]", "[/]", ":smile:", r"\x1b[31m", "$x_1^{$", r"a\nb", "שלום עולם", r"\u202eabc"):
        assert said in out
    assert "\x1b" not in out


def test_a_report_shows_every_span_and_is_one_page_still(all_names, made):
    made([["plain", 5, []]], "plain")
    pages = {}
    for folder in ("run", "plain"):
        page = pages[folder] = Page()
        page.feed(report.write(all_names.folder.with_name(folder)).read_text(encoding="utf-8"))
    for tag in ("script", "style", "body", "table"):
        assert pages["run"].counts[tag] == pages["plain"].counts[tag]
    rows = all_names.summary["spans"]
    first = [cell for cell in pages["run"].cells if cell.startswith(("a\\/b", r"\e", "[relu]", "<script>"))]
    assert len(first) == 4 * 3
    assert len(pages["run"].cells) - len(pages["plain"].cells) == len(rows) - 1


def test_a_trace_has_every_span_by_its_path(all_names, capsys):
    with pytest.raises(SystemExit):
        main(["trace", "run"])
    found = json.loads((all_names.folder / "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    spans = [event for event in found if event["ph"] == "X" and "span" in event.get("args", {})]
    paths = [in_text(path) for path, cost in costs(flat(ODD)).items() for _ in range(cost[0])]
    assert sorted(event["args"]["span"] for event in spans) == sorted(paths * 3)
    assert all(event["name"] for event in spans)


def test_bytes_outside_all_spans_are_a_row(all_names):
    record = read_record(all_names.folder)
    layers = frames.layers(record)
    assert layers["payload_bytes"].sum() == record.summary["payload_bytes"]
    outside = layers[layers["payload_bytes"] == 1500]
    assert list(outside["name"]) == ["outside all spans"]
    assert all(outside["sent"].iloc[0][str(party)] == 500 for party in range(3))
    assert sum(bar["payload_bytes"] for bar in bars(gather(record))) == record.summary["payload_bytes"]


def test_a_span_is_chosen_by_text_by_names_or_by_name(made):
    spans = [
        ["a", 1, [["b", 2, [["a", 3, []]]], ["c", 4, []]]],
        ["a/c", 5, []],
        ["x/y", 6, []],
        ["[relu]", 7, []],
    ]
    record = read_record(made([*spans, ["a#2", 8, []], ["", 9, []], ["c", 1, []]]).folder)
    paths = span_paths(record.summary["spans"])
    wanted = {
        "a": ("a",), "a/b/a": ("a", "b", "a"), r"a\/c": ("a/c",), '["a", "c"]': ("a", "c"), "x/y": ("x/y",),
        '["a/c"]': ("a/c",), "[relu]": ("[relu]",), "b": ("a", "b"), "a#2": ("a#2",), "": ("",),
        r"\e": ("",), '[""]': ("",), "c": ("c",),
    }  # fmt: skip
    for text, path in wanted.items():
        assert find_span(record, text, paths) == path
        assert messages_of(record, text).path == path
    for path in paths:
        assert find_span(record, json.dumps(path), paths) == path
    with pytest.raises(InputError, match=r'could be several spans; accepted: \["a","c"\] or \["a/c"\]'):
        find_span(record, "a/c", paths)
    with pytest.raises(InputError, match="unknown name 'd'"):
        find_span(record, "d", paths)
    assert messages_of(record, "x/y#1").number == 1
    with pytest.raises(InputError, match="#1 to #1"):
        messages_of(record, "x/y#2")


def test_diagrams_of_spans_that_look_alike_are_files_of_their_own(made, tmp_path):
    folder = made(
        [["a/b", 1, []], ["a", 1, [["b", 1, []]]], ["a-b", 1, []], ["n" * 10_000, 1, []], ["", 1, []]]
    ).folder
    files = [
        plot([folder], ["messages"], tmp_path / "figures", "svg", json.dumps(path))[0]
        for path in (["a/b"], ["a", "b"], ["a-b"], ["n" * 10_000], [""])
    ]
    assert len(set(files)) == 5
    assert all(file.is_file() for file in files)


def test_local_cost_whose_spans_have_a_slash_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ["workload.samples=[12,24]", "training.epochs=1"]
    sets = [word for one in small for word in ("--set", one)]
    for words in (["run", "local_cost", "--out", "run", *sets], ["plot", "run", "--format", "svg"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 0
    layers = frames.layers(read_record(tmp_path / "run"))
    assert list(layers["name"])[:2] == ["share/12", "share/24"]
    assert layers["payload_bytes"].sum() == read_record(tmp_path / "run").summary["payload_bytes"]


@pytest.mark.browser
@pytest.mark.skipif(browser.find() is None, reason="no Chromium here: apt-get install chromium")
def test_charts_of_a_report_name_every_span_as_it_is_called(made, tmp_path):
    names = ["[relu]", "<b>x</b>", "<br>", "&lt;", "%{y}", "1", "2", "nan", "", "$x$", "a/b", "שלום", "\n"]
    done = made([[name, 10, []] for name in names])
    with browser.Browser(tmp_path / "profile") as chromium:
        page = chromium.open(report.write(done.folder))
        for chart in ("chart-bytes", "chart-retimed"):
            page.run(f"document.getElementById('{chart}').scrollIntoView()")
            page.run("new Promise((done) => setTimeout(done, 300))")
            ticks = page.run(
                f"[...document.querySelectorAll('#{chart} text.name')]"
                ".map((one) => one.firstChild.textContent)"
            )
            assert sorted(ticks) == sorted(map(shown, names))
        sizes = page.run(
            "[...document.querySelectorAll('#chart-bytes rect.bar')].map((one) => +one.dataset.v)"
        )
        assert sum(sizes) == done.run.payload_bytes
        assert page.problems == []


def test_what_an_error_quotes_is_no_command_to_a_terminal(made, capsys):
    made([["a\x1b[2J", 1, []]])
    with pytest.raises(SystemExit) as caught:
        main(["plot", "run", "--span", "\x1b[31mred"])
    err = capsys.readouterr().err
    assert caught.value.code == 2
    assert r"\x1b[2J" in err
    assert "\x1b" not in err
