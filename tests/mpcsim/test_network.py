"""Networks that cannot be: each is refused with its key path, before anything runs."""

import pytest

from mpcsim import InputError, Network, simulate

LOSSY = {"retransmission_timeout": "1 s"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"latency": "-1 ms"}, r"network\.latency: '-1 ms' is out of range"),
        ({"latency": "1e12 s"}, r"network\.latency: '1e12 s' is out of range"),
        ({"bandwidth": "0 Mbit/s"}, r"network\.bandwidth: '0 Mbit/s' is out of range"),
        ({"bandwidth": "5 MB"}, r"network\.bandwidth: .*unknown unit 'MB'"),
        ({"latency": [["0 s", "1 ms"], ["1 ms"]]}, r"network\.latency\.1: .*a row of 2 texts"),
        ({"latency": [["0 s", "1 ms"], ["5", "0 s"]]}, r"network\.latency\.1\.0: '5' is not a time"),
        ({"profile": "moon"}, r"network\.profile: unknown profile 'moon'.*accepted: lan, pomic-wan"),
        ({"profile": "lam"}, r"did you mean 'lan'\?"),
        ({"profile": "ibm-cloud"}, r"network\.bandwidth: missing: profile 'ibm-cloud' gives latencies"),
        (
            {"profile": "ibm-cloud", "bandwidth": "1 Gbit/s", "regions": ["london", "Tokio"]},
            r"network\.regions\.1: unknown region 'Tokio' \(did you mean 'tokyo'\?\)",
        ),
        ({"profile": "lan", "regions": ["london"]}, r"network\.regions: profile 'lan' has no regions"),
        ({"downlink": "0 bit/s"}, r"network\.downlink: '0 bit/s' is out of range"),
        ({"downlink": {"a": "fast"}}, r"network\.downlink\.a: 'fast' is not a bandwidth"),
        ({"loss": 1.0} | LOSSY, r"network\.loss: found 1\.0; accepted: from 0 to 0\.95"),
        ({"loss": -0.1} | LOSSY, r"network\.loss: found -0\.1"),
        ({"loss": 0.1}, r"network\.retransmission_timeout: missing: a network with loss needs one"),
        ({"retransmission_timeout": "0 s"}, r"retransmission_timeout: .*more than 0 s"),
        ({"overhead_bytes": -1}, r"network\.overhead_bytes: found -1"),
        ({"segment_bytes": 0}, r"network\.segment_bytes: found 0"),
        ({"jitter": {"distribution": "cauchy"}}, r"network\.jitter\.distribution: unknown.*pareto"),
        (
            {"jitter": {"minimum": "1 ms"}},
            r"network\.jitter\.distribution: missing; accepted: none, uniform",
        ),
        (
            {"jitter": {"distribution": "uniform", "minimum": "2 ms", "maximum": "1 ms"}},
            r"network\.jitter: maximum 1 ms is less than minimum 2 ms",
        ),
        ({"jitter": {"distribution": "normal", "mean": "1 ms"}}, r"network\.jitter\.deviation: missing"),
        (
            {"jitter": {"distribution": "exponential", "scale": "-1 ms"}},
            r"network\.jitter\.scale: '-1 ms' is out of range",
        ),
        (
            {"jitter": {"distribution": "pareto", "scale": "1 ms", "shape": 1.0}},
            r"jitter\.shape: found 1\.0",
        ),
        ({"links": [{"source": 0, "to": 1, "lag": "1 ms"}]}, r"network\.links\.0\.lag: unknown key 'lag'"),
        ({"links": [{"latency": "5"}]}, r"network\.links\.0\.latency: '5' is not a time"),
        ({"links": [{"source": 1, "to": 1}]}, r"network\.links\.0: a party has no link to itself"),
    ],
)
def test_a_network_that_cannot_be_is_refused_with_its_key(arguments, message):
    with pytest.raises(InputError, match=message):
        Network(**arguments)


async def _nothing(party):
    pass


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"latency": [["0 s", "1 s"], ["1 s", "0 s"]]},
            r"network\.latency: .*matrix of 2 rows; .*3 parties",
        ),
        (
            {"links": [{"source": "bob"}]},
            r"network\.links\.0\.source: there is no party 'bob'; accepted: 0 to 2",
        ),
        ({"links": [{"to": 3}]}, r"network\.links\.0\.to: there is no party 3"),
        ({"links": [{"source": 1, "to": "party1"}]}, r"network\.links\.0: a party has no link to itself"),
        ({"downlink": {"bob": "1 bit/s"}}, r"network\.downlink\.bob: there is no party 'bob'"),
        (
            {"profile": "ibm-cloud", "bandwidth": "unlimited", "regions": ["london"]},
            r"network\.regions: found 1 regions; accepted: one for each of the 3 parties",
        ),
        (
            {"profile": "ibm-cloud", "bandwidth": "unlimited", "regions": {"party0": "london"}},
            r"network\.regions\.party1: missing: every party has a region",
        ),
        (
            {"links": [{"source": 0, "latency": "1 s"}, {"to": 1, "latency": "2 s"}]},
            r"network\.links\.1\.latency: contradicts network\.links\.0\.latency",
        ),
    ],
)
def test_a_network_that_does_not_fit_the_parties_is_refused_with_its_key(arguments, message):
    with pytest.raises(InputError, match=message):
        simulate(_nothing, network=Network(**arguments))


def test_entries_of_one_rank_may_apply_to_one_link_where_they_agree_or_set_other_keys():
    links = [
        {"source": 0, "latency": "1 s"},
        {"to": 1, "latency": "1 s", "bandwidth": "1 bit/s"},
        {"source": 0, "to": 1, "latency": "3 s"},
    ]
    simulate(_nothing, network=Network(links=links))


def test_a_network_of_many_latencies_has_no_one_latency():
    network = Network(latency=[["0 s", "1 s"], ["2 s", "0 s"]])
    assert not network.uniform
    with pytest.raises(InputError, match=r"network\.latency: this network has one for each link"):
        _ = network.latency_ns
    assert Network("1 s", "5 bit/s").uniform
    assert not Network("1 s", overhead_bytes=3).uniform


def test_the_record_says_what_the_network_was_and_where_its_numbers_come_from():
    regions = {"a": "london", "b": "tokyo"}
    found = Network(
        profile="ibm-cloud", regions=regions, bandwidth="1 Gbit/s", loss=0.1, **LOSSY
    ).describe()
    assert found["latency"] == "by region"
    assert found["loss"] == 0.1
    assert found["regions"] == regions
    assert "IBM Cloud" in found["source"]
    assert (
        found["note"]
        == "latencies are one way; with profile ibm-cloud, regions, loss, retransmission timeout"
    )
    assert Network("5 ms").describe().keys() == {"latency", "bandwidth", "sharing", "note"}
