"""Columns that two hospitals hold meet on shares: rows as in the clear, and one number opened."""

import numpy as np
import pytest
from harness import NARROW, WIDE, opened, run
from test_tree_views import known, worst
from test_uniform_messages import FAR

from protocols.replicated3.sharings import Share
from scenarios.trees import joining
from scenarios.trees.joining import Halves, joined


def halves(seed, rows, asked, other, both):
    """Draw two hospitals' columns, of whose patients some are the same."""
    rng = np.random.default_rng(seed)
    keys = rng.choice(2**30, rows + asked + other, replace=False) - 2**29
    first = keys[: rows + asked]
    second = rng.permutation(np.concatenate([rng.permutation(first)[:both], keys[rows + asked :]]))
    values = [rng.integers(-1000, 1000, (width, len(mine))) for width, mine in ((2, first), (3, second))]
    return first, values[0], rng.integers(0, 2, (2, rows)), second, values[1]


def wanted(first, values, statistics, second, other):
    """Return the joined table, and which rows have met."""
    at = [list(second).index(key) if key in second else -1 for key in first]
    found = np.array(at) >= 0
    return np.concatenate([values, np.where(found, other[:, at], 0)]), statistics, found


@pytest.mark.parametrize("ring", [WIDE, NARROW], ids=["64", "32"])
@pytest.mark.parametrize(("rows", "asked", "other", "both"), [(1, 0, 0, 1), (20, 9, 1, 15)])
def test_rows_that_have_met_come_first_and_in_order(rows, asked, other, both, ring):
    inputs = halves(rows, rows, asked, other, both)
    table, statistics, found = wanted(*inputs)

    async def protocol(server, *shares):
        return await joined(server, Halves(*shares), "drop", 4, dry=False)

    result = run(protocol, *inputs, ring=ring).servers
    kept = found[:rows]
    np.testing.assert_array_equal(opened([one.values for one in result], ring), table[:, :rows][:, kept])
    np.testing.assert_array_equal(opened([one.statistics for one in result], ring), statistics[:, kept])
    if asked:
        np.testing.assert_array_equal(opened([one.asked for one in result], ring), table[:, rows:])
        np.testing.assert_array_equal(opened([one.known for one in result], ring), found[rows:])


@pytest.mark.parametrize(("unmatched", "values"), [("refuse", [1]), ("drop", [6])])
def test_one_number_is_opened(monkeypatch, unmatched, values):
    seen = []

    async def noted(server, x):
        words = await reveal(server, x)
        seen.append(words.tolist())
        return words

    reveal = joining.reveal
    monkeypatch.setattr(joining, "reveal", noted)

    async def protocol(server, *shares):
        return await joined(server, Halves(*shares), unmatched, 4, dry=False)

    run(protocol, *halves(1, 6, 3, 5, 9))
    assert seen == [values] * 3


@pytest.mark.parametrize("unmatched", ["refuse", "drop"])
def test_messages_of_a_join_of_columns_are_uniform_bytes(unmatched):
    async def protocol(server):
        rows = 1200
        numbers = Share(*(server.kernels.zeros((rows,), np.uint64),) * 2)
        if server.role == 0:
            numbers = Share(np.arange(rows, dtype=np.uint64), numbers.b)
        if server.role == 2:
            numbers = Share(numbers.a, np.arange(rows, dtype=np.uint64))
        table = Halves(
            numbers, known(server, 2, rows), known(server, 1, rows), numbers, known(server, 2, rows)
        )
        await joined(server, table, unmatched, 4, dry=False)

    assert worst(protocol) < FAR
