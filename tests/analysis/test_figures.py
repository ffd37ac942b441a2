"""Figures: which runs feed which kinds, files that repeat to the byte, what a reader must find in them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib.colors
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from analysis.figures import plot, sources
from analysis.figures import style as figures
from analysis.figures.layers import rows_to_show
from analysis.figures.sweep import scale_of, spread
from analysis.frames import layers
from mpcsim import InputError
from mpcsim.__main__ import main
from mpcsim.record import read_record, to_json

_OWN = """
async def program(party, settings):
    for place in range(settings["layers"]):
        with party.span(f"layer{place}", "conv2d"):
            for _ in range(1 + place % 3):
                party.send((party.id + 1) % party.n, bytes(100 * (1 + place)))
                await party.recv((party.id - 1) % party.n)
"""
_SCENARIO = (
    'name = "own net"\nworkload = "own.py:program"\nseed = 4\nlayers = 2\n'
    '[network]\nlatency = "10 ms"\nbandwidth = "1 Mbit/s"\n'
)
_VALIDATION = (
    "op,params,predicted_rounds,predicted_payload_bytes,measured_rounds,measured_payload_bytes,network\n"
    "relu,n=10,5,250,5,250,\nmul,n=10,1,240,1,240,\nnet/conv1,n=2,3,900000,3,900000,net\n"
    "mul,n=7,1,168,2,200,\nargmax,n=9,,,7,80,\n"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with records of 2, 20 and 90 layers, a sweep and a validation."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "own.py").write_text(_OWN)
    (folder / "own.toml").write_text(_SCENARIO)
    for count in (2, 20, 90):
        _quiet(
            "run", folder / "own.toml", "--set", f"layers={count}", "--out", folder / f"r{count}", "--json"
        )
    _sweep(folder / "s", folder / "own.toml", folder / "r2")
    (folder / "v").mkdir()
    (folder / "v" / "validation.csv").write_text(_VALIDATION)
    return folder


def _quiet(*arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert caught.value.code == 0


def _sweep(folder, scenario, record):
    """Write what a sweep of two kinds of networks leaves, one of its points failed."""
    summary = read_record(record).summary
    points = []
    for sharing in ("uplink", "link"):
        for latency in (1, 10, 100):
            for bandwidth in ("1 Mbit/s", "100 Mbit/s"):
                key = f"{len(points):016x}"
                values = {
                    "network.sharing": sharing,
                    "network.latency": f"{latency} ms",
                    "network.bandwidth": bandwidth,
                }
                points.append({"key": key, "values": values})
                shutil.copytree(record, folder / "points" / key)
                makespan = 10_000_000 * latency + (500_000_000 if bandwidth == "1 Mbit/s" else 5_000_000)
                changed = summary | {
                    "makespan_ns": makespan,
                    "makespan_s": makespan / 1e9,
                    "network": summary["network"]
                    | {key.removeprefix("network."): values[key] for key in values},
                }
                (folder / "points" / key / "summary.json").write_text(to_json(changed))
    shutil.rmtree(folder / "points" / points[-1]["key"])
    failure = {"error": "it failed", "exit_status": 3}
    (folder / "points" / f"{points[-1]['key']}.json").write_text(json.dumps(failure))
    axes = [
        {"key": "network.sharing", "values": ["uplink", "link"]},
        {"key": "network.latency", "values": ["1 ms", "10 ms", "100 ms"]},
        {"key": "network.bandwidth", "values": ["1 Mbit/s", "100 Mbit/s"]},
    ]
    described = {"format": 1, "name": "own net", "workload": "own", "axes": axes, "zip": False}
    (folder / "sweep.json").write_text(json.dumps(described | {"points": points}))


def _texts(figure):
    found = [text.get_text() for text in figure.findobj(match=matplotlib.text.Text)]
    return [text for text in found if text]


def _drawn(kind, *paths):
    (one,) = [each for each in plot.KINDS if each.name == kind]
    with figures.styled():
        return one.draw(sources.read(list(paths)))


# Which kinds


def test_without_a_kind_all_that_the_runs_can_feed_is_drawn(made, tmp_path):
    cases = (
        (["r2"], ["layers", "layers-sum"]),
        (["r2", "r20"], ["compare", "layers-1", "layers-2", "layers-sum-1", "layers-sum-2"]),
        (["s"], ["bandwidth", "latency", "network", "sweep"]),
        (["v"], ["cost", "formula"]),
    )
    for number, (names, expected) in enumerate(cases):
        files = plot.plot([made / name for name in names], out=tmp_path / str(number), formats="svg")
        assert sorted(file.stem for file in files) == expected
        assert all(file.read_text().rstrip().endswith("</svg>") for file in files)


def test_each_format_is_written_as_what_it_is(made, tmp_path, capsys):
    _quiet("plot", made / "r2", "--kind", "layers", "--out", tmp_path / "f")
    printed = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.name for path in printed] == ["layers.svg", "layers.pdf", "layers.png"]
    heads = [path.read_bytes()[:8] for path in printed]
    assert heads[0].startswith(b"<?xml")
    assert heads[1].startswith(b"%PDF")
    assert heads[2].startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("names", "options", "parts"),
    [
        (
            ["r2"],
            ["--kind", "compare"],
            ["two or more run records", "which can feed: layers, layers-sum"],
        ),
        (["r2"], ["--kind", "network"], ["needs a sweep over network.latency", "found 1 run record"]),
        (["s"], ["--kind", "formula"], ["which can feed: latency, bandwidth, network, sweep"]),
        (["r2"], ["--kind", "layer"], ["unknown kind 'layer'", "did you mean 'layers'?"]),
        (["r2"], ["--format", "gif"], ["found 'gif'; accepted: svg, pdf, png"]),
        (["nowhere"], [], ["nowhere: no such folder", "mpcsim sweep"]),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_says_what_can_be(made, capsys, names, options, parts):
    with pytest.raises(SystemExit) as caught:
        main(["plot", *(str(made / name) for name in names), *options])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    for part in parts:
        assert part in error


def test_a_run_without_spans_feeds_nothing_and_damaged_sources_are_named(made, tmp_path):
    shutil.copytree(made / "r2", tmp_path / "bare")
    summary = read_record(made / "r2").summary | {"spans": []}
    (tmp_path / "bare" / "summary.json").write_text(to_json(summary))
    with pytest.raises(InputError, match="found 1 run record, which feeds no figure") as caught:
        plot.plot([tmp_path / "bare"])
    assert "a run record with spans" in str(caught.value)
    shutil.copytree(made / "s", tmp_path / "s")
    shutil.rmtree(tmp_path / "s" / "points")
    with pytest.raises(InputError, match="an empty sweep: none of its 12 points is done"):
        plot.plot([tmp_path / "s"])
    (tmp_path / "s" / "sweep.json").write_text('{"format": 1, "axes": 3}')
    with pytest.raises(InputError, match="damaged sweep"):
        plot.plot([tmp_path / "s"])
    (tmp_path / "validation.csv").write_text("op,params\n")
    with pytest.raises(InputError, match="no column predicted_rounds"):
        plot.plot([tmp_path / "validation.csv"])


# Files


def test_files_are_the_same_bytes_in_every_process(made, tmp_path):
    for name in ("one", "two"):
        code = (
            "import sys; from pathlib import Path; from analysis.figures import plot\n"
            "plot.plot([Path(sys.argv[1])], ['network', 'latency'], out=Path(sys.argv[2]))\n"
        )
        command = [sys.executable, "-c", code, str(made / "s"), str(tmp_path / name)]
        subprocess.run(command, check=True, timeout=150)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(names) == 6
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    svg = (tmp_path / "one" / "latency.svg").read_text()
    assert not re.search(r"<dc:date>|\d{4}-\d\d-\d\dT", svg)


# What is in them


def test_layers_have_units_names_and_the_configuration(made):
    texts = _texts(_drawn("layers", made / "r2")["layers"])
    time = figures.show_time(read_record(made / "r2").summary["makespan_s"])
    for part in (
        "rounds", "payload sent, stacked by party (kB)", "virtual time (ms)", "layer0", "layer1",
        "0 party0", "2 party2", "300 B", "1.2 kB",
        f"own net\n10 ms one way, 1 Mbit/s: 3 rounds, 1.5 kB, {time}",
    ):  # fmt: skip
        assert part in texts


def test_many_layers_are_put_together_and_nothing_is_lost(made):
    whole = layers(read_record(made / "r90"))
    shown = rows_to_show(whole)
    assert (len(whole), len(shown)) == (90, 40)
    assert shown["name"].iloc[-1] == "51 others, together"
    for column in ("rounds", "payload_bytes"):
        assert shown[column].sum() == whole[column].sum()
    figure = _drawn("compare", made / "r20", made / "r90")["compare"]
    assert "61 others, together" in _texts(figure)
    assert figure.get_figheight() < 12


def test_no_text_of_a_figure_overlaps_its_neighbour_or_leaves_the_page(made):
    for kind, paths in (
        ("layers", ["r2"]),
        ("layers", ["r20"]),
        ("compare", ["r2", "r20"]),
        ("latency", ["s"]),
        ("network", ["s"]),
        ("sweep", ["s"]),
        ("formula", ["v"]),
    ):
        with figures.styled():
            (figure,) = _drawn(kind, *(made / name for name in paths)).values()
            FigureCanvasAgg(figure).draw()
            boxes = _boxes(figure)
        page = figure.bbox
        for text, box in boxes:
            inside = box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1
            assert inside, f"{kind}: {text!r} leaves the page"
            assert box.y0 >= page.y0 - 1, f"{kind}: {text!r} leaves the page"
        for place, (text, box) in enumerate(boxes):
            for other, second in boxes[place + 1 :]:
                assert not _overlap(box, second), f"{kind}: {text!r} on {other!r}"


def _boxes(figure):
    hidden = set(map(id, _hidden(figure)))
    shown = [text for text in figure.findobj(match=matplotlib.text.Text) if text.get_visible()]
    return [
        (text.get_text(), text.get_window_extent())
        for text in shown
        if text.get_text().strip() and id(text) not in hidden
    ]


def _hidden(figure):
    """Yield the labels of ticks that are outside their axes, and so not drawn."""
    for axes in figure.axes:
        view = axes.get_window_extent()
        for axis, low, high, at in (
            (axes.xaxis, view.x0, view.x1, lambda box: (box.x0 + box.x1) / 2),
            (axes.yaxis, view.y0, view.y1, lambda box: (box.y0 + box.y1) / 2),
        ):
            for text in axis.get_ticklabels(which="both"):
                drawn = axes.get_visible() and low - 1 <= at(text.get_window_extent()) <= high + 1
                if not drawn:
                    yield text


def _overlap(one, two):
    across = min(one.x1, two.x1) - max(one.x0, two.x0)
    upward = min(one.y1, two.y1) - max(one.y0, two.y0)
    return across > 1.5 and upward > 1.5


def test_series_are_told_apart_without_colour():
    fills = [(figures.HATCHES[place], _light(place)) for place in range(figures.MOST_SERIES)]
    assert len(set(fills)) == 8
    lines = [figures.line_style(place) for place in range(8)]
    assert len({line["marker"] for line in lines}) == 8


def _light(place):
    red, green, blue = matplotlib.colors.to_rgb(figures.FILLS[place])
    return round(0.3 * red + 0.59 * green + 0.11 * blue, 1)


def test_a_sweep_of_networks_names_its_lines_and_says_what_failed(made):
    latency = _texts(_drawn("latency", made / "s")["latency"])
    for part in ("makespan (s)", "one-way latency (ms)", "1 Mbit/s", "100 Mbit/s", "sharing = link"):
        assert part in latency
    heat = _texts(_drawn("network", made / "s")["network"])
    for part in ("makespan (s)", "one-way latency", "510 ms", "failed", "100 ms"):
        assert part in heat
    assert "own net; 1 of 12 points failed" in _texts(_drawn("sweep", made / "s")["sweep"])


def _width(figure):
    return figure.get_size_inches()[0]


def test_a_page_has_its_width_its_letters_and_no_title_where_none_is_wanted(made):
    page = figures.Page(3.4, 10, titles=False)
    (one,) = [each for each in plot.KINDS if each.name == "layers"]
    with figures.styled(page):
        narrow = one.draw(sources.read([made / "r2"]))["layers"]
        size = figures.size(8)
    whole = _drawn("layers", made / "r2")["layers"]
    assert (_width(narrow), _width(whole)) == (3.4, 7.0)
    assert size == 10
    assert narrow.get_suptitle() == ""
    assert whole.get_suptitle() != ""
    tops = {round(axes.get_subplotspec().rowspan.start) for axes in narrow.axes}
    assert tops == {0, 1, 2}  # below each other
    assert {axes.xaxis.label.get_fontsize() for axes in narrow.axes} == {10.0}


@pytest.mark.parametrize("options", [{"width": 0.1}, {"width": 400}, {"font_size": 1}])
def test_a_page_that_none_has_is_refused(made, tmp_path, options):
    with pytest.raises(InputError, match=r"--(width|font-size): found .*; accepted: from"):
        plot.plot([made / "r2"], ["layers"], tmp_path, "svg", **options)


@pytest.mark.parametrize("kind", ["layers", "layers-sum", "compare", "sweep", "latency", "formula", "cost"])
@pytest.mark.parametrize("width", [3.4, 12.0])
def test_every_kind_is_drawn_on_a_page_of_any_width(made, tmp_path, kind, width):
    names = {"compare": ["r2", "r20"], "formula": ["v"], "cost": ["v"]}
    names |= {"sweep": ["s"], "latency": ["s"]}
    paths = [made / name for name in names.get(kind, ["r20"])]
    (file, *_) = plot.plot(paths, [kind], tmp_path, "svg", width=width, titles=False)
    assert f'width="{72 * width:g}pt"' in file.read_text()


def test_text_of_an_svg_is_text_with_a_font_that_every_reader_has(made, tmp_path):
    (file,) = plot.plot([made / "r2"], ["layers"], tmp_path, "svg")
    text = file.read_text()
    assert ">rounds</text>" in text
    assert "sans-serif" in text


def test_lines_that_lie_on_each_other_are_told_apart():
    with figures.styled():
        _, (left, right) = figures.across(3, 2)
        for axes, values in ((left, [1, 2, 3]), (right, [7, 8, 9])):
            axes.plot([1, 2, 3], [1, 2, 3], **figures.line_style(0))
            axes.plot([1, 2, 3], values, **figures.line_style(1))
            figures.tell_apart(axes)
    same, apart = ([line.get_linewidth() for line in axes.get_lines()] for axes in (left, right))
    assert same[0] > 2 * same[1]
    assert apart[0] == apart[1]


def test_parties_beyond_eight_are_one_bar_and_no_colour_stands_for_two(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scenario = ["run", "microbench", "--set", "protocol.family=shamir", "--set", "parties.n=40", "--quiet"]
    with pytest.raises(SystemExit):
        main([*scenario, "--set", "workload.op=mul", "--out", "r"])
    figure = _drawn("layers", tmp_path / "r")["layers"]
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert len(names) <= figures.MOST_SERIES
    assert names[-1] == "34 others, together"
    colours = [(patch.get_facecolor(), patch.get_hatch()) for patch in legend.get_patches()]
    assert len(set(colours)) == len(colours)


def test_costs_against_sizes_are_marks_on_the_curves_of_their_formulas(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sizes = ["sweep", "microbench", "--set", "workload.size=1..64:*4", "--set", "workload.op=mul,relu"]
    with pytest.raises(SystemExit):
        main([*sizes, "--jobs", "1", "--out", "s", "--quiet"])
    figure = _drawn("cost", tmp_path / "s")["cost"]
    for axes in figure.axes:
        lines = axes.get_lines()
        assert len(lines) == 4  # two curves, two rows of marks
        for curve, marks in (lines[:2], lines[2:]):
            along, upward = curve.get_data()
            at = dict(zip(along.tolist(), upward, strict=True))
            assert len(along) > len(marks.get_xdata()) == 4
            assert [at[size] for size in marks.get_xdata()] == list(marks.get_ydata())


def test_measured_against_formula_has_the_identity_line_and_names_what_differs(made):
    figure = _drawn("formula", made / "v")["formula"]
    texts = _texts(figure)
    for part in ("measured = predicted", "network net", "predicted rounds", "mul differs"):
        assert part in texts
    assert "4 measurements with a formula: 3 equal, 1 differ; 1 without" in texts
    for axes in figure.axes:
        line = axes.get_lines()[0]
        assert list(line.get_xdata()) == list(line.get_ydata())


def test_values_stand_where_their_quantity_says():
    scale = scale_of("network.latency", ["1 ms", "2 s"])
    assert (scale.label, scale.places) == ("one-way latency (s)", [0.001, 2.0])
    assert scale_of("network.bandwidth", ["1 Gbit/s", "5 Mbit/s"]).places == [1000.0, 5.0]
    unlimited = scale_of("network.bandwidth", ["unlimited", "5 Mbit/s"])
    assert (unlimited.values, unlimited.places) == (["5 Mbit/s", "unlimited"], None)
    assert scale_of("protocol.comparison", ["table", "masked"]).at("masked") == 1
    assert scale_of("workload.size", [10, 20]).at(20) == 20
    assert spread(list(range(24)), 8) == [0, 3, 7, 10, 13, 16, 20, 23]
