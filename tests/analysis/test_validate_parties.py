"""Workloads of any number of parties against formulas of their own: all of them count."""

import json

import numpy as np
import pytest

from analysis.validate import judge as validate
from mpcsim import InputError

FILE = """
import json
from contextlib import nullcontext

from pydantic import BaseModel

from analysis.costs.algebra import LOCAL, Cost, messages, sequence
from analysis.costs.replicated3.catalogue import Formula
from mpcsim.scenario import Program
from scenarios.settings import SecureSettings

PLAN = json.loads({plan!r})
STEPS, NAMES = PLAN["steps"], PLAN["names"]


class Settings(BaseModel):
    protocol: dict = {{}}


def workload(settings: Settings) -> Program:
    async def program(party):
        if not party.role.startswith("client"):
            with party.span("operation"):
                for step in STEPS:
                    for sender, receiver, size in step:
                        if sender == party.id:
                            party.send(receiver, bytes(size))
                    for sender, receiver, size in step:
                        if receiver == party.id:
                            await party.recv(sender)

    tables = SecureSettings().describe()
    if settings.protocol:
        tables["protocol"] = settings.protocol
    return Program(dict.fromkeys(NAMES, program), lambda run: {{"op": "walk", "size": 1}}, tables)


def cost(setting, n):
    return {cost}


FORMULAS = {{"walk": Formula(cost, "first principles", ("l",))}}
"""
RIGHT = (
    "sequence(*(messages(*map(tuple, step), parties={n}) for step in STEPS)) if STEPS else Cost((0,) * {n})"
)


def write(folder, plan, cost, further=""):
    (folder / "own.py").write_text(FILE.format(plan=json.dumps(plan), cost=cost), encoding="utf-8")
    file = folder / "own.toml"
    file.write_text(f'workload = "own.py:workload"\nseed = 1\n{further}', encoding="utf-8")
    return str(file)


def plan_of(rng, n, names):
    """Return random messages in steps; nobody sends twice to one party in a step."""
    steps = []
    for _ in range(int(rng.integers(1, 4)) if n > 1 else 0):
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
        chosen = rng.permutation(len(pairs))[: int(rng.integers(1, len(pairs) + 1))]
        steps.append([[*pairs[i], int(rng.integers(1, 50))] for i in chosen])
    return {"steps": steps, "names": names}


def row_of(folder, plan, cost):
    (row,) = validate.validate_scenario(write(folder, plan, cost)).rows
    return row


@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("kind", ["servers", "servers and a client", "other roles"])
def test_the_right_formula_is_equal_and_every_wrong_one_differs(tmp_path, n, kind):
    rng = np.random.default_rng([n, len(kind)])
    names = [f"{'server' if 'server' in kind else 'party'}{i}" for i in range(n)]
    plan = plan_of(rng, n, names + (["client"] if "client" in kind else []))
    folders = iter(tmp_path / str(i) for i in range(100))

    def fresh():
        folder = next(folders)
        folder.mkdir()
        return folder

    right = RIGHT.format(n=n)
    row = row_of(fresh(), plan, right)
    assert row.equal is True, row.difference()
    sent = [sum(size for step in plan["steps"] for i, _, size in step if i == party) for party in range(n)]
    assert row.measured["per_party"] == row.predicted["per_party"] == sent
    for party in range(n):  # a byte too many of one party, whichever it is
        more = f"sequence({right}, Cost(tuple(int(i == {party}) for i in range({n}))))"
        assert row_of(fresh(), plan, more).equal is False
    if n > 1:  # the same sum, of other parties
        moved = f"sequence({right}, Cost(({'0, ' * (n - 2)}-1, 1)))"
        wrong = row_of(fresh(), plan, moved)
        assert wrong.predicted["payload_bytes"] == wrong.measured["payload_bytes"]
        assert wrong.equal is False
        assert "per_party" in wrong.difference()
        assert row_of(fresh(), plan, f"Cost(({right}).sent)").equal is False  # no rounds


def test_a_formula_may_leave_out_who_sends_nothing(tmp_path):
    plan = {"steps": [[[0, 1, 7]]], "names": [f"server{i}" for i in range(6)]}
    row = row_of(tmp_path, plan, "messages((0, 1, 7), parties=2)")
    assert row.equal is True
    assert row.predicted["per_party"] == [7, 0, 0, 0, 0, 0]


def test_a_formula_of_more_parties_than_there_are_differs(tmp_path):
    plan = {"steps": [[[0, 1, 7]]], "names": ["server0", "server1"]}
    row = row_of(tmp_path, plan, "messages((0, 1, 7), (3, 1, 2), parties=4)")
    assert row.equal is False
    assert row.predicted["per_party"] == [7, 0, 0, 2]


def test_a_client_that_sends_within_the_operation_counts(tmp_path):
    plan = {"steps": [[[2, 1, 7]]], "names": ["server0", "server1", "other"]}
    assert row_of(tmp_path, plan, "messages((2, 1, 7), parties=3)").equal is True
    (tmp_path / "b").mkdir()
    assert row_of(tmp_path / "b", plan, "Cost((0, 0), ((0, None), (1, 0)))").equal is False


def test_a_protocol_table_that_is_not_ours_is_refused_with_what_formulas_read(tmp_path):
    plan = {"steps": [], "names": ["server0", "server1"]}
    file = write(tmp_path, plan, "LOCAL", '[protocol]\nfield = "prime"\n')
    message = (
        r"no formulas for this \[protocol\]: it does not say 'comparison', 'truncation', 'select', "
        r"'rotate' \(found: field\); accepted: a workload whose `describe`"
    )
    with pytest.raises(InputError, match=message):
        validate.validate_scenario(file)
