import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from mlserve.bundles.sample import Column, read_sample
from mlserve.errors import BundleError

FRAME = pd.DataFrame(
    {
        "city": pd.Categorical(["Wien", None, "Oslo"], categories=["Oslo", "Wien", "Riga"]),
        "stops": np.array([1, 2, 3], np.int16),
        "seats": [10, 20, 30],
        "late": [True, False, True],
        "distance": np.array([1.5, np.nan, 2.5], np.float32),
        "price": [0.1, 0.2, np.nan],
        "note": ["a", None, "c"],
    }
)
TYPES = ["category", "int32", "int64", "bool", "float32", "float64", "string"]


def cells(sample: Any) -> list[list[Any]]:
    return [column.cells for column in sample.columns.values()]


def test_parquet_and_a_data_frame_say_the_same(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "x.parquet")
    file, memory = read_sample(tmp_path / "x.parquet"), read_sample(FRAME)

    assert cells(file) == cells(memory)
    assert cells(file)[0] == ["Wien", None, "Oslo"]
    assert cells(file)[4:] == [[1.5, None, 2.5], [0.1, 0.2, None], ["a", None, "c"]]
    for sample in (file, memory, read_sample(pyarrow.Table.from_pandas(FRAME))):
        assert (sample.rows, sample.typed) == (3, True)
        assert sample.columns["city"].categories == ("Oslo", "Wien", "Riga")
        assert [column.type for column in sample.columns.values()][:6] == TYPES[:6]
    digest = hashlib.sha256((tmp_path / "x.parquet").read_bytes()).hexdigest()
    assert file.origin == {"location": str(tmp_path / "x.parquet"), "sha256": digest, "rows": 3}
    assert memory.origin["location"] is None
    assert memory.origin == read_sample(FRAME.copy()).origin
    assert memory.origin != read_sample(FRAME.assign(seats=1)).origin


def test_a_schema_may_say_that_nothing_is_missing(tmp_path: Path) -> None:
    schema = pyarrow.schema([pyarrow.field("x", pyarrow.float64(), nullable=False), pyarrow.field("y", pyarrow.int8())])
    parquet.write_table(pyarrow.table({"x": [1.0], "y": [1]}, schema=schema), tmp_path / "x.parquet")

    found = read_sample(str(tmp_path / "x.parquet")).columns
    assert found == {"x": Column([1.0], "float64", never_missing=True), "y": Column([1], "int32")}


def test_categories_in_several_pieces_have_one_order(tmp_path: Path) -> None:
    pieces = [pd.DataFrame({"c": pd.Categorical([value])}) for value in ("b", "a", "b")]
    table = pyarrow.concat_tables([pyarrow.Table.from_pandas(piece) for piece in pieces])

    found = read_sample(table).columns["c"]
    assert (found.cells, found.categories) == (["b", "a", "b"], ("b", "a"))


def test_columns_of_lists_and_arrays() -> None:
    found = read_sample({"x": [1, None], "y": np.array([1.0, np.nan], np.float32), "z": np.zeros((2, 2))})

    assert found.columns["x"] == Column([1, None])
    assert found.columns["y"] == Column([1.0, None], "float32")
    assert found.columns["z"] == Column([[0.0, 0.0], [0.0, 0.0]])


def test_whole_numbers_as_categories_are_texts() -> None:
    found = read_sample(pd.DataFrame({"gate": pd.Categorical([10, 20], categories=[30, 10, 20])}))
    assert found.columns["gate"] == Column(["10", "20"], "category", ("30", "10", "20"))


def test_the_cells_of_a_csv_are_texts(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('\ufeffx,"a b"\n1,"one, two"\n,\n\n3,x\n', encoding="utf-8")

    sample = read_sample(path)
    assert sample.columns == {"x": Column(["1", None, "3"]), "a b": Column(["one, two", None, "x"])}
    assert (sample.rows, sample.typed) == (3, False)


def test_a_csv_s_truth_values_are_a_data_frame_s(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b,c,d\nTrue,true,1,\n,FALSE,0,\n")
    columns = read_sample(path).columns
    assert [column.type for column in columns.values()] == ["bool", "bool", None, None]
    assert columns["a"].cells == ["True", None]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("x.csv", b"x,x\n1,2\n", "names 'x' twice."),
        ("x.csv", b"x,y\n1\n", "has 1 cells, and the first line 2."),
        ("x.csv", b"x,y\n\xff,1\n", "is not CSV in UTF-8"),
        ("x.csv", b'x\n"1\n', "is not CSV in UTF-8"),
        ("x.csv", b"x\n", "The data has no rows"),
        ("x.csv", b"", "The data has no rows"),
        ("x.parquet", b"PAR1", "is not Parquet: "),
        ("x.parquet", b"", "is not Parquet: "),
        ("x.xlsx", b"", "is neither a .parquet nor a .csv file."),
    ],
)
def test_a_file_that_cannot_be_read(name: str, content: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BundleError) as caught:
        read_sample(tmp_path / name)
    assert why in caught.value.detail


def test_other_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"none\.csv cannot be read: No such file or directory\.$"):
        read_sample(tmp_path / "none.csv")
    with pytest.raises(BundleError, match=r"none\.parquet cannot be read: "):
        read_sample(tmp_path / "none.parquet")
    with pytest.raises(BundleError, match=r"of different lengths\.$"):
        read_sample({"x": [1], "y": [1, 2]})
    with pytest.raises(BundleError, match=r"cannot be taken from a date: "):
        read_sample(date(2026, 1, 1))
    with pytest.raises(BundleError, match="no rows"):
        read_sample({})


def test_bytes_tensors_and_large_whole_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "file": [b"a", None, b"c"],
            "rows": [np.zeros((2, 2)), [np.array([1.0]), np.array([2.0])], None],
            "big": np.array([2**64 - 1, 0, 1], np.uint64),
        }
    )
    expected = [[b"a", None, b"c"], [[[0.0, 0.0], [0.0, 0.0]], [[1.0], [2.0]], None], [2**64 - 1, 0, 1]]
    memory = read_sample(frame)
    assert cells(memory) == expected
    table = pyarrow.table(
        {
            "file": pyarrow.array(expected[0], pyarrow.binary()),
            "rows": pyarrow.array(expected[1], pyarrow.list_(pyarrow.list_(pyarrow.float64()))),
            "big": pyarrow.array(expected[2], pyarrow.uint64()),
        }
    )
    parquet.write_table(table, tmp_path / "x.parquet")
    for sample in (read_sample(table), read_sample(tmp_path / "x.parquet")):
        assert cells(sample) == expected
        assert [column.type for column in sample.columns.values()] == ["bytes", None, "uint64"]
