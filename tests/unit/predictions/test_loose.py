"""Rows and columns as other servers' clients write them."""

import json
from typing import Any

import pytest

from mlserve.errors import Invalid, Unreadable
from mlserve.predictions.loose import columns_as_ours, json_value, rows_as_ours, with_nan
from mlserve.signature import Field, OutputField, Signature

OUT = (OutputField("o", "float64"),)
ONE = Signature((Field("x", "float64"),), OUT)
VECTOR = Signature((Field("v", "float64", shape=(2,)),), OUT)
TWO = Signature((Field("x", "float64"), Field("y", "string")), OUT)
FILE = Signature((Field("file", "bytes"),), OUT)
BOTH = Signature((Field("file", "bytes"), Field("name", "string")), OUT)
B64 = {"b64": "YWJj"}


@pytest.mark.parametrize(
    ("signature", "sent", "made"),
    [
        (TWO, [{"x": 1, "y": "a"}], [{"x": 1, "y": "a"}]),
        (TWO, [[1, "a"]], [[1, "a"]]),
        (TWO, [1], [1]),
        (ONE, [1, 2.5, None], [{"x": 1}, {"x": 2.5}, {"x": None}]),
        (ONE, [[1], [2]], [[1], [2]]),
        (ONE, [{"x": 1}], [{"x": 1}]),
        (ONE, {"x": [1]}, {"x": [1]}),
        (ONE, 5, 5),
        (VECTOR, [[1, 2], [3, 4]], [{"v": [1, 2]}, {"v": [3, 4]}]),
        (FILE, [B64], [{"file": "YWJj"}]),
        (FILE, [{"file": B64}], [{"file": "YWJj"}]),
        (BOTH, [[B64, B64]], [["YWJj", "abc"]]),
        (BOTH, [{"file": B64, "name": B64, "more": B64}], [{"file": "YWJj", "name": "abc", "more": B64}]),
        (BOTH, [{"file": B64, "name": {"b64": "?"}}], [{"file": "YWJj", "name": {"b64": "?"}}]),
        (BOTH, [{"file": B64, "name": {"b64": 1}}], [{"file": "YWJj", "name": {"b64": 1}}]),
    ],
)
def test_rows_become_what_the_decoder_reads(signature: Signature, sent: Any, made: Any) -> None:
    assert json.loads(rows_as_ours(json.dumps(sent).encode(), signature)) == made


@pytest.mark.parametrize(
    ("signature", "sent", "made"),
    [
        (TWO, {"x": [1], "y": ["a"]}, {"x": [1], "y": ["a"]}),
        (TWO, [1], [1]),
        (ONE, [1, 2], {"x": [1, 2]}),
        (ONE, {"x": [1]}, {"x": [1]}),
        (FILE, [B64], {"file": ["YWJj"]}),
        (BOTH, {"file": [B64], "name": [B64], "more": B64}, {"file": ["YWJj"], "name": ["abc"], "more": B64}),
    ],
)
def test_columns_become_what_the_decoder_reads(signature: Signature, sent: Any, made: Any) -> None:
    assert json.loads(columns_as_ours(json.dumps(sent).encode(), signature)) == made


def test_numbers_go_on_as_they_were_written() -> None:
    assert rows_as_ours(b"[0.1000, 1e2]", ONE) == b'[{"x":0.1000},{"x":1e2}]'


def test_what_is_not_utf8_cannot_be_read() -> None:
    with pytest.raises(Unreadable):
        json_value(b'"\xff"')
    with pytest.raises(Unreadable):
        rows_as_ours(b'[{"b64": "\xff"}]', FILE)


def test_nan_is_null_and_no_other_number_that_is_none() -> None:
    assert json.loads(with_nan(b'{"a": [NaN, 1.5, "NaN"]}')) == {"a": [None, 1.5, "NaN"]}
    for body in (b"[NaN, Infinity]", b"[-Infinity]", b"[1e999]", b"[NaN", b'["\xff"]', b'["\\ud800"]', b"[" * 5000):
        with pytest.raises(Unreadable, match="is not JSON"):
            with_nan(body)


def test_a_number_of_too_many_digits_is_refused_in_words_for_callers() -> None:
    assert json.loads(with_nan(b"[NaN, " + b"9" * 30 + b"]")) == [None, int("9" * 30)]
    with pytest.raises(Unreadable, match="too many digits") as refused:
        with_nan(b"[NaN, " + b"9" * 5000 + b"]")
    assert "sys." not in str(refused.value)


@pytest.mark.parametrize("sent", [[[[[0, 0, 0]]]], [B64, [[1, 2]]], [[0, 0]]])
def test_the_pixels_of_a_picture_are_refused_by_how_its_file_is_sent(sent: Any) -> None:
    picture = Signature((Field("photo", "image"),), OUT)
    with pytest.raises(Invalid) as refused:
        rows_as_ours(json.dumps(sent).encode(), picture)
    assert refused.value.problems[0].expected == 'a picture file as {"b64": "…"}, not its pixels'
    assert json.loads(rows_as_ours(json.dumps([["YWJj"], B64]).encode(), picture)) == [["YWJj"], {"photo": "YWJj"}]
