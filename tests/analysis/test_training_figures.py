"""POMIC's figures 6 to 10: ours beside what the paper prints, in three formats."""

import json

import pytest

from analysis.compare import training as training_table
from analysis.figures import plot
from analysis.figures.paper_series import FIGURES
from mpcsim import InputError, plugins
from mpcsim.scenario import execute, load_scenario

ROW = {"loss": 0.5, "accuracy": 0.8, "test_loss": 0.6, "test_accuracy": 0.75}


@pytest.fixture(scope="module")
def common(tmp_path_factory):
    """The summary of a run of a probe: what is not the workload's own output."""
    scenario = load_scenario("link_probe", search=plugins.scenario_folders())
    return execute(scenario, plugins.workloads(), tmp_path_factory.mktemp("probe") / "record").summary


@pytest.fixture
def record(common):
    def write(folder, workload, output, **more):
        folder.mkdir()
        found = common | {"name": folder.name, "workload": workload, "output": output} | more
        (folder / "summary.json").write_text(json.dumps(found))
        head = {key: found[key] for key in ("name", "workload", "seed")}
        (folder / "scenario.toml").write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in head.items()))
        return folder

    return write


@pytest.fixture
def training(tmp_path, record):
    history = [{"epoch": n // 2 + 1, "step": n} | ROW for n in range(6)]
    output = {"history": history, "images": 9, "twins": {"float": [ROW] * 3, "fixed": [ROW] * 3}}
    return record(tmp_path / "training", "private_training", output)


def test_figures_6_to_9_come_in_all_formats(training):
    paths = plot.plot([training], ["training"])
    names = {path.name for path in paths}
    for stem in ("6-training-accuracy", "7-training-loss", "8-test-accuracy", "9-test-loss"):
        for form in ("svg", "pdf", "png"):
            assert f"figure{stem}.{form}" in names
    assert all(path.stat().st_size > 2000 for path in paths)


def test_each_figure_has_our_lines_and_the_papers_two(training):
    from analysis.figures import sources
    from analysis.figures import style as figures
    from analysis.figures import training as training_figures

    with figures.styled():
        drawn = training_figures.by_epoch(sources.read([training]))
    figure = drawn["figure8-test-accuracy"]
    ours, theirs = figure.axes
    assert ours.get_lines()[0].get_label() == "ours, on shares"
    assert len(ours.get_lines()) == 3
    assert list(ours.get_lines()[0].get_xdata()) == [1, 2, 3]  # the last row of every epoch
    assert list(theirs.get_lines()[0].get_ydata()) == list(FIGURES["test_accuracy"].private)


def test_a_training_without_tests_gives_the_figures_that_it_can(tmp_path, record):
    row = {"epoch": 1, "step": 1, "loss": 0.5, "accuracy": 0.8}
    output = {"history": [row], "images": 9, "twins": {"float": []}}
    folder = record(tmp_path / "training", "private_training", output)
    names = {path.stem for path in plot.plot([folder], ["training"], formats="svg")}
    assert names == {"figure6-training-accuracy", "figure7-training-loss"}


def test_a_training_that_revealed_nothing_feeds_no_such_figure(tmp_path, record):
    folder = record(tmp_path / "training", "private_training", {"history": []})
    with pytest.raises(InputError, match="needs the run record of a private training that revealed"):
        plot.plot([folder], ["training"])


def test_figure_10_is_drawn_from_the_local_cost(tmp_path, record):
    rows = [
        {"samples": n, "training_s": n / 10, "sharing_s": n / 1e4, "sharing_bytes": n * 120_000}
        for n in (25, 50, 100)
    ]
    folder = record(tmp_path / "cost", "local_cost", {"rows": rows, "epochs": 15})
    paths = plot.plot([folder], ["local-cost"])
    assert {path.name for path in paths} == {
        f"figure10-local-cost.{form}" for form in ("svg", "pdf", "png")
    }


def test_the_papers_series_are_fifteen_epochs_each():
    for figure in FIGURES.values():
        assert len(figure.clear) == len(figure.private) == 15
    assert FIGURES["accuracy"].private[9] == 0.773753  # the value that the text names once more
    assert min(FIGURES["loss"].clear) == 0.4254


# The table of accuracies


def trained(record, folder, seed, secure, fixed):
    judged = {
        name: {"accuracy": value, "images": 400, "loss": 0.1}
        for name, value in (("secure", secure), ("fixed", fixed), ("float", fixed))
    }
    error = {"fixed": {"followed": seed / 1e4, "last_step": 20, "end": 1e-2}}
    output = {"history": [], "steps": 300, "test": judged, "max_weight_error": error}
    return record(folder / f"run{seed}", "private_training", output, name="thin", seed=seed)


def test_the_table_has_a_row_a_seed_and_their_mean(tmp_path, capsys, record):
    folders = [trained(record, tmp_path, 1, 0.94, 0.95), trained(record, tmp_path, 2, 0.92, 0.90)]
    assert training_table.main([str(folder) for folder in folders]) == 0
    printed = capsys.readouterr().out
    assert "| thin | 1 | 300 | 400 | 94.00 | 95.00 | 95.00 | -1.00 | -1.00 | 1.0e-04 | 1.0e-02 |" in printed
    assert "| thin | 2 | 93.00 | 92.50 | 92.50 | +0.50 | +0.50 | 2.0e-04 | 1.0e-02 |" in printed


def test_a_record_without_a_test_accuracy_is_refused(tmp_path, training, capsys):
    assert training_table.main([str(training)]) == 2
    assert "no test accuracy beside a twin's" in capsys.readouterr().err
    assert training_table.main([]) == 2
