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
        (["v"], ["formula"]),
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
    for part in ("makespan (s)", "latency, one way (ms)", "1 Mbit/s", "100 Mbit/s", "sharing = link"):
        assert part in latency
    heat = _texts(_drawn("network", made / "s")["network"])
    for part in ("makespan (s)", "one-way latency", "510 ms", "failed", "100 ms"):
        assert part in heat
    assert "own net; 1 of 12 points failed" in _texts(_drawn("sweep", made / "s")["sweep"])


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
    assert (scale.label, scale.places) == ("latency, one way (s)", [0.001, 2.0])
    assert scale_of("network.bandwidth", ["1 Gbit/s", "5 Mbit/s"]).places == [1000.0, 5.0]
    unlimited = scale_of("network.bandwidth", ["unlimited", "5 Mbit/s"])
    assert (unlimited.values, unlimited.places) == (["5 Mbit/s", "unlimited"], None)
    assert scale_of("protocol.comparison", ["table", "masked"]).at("masked") == 1
    assert scale_of("workload.size", [10, 20]).at(20) == 20
    assert spread(list(range(24)), 8) == [0, 3, 7, 10, 13, 16, 20, 23]
