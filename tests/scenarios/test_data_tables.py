"""Tables are read as they are, or refused by line and column."""

import numpy as np
import pytest

from mpcsim import InputError
from scenarios.data import TableSettings, load_table


def read(folder, text, **keys):
    (folder / "table.csv").write_text(text, "utf-8")
    settings = TableSettings(source="csv", path="table.csv", **keys)
    return load_table(settings, folder, 1)


@pytest.mark.parametrize(
    ("source", "rows", "attributes", "classes"),
    [("breast_cancer", 569, 30, 2), ("iris", 150, 4, 3), ("wine", 178, 13, 3), ("digits", 1797, 64, 10),
     ("diabetes", 442, 10, 0)],
)  # fmt: skip
def test_the_tables_of_scikit_learn(source, rows, attributes, classes):
    train, rest = load_table(TableSettings(source=source))
    assert (len(train), len(train) + len(rest)) == (rows * 3 // 4, rows)
    assert train.values.shape[1] == len(train.names) == attributes
    assert len(train.classes) == classes


def test_rows_are_parted_in_the_order_of_the_seed_and_none_is_lost():
    settings = TableSettings(source="random", rows=50, attributes=2, train=20)
    train, rest = load_table(settings, seed=3)
    again, _ = load_table(settings, seed=3)
    np.testing.assert_array_equal(train.values, again.values)
    assert len(train) == 20
    whole = np.concatenate([train.values, rest.values])
    assert len(np.unique(whole, axis=0)) == 50
    with pytest.raises(InputError, match=r"data\.train = 51: accepted are 1 to the 50 rows"):
        load_table(settings.model_copy(update={"train": 51}))


def test_a_file_has_a_header_a_target_and_numbers(tmp_path):
    train, rest = read(tmp_path, "age,who,size\n3,b,1.5\n4,a,2e1\n-5,b,.5\n", target="who", train=3)
    assert (train.names, train.classes, len(rest)) == (("age", "size"), ("a", "b"), 0)
    order = np.argsort(train.values[:, 0])
    np.testing.assert_array_equal(train.values[order], [[-5, 0.5], [3, 1.5], [4, 20]])
    np.testing.assert_array_equal(train.targets[order], [1, 1, 0])


def test_a_column_of_numbers_is_a_class_or_a_target(tmp_path):
    few, _ = read(tmp_path, "x,y\n" + "".join(f"{i},{10 * (i % 3)}\n" for i in range(30)))
    assert few.classes == ("0", "10", "20")
    many, _ = read(tmp_path, "x,y\n" + "".join(f"{i},{i}\n" for i in range(30)))
    assert many.classes == ()
    real, _ = read(tmp_path, "x,y\n1,0.5\n2,1\n")
    assert real.classes == ()


@pytest.mark.parametrize(
    ("text", "keys", "named"),
    [
        ("x,y\n", {}, "a header and at least one row are needed, it has 1"),
        ("x\n1\n", {}, "line 1: 1 column"),
        ("x,x,y\n1,2,3\n", {}, "line 1: 'x' twice"),
        ("x,y\n1,2\n1\n", {}, "line 3: 1 fields, the header has 2"),
        ("x,y\n1,\n", {}, "line 2, column 'y': the target is missing"),
        ("x,y\n,2\n", {}, "line 2, column 'x': found ''; accepted: a number; data.missing"),
        ("x,y\nred,2\n", {}, "line 2, column 'x': found 'red'; accepted: a number"),
        ("x,y\nnan,2\n", {"missing": "mean"}, "line 2, column 'x': found 'nan'"),
        ("x,y\n,2\n", {"missing": "mean"}, "column 'x' has no value at all"),
        ("x,y\n1,2\n", {"target": "z"}, "'z': the file has the columns x, y"),
    ],
)
def test_what_is_no_table_is_refused_by_line_and_column(tmp_path, text, keys, named):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, **keys)
    assert named in str(caught.value)


def test_files_of_spreadsheets_are_read_and_lines_counted_as_an_editor_does(tmp_path):
    text = '\ufeffage,"a\nnote",who\n\n3,1,b\n4,2,a\n\n'
    train, _ = read(tmp_path, text, train=2)
    assert (train.names, train.classes, len(train)) == (("age", "a\nnote"), ("a", "b"), 2)
    with pytest.raises(InputError, match="line 6, column 'age': found 'old'"):
        read(tmp_path, text.rstrip("\n") + "\nold,2,a\n")
    with pytest.raises(InputError, match=r"table\.csv: unexpected end of data"):
        read(tmp_path, 'x,y\n"1,2\n')


def test_missing_fields_are_filled_by_choice(tmp_path):
    text = "x,y\n1,0\n,0\n4,1\n"
    for missing, filled in (("mean", 2.5), ("zero", 0.0)):
        train, _ = read(tmp_path, text, missing=missing, train=3)
        assert sorted(train.values[:, 0].tolist()) == sorted([1, filled, 4])


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load_table(TableSettings(source="csv", path="no.csv"), tmp_path)
    with pytest.raises(InputError, match=r"data\.path: missing"):
        load_table(TableSettings(source="csv"), tmp_path)
    (tmp_path / "table.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"table\.csv"):
        load_table(TableSettings(source="csv", path="table.csv"), tmp_path)
