"""Logs go to standard error and say who speaks, where and when."""

import asyncio
import json
import subprocess
import sys

import pytest
import structlog

from mpcsim import log, simulate
from mpcsim.errors import InputError


def test_a_partys_line_names_party_span_and_time(capsys):
    log.choose(form="json")
    log.configure()

    async def program(party):
        with party.span("outer"), party.span("inner"):
            await asyncio.sleep(2.5)
            log.party_log(party).info("here", value=3)

    simulate(program, parties=1)
    printed = capsys.readouterr()
    assert printed.out == ""
    line = json.loads(printed.err)
    line.pop("timestamp")
    assert line == {
        "event": "here", "level": "info", "party": "party0", "span": "outer/inner", "time_s": 2.5,
        "value": 3,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _as_before():
    yield
    log.choose()


def test_in_a_pipe_only_warnings_are_said_and_no_line_is_json(capsys):
    log.choose()
    log.configure()
    structlog.get_logger().info("hum")
    structlog.get_logger().warning("look", value=3)
    err = capsys.readouterr().err
    assert "hum" not in err
    assert "look" in err
    assert "value=3" in err
    assert not err.lstrip().startswith("{")


@pytest.mark.parametrize("manner", [{"form": "off"}, {"quiet": True}, {"quiet": True, "form": "json"}])
def test_who_wants_no_logs_gets_none(capsys, manner):
    log.choose(**manner)
    log.configure()
    structlog.get_logger().error("look")
    assert capsys.readouterr().err == ""


def test_logs_can_be_asked_for_by_the_environment_and_an_unknown_form_is_refused(monkeypatch):
    monkeypatch.setenv("MPCSIM_LOG", "text")
    log.choose()
    assert log.log_form() == "text"
    monkeypatch.setenv("MPCSIM_LOG", "yaml")
    with pytest.raises(InputError, match="MPCSIM_LOG: found 'yaml'; accepted: text, json, off"):
        log.choose()


def test_colours_are_for_terminals_without_no_color(capsys, monkeypatch):
    def written():
        log.configure()
        structlog.get_logger().warning("look")
        return capsys.readouterr().err

    assert "\x1b" not in written()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" in written()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in written()


def test_on_a_terminal_lines_are_for_people(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    log.configure()
    structlog.get_logger().warning("look", value=3)
    err = capsys.readouterr().err
    assert "look" in err
    with pytest.raises(json.JSONDecodeError):
        json.loads(err)


def test_what_a_workload_logs_is_held_to_the_manner_though_it_imports_structlog_first(tmp_path):
    (tmp_path / "loud.py").write_text(
        "import structlog\n"
        "def build(scenario): structlog.get_logger().info('hum'); structlog.get_logger().warning('look')\n"
    )
    code = (
        "import sys; from pathlib import Path; from mpcsim import log; log.configure()\n"
        "from mpcsim.scenario.workload import load_workload\n"
        "assert 'structlog' not in sys.modules\n"
        "load_workload(sys.argv[1], Path(), {'shipped': 'loud:build'})(None)"
    )
    for name in ("shipped", "loud.py:build"):
        ran = subprocess.run(
            [sys.executable, "-c", code, name], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert ran.stdout == ""
        assert "look" in ran.stderr
        assert "hum" not in ran.stderr
