"""Quantities with units, and networks made of them."""

import pytest

from mpcsim import InputError, Network
from mpcsim.units import format_bytes, format_time, parse_bandwidth, parse_time


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("88.5 ms", 88_500_000),
        ("10ms", 10_000_000),
        ("0 s", 0),
        ("1.5us", 1500),
        ("2 µs", 2000),
        ("1 min", 60_000_000_000),
        ("1e-3 s", 1_000_000),
        ("0.5 ns", 1),
    ],
)
def test_times_are_read_exactly(text, nanoseconds):
    assert parse_time(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "bits_per_second"),
    [
        ("220 Mbit/s", 220_000_000),
        ("1 Gbps", 1_000_000_000),
        ("9.6kbit/s", 9600),
        ("unlimited", None),
    ],
)
def test_bandwidths_are_read_exactly(text, bits_per_second):
    assert parse_bandwidth(text) == bits_per_second


@pytest.mark.parametrize(
    "text", ["", "88.5", "ms", "88.5 parsecs", "-1 ms", "nan ms", "1e99 s", "1 MS", 88.5, None, "1 ms x"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InputError, match=r"units:|lies between"):
        parse_time(text)


@pytest.mark.parametrize("text", ["0 bit/s", "220 MB/s", "-3 Gbit/s", "inf Gbit/s", "1e30 bit/s"])
def test_what_is_no_bandwidth_is_refused(text):
    with pytest.raises(InputError, match=r"units:|lies between"):
        parse_bandwidth(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"latency": "88.5 parsecs"}, "network.latency: .*unknown unit 'parsecs'.*ms"),
        ({"bandwidth": "fast"}, "network.bandwidth: 'fast' is not a bandwidth"),
        ({"sharing": "switch"}, "network.sharing: 'switch' is not known; accepted: uplink, link"),
    ],
)
def test_a_network_refuses_with_its_key(arguments, message):
    with pytest.raises(InputError, match=message):
        Network(**arguments)


def test_a_network_says_that_its_latency_is_one_way():
    assert Network("88.5 ms").describe()["note"] == "88.5 ms is the one-way latency"


def test_quantities_are_written_in_readable_units():
    assert [format_time(t) for t in (0, 999, 88_500_000, 2_656_116_000)] == [
        "0 ns", "999 ns", "88.5 ms", "2.656 s",
    ]  # fmt: skip
    assert [format_bytes(b) for b in (0, 999, 30_690, 6_540_000)] == [
        "0 B", "999 B", "30.7 kB", "6.54 MB",
    ]  # fmt: skip
