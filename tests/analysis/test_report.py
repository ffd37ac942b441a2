"""The report: one page that holds all it needs, says what `mpcsim retime` says, and anyone can read."""

import json
import os
import re

import browser
import pytest

from analysis import report
from analysis.predict import run as predict
from analysis.predict.measuring import measure
from analysis.report import content as contents
from analysis.report import networks
from analysis.report.content import MOST_BARS, MOST_MESSAGES, gather
from analysis.report.page import render
from mpcsim import InputError
from mpcsim.__main__ import main
from mpcsim.record import read_record

LONG = bool(os.environ.get("MPCSIM_LONG"))
needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(
        browser.find() is None,
        reason="no Chromium here, so the report was NOT opened: apt-get install chromium",
    ),
]
_CODE = """
import numpy as np

async def ring(party):
    for number in range(4):
        with party.span(f"lap{number}", "</script><b>op</b>"):
            party.send((party.id + 1) % party.n, np.zeros(3000 * (4 - number), np.uint8))
            await party.recv((party.id - 1) % party.n)

async def impatient(party):
    party.send((party.id + 1) % party.n, 1)
    await party.recv((party.id - 1) % party.n, timeout=5)

async def many(party):
    for number in range(900):
        with party.span(f"step{number % 60}"):
            party.send((party.id + 1) % party.n, number)
            await party.recv((party.id - 1) % party.n)
"""


def run(arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in arguments])
    return caught.value.code


@pytest.fixture
def record(tmp_path, monkeypatch, capsys):
    """Return a function that runs a scenario and returns its record."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ring.py").write_text(_CODE)

    def make(function="ring", name="run", more=""):
        (tmp_path / "case.toml").write_text(
            f'name = "<ring> & co"\nworkload = "ring.py:{function}"\nseed = 6\n{more}\n'
            '[network]\nlatency = "10 ms"\nbandwidth = "10 Mbit/s"\n'
        )
        assert run(["run", "case.toml", "--out", name]) == 0
        capsys.readouterr()
        return tmp_path / name

    return make


@pytest.fixture(scope="module")
def flagship(tmp_path_factory):
    """Return (record, page) of the flagship on one image; sliders of 4 × 4 steps, LONG of all."""
    folder = tmp_path_factory.mktemp("flagship") / "run"
    assert run(["run", "pomic_inference", "--out", folder]) == 0
    with pytest.MonkeyPatch.context() as patch:
        if not LONG:
            patch.setattr(networks, "LATENCIES", ("10 ms", "20 ms", "50 ms", "100 ms"))
            patch.setattr(networks, "BANDWIDTHS", ("200 Mbit/s", "500 Mbit/s", "1 Gbit/s", "10 Gbit/s"))
        return folder, report.write(folder)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def embedded(page):
    text = page.read_text()
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def test_the_command_writes_one_file_and_prints_its_name(record, capsys, tmp_path):
    folder = record()
    assert run(["report", folder]) == 0
    assert capsys.readouterr().out.strip() == str(folder / "report.html")
    assert run(["report", folder, "--out", tmp_path / "page.html"]) == 0
    assert (tmp_path / "page.html").read_bytes() == (folder / "report.html").read_bytes()


def test_a_page_is_complete_and_names_no_other_address(flagship):
    text = flagship[1].read_text()
    assert len(text.encode()) < 8_000_000
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    assert not re.search(r"https?://|(?:src|href)\s*=\s*[\"'](?!#|data:)", own)
    for said in ("pomic-inference", "67", "inference/pool1", "max pooling", "17 equal, 0 differ"):
        assert said in own


def test_a_page_of_the_flagship_is_small(flagship):
    assert flagship[1].stat().st_size < 2_000_000


def test_the_makespan_stands_beside_that_of_the_other_transport(flagship, capsys):
    folder, page = flagship
    assert run(["retime", folder, "--set", "network.transport=tcp", "--json"]) == 0
    other = json.loads(capsys.readouterr().out)["makespan_s"]
    text = page.read_text()
    assert "Makespan, over TCP" in text
    assert f"{other:.4g} s" in text


def test_the_network_line_says_loss_and_jitter(record, tmp_path):
    record()
    more = ["network.loss=0.01", "network.retransmission_timeout=1 s"]
    more += ["network.jitter.distribution=uniform", "network.jitter.maximum=2 ms"]
    sets = [word for one in more for word in ("--set", one)]
    assert run(["run", "case.toml", *sets, "--out", "lossy"]) == 0
    page = report.write(tmp_path / "lossy").read_text()
    assert "loss 0.01, jitter (distribution uniform, maximum 2 ms)" in page


def test_curves_of_a_training_are_its_epochs_beside_their_twins():
    rows = [{"epoch": epoch, "step": epoch, "loss": 1.0 / epoch} for epoch in (1, 2, 3)]
    twins = {"fixed": [{"loss": 0.9}, {"loss": 0.4}, {"loss": 0.3}], "float": []}
    summary = {"workload": "private_training", "output": {"history": rows, "twins": twins}}
    (curve,) = contents.training(summary)
    assert curve["title"] == "loss"
    assert [one["name"] for one in curve["series"]] == ["on shares", "in the clear, fixed point"]
    assert curve["series"][1]["points"] == [[1, 0.9], [2, 0.4], [3, 0.3]]
    assert contents.training({"workload": "private_inference", "output": {}}) == []


def test_what_a_scenario_says_cannot_become_part_of_the_page(record):
    page = report.write(record())
    text = page.read_text()
    assert "&lt;ring&gt; &amp; co" in text
    assert "<b>op</b>" not in text
    assert embedded(page)["name"] == "<ring> & co"


def test_the_grid_of_the_sliders_is_what_retime_prints(record, capsys):
    folder = record()
    choices = embedded(report.write(folder))["choices"]
    assert choices["latencies"][choices["latency"]] == "10 ms"
    assert choices["bandwidths"][choices["bandwidth"]] == "10 Mbit/s"
    for row, column in ((0, 0), (4, 7), (choices["latency"], choices["bandwidth"])):
        sets = [f"network.latency={choices['latencies'][row]}"]
        sets += [f"network.bandwidth={choices['bandwidths'][column]}"]
        for points, more in (("points", []), ("other", ["--set", "network.transport=tcp"])):
            capsys.readouterr()
            assert run(["retime", folder, "--set", sets[0], "--set", sets[1], *more, "--json"]) == 0
            found = json.loads(capsys.readouterr().out)
            makespan, bound, spans, error = choices[points][row * len(choices["bandwidths"]) + column]
            assert (makespan, bound) == (found["makespan_ns"], found["critical_path"]["bound_by"])
            assert spans == [one["makespan_s"] for one in found["spans"]]
            assert error is None


def test_a_large_run_is_aggregated_and_nothing_is_dropped(record, monkeypatch):
    monkeypatch.setattr(networks, "LATENCIES", ("20 ms",))  # nearly all of a report's time is its sliders'
    monkeypatch.setattr(networks, "BANDWIDTHS", ("50 Mbit/s",))
    folder = record("many")
    content = gather(read_record(folder))
    timeline = content.timeline
    assert timeline["count"] == 2700 > MOST_MESSAGES
    assert sum(map(sum, timeline["messages_sent"])) == 2700
    assert sum(map(sum, timeline["bytes"])) == read_record(folder).summary["wire_bytes"]
    bars = contents.bars(content)
    assert len(bars) == MOST_BARS
    assert bars[-1]["name"] == "21 others, together"
    for key in ("rounds", "payload_bytes", "makespan_s"):
        assert sum(bar[key] for bar in bars) == pytest.approx(sum(row[key] for row in content.spans))
    assert "Every message is counted" in report.write(folder).read_text()


def test_a_run_that_cannot_be_retimed_has_a_report_that_says_why(record):
    text = report.write(record("impatient")).read_text()
    assert "used a timeout" in text
    assert 'type="range"' not in text
    assert "All 3 messages" in text


def test_a_run_without_events_has_a_report_that_says_so(record):
    page = report.write(record(more="[engine]\ntrace = false"))
    assert page.read_text().count("kept no trace (engine.trace)") >= 2
    assert embedded(page)["timeline"] is None


def test_a_record_that_is_no_record_is_refused(tmp_path, capsys):
    with pytest.raises(InputError, match="no run record"):
        report.write(tmp_path)
    assert run(["report", tmp_path / "nothing"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_page_that_cannot_be_written_is_an_error_with_its_path(record, tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        report.write(record(), tmp_path / "no" / "folder.html")


def test_a_run_whose_links_differ_has_sliders_that_say_so(record, tmp_path):
    folder = record()
    scenario = folder / "scenario.toml"
    matrix = '[["0 ms", "1 ms", "2 ms"], ["1 ms", "0 ms", "2 ms"], ["1 ms", "1 ms", "0 ms"]]'
    scenario.write_text(scenario.read_text().replace('latency = "10 ms"', f"latency = {matrix}"))
    page = report.write(folder)
    assert "The links of this run differ" in page.read_text()
    assert embedded(page)["choices"]["latencies"] == list(networks.LATENCIES)


# In the browser


class TestInTheBrowser:
    pytestmark = needs_browser

    def test_it_opens_without_errors_or_requests(self, chromium, flagship):
        page = chromium.open(flagship[1])
        page.run("document.querySelectorAll('.plot').forEach((plot) => plot.scrollIntoView())")
        assert page.problems == []
        assert page.requests == []

    def test_the_watch_for_errors_and_requests_sees_them(self, chromium, flagship, tmp_path):
        bad = tmp_path / "bad.html"
        text = flagship[1].read_text()
        text = text.replace("<main", '<img src="https://example.com/x.png"><main')
        broken = 'console.error("seen"); setTimeout(() => { throw Error("thrown"); });'
        bad.write_text(text.replace("planLayers();", f"planLayers(); {broken}"))
        page = chromium.open(bad)
        page.run("new Promise((done) => setTimeout(done, 50))")
        problems = " ".join(page.problems)
        assert "seen" in problems
        assert "thrown" in problems
        assert "Content Security Policy" in problems or page.requests

    def test_every_chart_is_drawn_when_it_comes_into_view(self, chromium, flagship):
        page = chromium.open(flagship[1])
        charts = page.run("[...document.querySelectorAll('.plot')].map((plot) => plot.id)")
        assert len(charts) == 6
        for chart in charts:
            page.run(f"document.getElementById('{chart}').scrollIntoView()")
            page.run("new Promise((done) => setTimeout(done, 200))")
            assert page.run(f"!!document.querySelector('#{chart} svg')"), chart

    def test_the_sliders_by_keyboard_show_what_retime_says(self, chromium, flagship, capsys):
        folder, file = flagship
        page = chromium.open(file)
        for slider, key, code in (("latency", "ArrowLeft", 37), ("bandwidth", "ArrowRight", 39)):
            page.run(f"document.getElementById('{slider}').focus()")
            for _ in range(3):
                page.press(key, code)
        latency = page.run("document.getElementById('latency-value').textContent")
        bandwidth = page.run("document.getElementById('bandwidth-value').textContent")
        assert (latency, bandwidth) == ("10 ms", "10 Gbit/s")
        sets = [f"network.latency={latency}", f"network.bandwidth={bandwidth}"]
        assert run(["retime", folder, "--set", sets[0], "--set", sets[1], "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert page.run("Number(document.getElementById('makespan').dataset.ns)") == found["makespan_ns"]
        assert f"{found['makespan_s']:.9f} s" in page.run("document.getElementById('compared').textContent")
        bound = page.run("document.getElementById('bound').textContent")
        assert bound == found["critical_path"]["bound_by"]
        said = page.run("document.getElementById('command').textContent")
        assert said.startswith("mpcsim retime ")
        page.run("document.getElementById('chart-retimed').scrollIntoView()")
        page.run("new Promise((done) => setTimeout(done, 200))")
        drawn = page.run(
            "[...document.querySelectorAll('#chart-retimed rect.bar')].map((bar) => Number(bar.dataset.v))"
        )
        leaves = [row["makespan_s"] for row in found["spans"] if row["name"] != "inference"]
        assert drawn == leaves

    def test_the_choice_of_transport_shows_what_retime_says(self, chromium, flagship, capsys):
        folder, file = flagship
        page = chromium.open(file)
        page.run(
            "{ const one = document.getElementById('transport'); one.value = 'tcp'; "
            "one.dispatchEvent(new Event('input')); }"
        )
        assert run(["retime", folder, "--set", "network.transport=tcp", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert page.run("Number(document.getElementById('makespan').dataset.ns)") == found["makespan_ns"]
        assert "--set network.transport=tcp" in page.run("document.getElementById('command').textContent")
        assert page.problems == []

    def test_the_table_sorts_by_keyboard_and_says_so(self, chromium, flagship):
        page = chromium.open(flagship[1])
        head = "document.querySelectorAll('#spans thead th')[7]"
        values = (
            "[...document.querySelectorAll('#spans tbody tr')].map((r) => Number(r.cells[7].dataset.v))"
        )
        page.run(f"{head}.querySelector('button').focus()")
        for key, order, backwards in (("Enter", "ascending", False), ("Space", "descending", True)):
            page.press(key, {"Enter": 13, "Space": 32}[key])
            assert page.run(f"{head}.getAttribute('aria-sort')") == order
            assert page.run(values) == sorted(page.run(values), reverse=backwards)

    def test_a_phone_needs_no_sideways_scrolling(self, chromium, flagship):
        for width in (320, 390):
            page = chromium.open(flagship[1], width, 844, mobile=True)
            for section in page.run("[...document.querySelectorAll('section')].map((one) => one.id)"):
                page.run(f"document.getElementById('{section}').scrollIntoView()")
            page.run("new Promise((done) => setTimeout(done, 300))")
            assert page.run("document.documentElement.scrollWidth") <= width
            assert page.problems == []

    def test_everything_has_a_name_and_text_is_dark_on_light(self, chromium, flagship):
        page = chromium.open(flagship[1])
        unnamed = """[...document.querySelectorAll('input, button, [role=region]')].filter((one) =>
            !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length)).length"""
        assert page.run(unnamed) == 0
        words = "main p, main td, main th, figcaption, small, dt"
        dark = (
            f"[...document.querySelectorAll('{words}')]"
            """.every((one) => {
            const [r, g, b] = getComputedStyle(one).color.match(/\\d+/g).map(Number);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b < 90; })"""
        )
        assert page.run(dark) is True
        assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"

    def test_the_dark_scheme_is_light_on_dark_and_nothing_else_changes(self, chromium, flagship):
        page = chromium.open(flagship[1])
        dark = [{"name": "prefers-color-scheme", "value": "dark"}]
        page.call("Emulation.setEmulatedMedia", features=dark)
        light = """(() => { const shades = (one, key) => {
            const [r, g, b] = getComputedStyle(one)[key].match(/\\d+/g).map(Number);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
            const words = [...document.querySelectorAll('main p, main td, main th, figcaption, small, dt')];
            return [Math.min(...words.map((one) => shades(one, 'color'))),
                shades(document.body, 'backgroundColor')]; })()"""
        ink, paper = page.run(light)
        assert ink > 150
        assert paper < 40
        assert page.problems == []

    @pytest.mark.parametrize(("width", "mobile"), [(1280, False), (390, True)])
    def test_no_label_of_a_bar_is_cut_or_inside_another_bar(self, chromium, flagship, width, mobile):
        page = chromium.open(flagship[1], width, 844, mobile=mobile)
        outside = """(async () => { const found = [];
            for (const plot of document.querySelectorAll('.plot')) {
                plot.scrollIntoView();
                await new Promise((done) => setTimeout(done, 200));
                const frame = plot.querySelector('svg').getBoundingClientRect();
                const boxes = (what) => [...plot.querySelectorAll(what)].map(
                    (one) => one.getBoundingClientRect());
                const bars = boxes('rect.bar');
                for (const label of plot.querySelectorAll('text.value, text.name')) {
                    const box = label.getBoundingClientRect();
                    const cut = box.right > frame.right + 1 || box.left < frame.left - 1;
                    const inside = label.classList.contains('value') && bars.some((bar) =>
                        bar.top < box.top + 6 && bar.bottom > box.top + 6 && bar.right > box.left + 1);
                    if (cut || inside) found.push(label.textContent);
                } }
            return found; })()"""
        assert page.run(outside) == []

    def test_a_printed_page_keeps_every_column(self, chromium, flagship):
        page = chromium.open(flagship[1], 1047, 700)
        page.call("Emulation.setEmulatedMedia", media="print")
        wide = (
            "[...document.querySelectorAll('table')].filter((one) => one.scrollWidth > innerWidth).length"
        )
        assert page.run(wide) == 0
        last = (
            "[...document.querySelectorAll('#spans th')]"
            ".every((one) => one.getBoundingClientRect().right <= innerWidth + 1)"
        )
        assert page.run(last) is True

    def test_a_training_has_its_curves(self, chromium, record, tmp_path):
        sets = ["--set", "training.epochs=2", "--set", "training.reveal=epoch"]
        assert run(["run", "logistic_training", *sets, "--out", "t", "--quiet"]) == 0
        page = chromium.open(report.write(tmp_path / "t"))
        page.run("document.getElementById('training').scrollIntoView()")
        page.run("new Promise((done) => setTimeout(done, 300))")
        assert page.run("document.querySelectorAll('#training circle').length") > 0
        assert page.problems == []

    def test_reports_of_other_runs_open_without_errors(self, chromium, record, monkeypatch):
        if not LONG:  # nearly all of a report's time is its sliders'
            monkeypatch.setattr(networks, "LATENCIES", ("20 ms", "50 ms"))
            monkeypatch.setattr(networks, "BANDWIDTHS", ("50 Mbit/s", "1 Gbit/s"))
        for function, name in (("many", "many"), ("impatient", "impatient"), ("ring", "ring")):
            page = chromium.open(report.write(record(function, name)))
            page.run("document.querySelectorAll('.plot').forEach((plot) => plot.scrollIntoView())")
            page.run("new Promise((done) => setTimeout(done, 300))")
            assert page.problems == []


# Formulas


CASES = {
    "training_step": ["dry_run=true"],
    "pomic_inference": ["dry_run=true", "data.count=2", "inference.batch=1"],
    "microbench": ["workload.op=mul", "workload.size=8"],
    "link_probe": ["workload.repeats=2"],
}


@pytest.mark.parametrize("scenario", CASES)
def test_a_report_has_the_rows_that_validate_has(scenario, tmp_path):
    changes = [word for one in CASES[scenario] for word in ("--set", one)]
    assert run(["run", scenario, "--set", "engine.trace=false", *changes, "--out", tmp_path / "run"]) == 0
    content = gather(read_record(tmp_path / "run"))
    assert "validation" not in content.notes
    wanted = predict.rows(measure(scenario, CASES[scenario]))
    assert [row.describe() for row in content.validation] == [row.describe() for row in wanted]
    assert content.validation
    assert all(row.equal for row in content.validation)
    assert f"{len(wanted)} rows: {len(wanted)} equal, 0 differ" in render(content)


def test_a_record_that_lacks_what_formulas_need_says_so(tmp_path):
    changes = ["--set", "dry_run=true", "--set", "engine.trace=false"]
    assert run(["run", "training_step", *changes, "--out", tmp_path / "run"]) == 0
    file = tmp_path / "run" / "summary.json"
    found = json.loads(file.read_text())
    for change, said in (
        ({"output": {}}, "has no 'resumed_from'"),
        ({"ring": {}}, "says no ring"),
        ({"protocol": {"comparison": "table"}}, "does not say 'truncation'"),
    ):
        file.write_text(json.dumps(found | change))
        assert said in gather(read_record(tmp_path / "run")).notes["validation"]
