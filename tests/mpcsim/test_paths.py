"""Paths of spans: any names, each path one text, and the text the path again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcsim import InputError, UsageError, simulate
from mpcsim.paths import distinct, from_text, in_text, span_paths
from mpcsim.texts import to_json, whole

ANY = st.text(
    alphabet=st.one_of(st.sampled_from("/\\e\n$[]<\u202e\ud800\udc00"), st.characters(codec=None))
)
PATHS = st.lists(ANY.map(whole), max_size=4).map(tuple)


@given(PATHS)
def test_a_text_gives_its_path_back(path):
    text = in_text(path)
    assert from_text(text) == path
    assert text.isprintable()


@given(PATHS, PATHS)
def test_two_paths_have_two_texts(one, two):
    assert (in_text(one) == in_text(two)) == (one == two)


def test_common_names_are_joined_as_they_are():
    assert in_text(("inference", "conv1.relu", "größe 1")) == "inference/conv1.relu/größe 1"
    assert (in_text(()), in_text(("",)), in_text(("a/b", "\\"))) == ("", r"\e", r"a\/b/\\")


@pytest.mark.parametrize("text", ["\\", "a\\", r"\q", r"\x4", "a//b", "/", "a/", r"\x41", "a\nb", r"\e\e"])
def test_what_is_no_text_of_a_path_is_refused(text):
    with pytest.raises(InputError):
        from_text(text)


@given(st.lists(PATHS, unique=True, max_size=6))
def test_labels_are_as_many_as_paths(paths):
    assert len(set(distinct(paths))) == len(paths)


def test_labels_are_last_names_where_these_differ():
    assert distinct([("a", "x"), ("b", "x"), ("c", "y/z")]) == ["a/x", "b/x", "y/z"]
    long = [("x" * 100 + end + "x" * 100,) for end in "abc"]
    assert len(set(distinct(long))) == 3
    assert max(map(len, distinct(long))) < 80


def test_an_older_record_has_paths_where_names_of_parents_are_one_each():
    rows = [{"name": "a", "parent": None}, {"name": "x", "parent": "a"}, {"name": "b", "parent": None}]
    assert span_paths([*rows, {"name": "x", "parent": "b"}]) == [("a",), ("a", "x"), ("b",), ("b", "x")]
    rows += [{"name": "x", "parent": "b"}, {"name": "y", "parent": "x"}]
    with pytest.raises(InputError, match=r"spans\.4: an older record"):
        span_paths(rows)


@pytest.mark.parametrize(
    "row", [{"path": []}, {"path": "a"}, {"path": ["b"]}, {"path": ["b", "a"]}, {"path": [1, "a"]}]
)
def test_a_path_that_cannot_be_is_refused(row):
    with pytest.raises(InputError, match=r"spans\.0: damaged"):
        span_paths([{"name": "a", "parent": None} | row])


def test_a_path_that_is_there_twice_is_refused():
    row = {"name": "a", "parent": None, "path": ["a"]}
    with pytest.raises(InputError, match=r"spans\.1: damaged"):
        span_paths([row, row])


@given(ANY)
def test_any_text_goes_through_json_and_utf8(text):
    import json

    written = to_json({text: text}, None).encode()
    assert json.loads(written) == {whole(text): whole(text)}


@pytest.mark.parametrize("name", [1, None, b"a", ("a",)])
def test_a_name_that_is_no_text_is_refused(name):
    async def program(party):
        with party.span(name):
            pass

    async def other(party):
        with party.channel(name):
            pass

    for one, what in ((program, "party.span"), (other, "party.channel")):
        with pytest.raises(UsageError, match=f"{what} takes text"):
            simulate(one)


def test_a_channel_of_any_name_is_no_child_of_a_gather():
    async def program(party):
        """Speak on the channel "x/0.0" while a child of a gather speaks in the channel "x"."""

        async def child():
            party.send(1 - party.id, "child")
            return await party.recv(1 - party.id)

        with party.channel("x"):
            found = await party.gather(child())
        with party.channel("x/0.0"):
            party.send(1 - party.id, "named")
            found.append(await party.recv(1 - party.id))
        return found

    async def mixed(party):
        with party.channel("x/0.0"):
            party.send(1 - party.id, "named")

        async def child():
            party.send(1 - party.id, "child")
            return await party.recv(1 - party.id)

        with party.channel("x"):
            found = await party.gather(child())
        with party.channel("x/0.0"):
            return [*found, await party.recv(1 - party.id)]

    assert (
        simulate(mixed, parties=2).outputs
        == simulate(program, parties=2).outputs
        == [["child", "named"]] * 2
    )


def test_a_channel_may_have_any_name():
    async def program(party):
        for name in ("", "\ud800", "\n", "@", "a\\/b", "x" * 10_000):
            with party.channel(name):
                party.send(1 - party.id, name.isascii())
                await party.recv(1 - party.id)

    assert simulate(program, parties=2, trace=True, seed=1).messages == 12
