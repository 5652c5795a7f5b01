"""Files of instances, a piece at a time."""

import io
import json
from typing import Any

import pytest

from mlserve.cli import instances
from mlserve.cli.instances import Instances, read_csv, read_json
from mlserve.errors import Invalid, MlserveError, Unreadable
from mlserve.inference.loaded import Limits
from mlserve.signature import Decoder, Field, OutputField, Signature

LIMITS = Limits(body=1024, instances=2, problems=3, depth=8, explained=1000, image_pixels=1_000_000)
FIELDS = (Field("x", "float64"), Field("city", "string", nullable=True))


def decoder(*fields: Field) -> Decoder:
    signature = Signature(fields or FIELDS, (OutputField("value", "float64"),))
    return Decoder(signature, max_instances=LIMITS.instances, max_problems=LIMITS.problems)


def rows(read: Instances, *names: str) -> list[list[tuple[Any, ...]]]:
    """The rows of each batch."""
    names = names or ("x", "city")
    return [list(zip(*(batch.values(name) for name in names), strict=True)) for batch in read.batches]


def test_pieces_are_no_larger_than_one_request_may_be() -> None:
    found = [[(1.0, "a"), (2.0, None)], [(3.0, "c")]]
    values = [{"x": 1, "city": "a"}, {"x": 2, "city": None}, {"x": 3, "city": "c"}]
    assert rows(read_json(json.dumps(values), decoder(), LIMITS)) == found
    columns = {"columns": {"x": [1, 2, 3], "city": ["a", None, "c"]}}
    assert rows(read_json(json.dumps(columns), decoder(), LIMITS)) == found
    assert rows(read_csv(io.StringIO("x,city\n1,a\n2,\n3,c\n"), decoder(), LIMITS)) == found
    assert LIMITS.instances <= instances.PIECE


def test_the_body_of_a_request_brings_its_reference() -> None:
    read = read_json('{"instances": [[1, "a"]], "reference": "r"}', decoder(), LIMITS)
    assert (rows(read), read.reference) == ([[(1.0, "a")]], "r")


def test_an_instance_may_have_a_field_called_as_the_envelope_s_keys() -> None:
    field = Field("instances", "float64")
    assert rows(read_json('{"instances": 1}', decoder(field), LIMITS), "instances") == [[(1.0,)]]


@pytest.mark.parametrize("text", ["[]", "x,city\n"])
def test_no_instances_are_no_batches(text: str) -> None:
    read = read_json(text, decoder(), LIMITS) if text == "[]" else read_csv(io.StringIO(text), decoder(), LIMITS)
    assert rows(read) == []


def test_lines_may_be_parted_by_anything_that_ends_a_line() -> None:
    text = '{"x": 1, "city": "a"}\r\n\n  \n{"x": 2, "city": "b"}\n'
    assert rows(read_json(text, decoder(), LIMITS)) == [[(1.0, "a"), (2.0, "b")]]


def failure(read: Any) -> MlserveError:
    with pytest.raises(MlserveError) as failed:
        rows(read())
    return failed.value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("{", "not JSON"),
        ('{"x": 1}\n\n{', "Line 3"),
        ("[[[[[[[[[1]]]]]]]]]", "levels deep"),
        ("1", "but 1"),
        ('"a"', 'but "a"'),
    ],
)
def test_what_is_no_json_is_said_with_its_line(text: str, says: str) -> None:
    assert says in str(failure(lambda: read_json(text, decoder(), LIMITS)))


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("", Unreadable, "empty"),
        ("x,x\n", Unreadable, "'x' twice"),
        ('"x', Unreadable, "not CSV"),
        ('x,city\n1,"a\n', Unreadable, "not CSV"),
        ("x,city\n1,a,b\n", Invalid, "no"),
    ],
)
def test_what_is_no_table_is_said(text: str, kind: type[Exception], says: str) -> None:
    error = failure(lambda: read_csv(io.StringIO(text), decoder(), LIMITS))
    assert isinstance(error, kind)
    assert says in str(error)


@pytest.mark.parametrize("form", ["instances", "columns", "csv", "ragged"])
def test_problems_count_instances_over_the_whole_file(form: str) -> None:
    texts = {
        "instances": '[[1, "a"], [2, "b"], [3, "c"], ["4", "d"]]',
        "columns": '{"columns": {"x": [1, 2, 3, "4"], "city": ["a", "b", "c", "d"]}}',
        "csv": "x,city\n1,a\n2,b\n3,c\nfour,d\n",
        "ragged": "x,city\n1,a\n2,b\n3,c\n4\n",
    }
    text = texts[form]
    if form in ("csv", "ragged"):
        error = failure(lambda: read_csv(io.StringIO(text), decoder(), LIMITS))
    else:
        error = failure(lambda: read_json(text, decoder(), LIMITS))
    (problem,) = error.problems
    assert problem.instance == 3
    assert problem.code == ("length" if form == "ragged" else "type")


def test_an_envelope_s_problems_are_told_up_to_the_limit() -> None:
    error = failure(lambda: read_json('{"instances": [], "a": 1, "b": 1, "c": 1, "d": 1}', decoder(), LIMITS))
    assert [problem.field for problem in error.problems] == ["a", "b", "c"]
