"""What data may say of a signature: only what it declares, and never against the file or what was given."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlserve.bundles.completed import describe, read_batch, refuse_unnamed, with_examples
from mlserve.bundles.sample import Column, Sample, read_sample
from mlserve.errors import BundleError, SignatureError
from mlserve.signature import Field, OutputField, Signature

FILE = Signature(
    (
        Field("city", "category", nullable=True),
        Field("stops", "float32", nullable=True),
        Field("late", "float32", nullable=True),
        Field("price", "float32", nullable=True),
    ),
    (OutputField("probability", "float32"),),
)
FRAME = pd.DataFrame(
    {
        "city": pd.Categorical(["Wien", "Oslo", "Wien"], categories=["Oslo", "Wien", "Riga"]),
        "stops": [1, 2, 3],
        "late": [True, False, True],
        "price": [np.nan, 0.1, 250.0],
        "other": ["x", "y", "z"],
    }
)


def inputs_of(signature: Signature) -> dict[str, dict[str, Any]]:
    return {field.name: field.to_json() for field in signature.inputs}


def texts(**columns: list[str | None]) -> Sample:
    return Sample({name: Column(cells) for name, cells in columns.items()}, len(next(iter(columns.values()))), False)


def test_the_data_declares_types_and_categories_and_no_bounds() -> None:
    found = inputs_of(describe(FILE, {}, read_sample(FRAME)))

    assert found == {
        "city": {"name": "city", "type": "category", "nullable": True, "categories": ["Oslo", "Wien", "Riga"]},
        "stops": {"name": "stops", "type": "int64", "nullable": True},
        "late": {"name": "late", "type": "bool", "nullable": True},
        "price": {"name": "price", "type": "float32", "nullable": True},
    }


def test_what_is_given_wins() -> None:
    given = {
        "inputs": [
            {"name": "stops", "type": "float32", "maximum": 9},
            {"name": "city", "categories": ["Wien", "Oslo"], "unknown": "native"},
        ]
    }
    found = inputs_of(describe(FILE, given, read_sample(FRAME)))

    assert found["stops"] == {"name": "stops", "type": "float32", "nullable": True, "maximum": 9}
    assert found["city"]["categories"] == ["Wien", "Oslo"]
    assert found["late"]["type"] == "bool"


def test_a_list_of_the_file_is_a_field_s_where_the_data_declares_the_same() -> None:
    file = Signature((Field("city", "int64"), Field("stops", "int64")), FILE.outputs)
    sample, lists = read_sample(FRAME), [("Oslo", "Wien", "Riga")]
    city, stops = describe(file, {}, sample, lists=lists).inputs
    assert (city.type, city.categories, stops.type) == ("category", lists[0], "int64")
    for others in ([], [("Wien", "Oslo", "Riga")]):
        assert describe(file, {}, sample, lists=others).inputs[0].type == "int64"
    given = {"inputs": [{"name": "city", "type": "int32"}]}
    assert describe(file, given, sample, lists=lists).inputs[0].type == "int32"


def test_names_of_the_file_in_a_field_of_numbers_are_told_as_such() -> None:
    signature = Signature((Field("city", "int64"), Field("gate", "int64")), FILE.outputs)
    lists = [("Oslo", "Wien"), ("20", "10")]
    with pytest.raises(BundleError) as caught:
        refuse_unnamed(signature, lists, texts(city=["Wien"], gate=["10"]), "x.lgb.signature.json")
    assert caught.value.detail == (
        "The model's file does not prove the categories of 'city': list them in a signature "
        "(--signature, or x.lgb.signature.json); the file has Oslo, Wien."
    )
    refuse_unnamed(signature, lists, texts(city=["1"], gate=["10"], other=["Wien"]), "x.lgb.signature.json")


def test_the_file_s_own_categories_stay() -> None:
    file = Signature((Field("city", "category", categories=("Wien", "Oslo")),), FILE.outputs)
    assert describe(file, {}, read_sample(FRAME)).inputs[0].categories == ("Wien", "Oslo")


def test_a_csv_declares_nothing() -> None:
    file = Signature(FILE.inputs[1:], FILE.outputs)
    sample = texts(stops=["1", "2"], late=["1", "0"], price=["1", None])
    assert describe(file, {}, sample) == file
    # An order of categories would be a guess: another one gives other answers.
    with pytest.raises(SignatureError, match="its categories are not in the model's file"):
        describe(FILE, {}, texts(city=["Wien", "Oslo"], stops=["1", "2"], late=["1", "0"], price=["1", None]))


def test_only_a_schema_makes_a_field_that_may_not_be_missing() -> None:
    file = Signature(FILE.inputs[3:], FILE.outputs)
    assert describe(file, {}, Sample({"price": Column([1.0], "float64")}, 1, True)).inputs[0].nullable
    never = Sample({"price": Column([1.0], "float64", never_missing=True)}, 1, True)
    assert not describe(file, {}, never).inputs[0].nullable
    assert describe(file, {"inputs": [{"name": "price", "nullable": True}]}, never).inputs[0].nullable
    assert not describe(file, {"inputs": [{"name": "price", "required": False}]}, never).inputs[0].required


def test_columns_that_are_missing() -> None:
    sample = read_sample(FRAME.drop(columns="price"))
    with pytest.raises(BundleError) as caught:
        describe(FILE, {}, sample)
    assert caught.value.detail == "The data has no column 'price', which the model takes."

    optional = describe(FILE, {"inputs": [{"name": "price", "required": False}]}, sample)
    assert read_batch(optional, sample).values("price") == [None, None, None]


def test_what_contradicts_the_file_is_refused() -> None:
    sample = read_sample(FRAME)
    for entry in ({"name": "nothing"}, {"name": "stops", "type": "string"}):
        with pytest.raises(SignatureError, match=r"^sidecar: "):
            describe(FILE, {"inputs": [entry]}, sample)
    backwards = [{"name": field.name} for field in reversed(FILE.inputs)]
    with pytest.raises(SignatureError, match="another order"):
        describe(FILE, {"inputs": backwards}, sample)


def test_a_file_without_names() -> None:
    file = Signature((Field("f0", "float32"), Field("f1", "float32")), FILE.outputs)
    sample = read_sample({"x": [1.0], "y": [2.0]})
    with pytest.raises(
        BundleError, match=r"no names for its 2 inputs: list them in their order in a signature \(--signature\)\.$"
    ):
        describe(file, {}, sample)

    named = describe(file, {"inputs": [{"name": "y"}, {"name": "x", "maximum": 5}]}, sample)
    assert [(field.name, field.maximum) for field in named.inputs] == [("y", None), ("x", 5)]
    assert describe(file, {}, read_sample({"f0": [1.0], "f1": [2.0]})).names == ("f0", "f1")


@pytest.mark.parametrize(
    ("outputs", "classes", "expected"),
    [
        (
            [OutputField("probability", "float32")],
            ["no", "yes"],
            [{"name": "probability"}, {"name": "label", "categories": ["no", "yes"]}],
        ),
        (
            [OutputField("probability", "float32", (3,))],
            ["a", "b", "c"],
            [{"name": "probability", "categories": ["a", "b", "c"]}, {"name": "label", "categories": ["a", "b", "c"]}],
        ),
        (
            [OutputField("label", "int32")],
            ["a", "b"],
            [{"name": "label", "type": "category", "categories": ["a", "b"]}],
        ),
    ],
)
def test_the_names_of_the_classes(outputs: list[OutputField], classes: list[str], expected: list[Any]) -> None:
    file = Signature(FILE.inputs[3:], tuple(outputs))
    found = describe(file, {}, read_sample(FRAME), classes).to_json()["outputs"]
    assert [{**output, **wanted} for output, wanted in zip(found, expected, strict=True)] == found

    threshold = {"outputs": [{"name": "label", "type": "category", "categories": ["x", "y"], "threshold": 0.3}]}
    if outputs[0].shape == () and outputs[0].type == "float32":
        assert describe(file, threshold, read_sample(FRAME), classes).outputs[1].categories == ("x", "y")


def test_rows_are_checked_as_a_caller_s() -> None:
    signature = Signature((Field("x", "int32", maximum=5), Field("c", "category", categories=("a", "b"))), ())
    batch = read_batch(signature, texts(x=["1", " 2 "], c=["a", "b"]))
    assert batch.rows() == [(1, "a"), (2, "b")]

    rows = 12_000
    sample = texts(x=["1"] * rows, c=["a"] * (rows - 1) + ["z"])
    with pytest.raises(BundleError) as caught:
        read_batch(signature, sample)
    assert caught.value.detail == (
        'The data does not fit the signature: row 12000, c: expected one of "a", "b", got "z".'
    )
    with pytest.raises(
        BundleError, match=r"signature: row 1, x: expected a whole number not above 5, got null and more\.$"
    ):
        read_batch(signature, Sample({"x": Column([None] * 9), "c": Column(["a"] * 9)}, 9, True))
    with pytest.raises(
        BundleError, match=r"signature: row 1, x: expected [^;]*, got null; row 2, c: [^;]* and more\.$"
    ):
        read_batch(signature, Sample({"x": Column([None, None, 1]), "c": Column(["a", "z", "z"])}, 3, True))
    with pytest.raises(BundleError, match=r"'y' of the data holds infinite numbers, which no request can send\.$"):
        read_batch(Signature((Field("y", "float64", nullable=True),), ()), read_sample({"y": [1.0, float("inf")]}))


def test_examples_are_one_real_row_as_the_log_writes_it() -> None:
    sample = read_sample(FRAME)
    signature = with_examples(read_batch(describe(FILE, {}, sample), sample))
    assert [field.example for field in signature.inputs] == ["Oslo", 2, False, 0.1]

    given = {"inputs": [{"name": "price", "example": 3}]}
    signature = with_examples(read_batch(describe(FILE, given, sample), sample))
    assert [field.example for field in signature.inputs] == ["Wien", 1, True, 3]


def test_examples_tell_nothing_that_the_log_does_not_keep() -> None:
    file = Signature(
        (
            Field("email", "string", keep="hash"),
            Field("id", "int64"),
            Field("image", "float32", (20, 20)),
            Field("never", "float64", nullable=True),
        ),
        (),
    )
    image = np.zeros((1, 20, 20))
    sample = read_sample({"email": ["a@b.c"], "id": [2**60], "image": image, "never": [None]})
    assert with_examples(read_batch(file, sample)) == file


@pytest.mark.parametrize(
    "given",
    [
        {"inputs": ["x"]},
        {"inputs": "x"},
        {"inputs": None},
        {"inputs": [{"type": "float32"}]},
        {"inputs": [{"name": 1}]},
        {"inputs": [{"name": "price"}, {"name": "price"}]},
        {"outputs": {"name": "y"}},
        {"outputs": [[]]},
        {"more": []},
    ],
)
def test_what_is_given_in_another_form_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(SignatureError):
        describe(FILE, given, read_sample(FRAME))


def test_cells_that_json_has_no_form_for() -> None:
    signature = Signature((Field("x", "float64"),), ())
    with pytest.raises(BundleError, match=r"^The data holds what JSON has no form for: "):
        read_batch(signature, read_sample({"x": [1.0, object()]}))
    assert read_batch(signature, read_sample({"x": [np.float32(1), np.int64(2)]})).values("x") == [1, 2]


def test_a_novel_is_no_example() -> None:
    signature = Signature((Field("x", "string"),), ())
    assert with_examples(read_batch(signature, read_sample({"x": ["x" * 1001]}))) == signature
