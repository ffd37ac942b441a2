"""Faults: what each rule does, which message it meets, and how a run that it ends says so."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcsim import DeadlockError, InputError, Network, PartyError, RecvTimeout, simulate
from mpcsim.faults.injector import corrupted
from mpcsim.faults.rules import Corrupt, Crash, Delay, Drop, Duplicate, Partition, Slow, read_faults
from mpcsim.network.emulator import Emulator
from mpcsim.network.streams import Stream

MS = 1_000_000
TEN = Network("10 ms")


async def _stream(party):
    """Party 0 sends the numbers 0 to 4 to party 1, one each 10 ms; party 1 returns what came, and when."""
    if party.id == 0:
        for number in range(5):
            with party.span(f"step{number}"):
                party.send(1, number)
            await party.sleep(0.010)
        return None
    got = []
    while True:
        try:
            number = await party.recv(0, timeout=0.5)
        except RecvTimeout:
            return got
        got.append((number, round(party.now * 1e3)))


PLAIN = [(0, 10), (1, 20), (2, 30), (3, 40), (4, 50)]


def _got(*faults, network=TEN, seed=1, program=_stream, parties=2, **options):
    return simulate(program, parties=parties, network=network, faults=faults, seed=seed, **options).outputs[
        1
    ]


def test_a_dropped_message_never_arrives():
    assert _got(Drop(messages=2)) == [PLAIN[0], PLAIN[1], PLAIN[3], PLAIN[4]]


def test_a_delayed_message_holds_up_those_behind_it():
    assert _got(Delay(messages=1, by="25 ms")) == [(0, 10), (1, 45), (2, 45), (3, 45), (4, 50)]


def test_a_duplicated_message_comes_twice():
    assert _got(Duplicate(messages=[0, 4])) == [(0, 10), *PLAIN, (4, 50)]


def test_a_corrupted_message_differs_in_one_bit():
    got = [number for number, _ in _got(Corrupt(messages=3))]
    assert got[:3] == [0, 1, 2]
    assert (got[3] ^ 3).bit_count() == 1


def test_a_rule_matches_a_span_by_name_and_a_window_by_time():
    assert _got(Drop(span="step1")) == [PLAIN[0], *PLAIN[2:]]
    assert _got(Drop(start="10 ms", end="30 ms")) == [PLAIN[0], *PLAIN[3:]]
    assert _got(Drop(source="party1")) == PLAIN
    assert _got(Drop(source=0, to="party1", messages=[0, 1], start="5 ms")) == [PLAIN[0], *PLAIN[2:]]


def test_a_span_around_the_innermost_matches_too():
    async def nested(party):
        with party.span("outer"), party.span("inner"):
            return await _stream(party)

    for name in ("outer", "outer/inner", "inner"):
        assert _got(Drop(span=name, messages=0), program=nested) == PLAIN[1:]


def test_the_first_rule_that_matches_is_the_only_one():
    rules = [Delay(messages=1, by="5 ms"), Drop(start="5 ms", end="35 ms")]
    assert _got(*rules) == [(0, 10), (1, 25), (4, 50)]


def test_a_partition_loses_what_is_sent_in_its_window():
    assert _got(Partition(start="10 ms", end="30 ms")) == [PLAIN[0], PLAIN[3], PLAIN[4]]


def test_with_a_retransmission_timeout_a_partition_only_holds_messages_up():
    """Messages 1 and 2 are tried each 8 ms from 10 and 20 ms on; the first attempts that get through
    are at 34 and 36 ms."""
    network = Network("10 ms", retransmission_timeout="8 ms")
    got = _got(Partition(start="10 ms", end="30 ms"), network=network)
    assert got == [(0, 10), (1, 44), (2, 46), (3, 46), (4, 50)]


def test_a_partition_without_end_does_not_keep_a_run_going_for_ever():
    network = Network("10 ms", retransmission_timeout="1 ms")
    with pytest.raises(DeadlockError, match="5 from party 0 to party 1") as caught:
        simulate(_stream, parties=2, network=network, faults=[Partition(source=0)])
    assert any(
        re.search(r"message 0, .*at 0 s and \d+ times more", note) for note in caught.value.__notes__
    )

    async def wait(party):
        if party.id == 0:
            party.send(1, 1)
        else:
            await party.recv(0)

    with pytest.raises(DeadlockError, match=r"party 1 .* waits for party 0"):
        simulate(wait, parties=2, network=network, faults=[Partition(source=0)])


@pytest.mark.parametrize("bandwidth", ["unlimited", "1 Mbit/s"])
def test_behind_a_partition_without_end_attempts_are_skipped_without_another_change(monkeypatch, bandwidth):
    """Message 0 alone is cut off, for ever; those behind it wait until it is given up. Every attempt that
    is made asks for a time, so the number of events says how many were made."""

    async def program(party):
        if party.id == 0:
            for number in range(3):
                party.send(1, number)
            return None
        return [(await party.recv(0), party.now) for _ in range(2)]

    network = Network("10 ms", bandwidth, retransmission_timeout="1 ms")
    rule = Partition(source=0, messages=0)

    def run(rules):
        asked = []
        attempt = Emulator._attempt
        with monkeypatch.context() as patch:
            patch.setattr(Emulator, "_attempt", lambda *args: (asked.append(args[1]), attempt(*args))[1])
            try:
                found = simulate(program, parties=2, network=network, faults=rules)
            except DeadlockError as error:
                found = error.run
        return found, len(asked)

    skipping, made = run([rule])
    late = "999999999 s"
    # A rule that would come first much later: nobody may skip, though it never acts.
    full, all_made = run([Delay(source=0, messages=0, start=late, by="1 ms"), rule])
    assert (made, all_made) == (3 + 2, 10_000 + 2)
    assert skipping.outputs == full.outputs
    assert (skipping.makespan_ns, skipping.resent) == (full.makespan_ns, full.resent)
    assert skipping.makespan > 9.9


def test_a_partition_that_ends_is_left_by_the_first_attempt_after_its_end():
    later = Delay(source=0, start="50 ms", by="7 ms")  # comes first from then on, so the partition ends
    network = Network("10 ms", retransmission_timeout="8 ms")
    assert _got(later, Partition(source=0, messages=0), network=network)[0] == (0, 48 + 8 + 10)


def test_a_partition_cuts_one_direction_or_both():
    async def exchange(party):
        party.send(1 - party.id, "x")
        try:
            return await party.recv(1 - party.id, timeout=1)
        except RecvTimeout:
            return None

    cut = {"source": 0, "to": 1}
    assert simulate(exchange, parties=2, faults=[Partition(**cut)]).outputs == ["x", None]
    assert simulate(exchange, parties=2, faults=[Partition(**cut, both=True)]).outputs == [None, None]


# Crashes


def test_a_party_crashes_at_a_time():
    run = simulate(_stream, parties=2, network=TEN, faults=[Crash(party="party0", at="25 ms")])
    assert run.outputs == [None, PLAIN[:3]]
    assert run.faults == [{"rule": 0, "kind": "crash", "t": 25 * MS, "party": "party0", "span": ""}]


@pytest.mark.parametrize("count", range(6))
def test_a_party_crashes_after_so_many_messages(count):
    assert _got(Crash(party=0, after_messages=count)) == PLAIN[:count]


def test_a_crashed_party_runs_no_more_code_but_cleans_up():
    log = []

    async def program(party):
        try:

            async def child(name):
                try:
                    await party.sleep(1)
                    party.send(1, name)
                    log.append("after")
                finally:
                    log.append(f"cleaned {name}")

            if party.id == 0:
                await party.gather(child("a"), child("b"))
            else:
                await party.gather(party.recv(0))
        except Exception:
            log.append("caught")

    simulate(program, parties=2, faults=[Crash(party=0, after_messages=1)])
    assert log == ["cleaned a", "cleaned b"]


def test_messages_to_a_crashed_party_are_lost_and_nobody_is_blamed():
    async def program(party):
        if party.id == 0:
            await party.recv(1)
        else:
            await party.sleep(1)
            party.send(0, 1)

    assert simulate(program, parties=2, faults=[Crash(party=0, at="0.5 s")]).outputs == [None, None]


def test_who_waits_for_a_crashed_party_is_told_of_the_crash_the_step_and_the_seed():
    async def program(party):
        with party.span("opening"):
            if party.id == 0:
                party.send(1, 1)
                party.send(1, 2)
            else:
                await party.recv(0)
                await party.recv(0)

    with pytest.raises(DeadlockError) as caught:
        simulate(program, parties=2, seed=7, network=TEN, faults=[Crash(party=0, after_messages=1)])
    text = "\n".join([str(caught.value), *caught.value.__notes__])
    assert "party 1 (party1) waits for party 0 (party0)" in text
    assert "in span 'opening'" in text
    assert "faults.0 crash: party0, span 'opening', at 0 s" in text
    assert "seed: 7" in text
    assert caught.value.run.messages == 1
    assert caught.value.run.error is caught.value


def test_a_protocol_that_chokes_on_corruption_names_its_step_and_the_fault():
    async def program(party):
        if party.id == 0:
            party.send(1, np.arange(4))
        else:
            with party.span("check"):
                if (await party.recv(0)).tolist() != [0, 1, 2, 3]:
                    raise ValueError("not what was committed to")

    with pytest.raises(PartyError) as caught:
        simulate(program, parties=2, seed=3, faults=[Corrupt()])
    assert re.search(
        r"party 1 .* in span 'check' at program \(mpcsim/test_faults.py:\d+\)", str(caught.value)
    )
    assert "on the link from party 0 to party 1" in str(caught.value)
    assert any("faults.0 corrupt: party0 to party1, message 0" in note for note in caught.value.__notes__)


# Slow processors


def test_a_slow_party_takes_a_factor_longer_in_its_window():
    def work():
        return sum(range(200_000))

    async def program(party):
        work()
        return party.now

    rules = [Slow(party=1, factor=10)]
    plain, slow = simulate(program, parties=2, compute="measured", faults=rules).outputs
    assert slow > 4 * plain


@pytest.mark.parametrize("options", [{"faults": [Slow(party=0, factor=2)]}, {"speed": {"party0": 2}}])
def test_what_concerns_the_processor_is_refused_where_compute_takes_no_time(options):
    with pytest.raises(InputError, match=r"(faults\.0|engine\.speed): has no effect.*\"measured\""):
        simulate(_stream, parties=2, **options)


# Repeatability


def test_faults_and_lossy_networks_repeat_to_the_bit():
    network = Network(
        "10 ms",
        "1 Mbit/s",
        loss=0.3,
        retransmission_timeout="30 ms",
        jitter={"distribution": "pareto", "scale": "2 ms", "shape": 2.5},
        downlink="1 Mbit/s",
    )
    rules = [Corrupt(messages=[1, 3]), Duplicate(messages=2)]
    runs = [simulate(_stream, parties=2, network=network, faults=rules, seed=seed) for seed in (1, 1, 2)]
    assert runs[0].digest == runs[1].digest
    assert runs[0].outputs == runs[1].outputs != runs[2].outputs


def test_what_a_fault_did_is_part_of_the_digest():
    digests = {simulate(_stream, parties=2, faults=rules).digest for rules in ([], [Drop(messages=4)])}
    assert len(digests) == 2


# Bad rules


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            [{"kind": "explode"}],
            r"faults\.0\.kind: unknown kind 'explode'; accepted: crash, slow, partition",
        ),
        ([{"party": 0}], r"faults\.0\.kind: missing"),
        ([{"kind": "crash", "party": 0}], r"faults\.0: a crash needs either `at` or `after_messages`"),
        ([{"kind": "crash", "party": 0, "at": "-1 s"}], r"faults\.0\.at: '-1 s' is out of range"),
        (
            [{"kind": "crash", "party": 0, "at": "1 s", "after_messages": 3}],
            r"faults\.0: a crash needs either",
        ),
        ([{"kind": "drop", "start": "2 s", "end": "1 s"}], r"faults\.0: end 1 s is not after start 2 s"),
        (
            [{"kind": "drop", "message": 2}],
            r"faults\.0\.message: unknown key 'message' \(did you mean 'mess",
        ),
        ([{"kind": "drop", "messages": -1}], r"faults\.0\.messages: found -1"),
        ([{"kind": "delay"}], r"faults\.0\.by: missing"),
        ([{"kind": "slow", "party": 0, "factor": 0}], r"faults\.0\.factor: found 0"),
        (
            [{"kind": "crash", "party": 0, "at": "1 s"}, {"kind": "crash", "party": 0, "at": "2 s"}],
            r"faults\.1: contradicts faults\.0: party 0 crashes twice",
        ),
        (
            [{"kind": "slow", "party": 0, "factor": 2}, {"kind": "slow", "party": 0, "factor": 3}],
            r"faults\.1: contradicts faults\.0: party 0 is slowed twice at one time",
        ),
        (
            [{"kind": "drop", "source": 0}, {"kind": "delay", "by": "1 s", "source": 0, "messages": 3}],
            r"faults\.1: contradicts faults\.0: it never applies",
        ),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_its_key(tables, message):
    with pytest.raises(InputError, match=message):
        read_faults(tables)


def test_rules_that_only_overlap_are_accepted():
    read_faults(
        [
            {"kind": "drop", "source": 0, "messages": [1, 2]},
            {"kind": "delay", "by": "1 s", "source": 0, "messages": [2, 3]},
            {"kind": "slow", "party": 0, "factor": 2, "end": "1 s"},
            {"kind": "slow", "party": 0, "factor": 3, "start": "1 s"},
        ]
    )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Drop(source="bob"), r"faults\.0\.source: there is no party 'bob'; accepted: 0 to 1, or party0"),
        (Drop(to=2), r"faults\.0\.to: there is no party 2"),
        (Drop(source=1, to="party1"), r"faults\.0: a party has no link to itself"),
        (Crash(party="eve", at="1 s"), r"faults\.0\.party: there is no party 'eve'"),
        (Drop(span="step9"), r"faults\.0\.span: the run opened no span 'step9'; its spans: step0, step1"),
    ],
)
def test_a_rule_about_what_is_not_there_is_refused_with_its_key(rule, message):
    with pytest.raises(InputError, match=message):
        simulate(_stream, parties=2, faults=[rule])


# Corruption


def _bits(value):
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return np.float64(value).tobytes() if isinstance(value, float) else value


@given(
    st.recursive(
        st.integers() | st.floats() | st.binary(min_size=1) | st.text(min_size=1) | st.booleans()
        | st.builds(np.arange, st.integers(1, 9)),
        lambda inner: (
            st.lists(inner, min_size=1, max_size=4) | st.dictionaries(st.text(), inner, min_size=1)
        ),
        max_leaves=6,
    ),
    st.integers(0, 2**32),
)  # fmt: skip
def test_corruption_changes_one_value_and_keeps_the_form(payload, seed):
    changed = corrupted(payload, Stream(seed, "x"))

    def differences(one, two):
        assert type(one) is type(two)
        if isinstance(one, list):
            assert len(one) == len(two)
            return sum(map(differences, one, two))
        if isinstance(one, dict):
            assert one.keys() == two.keys()
            return sum(differences(one[key], two[key]) for key in one)
        return int(_bits(one) != _bits(two))

    assert differences(payload, changed) == 1


def test_a_payload_without_values_cannot_be_corrupted():
    for payload in (None, [], {"a": ""}, b"", np.zeros(0)):
        assert np.array_equal(corrupted(payload, Stream(1, "x")), payload)
