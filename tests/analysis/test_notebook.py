"""Runs in a notebook: what Jupyter shows, data frames, and the example that is executed."""

import os
import re
from pathlib import Path

import nbclient
import nbformat
import pytest

from analysis import frames
from mpcsim import Network, UsageError, simulate

EXAMPLES = Path(__file__).parents[2] / "examples"


async def _program(party):
    with party.span("outer <b>", "a&b"):
        for _ in range(2):
            with party.span("inner"):
                party.send((party.id + 1) % 3, bytes(1500))
                await party.recv((party.id - 1) % 3)


@pytest.fixture
def run():
    return simulate(_program, network=Network(latency="10 ms", bandwidth="1 Mbit/s"), seed=1)


def test_a_run_shows_its_summary_and_its_spans(run):
    html = run._repr_html_()
    for part in ("2 rounds", "9 kB of payload", "10 ms one way", "seed 1", "inner ×2", "party2"):
        assert part in html
    assert "compute, sum" not in html
    assert "compute, sum" in simulate(_program, seed=1, compute="measured")._repr_html_()


def test_names_of_a_protocol_cannot_break_the_page(run):
    html = run._repr_html_()
    assert "outer &lt;b&gt;" in html
    assert "a&amp;b" in html
    assert "<b>" not in html


def test_the_tables_of_a_run_are_data_frames(run):
    spans = run.frame()
    assert list(spans.index) == ["outer <b>", "outer <b>/inner"]
    assert spans.at["outer <b>/inner", "rounds"] == 2
    assert spans.at["outer <b>/inner", "payload_bytes"] == run.payload_bytes
    assert spans.at["outer <b>/inner", "busiest_payload_bytes"] == 3000
    assert list(run.frame("parties")["payload_bytes"]) == [3000] * 3
    assert list(run.frame("links")["to"]) == [1, 2, 0]
    with pytest.raises(UsageError, match="spans, parties, links"):
        run.frame("layers")


def test_a_run_without_spans_or_messages_shows_itself_too():
    async def program(party):
        return None

    run = simulate(program, parties=1)
    assert "0 rounds" in run._repr_html_()
    assert "Spans" not in run._repr_html_()
    assert run.frame().empty
    assert len(run.frame("parties")) == 1
    assert run.frame("links").empty


def test_settings_that_share_their_last_key_are_told_apart():
    assert frames.settings_label({"a.x": 1, "b.x": None, "c.y": "z"}) == "a.x = 1, b.x = none, y = z"


QUICK = ("first_steps", "fidelity", "own_protocol")
NOTEBOOKS = sorted(file.stem for file in EXAMPLES.glob("*.ipynb"))


def executed(name, folder):
    """Return what a notebook shows when it is run, as HTML and as text."""
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)  # kept without, for clean diffs
    nbclient.NotebookClient(
        notebook, timeout=150, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    return shown, "".join(output.get("text", "") for output in outputs)


def test_the_first_notebook_shows_runs_and_their_tables(tmp_path):
    shown, printed = executed("first_steps", tmp_path)
    assert len(shown) == 5
    assert re.search(r"\b1 rounds?\b", shown[0])
    assert "2.25" in printed


@pytest.mark.parametrize("name", [one for one in NOTEBOOKS if one != "first_steps"])
def test_a_notebook_runs(name, tmp_path):
    if name not in QUICK and "MPCSIM_LONG" not in os.environ:
        pytest.skip("MPCSIM_LONG=1 runs it: 4 to 8 s")
    shown, _ = executed(name, tmp_path)  # what it claims it asserts
    assert shown


def test_there_is_a_notebook_for_each_of_five_beginnings():
    assert NOTEBOOKS == ["families_compared", "fidelity", "first_steps", "own_protocol", "training"]
