import time

from mpcsim import simulate
from mpcsim.cli.profiling import Profiler, tables


def _burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def _program(party):
    with party.span("light"):
        _burn(0.02)
    with party.span("heavy"), party.span("inner"):
        _burn(0.08)


def test_processor_time_goes_to_the_innermost_span_and_function():
    with Profiler() as profiler:
        _burn(0.05)  # outside a run: not counted
        simulate(_program, parties=2, seed=1)
    profile = profiler.describe()
    spans = {row["name"]: row for row in profile["spans"]}
    assert 0.7 < spans["heavy/inner"]["share"] < 0.9
    assert spans["heavy/inner"]["compute_s"] < 0.2
    assert profile["functions"][0]["name"].endswith("._burn")
    for rows in profile.values():
        assert abs(sum(row["share"] for row in rows) - 1) < 1e-9
    assert len(tables(profile)) == 2


def test_watching_changes_no_digest():
    plain = simulate(_program, parties=2, seed=1).digest
    with Profiler():
        assert simulate(_program, parties=2, seed=1).digest == plain
