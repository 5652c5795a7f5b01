"""From a signature to controls, and from posted texts to the body that is sent."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve.dashboard import forms
from mlserve.errors import Problem
from mlserve.predictions.multipart import Part
from mlserve.signature import Decoder, Field, OutputField, Signature
from mlserve.signature.examples import example_instance

MANY = tuple(f"c{number}" for number in range(1000))


def signature(*fields: Field) -> Signature:
    return Signature(fields, (OutputField("value", "float64"),))


def body(field: Field, text: str) -> dict[str, Any]:
    """The one instance that a form with this text sends."""
    sent = forms.body_of(forms.instance_of(signature(field), {"f0": text}), explain=False)
    instance: dict[str, Any] = json.loads(sent)["instances"][0]
    return instance


@pytest.mark.parametrize(
    ("field", "kind", "hint"),
    [
        (Field("f", "bool"), "select", ""),
        (Field("f", "int32", minimum=0, maximum=23), "number", "whole number, 0 to 23"),
        (Field("f", "float32", minimum=0.5, nullable=True), "number", "0.5 or more, empty means missing"),
        (Field("f", "float64", maximum=1), "number", "1 or less"),
        (Field("f", "float64", minimum=-80, maximum=-0.5), "number", "−80 to −0.5"),
        (Field("f", "string"), "text", ""),
        (Field("f", "text"), "lines", ""),
        (Field("f", "bytes", nullable=True), "file", "a file, empty means missing"),
        (Field("f", "image", shape=(4, 4, 3)), "file", "a JPEG, PNG, WebP, GIF or BMP file"),
        (Field("f", "int8", shape=(-1, 2)), "json", "JSON array of shape any × 2, int8"),
        (Field("f", "category", categories=("a", "b")), "select", ""),
        (Field("f", "category", categories=MANY), "search", "one of 1,000"),
        (Field("f", "category", categories=("a",), unknown="native"), "search", "other values count as unseen"),
        (Field("f", "float32", shape=(2, 3)), "json", "JSON array of shape 2 × 3, float32"),
    ],
)
def test_each_type_has_its_control(field: Field, kind: str, hint: str) -> None:
    (control,) = forms.controls(signature(field))
    assert (control.name, control.kind, control.hint) == ("f0", kind, hint)
    assert control.required is not field.nullable


def test_all_categories_are_offered() -> None:
    (control,) = forms.controls(signature(Field("f", "category", categories=MANY)))
    assert [value for value, _ in control.options] == list(MANY)


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (40, [40]), (41, [21, 20]), (500, [39] * 12 + [32])])
def test_many_fields_stand_in_groups(count: int, sizes: list[int]) -> None:
    controls = forms.controls(signature(*(Field(f"x{number}", "float32") for number in range(count))))
    made = forms.groups(controls)
    assert [len(group) for group in made] == sizes
    assert [control for group in made for control in group] == controls


@pytest.mark.parametrize(
    ("field", "text", "instance"),
    [
        (Field("f", "float32"), "1.5", {"f": 1.5}),
        (Field("f", "float32"), " +.5 ", {"f": 0.5}),
        (Field("f", "float32"), "abc", {"f": "abc"}),
        (Field("f", "float32"), "", {}),
        (Field("f", "float32", nullable=True), "", {"f": None}),
        (Field("f", "float32", nullable=True), "  ", {"f": None}),
        (Field("f", "float32"), "NaN", {"f": "NaN"}),
        (Field("f", "float32"), "+1e999", {"f": "+1e999"}),
        (Field("f", "int64"), "9007199254740993", {"f": 9007199254740993}),
        (Field("f", "bool"), "true", {"f": True}),
        (Field("f", "bool"), "", {}),
        (Field("f", "bool"), "maybe", {"f": "maybe"}),
        (Field("f", "string"), "true", {"f": "true"}),
        (Field("f", "string"), "", {}),
        (Field("f", "string"), '""', {"f": ""}),
        (Field("f", "string"), " ", {"f": " "}),
        (Field("f", "string"), '"a\\nb"', {"f": "a\nb"}),
        (Field("f", "string"), '"quoted" word', {"f": '"quoted" word'}),
        (Field("f", "string"), "null", {"f": "null"}),
        (Field("f", "category", categories=("1", "2")), "1", {"f": "1"}),
        (Field("f", "float32", shape=(2,)), "[1, 2]", {"f": [1, 2]}),
        (Field("f", "float32", shape=(2,)), "[1,", {"f": "[1,"}),
    ],
)
def test_a_text_stands_for_a_value(field: Field, text: str, instance: dict[str, Any]) -> None:
    assert body(field, text) == instance


def test_a_number_is_sent_digit_for_digit() -> None:
    instance = forms.instance_of(signature(Field("f", "float64")), {"f0": "0.1000000000000000055"})
    assert b"0.1000000000000000055" in forms.body_of(instance, explain=False)
    assert b"1e999" in forms.body_of({"f": msgspec.Raw(b"1e999")}, explain=False)


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts)
def test_every_text_comes_back_from_its_control(text: str) -> None:
    field = Field("f", "string")
    shown = forms.text_of(field, text)
    assert shown != ""
    assert not {"\r", "\n", "\0"} & set(shown)  # A control of one line would drop them.
    assert body(field, shown) == {"f": text}


@given(texts)
def test_nothing_in_a_body_is_invisible(text: str) -> None:
    sent = forms.body_of({"f": text}, explain=True).decode()
    assert not {"\u202e", "\u2066", "\u200b", "\u2028", "\x7f", "\x9b"} & set(sent)
    assert json.loads(sent) == {"instances": [{"f": text}], "explain": True}


def test_the_examples_are_sent_as_they_are() -> None:
    made = signature(
        Field("a", "float32", minimum=2),
        Field("b", "category", categories=("", "x")),
        Field("c", "bool"),
        Field("d", "int32", shape=(2,)),
        Field("e", "string", nullable=True),
    )
    example = example_instance(made)
    sent = forms.body_of(forms.instance_of(made, forms.texts_of(made, example)), explain=False)
    assert json.loads(sent) == {"instances": [example]}
    instances = msgspec.json.encode(json.loads(sent)["instances"])
    assert Decoder(made, max_instances=1, max_problems=1).decode(instances, None).n == 1


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        (Field("f", "string"), "Please give a text."),
        (Field("f", "category", categories=("a", "b")), 'Please give one of "a", "b".'),
        (Field("f", "category", categories=MANY), 'Please give one of "c0", "c1", "c2", "c3", "c4" ….'),
        (Field("f", "category", categories=("a", "b"), unknown="native"), 'Please give a text, such as "a", "b".'),
        (Field("f", "float32"), "Please give a value for this field (x)."),
    ],
)
def test_who_gave_nothing_is_told_what_there_is(field: Field, sentence: str) -> None:
    problem = Problem("required", "a value for this field (x)", "nothing", "/instances/0/f", 0, "f")
    assert forms.messages(signature(field), [problem]) == ({"f0": [sentence]}, [])


def test_problems_are_told_at_their_fields() -> None:
    made = signature(Field("a", "float32"), Field("b", "float32"))
    problems = [
        Problem("range", "a number not above 1", "7", "/instances/0/b", 0, "b"),
        Problem("required", "a value for this field (a number)", "nothing", "/instances/0/a", 0, "a"),
        Problem("unknown_field", "a field of this model", '"c"', "/instances/0/c", 0, "c"),
    ]
    by_control, others = forms.messages(made, problems)
    assert by_control == {
        "f1": ["A number not above 1 is expected here; this is 7."],
        "f0": ["Please give a value for this field (a number)."],
    }
    assert others == ['A field of this model is expected here; this is "c".']


@pytest.mark.parametrize("text", ["one\ntwo", "", '"quoted"', "one\r\ntwo", "  spaced  ", "\n"])
def test_lines_survive_their_control(text: str) -> None:
    field = Field("f", "text")
    shown = forms.text_of(field, text)
    assert body(field, shown.replace("\n", "\r\n") if not shown.startswith('"') else shown) == {"f": text}


def test_base64_may_be_pasted_in_lines() -> None:
    assert body(Field("f", "bytes"), "YW\r\n Jj\n") == {"f": "YWJj"}


def test_a_file_of_no_bytes_is_not_a_missing_one() -> None:
    field = Field("f", "bytes", nullable=True)
    assert forms.texts_of_parts([Part("f0.file", b"")]) == {"f0": '""'}
    assert body(field, '""') == {"f": ""}
    assert body(field, "") == {"f": None}


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([("f0.file", b"abc"), ("f0", b"")], "YWJj"),
        ([("f0", b"AA=="), ("f0.file", b"abc")], "YWJj"),
        ([("f0.file", None), ("f0", b"AA==")], "AA=="),
        ([("f0.file", None), ("f0", b"AA=="), ("f0.none", b"1")], ""),
        ([("f0.none", b"1"), ("f0.file", b"abc"), ("f0", b"AA==")], "YWJj"),
    ],
)
def test_a_file_that_is_chosen_replaces_the_one_that_is_held(parts: list[Any], text: str) -> None:
    assert forms.texts_of_parts([Part(*part) for part in parts]) == {"f0": text}


def test_a_missing_file_is_asked_for() -> None:
    problem = Problem("required", "a value for this field", "nothing", "/instances/0/f", 0, "f")
    assert forms.messages(signature(Field("f", "image")), [problem]) == ({"f0": ["Please choose a file."]}, [])
