"""The Chrome trace: what Perfetto needs to draw tracks, spans and arrows."""

import json

import pytest

from mpcsim import InputError, Network, simulate
from mpcsim.record.chrome import trace_events, write_trace


async def _protocol(party):
    async def child(name, pause):
        with party.span(name):
            await party.sleep(pause)
            party.send(1 - party.id, name)
            await party.recv(1 - party.id)

    with party.span("outer"):
        with party.span("inner"):
            party.send(1 - party.id, 0)
            await party.recv(1 - party.id)
        await party.gather(child("a", 0.001), child("b", 0.002))


@pytest.fixture(scope="module")
def run():
    return simulate(_protocol, parties=2, network=Network("5 ms", "1 Mbit/s"), trace=True)


def test_there_is_one_named_track_for_each_party_and_more_where_spans_overlap(run):
    names = {
        event["tid"]: event["args"]["name"]
        for event in trace_events(run.events, ["s0", "s1"])
        if event["name"] == "thread_name"
    }
    assert names == {0: "s0", 1: "s0 (concurrent)", 1000: "s1", 1001: "s1 (concurrent)"}


def test_spans_on_one_track_nest_or_follow_each_other(run):
    spans = [event for event in trace_events(run.events, ["s0", "s1"]) if "span" in event.get("args", {})]
    assert {event["name"] for event in spans} == {"outer", "inner", "a", "b"}
    outer = next(event for event in spans if event["name"] == "outer")
    assert (outer["ts"], outer["ts"] + outer["dur"]) == pytest.approx((0, run.makespan * 1e6))
    for one in spans:
        for two in spans:
            if one is not two and one["tid"] == two["tid"]:
                start, end = two["ts"], two["ts"] + two["dur"]
                inside = one["ts"] <= start and end <= one["ts"] + one["dur"]
                around = start <= one["ts"] and one["ts"] + one["dur"] <= end
                assert inside or around or end <= one["ts"] or one["ts"] + one["dur"] <= start


def test_every_message_is_one_arrow_bound_to_a_slice_at_both_ends(run):
    events = trace_events(run.events, ["s0", "s1"])
    slices = {(event["tid"], event["ts"]) for event in events if event["ph"] == "X"}
    starts = {event["id"]: event for event in events if event["ph"] == "s"}
    ends = {event["id"]: event for event in events if event["ph"] == "f"}
    assert starts.keys() == ends.keys() == set(range(run.messages))
    for number, start in starts.items():
        assert {(start["tid"], start["ts"]), (ends[number]["tid"], ends[number]["ts"])} <= slices
        assert ends[number]["ts"] >= start["ts"] + 5000
        assert ends[number]["bp"] == "e"


def test_the_file_is_the_json_object_form_and_times_are_microseconds(run, tmp_path):
    count = write_trace(run.events, ["s0", "s1"], tmp_path / "trace.json")
    document = json.loads((tmp_path / "trace.json").read_text())
    assert len(document["traceEvents"]) == count
    assert all(event["ph"] in "XMsfi" and {"pid", "tid", "name"} <= event.keys()
               for event in document["traceEvents"])  # fmt: skip
    with pytest.raises(InputError, match="cannot be written"):
        write_trace(run.events, ["s0", "s1"], tmp_path / "no" / "folder.json")
