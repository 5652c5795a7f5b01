"""Arrow's columns are what JSON's are: decoded, refused and answered."""

import base64
import json
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve.errors import Invalid, TooLarge
from mlserve.predictions.forms.arrow import answer_arrow, decode_arrow
from mlserve.predictions.service import Answered
from mlserve.signature import Decoder, Field, OutputEncoder, OutputField, Signature
from mlserve.signature.fields import ANY_SIZE, BINARY, TEXTS
from tests.unit.arrow.streams import plain, written
from tests.unit.predictions.factories import record
from tests.unit.signature import strategies
from tests.unit.signature.test_agreement import same_arrays, thorough

ROOM = 1 << 20
LIMIT = 100


def loaded(signature: Signature, **limits: int) -> Any:
    """The two things of a version that a table is decoded with."""
    decoder = Decoder(signature, **({"max_instances": LIMIT, "max_problems": 5} | limits))
    return SimpleNamespace(decoder=decoder, signature=signature)


def arrow_type(field: Field, *, large: bool) -> Any:
    kinds: dict[str, Any] = {"bool": pa.bool_(), "float16": pa.float64(), "float32": pa.float64()}
    kinds |= dict.fromkeys(TEXTS, pa.large_string() if large else pa.string())
    kinds |= dict.fromkeys(BINARY, pa.large_binary() if large else pa.binary())
    found = kinds.get(field.type) or pa.type_for_alias(field.type)
    for size in reversed(field.nesting):
        found = pa.list_(found) if size == ANY_SIZE else pa.list_(found, size)
    return found


def native(value: Any, field: Field) -> Any:
    if isinstance(value, list):
        return [native(item, field) for item in value]
    if value is None:
        return None
    if field.type in BINARY:
        return base64.b64decode(value)
    return value if field.type in TEXTS | {"bool"} else float(value) if field.type.startswith("f") else int(value)


@thorough
@given(data=st.data())
def test_what_arrow_says_is_what_json_says(data: st.DataObject) -> None:
    signature = data.draw(strategies.signatures())
    rows = data.draw(strategies.rows(signature, good=True))
    version = loaded(signature)
    large = data.draw(st.booleans())
    values = [[json.loads(text) for text in row] for row in rows]
    columns = {
        field.name: pa.array([native(row[at], field) for row in values], arrow_type(field, large=large))
        for at, field in enumerate(signature.inputs)
    }
    table = pa.table(dict(reversed(columns.items())))
    expected = version.decoder.decode(strategies.positional_text(rows), None)
    found = decode_arrow(version, written(table, data.draw(st.none() | st.just(1))), ROOM)
    assert same_arrays(found, expected)
    coded = [name for name, column in columns.items() if pa.types.is_string(column.type)]
    for name in coded:
        columns[name] = columns[name].dictionary_encode()
    assert same_arrays(decode_arrow(version, written(pa.table(columns)), ROOM), expected)


FIELDS = Signature(
    (
        Field("f", "float32", minimum=0),
        Field("i", "int8", nullable=True),
        Field("s", "category", categories=("a", "b")),
        Field("o", "float64", required=False),
    ),
    (),
)
GOOD = {"f": [1.0, 2.0], "i": [1, None], "s": ["a", "b"]}


def problems(table: Any, version: Any = None) -> list[tuple[str, str, int | None, str]]:
    with pytest.raises(Invalid) as caught:
        decode_arrow(version or loaded(FIELDS), written(table), ROOM)
    return [(problem.pointer, problem.code, problem.instance, problem.got) for problem in caught.value.problems]


def test_a_table_may_leave_out_what_may_be_absent() -> None:
    batch = decode_arrow(loaded(FIELDS), written(pa.table(GOOD)), ROOM)
    assert [batch.values(name) for name in FIELDS.names] == [[1.0, 2.0], [1, None], ["a", "b"], [None, None]]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"f": [-1.0, 1.0]}, [("/columns/f/0", "range", 0, "-1.0")]),
        ({"f": [1.0, None]}, [("/columns/f/1", "null", 1, "null")]),
        ({"f": [1.0, float("nan")]}, [("/columns/f/1", "null", 1, "NaN")]),
        ({"f": [1.0, 1e39]}, [("/columns/f/1", "overflow", 1, "1e+39")]),
        ({"f": ["1", "2"]}, [("/columns/f/0", "type", 0, '"1"'), ("/columns/f/1", "type", 1, '"2"')]),
        ({"f": [True, True]}, [("/columns/f/0", "type", 0, "true"), ("/columns/f/1", "type", 1, "true")]),
        ({"i": [128, 1]}, [("/columns/i/0", "overflow", 0, "128")]),
        ({"i": [1.5, None]}, [("/columns/i/0", "type", 0, "1.5")]),
        ({"s": ["a", "c"]}, [("/columns/s/1", "category", 1, '"c"')]),
        ({"s": pa.array(["c", "a"]).dictionary_encode()}, [("/columns/s/0", "category", 0, '"c"')]),
        ({"s": pa.array([b"\xff", b"a"]).cast(pa.binary())}, [("/columns/s/0", "category", 0, '"?"')]),
        ({"s": pa.array([1, 2], pa.timestamp("s"))}, [("/columns/s", "type", None, "timestamp")]),
        ({"z": [1, 2]}, [("/columns/z", "unknown_field", None, "array of 2 items")]),
        ({"z": pa.array([{"a": 1}, None])}, [("/columns/z", "unknown_field", None, '"struct"')]),
    ],
)
def test_problems_have_places(changed: dict[str, Any], told: list[Any]) -> None:
    assert problems(pa.table(GOOD | changed)) == told


def test_columns_that_are_missing_or_there_twice() -> None:
    assert problems(pa.table({"i": [1]})) == [
        ("/columns/f", "required", None, "nothing"),
        ("/columns/s", "required", None, "nothing"),
    ]
    twice = pa.Table.from_arrays([pa.array([1.0])] * 2, ["f", "f"])
    assert problems(twice) == [("/columns/f", "unknown_field", None, '"f"')]
    assert [code for _, code, _, _ in problems(pa.table(GOOD).slice(0, 0))] == ["empty"]


def test_limits() -> None:
    with pytest.raises(TooLarge, match="101 instances"):
        decode_arrow(loaded(FIELDS), written(pa.table({"f": np.zeros(101)})), ROOM)
    strange = pa.table({f"c{at}": pa.array([1], pa.timestamp("s")) for at in range(9)})
    with pytest.raises(Invalid) as caught:
        decode_arrow(loaded(FIELDS), written(strange), ROOM)
    assert len(caught.value.problems) == 5
    assert caught.value.more


OUTPUTS = Signature(
    (Field("x", "float64"),),
    (
        OutputField("p", "float32"),
        OutputField("classes", "float64", shape=(2,), categories=("no", "yes")),
        OutputField("label", "category", categories=("no", "yes")),
        OutputField("count", "int64"),
        OutputField("sure", "bool"),
        OutputField("raw", "bytes"),
        OutputField("tags", "string", shape=(2,)),
        OutputField("sums", "float16", shape=(-1,)),
        OutputField("hits", "int8", shape=(-1, 2)),
    ),
)
ARRAYS: dict[str, Any] = {
    "p": np.array([0.1, np.nan, -np.inf], np.float32),
    "classes": np.array([[0.25, 0.75], [1, 0], [0, 1]]),
    "label": np.array([1, 0, 1]),
    "count": np.array([1.0, np.nan, 2.0**40]),
    "sure": np.array([True, False, True]),
    "raw": np.array([b"\0", b"", b"ab"], object),
    "tags": [["a", "b"], ["ü", ""], ["c", "d"]],
    "sums": [np.array([0.5]), np.array([]), np.array([1, 2.0])],
    "hits": [np.array([[1, 2]]), np.zeros((0, 2), int), np.array([[3, 4], [5, 6]])],
}


@pytest.mark.parametrize("stored", [False, True])
def test_an_answer_has_the_values_of_the_json(stored: bool) -> None:
    outputs, warnings = OutputEncoder(OUTPUTS).encode(ARRAYS, 3)
    kept = record(outputs=msgspec.Raw(outputs), warnings=warnings, n=3, alias=None)
    answered = Answered(kept, True) if stored else Answered(kept, False, b'{"a":1}', ARRAYS, OUTPUTS)
    table = pa.ipc.open_stream(answer_arrow(answered, OUTPUTS)).read_all()
    table.validate(full=True)
    found = {name: plain(table.column(name).to_pylist()) for name in table.column_names}
    assert found == {
        "p": [pytest.approx(0.1), "nan", -np.inf],
        "classes": [[0.25, 0.75], [1.0, 0.0], [0.0, 1.0]],
        "label": ["yes", "no", "yes"],
        "count": [1, None, 2**40],
        "sure": [True, False, True],
        "raw": [b"\0", b"", b"ab"],
        "tags": [["a", "b"], ["ü", ""], ["c", "d"]],
        "sums": [[0.5], [], [1.0, 2.0]],
        "hits": [[[1, 2]], [], [[3, 4], [5, 6]]],
    }
    assert [str(table.schema.field(name).type) for name in ("p", "sums")] == ["float", "list<item: halffloat>"]
    about = {b"mlserve:id": kept.id.encode(), b"mlserve:model": b"flight-delay", b"mlserve:version": b"1"}
    assert table.schema.metadata == (about if stored else about | {b"mlserve:explanation": b'{"a":1}'})
    assert table.schema.field("classes").metadata == {b"mlserve:categories": b'["no","yes"]'}
