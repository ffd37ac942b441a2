"""Logs go to standard error and say who speaks, where and when."""

import asyncio
import json
import sys

import pytest

from mpcsim import log, simulate


def test_a_partys_line_names_party_span_and_time(capsys):
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


def test_on_a_terminal_lines_are_for_people(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    log.configure()
    log.structlog.get_logger().warning("look", value=3)
    err = capsys.readouterr().err
    assert "look" in err
    with pytest.raises(json.JSONDecodeError):
        json.loads(err)
