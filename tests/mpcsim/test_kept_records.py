"""A run that finished is on record whatever its workload makes of it; then comes the complaint."""

import json

import pytest

from mpcsim.__main__ import main
from mpcsim.record import json_safe, read_record, to_json

_HEAD = """
from mpcsim.scenario import Program

def build(settings):
    async def program(party):
        with party.span({span!r}):
            party.send(1 - party.id, 1)
            await party.recv(1 - party.id)
        return 1

    def summarize(run):
        {summarize}

    return Program({{"a": program, "b": program}}, summarize, {describe})
"""


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Return a function that runs such a workload: (status, stdout, stderr, record)."""
    monkeypatch.chdir(tmp_path)

    def call(summarize="return {}", describe="{}", span="s", *more):
        code = _HEAD.format(summarize=summarize, describe=describe, span=span)
        (tmp_path / "own.py").write_text(code)
        (tmp_path / "case.toml").write_text('workload = "own.py:build"\nseed = 1\n')
        with pytest.raises(SystemExit) as caught:
            main(["run", "case.toml", "--out", "kept", *more])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return caught.value.code, printed.out, printed.err, read_record(tmp_path / "kept")

    return call


@pytest.mark.parametrize(
    ("summarize", "status", "said"),
    [
        ("raise KeyError('x')", 2, "the workload cannot summarise its run: KeyError: 'x'"),
        ("raise SystemExit(0)", 2, "the workload cannot summarise its run: SystemExit"),
        ("return {'x': {1, 2}}", 2, "output.x: a run record cannot hold set; accepted: NumPy"),
        ("return [1]", 2, "output: found list; accepted: a dict"),
        ("return None", 2, "output: found NoneType; accepted: a dict"),
        ("x = []; x.append(x); return {'x': x}", 2, "lists or dicts within each other, or a cycle"),
        ("from mpcsim import CheckFailed; raise CheckFailed('no match')", 1, "no match"),
    ],
)
def test_a_result_that_cannot_be_had_leaves_the_record_of_the_run(call, summarize, status, said):
    found, out, err, record = call(summarize, "{}", "s", "--json")
    assert (found, out) == (status, "")
    assert said in err
    assert "the run itself finished; its record, without that: kept" in err
    assert record.finished
    assert record.summary["output"] == {}
    assert said in record.summary["output_error"]["text"] or said.startswith("the workload")
    assert (record.summary["rounds"], record.summary["messages"]) == (1, 2)
    assert sum(event["kind"] == "send" for event in record.events()) == 2


def test_what_can_be_had_of_a_result_is_kept(call):
    result = "return {'good': 7, 'bad': object(), 'long': 10**6000}"
    status, _, err, record = call(result, "{'ring': {'b': 1j}, 'protocol': 3}")
    assert status == 2
    assert "output.bad" in err
    assert record.summary["output"]["good"] == 7
    assert int(record.summary["output"]["long"], 16) == 10**6000
    assert "bad" not in record.summary["output"]


def test_blocks_of_a_workload_replace_no_number_of_the_run(call):
    status, _, _, record = call("return {}", "{'rounds': 99, 'digest': 'x', 'mine': 1}")
    assert (status, record.summary["rounds"], record.summary["mine"]) == (0, 1, 1)


@pytest.mark.parametrize("name", ["\udc80", "a/b", "", "\x00\u202e[red]", "x" * 10_000, "\ud83d\ude00"])
def test_any_name_of_a_span_can_be_written_and_read(call, name):
    status, _, _, record = call("return {'n': 1}", "{}", name)
    assert status == 0
    read = name.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert [row["name"] for row in record.summary["spans"]] == [read]
    assert any(event["kind"] == "enter" for event in record.events())


def test_lone_surrogates_in_an_output_survive():
    assert json.loads(to_json(json_safe({"\udc80": "\udfff"}))) == {"\udc80": "\udfff"}


def test_ctrl_c_while_the_result_is_made_keeps_the_record(call):
    status, _, _, record = call("raise KeyboardInterrupt")
    assert status == 130
    assert record.finished
    assert record.summary["output_error"]["kind"] == "KeyboardInterrupt"
