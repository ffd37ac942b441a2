"""The microbench sorts by digits of the width that is asked for, and moves columns as is asked for."""

import pytest
import tomli_w

from analysis.validate import judge
from mpcsim import InputError

ROWS = 10_000


def judged(folder, **workload):
    tables = {
        "name": "sorting",
        "workload": {"name": "microbench", "size": 50, **workload},
        "ring": {"value_bits": 32},
        "seed": 1,
    }
    file = folder / "scenario.toml"
    file.write_text(tomli_w.dumps(tables), "utf-8")
    found = judge.validate_scenario(str(file))
    found.check()
    return found.rows[0]


@pytest.mark.parametrize(
    ("digit", "payload", "rounds", "megabytes"),
    [(3, "carried", 41, 3.35), (4, "carried", 32, 3.66), (3, "after", 45, 2.57), (4, "after", 36, 3.13)],
)
def test_ten_thousand_keys_of_32_bits_and_their_payload(tmp_path, digit, payload, rounds, megabytes):
    row = judged(tmp_path, op="sort", size=ROWS, digit=digit, payload=payload)
    assert (row.params["sort_digit"], row.params["payload"]) == (digit, payload)
    assert row.measured["rounds"] == rounds
    assert row.measured["payload_bytes"] / 3e6 == pytest.approx(megabytes, abs=5e-3)


@pytest.mark.parametrize("op", ["sort", "topk", "group_sums", "group_max", "join"])
@pytest.mark.parametrize("digit", [1, 5, 8])
def test_every_operation_that_sorts_has_a_width_of_digits(tmp_path, op, digit):
    assert judged(tmp_path, op=op, digit=digit).params["sort_digit"] == digit


@pytest.mark.parametrize(
    ("workload", "named"),
    [
        (
            {"op": "relu", "digit": 3},
            "workload.digit = 3: 'relu' has no such choice; accepted with sort, topk",
        ),
        ({"op": "join", "payload": "carried"}, "'join' has no such choice; accepted with sort$"),
        ({"op": "sort", "digit": 9}, "from 1 to 8"),
        ({"op": "sort", "payload": "before"}, "'after' or 'carried'"),
    ],
)
def test_choices_that_an_operation_does_not_have_are_refused(tmp_path, workload, named):
    with pytest.raises(InputError, match=named):
        judged(tmp_path, **workload)
