"""Whatever a peer does, every party ends in time, with one error that names it."""

import os
import random
import struct
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from socket_parties import LENIENT, LIMITS, Group, barrier, settled  # noqa: F401

from mpcsim.errors import DeadlockError, PartyError, RunError, UsageError
from mpcsim.sockets import Where, run_processes
from mpcsim.sockets.wire import Link, certificates
from mpcsim.sockets.wire.frames import ABORT, BEAT, FIN, HEAD_BYTES, HELLO, LARGE, MESSAGE, PIECES, control

pytestmark = [LENIENT, pytest.mark.usefixtures("settled")]

SOON = LIMITS.silence + 3.0


async def wait(party):
    """Wait for the last party, which never says anything."""
    return await party.recv(party.n - 1)


def ended(group, *roles):
    """Every one of these parties ended with an error, soon; return what they said."""
    group.join()
    assert set(group.errors) == set(roles), (group.errors, group.parts.keys())
    assert all(error.exit_status == 3 for error in group.errors.values())
    return " | ".join(map(str, group.errors.values()))


def with_a_peer_by_hand(tmp_path, program=wait, **other):
    """Two parties that run, and links of a third that is ours; all past the barrier."""
    group = Group(tmp_path, program, 3, **other).start("party0", "party1")
    links = [group.pretend("party2", role) for role in ("party0", "party1")]
    for link in links:
        link.await_frame(time.monotonic() + 5)
    barrier(links[0])
    time.sleep(0.1)
    return group, links


def test_a_peer_that_dies(tmp_path):
    group, links = with_a_peer_by_hand(tmp_path)
    began = time.monotonic()
    for link in links:
        link.close()
    said = ended(group, "party0", "party1")
    assert "party 2 (party2)" in said
    assert time.monotonic() - began < SOON


def test_a_peer_that_is_gone_for_one_party_ends_all(tmp_path):
    group, links = with_a_peer_by_hand(tmp_path)
    links[1].close()
    assert "party1 ended the run: the connection to party 2 (party2) is lost" in ended(
        group, "party0", "party1"
    )


def test_a_peer_that_stalls(tmp_path):
    group, _links = with_a_peer_by_hand(tmp_path)
    began = time.monotonic()
    assert "nothing came from it for 1 s, not even a heartbeat" in ended(group, "party0", "party1")
    assert LIMITS.silence - 0.2 < time.monotonic() - began < SOON


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff" * 100,
        struct.pack(">BI", MESSAGE, 1 << 31),
        struct.pack(">BI", MESSAGE, 3) + b"abc",
        struct.pack(">BI", PIECES, 10) + b"x" * 10,
        struct.pack(">BI", LARGE, 33) + struct.pack(">BQQQQ", MESSAGE, 1, 1, 10, 1 << 60),
        struct.pack(">BI", LARGE, 33) + struct.pack(">BQQQQ", 99, 1, 1, 10, 10),
        struct.pack(">BI", BEAT, 5) + b"\xc1\xc1\xc1\xc1\xc1",
        struct.pack(">BI", MESSAGE, 30) + struct.pack(">QQI", 1, 1, 10) + b"\xff" * 10,
        control(FIN, "many"),
        control(FIN, 7),
        control(2, "no"),
    ],
)
def test_a_peer_that_sends_garbage(tmp_path, garbage):
    group, links = with_a_peer_by_hand(tmp_path)
    links[1].put([garbage])
    assert "party 2 (party2)" in ended(group, "party0", "party1")


@pytest.mark.parametrize(
    "said", [None, 5, {}, {"role": 3}, {"role": "party2", "notes": 5}, {"role": "party2"}]
)
def test_an_abort_of_any_form_ends_the_run(tmp_path, said):
    group, links = with_a_peer_by_hand(tmp_path)
    links[0].put([control(ABORT, said)])
    assert "ended the run" in ended(group, "party0", "party1")


def test_a_peer_that_connects_twice(tmp_path):
    group, links = with_a_peer_by_hand(tmp_path)
    again = group.pretend("party2", "party1")
    assert "connected twice" in ended(group, "party0", "party1")
    del links, again


def test_a_peer_that_connects_twice_before_the_start(tmp_path):
    group = Group(tmp_path, wait, 3).start("party0")
    links = [group.pretend("party2", "party0") for _ in range(2)]
    assert "connected twice" in ended(group, "party0")
    del links


def test_a_peer_that_comes_late(tmp_path):
    group = Group(tmp_path, wait, 3).start("party0", "party1")
    said = ended(group, "party0", "party1")
    assert "party2 did not come within 3 s" in said
    assert max(group.took.values()) < LIMITS.wait + SOON


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("scenario", "0" * 32, "another scenario"),
        ("version", "0.0.1", "another version"),
        ("parties", 4, "another number of parties"),
        ("role", "party0", "no role that connects to party0"),
        ("role", "nobody", "no role that connects"),
        ("to", "party1", "looks for"),
        ("reproducible", True, "another choice of --reproducible"),
        ("run", "another", "another run"),
        ("protocol", 99, "another protocol"),
    ],
)
def test_a_peer_that_does_not_fit_is_refused_by_name(tmp_path, key, value, named):
    group = Group(tmp_path, wait, 3).start("party0")
    link = group.pretend("party2", "party0", {key: value})
    answer = link.await_frame(time.monotonic() + 3)
    assert named in answer.said
    assert named in ended(group, "party0")


def test_a_wrong_scenario_ends_both_ends(tmp_path):
    group = Group(tmp_path, wait, 2)
    other = Group(tmp_path, wait, 2, engine="trace = false")
    other.hosts.parties.update(group.hosts.parties)
    group.start("party0")
    other.start("party1")
    assert "another scenario" in ended(group, "party0")
    assert "another scenario" in ended(other, "party1")


def test_without_the_right_certificate_nobody_takes_part(tmp_path):
    group = Group(tmp_path, wait, 2, tls=True)
    folder = tmp_path / "certificates"
    (folder / "party1").rename(folder / "kept")
    (folder / "@collector").rename(folder / "party1")
    group.start()
    said = ended(group, "party0", "party1")
    assert "its certificate is that of '@collector'" in said


def test_certificates_of_another_authority_are_refused(tmp_path):
    group = Group(tmp_path, wait, 2, tls=True)
    certificates.make(tmp_path / "others", ["party1"])
    (tmp_path / "certificates" / "party1").rename(tmp_path / "kept")
    (tmp_path / "others" / "party1").rename(tmp_path / "certificates" / "party1")
    group.start()
    said = ended(group, "party0", "party1")
    assert "certificate" in said
    assert "party1 did not come within 3 s" in said


def test_plaintext_is_not_taken_for_tls(tmp_path):
    group = Group(tmp_path, wait, 2, tls=True).start("party0")
    link = group.pretend("party1", "party0")
    assert "party1 did not come" in ended(group, "party0")
    del link


def test_a_program_that_raises_ends_all_with_its_error(tmp_path):
    async def program(party):
        if party.id == 1:
            raise ValueError("too bad")
        with party.span("waiting"):
            await party.recv(1)

    group = Group(tmp_path, program, 3).start()
    assert "party1 ended the run: party 1 (party1) failed" in ended(group, *group.roles)
    assert isinstance(group.errors["party1"], PartyError)
    assert max(group.took.values()) < SOON


def test_a_deadlock_is_found_and_says_who_waits(tmp_path):
    async def program(party):
        party.send((party.id + 1) % 3, 1)
        await party.recv((party.id - 1) % 3)
        with party.span("stuck"):
            await party.recv((party.id + 1) % 3)

    group = Group(tmp_path, program, 3).start()
    said = ended(group, *group.roles)
    assert isinstance(group.errors["party0"], DeadlockError)
    assert "3 wait" in said
    assert "party 2 (party2) waits for party 0" in said


def test_a_party_that_waits_for_one_that_is_done(tmp_path):
    async def program(party):
        if party.id == 2:
            await party.recv(0)

    group = Group(tmp_path, program, 3).start()
    assert "party 2 (party2) waits for party 0" in ended(group, *group.roles)


def test_a_message_that_nobody_reads_is_an_error(tmp_path):
    async def program(party):
        if party.id == 0:
            party.send(1, b"left")

    group = Group(tmp_path, program, 2).start()
    group.join()
    assert "1 from party 0 to party 1" in str(group.errors["party1"])


def test_a_message_above_the_largest_is_refused_before_it_takes_memory(tmp_path):
    from mpcsim.sockets import Limits

    async def program(party):
        if party.id == 0:
            party.send(1, np.zeros(1 << 20))
            await party.recv(1)
        else:
            await party.recv(0)

    limits = Limits(3.0, 1.0, 0.0, 1 << 20, 1 << 20)
    group = Group(tmp_path, program, 2, limits=limits).start()
    assert "accepted: at most 1,048,576" in ended(group, "party0", "party1")


def test_what_sockets_cannot_do_is_refused_by_name(tmp_path):
    for table, named in (
        ('[[faults]]\nkind = "crash"\nparty = "party0"\nat = "1 s"\n', "faults"),
        ("[engine.speed]\nparty0 = 0.5\n", "engine.speed"),
        ("dry_run = true\n", "dry_run"),
    ):
        from mpcsim.scenario import load_scenario
        from mpcsim.sockets import refusals

        file = tmp_path / "refused.toml"
        text = 'name = "x"\nworkload = "link_probe"\n'
        file.write_text(text + table)
        with pytest.raises(Exception, match=named):
            refusals.check(load_scenario(file), ["party0"])


def fuzzed(seed):
    """A connection's bytes: noise, a torn frame, or frames with a byte changed."""
    random.seed(seed)
    kind = seed % 4
    if kind == 0:
        return os.urandom(random.randrange(300))
    if kind == 1:
        return struct.pack(">BI", random.randrange(20), random.randrange(1 << 20)) + os.urandom(50)
    frame = bytearray(control(1, {"role": "party2", "to": "party0", "n": [1, 2, {"x": b"y" * 100}]}))
    if kind == 2:
        frame[random.randrange(HEAD_BYTES, len(frame))] ^= 1 << random.randrange(8)
    return bytes(frame[: random.randrange(len(frame))])


@pytest.mark.parametrize("tls", [False, True])
def test_a_thousand_fuzzed_connections_do_not_disturb_a_run(tmp_path, tls):
    """No crash, no hang, no memory: whoever does not get through the handshake is dropped."""
    import resource

    count = 1000 if os.environ.get("MPCSIM_LONG") else 250

    going, over = threading.Event(), threading.Event()

    async def program(party):
        rounds, go_on = 0, True
        while go_on:
            if rounds:
                going.set()
            party.send(1 - party.id, not over.is_set())
            go_on = await party.recv(1 - party.id) and not (party.id == 0 and over.is_set())
            party.send(1 - party.id, go_on)
            go_on = await party.recv(1 - party.id) and go_on
            await party.sleep("20 ms")
            rounds += 1
        return rounds

    group = Group(tmp_path, program, 2, tls=tls)
    group.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(count):
        if seed == count // 2:  # half of them may come before the run has begun
            assert going.wait(60)
        with group.dial(f"party{seed % 2}") as stream:
            stream.sendall(fuzzed(seed))
    over.set()
    group.join(60)
    assert not group.errors, group.errors
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    rounds = group.merged().outputs
    assert rounds["party0"] == rounds["party1"] > 1


def test_a_run_that_is_longer_than_a_peer_may_be_silent_is_collected(tmp_path):
    """Who collects the record has nothing to say while a run goes on, and must be heard all the same."""

    async def program(party):
        await party.sleep("4 s")
        party.send(1 - party.id, party.id)
        return await party.recv(1 - party.id)

    group = Group(tmp_path, program, 2, limits=replace(LIMITS, collect=3.0)).start()
    run = run_processes(group.program, group.scenario, Where(group.hosts, group.options))
    group.join()
    assert not group.errors, group.errors
    assert run.finished
    assert run.outputs == {"party0": 1, "party1": 0}


def test_who_collects_does_not_wait_for_a_party_that_went_without_a_word(tmp_path):
    """A cable was cut: the connection stays, and nothing comes."""

    async def program(party):
        await party.sleep("1 s")

    group = Group(tmp_path, program, 1, limits=replace(LIMITS, silence=0.5))
    cut = []

    def greet():
        stream, _ = group.listeners["party0"].accept()
        cut.append(Link(stream, "@collector", -1, 1 << 20))
        cut[0].await_frame(time.monotonic() + 5)
        cut[0].put([control(HELLO, group.hello("party0", "@collector", None))])

    threading.Thread(target=greet, daemon=True).start()
    before = time.monotonic()
    with pytest.raises(RunError, match=r"to party 0 \(party0\) is lost: nothing came from it for 1 s"):
        run_processes(group.program, group.scenario, Where(group.hosts, group.options))
    assert time.monotonic() - before < 5
    cut[0].close()
    group.join()


def test_usage_errors_stay_what_they_are(tmp_path):
    async def program(party):
        if party.id == 0:
            party.send(7, 1)
        await party.recv(1 - party.id)

    group = Group(tmp_path, program, 2).start()
    group.join()
    assert isinstance(group.errors["party0"], UsageError)
    assert isinstance(group.errors["party1"], RunError)
