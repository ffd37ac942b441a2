"""Whatever bytes and texts come in: our own error or a result; no crash, no hang, bounded memory."""

import tracemalloc
from contextlib import suppress
from itertools import islice

import msgpack
import numpy as np
import pytest
import tomli_w
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mpcsim import InputError, MpcsimError, Network, simulate
from mpcsim.errors import ScenarioError
from mpcsim.faults.rules import read_faults
from mpcsim.metering.frames import ARRAY, BIG_INTEGER, decode, encode
from mpcsim.scenario import load_scenario

_SCENARIO = """
name = "case"
workload = "own.py:f"
seed = 3
[network]
latency = "10 ms"
profile = "lan"
loss = 0.1
retransmission_timeout = "1 s"
[network.jitter]
distribution = "uniform"
maximum = "2 ms"
[[network.links]]
source = 0
to = "party1"
bandwidth = "3 Mbit/s"
[engine]
compute = "measured"
speed = {party0 = 0.5}
[[faults]]
kind = "drop"
messages = [1, 2]
[[faults]]
kind = "crash"
party = 0
at = "3 s"
"""
_TIMES = st.sampled_from(
    ["1 ms", "-1 s", "1e400 s", "0 s", "soon", "1e9 s", "NaN ms", "٣ ms", "1 ms " * 40]
)
_LEAVES = (
    st.none().map(lambda _: "x")
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=20)
    | _TIMES
    | st.sampled_from(
        ["1 Mbit/s", "0 Mbit/s", "unlimited", "lan", "ibm-cloud", "london", "*", "drop", "crash"]
    )
)
_WORDS = (
    "latency bandwidth sharing profile regions downlink jitter loss retransmission_timeout overhead_bytes "
    "segment_bytes links source to distribution minimum maximum scale shape mean deviation kind party at "
    "after_messages start end span messages both by factor network engine faults seed name workload "
    "description folder clock compute trace speed check_payloads"
)
_KEYS = st.text(max_size=8) | st.sampled_from(_WORDS.split())
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def _load(folder, data):
    (folder / "case.toml").write_bytes(data)
    return load_scenario(folder / "case.toml")


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@example(b"[" * 5000)
@example(b"a = " + b"[" * 5000 + b"]" * 5000)
@example(b"a" + b".a" * 3000 + b" = 1")
def test_any_bytes_are_a_scenario_or_refused(folder, data):
    with suppress(ScenarioError):
        _load(folder, data)


@given(st.data())
def test_a_scenario_with_pieces_cut_out_or_put_in_is_loaded_or_refused(folder, data):
    text = _SCENARIO
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 12, len(text))))
        text = text[:start] + data.draw(st.text(max_size=6)) + text[end:]
    with suppress(ScenarioError):
        _load(folder, text.encode("utf-8", "surrogatepass"))


@given(st.dictionaries(_KEYS, _VALUES, max_size=8))
def test_any_document_is_loaded_or_refused_and_never_by_another_error(folder, document):
    with suppress(UnicodeEncodeError):  # what TOML cannot hold
        text = tomli_w.dumps({"workload": "own.py:f"} | document)
        with suppress(ScenarioError):
            _load(folder, text.encode())


@given(st.dictionaries(_KEYS, _VALUES, max_size=6))
def test_any_network_is_usable_or_refused(table):
    async def nothing(party):
        party.send(1 - party.id, 1)
        await party.recv(1 - party.id)

    arguments = {key: value for key, value in table.items() if key in Network.__dataclass_fields__}
    with suppress(InputError):
        simulate(nothing, parties=2, network=Network(**arguments), seed=1)


@given(st.lists(st.dictionaries(_KEYS, _VALUES, max_size=6) | _VALUES, max_size=4))
def test_any_rules_are_usable_or_refused(tables):
    async def exchange(party):
        party.send(1 - party.id, 1)
        await party.recv(1 - party.id)

    with suppress(InputError):
        rules = read_faults(tables)
        with suppress(MpcsimError):
            simulate(exchange, parties=2, faults=rules, seed=1, compute="measured")


@given(st.text(max_size=40), st.text(max_size=40))
@example("a.0.0.0", "1")
@example("network.links.9.to", "1")
@example('"', "")
@example("workload.name.x", "[" * 3000)
def test_any_override_is_applied_or_refused(folder, key, value):
    (folder / "base.toml").write_text(_SCENARIO)
    with suppress(ScenarioError):
        load_scenario(folder / "base.toml", [f"{key}={value}"])


# Frames

_MSGPACK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary(max_size=40)
    | st.text(max_size=10)
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=40))
    | st.builds(msgpack.ExtType, st.sampled_from([ARRAY, BIG_INTEGER]), st.binary(max_size=40)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def _decodes_or_refuses(frame):
    """Decode within a bound on memory that grows with the frame alone."""
    tracemalloc.start()
    try:
        with suppress(InputError):
            decode(frame)
        assert tracemalloc.get_traced_memory()[1] < 200_000 + 100 * len(frame)
    finally:
        tracemalloc.stop()


@given(_MSGPACK)
def test_any_msgpack_is_a_frame_or_refused(value):
    _decodes_or_refuses(msgpack.packb(value))
    _decodes_or_refuses(msgpack.packb([1, value]))


@given(st.data())
def test_a_frame_with_flipped_bytes_is_decoded_or_refused(data):
    frame = bytearray(encode(5, {"a": np.arange(6).reshape(2, 3), "b": [1, 2.5, "text", None, 2**90]}))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    _decodes_or_refuses(bytes(frame))


@pytest.mark.parametrize(
    "frame",
    [
        b"\x92\x01\xdd\xff\xff\xff\xff",  # an array of 2^32 − 1 elements, none of which are there
        b"\x92\x01\xdf\xff\xff\xff\xff",  # such a map
        b"\x92\x01\xc6\xff\xff\xff\xff",  # such bytes
        b"\x92\x01" + b"\x91" * 100_000,  # nested without end
        b"\x92\x01" + msgpack.packb(msgpack.ExtType(ARRAY, msgpack.packb(["<f8", [2**62, 2**62]]))),
        b"\x92\x01" + msgpack.packb(msgpack.ExtType(ARRAY, msgpack.packb(["<f8", [-1]]))),
        b"\x92\x01" + msgpack.packb(msgpack.ExtType(ARRAY, msgpack.packb(["O", [1]]) + b"x" * 8)),
        b"\x92\x01" + msgpack.packb(msgpack.ExtType(ARRAY, msgpack.packb(["f8," * 999, [1]]))),
        b"\x92\x01" + msgpack.packb(msgpack.ExtType(ARRAY, msgpack.packb([["f8"], [1]]))),
        b"\x93\x01\x02\x03",
        b"\x92\xd3" + b"\xff" * 8 + b"\x01",  # a negative channel
        b"",
    ],
)
def test_frames_that_claim_more_than_they_hold_are_refused_at_little_cost(frame):
    with pytest.raises(InputError, match="not a frame"):
        decode(frame)
    _decodes_or_refuses(frame)


# Whole runs


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(0, 3000), min_size=1, max_size=6),
    st.fixed_dictionaries(
        {},
        optional={
            "latency": st.sampled_from(["0 s", "3 ms"]),
            "bandwidth": st.sampled_from(["unlimited", "1 Mbit/s", "7 kbit/s"]),
            "downlink": st.sampled_from(["unlimited", "900 kbit/s"]),
            "sharing": st.sampled_from(["link", "uplink"]),
            "loss": st.floats(0, 0.5),
            "overhead_bytes": st.integers(0, 60),
            "segment_bytes": st.none() | st.integers(1, 1500),
            "jitter": st.sampled_from([None, {"distribution": "exponential", "scale": "2 ms"}]),
        },
    ),
    st.integers(0, 99),
)
def test_every_message_arrives_once_in_order_and_never_before_its_time(sizes, network, seed):
    """All effects at once, all to all among three: what a link must keep whatever it does."""

    async def program(party):
        others = [other for other in range(3) if other != party.id]
        for number, size in enumerate(sizes):
            for other in others:
                party.send(other, [number, b"x" * size])
        return [[(await party.recv(other))[0] for _ in sizes] for other in others]

    full = Network(**network, retransmission_timeout="10 ms")
    run = simulate(program, parties=3, network=full, seed=seed, trace=True)
    assert run.outputs == [[list(range(len(sizes)))] * 2] * 3
    latency = 3_000_000 if network.get("latency") == "3 ms" else 0
    for event in run.events:
        if event["kind"] == "send":
            assert event["arrival"] >= event["t"] + latency
    again = simulate(program, parties=3, network=full, seed=seed, trace=True)
    assert list(islice(again.events, None)) == list(run.events)
