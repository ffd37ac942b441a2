"""TCP's effects, each against a calculation by hand, on a link of 10 ms each way and 12 Mbit/s.

A full segment of 1448 bytes is 1500 on the wire: it takes 1 ms. An acknowledgement comes 20 ms after that.
"""

import pytest

from mpcsim import InputError, Network
from mpcsim.engine.clock import VirtualClock
from mpcsim.network.tcp_keys import OFF, TcpTable, rules
from mpcsim.tcp import steady
from mpcsim.tcp.cubic import Cubic, HyStart, cube_root
from mpcsim.tcp.emulation import emulate
from mpcsim.tcp.window import Offer, RoundTrip, Window

MS = 1_000_000
M = 1448
LINK = {"latency": "10 ms", "bandwidth": "12 Mbit/s", "transport": "tcp"}
HEADERS = OFF | {"header_bytes": 52}
SLOW_START = HEADERS | {"initial_window": 10, "burst": 1}


def arrivals(sends, tcp, seed=1, **network):
    """Return when messages arrive, in ms, for sends (time in ms, from, to, bytes) over a network."""
    clock, found = VirtualClock(), {}
    emulator = emulate(Network(**LINK | {"tcp": tcp} | network), ["a", "b", "c"], clock, seed)

    def send(number, sent, sender, to, size):
        emulator.submit(sent, sender, to, size, lambda: found.setdefault(number, clock.now / MS), ())

    for number, (sent, sender, to, size) in enumerate(sends):
        clock.at(round(sent * MS), send, number, round(sent * MS), sender, to, size)
    clock.run()
    assert emulator.under_way() == []
    clock.close()
    return [found.get(number) for number in range(len(sends))]


def test_with_every_effect_off_a_message_takes_what_the_link_law_says():
    assert arrivals([(0, 0, 1, 1500), (0, 0, 2, 3000), (5, 0, 1, 1500)], OFF) == [11, 13, 16]


def test_headers_are_52_bytes_for_each_1448():
    assert arrivals([(0, 0, 1, M), (20, 0, 1, 2 * M), (40, 0, 1, 1)], HEADERS) == [
        11, 32, pytest.approx(40 + 53 * 8 / 12_000 + 10, abs=1e-6),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("segments", "idle"),
    [(1, 0), (10, 0), (11, 11), (30, 11), (31, 12), (70, 12), (500, 12)],
)
def test_slow_start_idles_a_round_trip_less_what_the_window_takes(segments, idle):
    """RTT is 2·10 + 1 ms: the first window of 10 leaves 21 − 10 ms idle, the second 21 − 20, then none."""
    assert arrivals([(0, 0, 1, segments * M)], SLOW_START) == [10 + segments + idle]


def test_the_next_message_finds_the_window_as_it_was_left():
    """Thirty segments have grown it to 40, so that 40 more go at once."""
    assert arrivals([(0, 0, 1, 30 * M), (100, 0, 1, 40 * M)], SLOW_START)[1] == 100 + 40 + 10


def test_a_window_that_nobody_fills_does_not_grow():
    """Five segments at a time leave it at 10: it grows while it is less than twice what was outstanding."""
    sends = [(100 * number, 0, 1, 5 * M) for number in range(8)] + [(1000, 0, 1, 40 * M)]
    assert arrivals(sends, SLOW_START)[-1] == 1000 + 10 + 40 + 12


@pytest.mark.parametrize(("timeouts", "left"), [(1.01, 20), (2.01, 10), (9, 10)])
def test_idling_halves_the_window_for_each_timeout_down_to_the_first(timeouts, left):
    window = Window(rules(TcpTable()))
    window.size = 40
    window.idle(10**9, round(timeouts * 220 * MS), 220 * MS)
    assert window.size == left


def test_restart_closes_the_window_after_an_idle_timeout_and_can_be_switched_off():
    """The timeout is 20 + 200 ms, so that 30 segments after 1 s go as on a new connection: 11 ms idle."""
    sends = [(0, 0, 1, 30 * M), (1000, 0, 1, 30 * M)]
    assert arrivals(sends, SLOW_START)[1] == 1000 + 30 + 10
    assert arrivals(sends, SLOW_START | {"restart": True})[1] == 1000 + 30 + 10 + 11


def test_the_timeout_is_what_linux_computes():
    """At 88.5 ms: RTT + 2·RTT at first; equal samples take it down to RTT + 200 ms.

    The first takes the deviation from 354 to 265.5 ms, and what is waited a quarter of the way there.
    """
    trip = RoundTrip(177 * MS)
    assert trip.timeout == 531 * MS
    for number in range(60):
        trip.sample(177 * MS, 10 * number + 1, 10 * number + 5)
        if number == 0:
            assert trip.timeout == (177 + 354 - 88.5 / 4) * MS
    assert trip.timeout == pytest.approx(377 * MS, rel=1e-6)
    assert RoundTrip(20 * MS).timeout == 220 * MS


def test_the_part_of_a_window_that_is_not_used_decays():
    """A window of 40 of which 12 were used for a timeout shrinks half-way."""
    window = Window(rules(TcpTable()))
    window.size, window.threshold = 40, 30
    window.sent(0, 12, 0, 12, False, 220 * MS)
    window.sent(221 * MS, 12, 12, 24, False, 220 * MS)
    assert window.size == 26
    kept = Window(rules(TcpTable(unused_window=False)))
    kept.size, kept.threshold = 40, 30
    kept.sent(0, 12, 0, 12, False, 220 * MS)
    kept.sent(221 * MS, 12, 12, 24, False, 220 * MS)
    assert kept.size == 40


def test_a_receive_buffer_limits_a_connection_to_its_size_a_round_trip():
    """65 % of 23 kB hold ten segments: ten each 21 ms."""
    tcp = HEADERS | {"receive_buffer": "23 kB", "burst": 1}
    assert arrivals([(0, 0, 1, 40 * M)], tcp) == [3 * 21 + 10 + 10]


def test_a_send_buffer_takes_pieces_of_45_segments_when_a_third_is_free():
    """14 of 21 kB hold nine segments: down to them a first piece is at 56 ms, a second 56 later."""
    tcp = HEADERS | {"send_buffer": "21 kB", "burst": 1}
    assert arrivals([(0, 0, 1, 45 * M)], tcp) == [45 + 10]
    assert arrivals([(0, 0, 1, 90 * M)], tcp) == [56 + 45 + 10]
    assert arrivals([(0, 0, 1, 100 * M)], tcp) == [56 + 56 + 10 + 10]


def test_a_send_buffer_grows_with_the_window():
    """Linux had 46080, 368640 and 4194304 bytes for windows of 10, 80 and 1280 (`ss -m`, MSS 1448)."""
    clock = VirtualClock()
    emulator = emulate(Network("250 ms", "220 Mbit/s", transport="tcp"), ["a", "b"], clock, 1)
    emulator.submit(0, 0, 1, 10**7, lambda: None, ())
    one, found = emulator.connection(0, 1), {}

    def look():
        found[one.window.size] = one.buffer
        if clock.now < 4 * 10**9:
            clock.at(clock.now + 10**8, look)

    clock.at(10**8, look)
    clock.run()
    clock.close()
    assert (found[10], found[80], found[1280]) == (46080, 368640, 4194304)


def test_the_receive_window_starts_at_64_kib_and_keeps_ahead_of_what_comes():
    offer = Offer(rules(TcpTable(receive_buffer="6 MB")), 20 * MS)
    assert offer.window == 65535
    offer.received(20 * MS, 30 * M)
    offer.received(41 * MS, M)
    wanted = 2 * 30 * M + 16 * M
    assert offer.window == wanted + 2 * (wanted * 20 * M // (10 * M))
    for number in range(50):
        offer.received((62 + 21 * number) * MS, 10**6 * number)
    assert offer.window == 6_000_000 * 65 // 100
    fixed = Offer(rules(TcpTable(receive_buffer="6 MB", receive_growth=False)), 20 * MS)
    assert fixed.window == 6_000_000 * 65 // 100


def test_the_receive_window_holds_back_a_first_message_where_nothing_else_does():
    """65535 bytes are 45 segments: the others go when the first acknowledgement frees their room."""
    tcp = HEADERS | {"receive_growth": True, "receive_buffer": "100 MB", "burst": 1}
    fast = {"bandwidth": "120 Mbit/s"}
    assert arrivals([(0, 0, 1, 60 * M)], tcp, **fast) == [20.1 + 15 * 0.1 + 10]


def test_connections_take_turns_on_an_uplink():
    """A connection keeps two segments in the device's queue here (1 ms is one): the other waits for two."""
    tcp = HEADERS | {"burst": 1}
    assert arrivals([(0, 0, 1, 100 * M), (10.5, 0, 2, M)], tcp) == [111, 12 + 1 + 10]
    assert arrivals([(0, 0, 1, 100 * M), (10.5, 0, 2, M)], HEADERS)[1] == 100 + 1 + 10


@pytest.mark.parametrize(
    ("size", "latency", "bandwidth", "seconds"),
    [
        (50_000, 10, 10, 0.0612), (300_000, 10, 10, 0.2683), (300_000, 10, 50, 0.1077),
        (10**6, 40, 10, 1.0304), (10**6, 10, 220, 0.1355), (300_000, 88.5, 220, 0.8024),
        (10**7, 250, 50, 5.3860), (10**8, 88.5, 220, 7.5848), (10**8, 250, 100, 21.4592),
        (2 * 10**7, 150, 220, 4.1540), (4 * 10**7, 150, 220, 6.2851),
        (2 * 10**7, 250, 220, 6.8655), (4 * 10**7, 250, 220, 10.4298),
    ],
)  # fmt: skip
def test_a_lone_message_takes_what_it_took_a_kernel(size, latency, bandwidth, seconds):
    """Linux 6.18 with cubic, new connections, medians of three by `benchmarks/fidelity`."""
    found = arrivals([(0, 0, 1, size)], {}, latency=f"{latency} ms", bandwidth=f"{bandwidth} Mbit/s")
    assert found == [pytest.approx(1000 * seconds, rel=0.02, abs=0.5)]


@pytest.mark.parametrize(
    ("window", "threshold", "idle_ms", "under_way", "turn"),
    [
        (10, None, 0, 10, 2),  # 2 · 10 a round trip of 20 ms are 0.98 in 1/1024 s: two at least
        (160, None, 0, 150, 15),  # 2 · 160 / (0.02 · 1024)
        (160, 160, 0, 150, 9),  # 1.2 · 160 / (0.02 · 1024)
        (5000, None, 0, 4990, 16),  # the key `burst`
        (160, None, 100, 150, 2),  # the uplink was idle
        (160, None, 100, 0, 2),
        (160, None, 100, 20, 15),  # it was, and the window does not limit
    ],
)
def test_a_burst_is_what_linux_sends_at_a_turn(window, threshold, idle_ms, under_way, turn):
    clock = VirtualClock()
    connection = emulate(Network(**LINK), ["a", "b"], clock, 1).connection(0, 1)
    clock.close()
    connection.window.size, connection.window.threshold = window, threshold
    connection.under_way = under_way
    connection.line.free = 10**9
    assert connection.turn(10**9 + idle_ms * MS) == turn


def test_acknowledgements_take_room_on_the_way_back():
    """Two segments are acknowledged by 52 bytes, behind which a message waits 52·8/12 µs."""
    tcp = HEADERS | {"ack_bytes": 52, "initial_window": 10}
    first, second = arrivals([(0, 0, 1, 2 * M), (12.01, 1, 0, M)], tcp)
    assert first == 12
    assert second == pytest.approx(12 + 52 * 8 / 12_000 + 11, abs=1e-6)


def test_a_lone_segment_is_acknowledged_late_unless_data_takes_its_acknowledgement_along():
    """With a window of one segment the second waits for the acknowledgement of the first."""
    tcp = HEADERS | {"initial_window": 1, "delayed_ack": "40 ms"}
    assert arrivals([(0, 0, 1, 2 * M)], tcp) == [11 + 40 + 10 + 11]
    along = arrivals([(0, 0, 1, 2 * M), (15, 1, 0, 1)], tcp)
    assert along[0] == 15 + 10 + 11
    assert arrivals([(0, 0, 1, 2 * M)], tcp | {"delayed_ack": "0 ms"}) == [11 + 10 + 11]


def test_a_hop_costs_the_host_a_constant():
    assert arrivals([(0, 0, 1, M), (0, 0, 1, M)], HEADERS | {"host_cost": "80 us"}) == [11.08, 12.08]


def test_hystart_leaves_slow_start_after_acknowledgements_for_half_a_round_trip():
    """Sixteen and more segments, acknowledged each millisecond: past 10 of 20 ms of the round it ends."""
    hystart = HyStart()
    found = [
        hystart.acknowledged(number * MS, 20 * MS, 20 + number, 1 + number, 99) for number in range(12)
    ]
    assert found == [False] * 11 + [True]


def test_hystart_leaves_slow_start_when_eight_samples_are_slower():
    hystart = HyStart()
    assert not hystart.acknowledged(0, 100 * MS, 20, 1, 2)
    found = [hystart.acknowledged(10 * n * MS, 113 * MS, 20, 3, 100) for n in range(1, 10)]
    assert found == [False] * 8 + [True]
    slower = HyStart()
    assert not slower.acknowledged(0, 100 * MS, 20, 1, 2)
    assert not any(slower.acknowledged(10 * n * MS, 112 * MS, 20, 3, 100) for n in range(1, 10))


def test_hystart_needs_sixteen_segments():
    hystart = HyStart()
    assert not any(hystart.acknowledged(n * MS, 20 * MS, 15, 1 + n, 99) for n in range(30))


def test_cubic_falls_to_seven_tenths_and_comes_back_after_k():
    """RFC 9438: K is the cube root of W·0.3/0.4, 4.217 s for 100 segments; Reno's growth is slower here."""
    cubic = Cubic()
    assert cubic.loss(100) == 70
    assert cubic.grow(0, 70, 1, 0) == 0
    window = 70
    for step in range(1, 43):
        window += cubic.grow(100 * step * MS, window, window, 0)
    assert 98 <= window <= 100
    assert cube_root(75 * 10**27) == 4_217_163_326


def test_cubic_forgets_a_part_of_a_peak_that_it_did_not_reach():
    cubic = Cubic()
    cubic.loss(100)
    assert cubic.loss(80) == 56
    cubic.grow(0, 56, 1, 0)
    window = 56
    for step in range(1, 12):
        window += cubic.grow(300 * step * MS, window, window, 0)
    assert 66 <= window <= 69  # the new peak is 80·1.7/2 = 68, and growth is flat around it


@pytest.mark.parametrize("number", [0, 1, 7, 8, 26, 27, 10**27 - 1, 10**27, 10**27 + 1, 3**99])
def test_cube_roots_are_whole_and_exact(number):
    root = cube_root(number)
    assert root**3 <= number < (root + 1) ** 3


# Loss


def test_a_router_drops_the_tail_and_three_segments_later_it_is_sent_again():
    """A buffer of 4 segments: of ten at once, one to four go, six are dropped and sent again at a time.

    Nothing is sent after what is lost, so that a probe goes after two round trips; its one segment does not
    yet say that the others are lost, and the timeout does.
    """
    tcp = HEADERS | {"initial_window": 10, "burst": 1, "router_buffer": "6 kB"}
    fits = arrivals([(0, 0, 1, 4 * M)], tcp)
    assert fits == [14]
    late = arrivals([(0, 0, 1, 10 * M)], tcp)
    assert late[0] > 20 + 200


def test_fast_retransmit_costs_about_a_round_trip_where_three_segments_follow():
    """One of 20 segments is lost (seed chosen for it): 21 ms, not the timeout of 220."""
    tcp = HEADERS | {"initial_window": 100, "burst": 1}
    found = {}
    for seed in range(60):
        clock = VirtualClock()
        emulator = emulate(Network(**LINK, tcp=tcp, loss=0.04), ["a", "b"], clock, seed)
        when = []
        emulator.submit(0, 0, 1, 20 * M, lambda when=when, clock=clock: when.append(clock.now / MS), ())
        clock.run()
        clock.close()
        found.setdefault(emulator.resent, set()).add(when[0])
    assert found[0] == {30}
    # Lost at place p and noticed when p + 3 has come: sent again at p + 4 + 20 ms, behind nothing.
    assert {one for one in found[1] if one < 60} <= {float(p + 3 + 20 + 1 + 10) for p in range(1, 18)}
    assert any(one < 60 for one in found[1])


# Keys


@pytest.mark.parametrize(
    ("tcp", "words"),
    [
        ({"initial_windw": 3}, "network.tcp.initial_windw: unknown key"),
        ({"initial_window": 0}, "network.tcp.initial_window"),
        ({"initial_window": "many"}, "network.tcp.initial_window"),
        ({"send_buffer": "4 lightyears"}, "network.tcp.send_buffer"),
        ({"send_buffer": "3 kB"}, "at least 4096 B"),
        ({"profile": "windows"}, "network.tcp.profile"),
        ({"delayed_ack": 40}, "network.tcp.delayed_ack"),
        ({"restart": "yes"}, "network.tcp.restart"),
        ("linux", "network.tcp"),
    ],
)
def test_keys_that_are_no_keys_and_values_that_are_none_are_refused(tcp, words):
    with pytest.raises(InputError, match=words):
        Network(transport="tcp", tcp=tcp)


def test_an_unknown_transport_is_refused():
    with pytest.raises(InputError, match=r"network\.transport"):
        Network(transport="quic")


def test_a_profile_sets_what_the_table_does_not():
    warm = rules(TcpTable(profile="warm", restart=True))
    assert warm.restart
    assert not warm.unused
    assert warm.send_buffer is None
    assert rules(TcpTable()) == rules(TcpTable(profile="linux"))


def test_the_record_says_which_tcp_it_was():
    described = Network(transport="tcp", tcp={"profile": "warm"}).describe()
    assert described["transport"] == "tcp"
    assert described["tcp"]["restart"] is False
    assert "tcp" not in Network().describe()


# Steady states


@pytest.mark.parametrize("tcp", [{}, {"profile": "linux-tuned"}, {"profile": "warm"}, {"hystart": False}])
@pytest.mark.parametrize("link", [("88.5 ms", "220 Mbit/s"), ("1 ms", "10 Gbit/s"), ("10 ms", "1 Gbit/s")])
def test_a_hundred_megabytes_take_few_events_and_exactly_as_long_as_by_all_of_them(tcp, link, monkeypatch):
    """Six gigabytes take as few; what is sent meanwhile, in either direction, finds the state as it is."""
    network = {"latency": link[0], "bandwidth": link[1]}
    later = [(0.0, 0, 1, 20_000_000), (60.37, 0, 2, 5000), (300.21, 1, 0, 70_000), (490.4, 2, 1, 10**6)]

    def both(sends):
        found = arrivals(sends, tcp, **network)
        with monkeypatch.context() as patch:
            patch.setattr(steady, "LEAST", 2**60)
            assert arrivals(sends, tcp, **network) == found

    both([(0, 0, 1, 20_000_000)])
    for count in (2, 3, 4):
        both(later[:count])
    if link[1] == "10 Gbit/s":
        return  # cubic may grow all the time there, and no round trip is like another
    clock = VirtualClock()
    described = Network(latency=link[0], bandwidth=link[1], transport="tcp", tcp=tcp)
    emulator = emulate(described, ["a", "b"], clock, 1)
    emulator.submit(0, 0, 1, 6 * 10**9, lambda: None, ())
    clock.run()
    clock.close()
    assert emulator.events < 7000  # and so do a hundred megabytes: benchmarks/test_networks.py
