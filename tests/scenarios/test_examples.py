"""Examples: broadcast, threshold signing, two parties without a dealer, four servers and a cheat."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from analysis.replay import NotRetimable
from analysis.retime import load
from mpcsim import Network
from mpcsim.__main__ import main

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(tmp_path):
    """Return a function that runs an example with settings and gives (status, summary, folder)."""

    def run(name, *settings):
        folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        overrides = [part for one in settings for part in ("--set", one)]
        with pytest.raises(SystemExit) as ended:
            main(["run", str(EXAMPLES / f"{name}.toml"), "--out", str(folder), *overrides])
        found = folder / "summary.json"
        return ended.value.code, json.loads(found.read_text()) if found.is_file() else None, folder

    return run


@pytest.mark.parametrize(("parties", "faulty"), [(4, 1), (7, 2), (16, 5), (31, 10)])
def test_bracha_takes_three_rounds_and_two_messages_from_all_to_all(run, parties, faulty):
    status, found, _ = run("broadcast/bracha", f"parties={parties}", f"faulty={faulty}")
    assert status == 0
    assert found["rounds"] == 3
    assert found["messages"] == (parties - 1) * (2 * parties + 1)
    assert set(found["output"].values()) == {"attack at dawn"}


def test_bracha_refuses_too_many_failures(run):
    assert run("broadcast/bracha", "parties=15")[0] == 2


@pytest.mark.parametrize("latency", ["0 ms", "20 ms"])
def test_bracha_with_five_that_say_nothing(run, latency):
    _, found, folder = run("broadcast/bracha", "silent=[2,5,8,11,15]", f"network.latency={latency}")
    answers = list(found["output"].values())
    assert answers.count("attack at dawn") == 11
    assert answers.count(None) == 5
    retiming = load(folder)
    for other in ("1 ms", "300 ms"):
        fresh = run("broadcast/bracha", "silent=[2,5,8,11,15]", f"network.latency={other}")[1]
        assert retiming.over(Network(latency=other)).makespan_ns == fresh["makespan_ns"]


@pytest.mark.parametrize("after", [0, 7, 20])
def test_bracha_with_five_that_crash(run, tmp_path, after):
    crashed = [3, 6, 9, 12, 15]
    scenario = (EXAMPLES / "broadcast" / "bracha.toml").read_text()
    scenario += "".join(
        f'\n[[faults]]\nkind = "crash"\nparty = {one}\nafter_messages = {after}\n' for one in crashed
    )
    scenario = scenario.replace('"bracha.py', f'"{EXAMPLES}/broadcast/bracha.py')
    (tmp_path / "crashes.toml").write_text(scenario)
    folder = tmp_path / "crashed"
    with pytest.raises(SystemExit) as ended:
        main(["run", str(tmp_path / "crashes.toml"), "--out", str(folder)])
    assert ended.value.code == 0
    found = json.loads((folder / "summary.json").read_text())
    honest = [role for role in found["output"] if int(role[5:]) not in crashed]
    assert {found["output"][role] for role in honest} == {"attack at dawn"}
    with pytest.raises(NotRetimable, match=r"faults\.0 \(crash\)"):
        load(folder)


def test_bracha_replays_or_is_refused_by_name_over_unequal_links(run):
    _, _, folder = run("broadcast/bracha", "network.latency=10 ms", "network.bandwidth=1 Mbit/s")
    links = [["" if i == j else f"{(7 * i + 3 * j) % 50 + 1} ms" for j in range(16)] for i in range(16)]
    with pytest.raises(NotRetimable, match=r"receives first from .*party\.recv_any"):
        load(folder).over(Network(latency=links))


@pytest.mark.parametrize(("signers", "threshold"), [(1, 1), (3, 2), (5, 3), (7, 7)])
def test_frost_signs_in_its_rounds_with_a_signature_of_ed25519(run, signers, threshold):
    status, found, _ = run("threshold_signing/frost", f"signers={signers}", f"threshold={threshold}")
    assert status == 0
    given = {key: bytes.fromhex(found["output"][key]) for key in ("public", "signature")}
    Ed25519PublicKey.from_public_bytes(given["public"]).verify(given["signature"], b"pay 5 to Bob")
    phases = {name: (row["rounds"], row["messages"]) for name, row in found["phases"].items()}
    assert phases == {
        "keys": (1, signers + 1),
        "commitments": (1, threshold),
        "signing": (2, 2 * threshold),
    }
    assert found["phases"]["commitments"]["payload_bytes"] == 64 * threshold


def test_frost_names_who_cheats(run):
    status, found, _ = run("threshold_signing/frost", "cheats=[2]", 'expect="abort"')
    assert status == 0
    assert found["aborts"] == {"coordinator": "the share of signer 2 does not fit its commitments"}
    assert run("threshold_signing/frost", 'expect="abort"')[0] == 1


@pytest.mark.parametrize("count", [1, 7, 8, 1000])
@pytest.mark.parametrize("correlated", ["true", "false"])
def test_transfers_cost_their_formula(run, count, correlated):
    status, found, _ = run(
        "two_parties/ot_extension", f"count={count}", f"correlated={correlated}", "bits=3"
    )
    assert status == 0
    assert found["output"]["equal"] is True
    assert found["rounds"] == 4


@pytest.mark.parametrize("settings", [("and_gates=0", "evaluator_bits=0"), ("scheme=three_halves",), ()])
def test_a_garbled_circuit_costs_its_formula(run, settings):
    status, found, _ = run("two_parties/garbled", *settings)
    assert status == 0
    assert found["output"]["equal"] is True
    if not settings:  # AES-128 by half gates: 2 · 128 bits for each of 6400 gates
        assert found["phases"]["circuit"]["payload_bytes"] == 6400 * 32 + 128 * 16 + 2 * 16


def test_four_servers_abort_where_one_alters_what_it_sends(run):
    status, found, _ = run("four_servers/relu")
    assert status == 0
    assert found["outcomes"].pop("server2")
    assert set(found["outcomes"].values()) == {"aborted"}


def test_a_server_that_lies_to_the_client_is_outvoted(run, tmp_path):
    text = (EXAMPLES / "four_servers" / "relu.toml").read_text().replace('expect = "abort"\n', "")
    file = EXAMPLES / "four_servers" / "cheats.py"
    (tmp_path / "s.toml").write_text(text.replace("cheats.py:alters", f"{file}:lies_to_the_client"))
    status, found, _ = run(tmp_path / "s")
    assert status == 0
    assert set(found["outcomes"].values()) == {"finished"}
    assert found["output"]["max_error"] == 0
