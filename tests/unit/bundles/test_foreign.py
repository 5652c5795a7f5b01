"""What another tool's words make of a file's signature: names, narrower types, what may be absent, and no more."""

from typing import Any

import pytest

from mlserve.bundles.completed import whole
from mlserve.bundles.foreign import fitting, imported_into
from mlserve.bundles.sample import Column, Sample
from mlserve.errors import SignatureError
from mlserve.signature import Field, OutputField, Signature

VALUE = (OutputField("value", "float32"),)
SAID = Signature((Field("hour", "int64"), Field("rain", "bool", required=False)), (OutputField("minutes", "float64"),))


def told(signature: Signature) -> dict[str, tuple[Any, ...]]:
    return {field.name: (field.type, field.required, field.nullable) for field in signature.inputs}


def test_a_file_that_says_nothing_takes_all_that_is_said() -> None:
    assert imported_into(None, SAID) == SAID


def test_a_file_s_names_and_outputs_stay() -> None:
    file = Signature((Field("rain", "float32", nullable=True), Field("hour", "float64", minimum=-1e30)), VALUE)
    found = imported_into(file, SAID)
    assert told(found) == {"rain": ("bool", False, True), "hour": ("int64", True, False)}
    assert found.inputs[1].minimum is None
    assert found.outputs == VALUE


def test_a_file_without_names_is_given_them_in_their_order() -> None:
    file = Signature((Field("f0", "float32"), Field("f1", "float32")), VALUE)
    assert list(told(imported_into(file, SAID))) == ["hour", "rain"]


def test_what_does_not_fit_changes_nothing() -> None:
    three = Signature(tuple(Field(name, "float32") for name in "abc"), VALUE)
    tensor = Signature((Field("x", "float32", shape=(2,)),), VALUE)
    texts = Signature((Field("hour", "string"), Field("rain", "category", categories=("no", "yes"))), VALUE)
    assert imported_into(three, SAID) == three
    assert imported_into(tensor, SAID) == tensor
    assert [field.type for field in imported_into(texts, SAID).inputs] == ["string", "category"]


def test_a_sample_without_the_file_s_names_is_named_by_position() -> None:
    sample = Sample({"a": Column([1]), "b": Column([2])}, 1, True)
    assert list(fitting(sample, SAID).columns) == ["hour", "rain"]
    known = Sample({"rain": Column([1]), "b": Column([2])}, 1, True)
    assert fitting(known, SAID) is known


@pytest.mark.parametrize("given", [None, {}, {"inputs": [{"name": "x", "type": "bool"}]}, {"outputs": []}])
def test_a_file_that_says_nothing_needs_a_whole_signature(given: dict[str, Any] | None) -> None:
    with pytest.raises(SignatureError) as error:
        whole("model.pkl", given)
    assert str(error.value) == (
        "model.pkl does not say what it takes and answers: list its inputs and outputs, with name and type, in "
        "model.pkl.signature.json."
    )


def test_a_whole_signature_is_checked_as_every_other() -> None:
    given = {"inputs": [{"name": "x", "type": "bool", "example": 3}], "outputs": [{"name": "y", "type": "bool"}]}
    with pytest.raises(SignatureError, match="its 'example' 3 is not"):
        whole("model.pkl", given)
    del given["inputs"][0]["example"]
    assert whole("model.pkl", given) == Signature.from_json(given)
