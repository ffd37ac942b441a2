"""The reader of events takes all that the engine writes, however a run went, and nothing else."""

import json
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from unruly_programs import unruly_run

from mpcsim import Network, simulate
from mpcsim.record.event_checks import EventCheck, Unfit


@dataclass
class _Kept:
    """A run's events and summary, as a record holds them."""

    summary: dict
    events: list
    faults: list = field(default_factory=list)

    def check(self, events=None):
        """Check the events, or others in their place; return what is wrong with them."""
        check = EventCheck(self.summary, self.faults)
        try:
            check.take(self.events if events is None else events)
            check.finish()
        except Unfit as error:
            return str(error)
        return ""


def _kept(seed, **options):
    run, faults = unruly_run(seed, **options)
    return run, _of(run, faults)


def _of(run, faults=()):
    summary = {
        "per_party": [party.describe() for party in run.per_party],
        "spans": [span.describe() for span in run.spans],
        "shared": run.shared,
        "clock": run.clock,
        "finished": run.finished,
        "rounds": run.rounds,
        "makespan_ns": run.makespan_ns,
    }
    return _Kept(summary, json.loads(json.dumps(list(run.events))), faults)


@pytest.mark.parametrize("compute", ["none", "measured"])
def test_all_that_the_engine_writes_is_accepted_and_no_event_is_later_than_the_end(compute):
    outcomes = set()
    for seed in range(60):
        run, kept = _kept(seed, compute=compute)
        assert kept.check() == "", seed
        assert max(event["t"] for event in kept.events) <= run.makespan_ns, seed
        assert all(span.rounds >= 0 and span.makespan_ns >= 0 for span in run.spans), seed
        outcomes |= {(run.finished, *run.outcomes.values())}
    assert {True, False} == {one[0] for one in outcomes}
    assert {"finished", "failed", "crashed"} <= {outcome for one in outcomes for outcome in one[1:]}


def test_a_partys_time_never_goes_back_where_its_clock_is_read_faster_than_it_was_measured(monkeypatch):
    monkeypatch.setattr("mpcsim.engine.compute._reading_ns", lambda: 20_000)
    for seed in range(12):
        assert _kept(seed, compute="measured")[1].check() == "", seed


async def _orderly(party):
    async def part(number):
        with party.span(f"part{number}"):
            await party.stage()
            party.send((party.id + 1) % party.n, bytes(number + 1))
            await party.recv((party.id - 1) % party.n)
        await party.stage()

    with party.span("all"):
        await party.sleep(0.001)
        await party.gather(*[part(number) for number in range(3)])
        party.send((party.id + 1) % party.n, 1)
        await party.recv((party.id - 1) % party.n)


@pytest.fixture(scope="module")
def kept():
    """A run that finished, without faults, with forks, messages, stages and spans."""
    return _of(simulate(_orderly, network=Network("1 ms"), seed=1, trace=True))


def _first(kept, kind, **wanted):
    for place, event in enumerate(kept.events):
        if event["kind"] == kind and all(event[key] == value for key, value in wanted.items()):
            return place
    raise AssertionError(f"no {kind}")


def _changed(kept, place, **values):
    return [*kept.events[:place], kept.events[place] | values, *kept.events[place + 1 :]]


def _without(kept, place):
    return kept.events[:place] + kept.events[place + 1 :]


def test_structure_that_no_run_has_is_refused_by_name(kept):
    send, recv = _first(kept, "send"), _first(kept, "recv")
    last = len(kept.events) - 1
    twice = [*kept.events[: recv + 1], *kept.events[recv:]]
    for events, reason in (
        (_changed(kept, recv, strand=9999), "strand: found 9999"),
        (_changed(kept, send, strand=kept.events[send]["strand"] + 1), "party|depth|span"),
        (twice, "which was received before"),
        (_changed(kept, send, arrival=kept.events[send]["t"] - 1), "arrival: found|t: found"),
        (_changed(kept, send, arrival=10**15), "from its arrival"),
        (_changed(kept, send, arrival=None), "from its arrival, -1"),
        (_changed(kept, send, message=kept.events[send]["message"] + 1), "the next to be sent"),
        (_changed(kept, recv, message=10**6), "which were sent"),
        (_changed(kept, recv, channel="@elsewhere"), "on channel"),
        (_changed(kept, recv, depth=0), "depth"),
        (_changed(kept, send, wire_bytes=kept.events[send]["wire_bytes"] + 1), "by summary.json"),
        (_without(kept, send), "the next to be sent|which were sent|by summary.json"),
        (_without(kept, recv), "is never received"),
        (_without(kept, _first(kept, "enter")), "span: found"),
        (_without(kept, _first(kept, "leave")), "span: found|did not enter"),
        (_without(kept, _first(kept, "fork")), "nobody forked"),
        (_without(kept, _first(kept, "start", strand=0)), "the next to start"),
        (_without(kept, last), "has no end|makespan_ns"),
        ([*kept.events, kept.events[last]], "which has ended"),
        (_changed(kept, _first(kept, "fork"), value=0), "1 or more"),
        (_changed(kept, _first(kept, "sleep"), value=-1), "from 0"),
        (_changed(kept, _first(kept, "stage"), value=77), "the sibling before"),
        (_changed(kept, send, kind="sent"), "kind: found 'sent'"),
        (_changed(kept, send, kind=[]), "kind: found"),
        (_changed(kept, send, t=1.5), "t: found 1.5"),
        (_changed(kept, send, peer=True), "peer: found true"),
        (_changed(kept, send, more=1), "found the key 'more'"),
        (_changed(kept, send, compute_ns=-1), "compute_ns: found -1"),
        ([*kept.events[:3], 7], "an object"),
        ([{}], "found no kind"),
        ([], "before"),
    ):
        found = kept.check(events)
        assert any(word in found for word in reason.split("|")), (reason, found)


def test_the_order_of_two_events_of_a_strand_cannot_be_changed_where_it_matters(kept):
    refused = 0
    for place, (one, two) in enumerate(pairwise(kept.events)):
        if {one["kind"], two["kind"]} & {"start", "enter", "leave", "fork", "end"} and (
            one["strand"] == two["strand"] and one["kind"] != two["kind"]
        ):
            refused += bool(kept.check([*kept.events[:place], two, one, *kept.events[place + 2 :]]))
    assert refused > 10
