"""What breaks callers of a signature, and what does not."""

import re
from dataclasses import replace
from typing import Any

import pytest

from mlserve.signature import Field, OutputField, Signature
from mlserve.signature.compatible import breaks

X = Field("x", "float64", minimum=0, maximum=10)
COLOUR = Field("colour", "category", categories=("red", "blue"))
OPTIONAL = Field("note", "string", required=False)
OUT = OutputField("p", "float32")
LABEL = OutputField("label", "category", categories=("no", "yes"))
OLD = Signature((X, COLOUR, OPTIONAL), (OUT, LABEL))


def with_inputs(*fields: Field) -> Signature:
    return Signature(fields, OLD.outputs)


def changed(field: Field, **changes: Any) -> Signature:
    return with_inputs(*(replace(one, **changes) if one is field else one for one in OLD.inputs))


@pytest.mark.parametrize(
    ("new", "code", "field", "words"),
    [
        (with_inputs(COLOUR, OPTIONAL), "field_gone", "x", "input 'x' is gone"),
        (with_inputs(X, OPTIONAL, COLOUR), "fields_reordered", "colour", "another order, from 'colour' on"),
        (changed(X, type="int64"), "field_changed", "x", "is int64 instead of float64"),
        (changed(X, shape=(2,)), "field_changed", "x", r"is float64 of shape \[2\] instead of float64"),
        (changed(X, type="float32", maximum=None, minimum=None), None, None, None),
        (changed(X, minimum=1), "field_narrowed", "x", "has the minimum 1 instead of 0"),
        (changed(X, maximum=9), "field_narrowed", "x", "has the maximum 9 instead of 10"),
        (changed(OPTIONAL, required=True), "field_required", "note", "must not be absent any more"),
        (changed(COLOUR, categories=("red",)), "field_narrowed", "colour", "does not take 'blue' any more"),
        (with_inputs(*OLD.inputs, Field("z", "float64")), "field_required", "z", "input 'z' is new and required"),
        (Signature(OLD.inputs, (LABEL,)), "output_gone", "p", "output 'p' is gone"),
        (
            Signature(OLD.inputs, (replace(OUT, type="int32"), LABEL)),
            "output_changed",
            "p",
            "is int32 instead of float32",
        ),
        (Signature(OLD.inputs, (replace(OUT, shape=(2,)), LABEL)), "output_changed", "p", "of shape"),
        (
            Signature(OLD.inputs, (OUT, replace(LABEL, categories=("no", "yes", "so")))),
            "output_changed",
            "label",
            "has the categories 'no', 'yes', 'so' instead of 'no', 'yes'",
        ),
        (with_inputs(*OLD.inputs[:2], replace(OPTIONAL, type="bytes")), "field_changed", "note", "is bytes instead"),
        (changed(X, type="uint8", minimum=None, maximum=None), "field_changed", "x", "is uint8 instead of float64"),
        # These break nobody.
        (changed(OPTIONAL, type="text"), None, None, None),
        (OLD, None, None, None),
        (changed(X, minimum=None, maximum=None), None, None, None),
        (changed(X, nullable=True), None, None, None),
        (changed(X, unit="km", description="far", keep="hash"), None, None, None),
        (changed(COLOUR, categories=("blue", "green", "red")), None, None, None),
        (changed(COLOUR, type="string", categories=()), None, None, None),
        (changed(COLOUR, categories=("red",), unknown="native"), None, None, None),
        (with_inputs(*OLD.inputs, Field("z", "float64", required=False)), None, None, None),
        (Signature(OLD.inputs, (*OLD.outputs, OutputField("q", "float32"))), None, None, None),
        (Signature(OLD.inputs, (replace(OUT, type="float64"), LABEL)), None, None, None),
        (Signature(OLD.inputs, (OUT, replace(LABEL, categories=("yes", "no")))), None, None, None),
    ],
)
def test_each_difference(new: Signature, code: str | None, field: str | None, words: str | None) -> None:
    found = breaks(OLD, new)
    assert [(one.problem.code, one.problem.field) for one in found] == ([] if code is None else [(code, field)])
    if words is not None:
        assert re.search(words, found[0].sentence)


def test_a_field_that_took_null_and_any_category_may_not_refuse_them() -> None:
    old = Signature((Field("c", "category", categories=("a",), unknown="native", nullable=True),), ())
    new = Signature((Field("c", "category", categories=("a", "b")),), ())
    assert [one.sentence for one in breaks(old, new)] == [
        "input 'c' must not be null any more",
        "input 'c' refuses categories that it does not know",
    ]


@pytest.mark.parametrize(
    ("old", "new", "narrower"),
    [("int32", "int64", False), ("int64", "int32", True), ("int64", "float64", False), ("float64", "float32", True)],
)
def test_numbers_may_become_wider_and_not_narrower(old: Any, new: Any, narrower: bool) -> None:
    found = breaks(Signature((Field("x", old),), ()), Signature((Field("x", new),), ()))
    assert {one.problem.code for one in found} == ({"field_narrowed"} if narrower else set())


def test_several_differences_are_told_inputs_first_and_long_lists_shortened() -> None:
    many = Signature((Field("c", "category", categories=tuple("abcdef")), X), (OUT,))
    found = breaks(many, Signature((Field("c", "category", categories=("f",)),), ()))
    assert [one.sentence for one in found] == [
        "input 'c' does not take 'a', 'b', 'c' and 2 more any more",
        "input 'x' is gone",
        "output 'p' is gone",
    ]


def codes(old: Field | OutputField, new: Field | OutputField) -> list[str]:
    signatures = [Signature((one,), ()) if isinstance(one, Field) else Signature((X,), (one,)) for one in (old, new)]
    return [found.problem.code for found in breaks(*signatures)]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (Field("x", "uint8"), Field("x", "int16"), []),
        (Field("x", "int16"), Field("x", "uint8"), ["field_narrowed"] * 2),
        (Field("x", "uint64"), Field("x", "int64"), ["field_narrowed"]),
        (Field("x", "float32"), Field("x", "float16"), ["field_narrowed"] * 2),
        (Field("x", "int8", shape=(3, 2)), Field("x", "int8", shape=(-1, 2)), []),
        (Field("x", "int8", shape=(-1, 2)), Field("x", "int8", shape=(3, 2)), ["field_changed"]),
        (Field("x", "image", shape=(4, 4, 3)), Field("x", "image", shape=(9, 9, 1)), []),
        (Field("x", "image"), Field("x", "bytes"), []),
        (Field("x", "bytes"), Field("x", "image"), ["field_changed"]),
        (Field("x", "bytes"), Field("x", "bytes", shape=(2,)), ["field_changed"]),
        (OutputField("y", "int8", shape=(-1,)), OutputField("y", "int64", shape=(3,)), []),
        (OutputField("y", "int8", shape=(3,)), OutputField("y", "int8", shape=(-1,)), ["output_changed"]),
        (OutputField("y", "string"), OutputField("y", "text"), []),
        (OutputField("y", "string"), OutputField("y", "bytes"), ["output_changed"]),
    ],
)
def test_types_and_sizes(old: Any, new: Any, found: list[str]) -> None:
    assert codes(old, new) == found
