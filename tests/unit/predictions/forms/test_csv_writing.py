"""The table of kept predictions."""

import csv
import io
import json

import msgspec
import pytest

from mlserve.errors import VersionUnknown
from mlserve.predictions.forms.csv_writing import FIXED, guarded, predictions_csv
from mlserve.signature import Field, OutputField, Signature
from tests.unit.predictions.factories import record

NEW = Signature((Field("b", "string"), Field("a", "float64")), (OutputField("y", "float64"),))
OLD = Signature((Field("a", "float64"),), (OutputField("y", "float64"), OutputField("z", "float64")))


def signature_of(model: str, version: int) -> Signature:
    if version == 9:
        raise VersionUnknown("not in the registry")
    return {1: OLD, 2: NEW}[version]


def made(inputs: object, outputs: object, **fields: object):
    texts = {"inputs": msgspec.Raw(json.dumps(inputs).encode()), "outputs": msgspec.Raw(json.dumps(outputs).encode())}
    return record(**texts, **fields)


def rows(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode(), newline="")))


def test_columns_are_those_of_the_versions_involved_in_their_order() -> None:
    new = made([{"b": "x", "a": 1.5}], [{"y": 2}], version=2)
    old = made([{"a": 1}], [{"y": 3, "z": 4}], version=1)
    header, *body = rows(predictions_csv([new, old], signature_of))
    assert header == [*FIXED, "input.a", "input.b", "output.y", "output.z"]
    assert [row[len(FIXED) :] for row in body] == [["1.5", "x", "2", ""], ["1", "", "3", "4"]]
    assert rows(predictions_csv([old, new], signature_of))[0] == header


def test_a_version_that_is_not_registered_has_the_columns_of_its_predictions() -> None:
    gone = made([{"q": 1}], [{"w": 2}], version=9)
    assert rows(predictions_csv([gone], signature_of))[0] == [*FIXED, "input.q", "output.w"]


def test_an_empty_table_has_a_header() -> None:
    assert rows(predictions_csv([], signature_of, otherwise=NEW)) == [[*FIXED, "input.b", "input.a", "output.y"]]
    assert rows(predictions_csv([], signature_of)) == [[*FIXED]]


def test_values_are_written_as_they_are_kept() -> None:
    text = (
        b'[{"float":1e-7,"zero":-0.0,"large":9223372036854775807,"yes":true,"none":null,"text":"a,\\"b\\"\\n\xc3\xa9",'
        b'"tensor":[[1.0,2.5]],"named":{"a":0.5},"number":"-1"}]'
    )
    one = record(version=9, inputs=msgspec.Raw(text), outputs=msgspec.Raw(b"[{}]"))
    header, row = rows(predictions_csv([one], signature_of))
    cells = dict(zip(header[len(FIXED) :], row[len(FIXED) :], strict=True))
    assert cells == {
        "input.float": "1e-7",
        "input.zero": "-0.0",
        "input.large": "9223372036854775807",
        "input.yes": "true",
        "input.none": "",
        "input.text": 'a,"b"\né',
        "input.tensor": "[[1.0,2.5]]",
        "input.named": '{"a":0.5}',
        "input.number": "'-1",
    }


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_of_a_caller_is_a_formula(first: str) -> None:
    text = first + "1+1"
    one = made([{"a": text}], [{"y": text}], reference=text, caller=text, version=9)
    header, row = rows(predictions_csv([one], signature_of))
    cells = dict(zip(header, row, strict=True))
    assert [cells[name] for name in ("caller", "reference", "input.a", "output.y")] == ["'" + text] * 4


def test_other_texts_stay_as_they_are() -> None:
    assert [guarded(text) for text in ("", "a=1", " =1", "'=1")] == ["", "a=1", " =1", "'=1"]
