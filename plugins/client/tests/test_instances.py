import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlserve_client.instances import envelope_of, plain

FRAME = pd.DataFrame(
    {
        "whole": pd.array([1, None, 3], dtype="Int64"),
        "number": np.array([0.5, np.nan, 0.1], np.float32),
        "text": ["a", None, "ü"],
        "kind": pd.Categorical(["x", None, "y"]),
        "yes": [True, False, True],
    },
    index=[7, 8, 9],
)


def test_a_dataframe_is_columns_and_what_is_missing_is_null() -> None:
    assert envelope_of(FRAME) == {
        "columns": {
            "whole": [1, None, 3],
            "number": [0.5, None, float(np.float32(0.1))],
            "text": ["a", None, "ü"],
            "kind": ["x", None, "y"],
            "yes": [True, False, True],
        }
    }


def test_a_table_of_pyarrow_is_columns_too() -> None:
    table = pa.table({"x": [1, None], "kind": pa.array(["a", None]).dictionary_encode()})
    assert envelope_of(table) == {"columns": {"x": [1, None], "kind": ["a", None]}}


def test_nat_is_null_and_a_time_is_refused_with_its_column() -> None:
    frame = pd.DataFrame({"when": [pd.NaT, pd.NaT]})
    assert envelope_of(frame) == {"columns": {"when": [None, None]}}
    for when in ([pd.Timestamp("2026-01-01"), pd.NaT], np.array(["2026-01-01"], "datetime64[ns]")):
        with pytest.raises(TypeError, match="Column 'when': JSON has no word for"):
            envelope_of({"when": when})


def test_rows_of_a_dataframe_are_instances_by_name() -> None:
    rows = [row for _, row in FRAME.iterrows()]
    assert envelope_of(rows)["instances"][1] == {
        "whole": None,
        "number": None,
        "text": None,
        "kind": None,
        "yes": False,
    }


def test_a_matrix_is_instances_in_the_order_of_the_signature() -> None:
    assert envelope_of(np.array([[1.0, np.nan], [2.0, 3.0]])) == {"instances": [[1.0, None], [2.0, 3.0]]}
    assert envelope_of(np.array([["UA", 1]], dtype=object)) == {"instances": [["UA", 1]]}
    assert json.dumps(envelope_of(np.array([[2**63 - 1]]))) == '{"instances": [[9223372036854775807]]}'


def test_lists_and_columns_hold_any_number_of_numpy() -> None:
    instances = [
        {"x": np.float32(0.5), "n": np.int64(3), "b": np.bool_(True), "t": np.str_("a"), "z": np.float64("nan")}
    ]
    assert json.loads(json.dumps(envelope_of(instances))) == {
        "instances": [{"x": 0.5, "n": 3, "b": True, "t": "a", "z": None}]
    }
    assert envelope_of(iter([(1, None)])) == {"instances": [[1, None]]}
    columns = {"x": pd.Series([1.5, np.nan]), "image": np.zeros((2, 1, 2)), "c": pd.Categorical(["a", "b"])}
    assert envelope_of(columns) == {"columns": {"x": [1.5, None], "image": [[[0, 0]], [[0, 0]]], "c": ["a", "b"]}}
    assert plain({"label": np.array(["late"]), "at": np.datetime64("NaT")}) == {"label": ["late"], "at": None}


def test_bytes_and_files_are_base64(tmp_path: Path) -> None:
    (photo := tmp_path / "cat.jpg").write_bytes(b"\xff\xd8")
    assert envelope_of([{"a": photo, "b": b"", "c": bytearray(b"\0")}, [memoryview(b"abc")]]) == {
        "instances": [{"a": "/9g=", "b": "", "c": "AA=="}, ["YWJj"]]
    }
    assert envelope_of({"photo": np.array([b"\xff\xd8", None], object)}) == {"columns": {"photo": ["/9g=", None]}}
    assert envelope_of(pd.DataFrame({"photo": [photo]})) == {"columns": {"photo": ["/9g="]}}
    with pytest.raises(FileNotFoundError, match=r"none\.jpg"):
        envelope_of([{"photo": tmp_path / "none.jpg"}])


@pytest.mark.parametrize(
    ("instances", "error", "words"),
    [
        (np.zeros(3), ValueError, "two dimensions"),
        (np.zeros((1, 2, 3)), ValueError, "two dimensions"),
        (pd.Series([1, 2]), ValueError, "two dimensions"),
        ("text", TypeError, "not a value of type str"),
        (3, TypeError, "not a value of type int"),
        ({"x": 1, "y": 2}, TypeError, "one instance alone is"),
        ({"x": "ab"}, TypeError, "one instance alone is"),
        ([3], TypeError, "Instance 0 must be a dict"),
        ([[1], [float("inf")]], ValueError, "Instance 1: JSON cannot say infinity"),
        ({"x": [float("-inf")]}, ValueError, "Column 'x': JSON cannot say infinity"),
        ([{"x": Decimal("1.5")}], TypeError, "Instance 0: JSON has no word for a value of type decimal.Decimal"),
        ([{"x": datetime.now(UTC)}], TypeError, "Instance 0: JSON has no word for"),
        ([{"x": np.longdouble(1)}], TypeError, "Instance 0: JSON has no word for"),
        ([{1: 2}], TypeError, "Instance 0: The field name 1 is no text"),
        (pd.DataFrame([[1, 2]]), TypeError, "The field name 0 is no text"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), ValueError, "these columns twice: x"),
    ],
)
def test_what_json_cannot_say_is_refused_with_its_place(instances: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        envelope_of(instances)


def test_importing_the_client_loads_nothing_of_the_server() -> None:
    """All that it loads is Python's own, urllib3 and what urllib3 finds by itself."""
    code = "import sys; before = {*sys.modules}; import mlserve_client; print(*({*sys.modules} - before))"
    root = Path(__file__).parents[3]
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    names = {name for name in loaded.split() if name.startswith("mlserve")}
    assert {name.partition(".")[0] for name in names} == {"mlserve_client"}
    tops = {name.partition(".")[0] for name in loaded.split()} - sys.stdlib_module_names
    assert "urllib3" in tops
    assert not tops & {"pyramid", "sqlalchemy", "numpy", "pandas", "cornice", "webob", "waitress", "orjson", "click"}
