from typing import Any

import pytest
from hypothesis import given, settings

from mlserve.errors import SignatureError
from mlserve.signature import Field, OutputField, Signature
from tests.unit.signature import strategies

FLIGHT = {
    "inputs": [
        {"name": "carrier", "type": "category", "categories": ["AA", "UA"], "unknown": "native"},
        {"name": "distance", "type": "float32", "minimum": 0, "unit": "miles"},
        {"name": "image", "type": "float32", "shape": [2, 3], "keep": "hash"},
        {"name": "gust", "type": "float32", "nullable": True, "example": None},
    ],
    "outputs": [{"name": "late", "type": "float32", "description": "Probability."}],
}


def test_json_has_no_defaults_and_comes_back() -> None:
    signature = Signature.from_json(FLIGHT)
    assert signature.inputs[2].shape == (2, 3)
    written = signature.to_json()
    assert written["inputs"][3] == {"name": "gust", "type": "float32", "nullable": True}
    assert written["inputs"][1]["minimum"] == 0
    assert Signature.from_json(written) == signature


@given(strategies.signatures(kept=False))
@settings(max_examples=50, deadline=None)
def test_every_signature_survives_json(signature: Signature) -> None:
    assert Signature.from_json(signature.to_json()) == signature


def test_whole_bounds_stay_exact() -> None:
    field = Field("id", "int64", maximum=2**63 - 1)
    assert Field.from_json(field.to_json()).maximum == 2**63 - 1


def test_a_field_that_is_not_required_is_nullable() -> None:
    assert Field("gust", "float32", required=False).nullable


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"type": "float"}, "'type'"),
        ({"colour": "red"}, "'colour'"),
        ({"name": ""}, "'name'"),
        ({"name": 3}, "'name'"),
        ({"name": "a\0"}, "'name'"),
        ({"name": "\ud800"}, "'name'"),
        ({"shape": [0]}, "'shape'"),
        ({"shape": [True]}, "'shape'"),
        ({"shape": [-2]}, "'shape'"),
        ({"shape": [1] * 33}, "at most 32 sizes"),
        ({"type": "image", "shape": [4, 4]}, "'shape' of an image"),
        ({"type": "image", "shape": [4, 4, 4]}, "'shape' of an image"),
        ({"type": "image", "shape": [-1, 4, 3]}, "'shape' of an image"),
        ({"type": "bytes", "minimum": 1}, "'minimum'"),
        ({"type": "text", "categories": ["a"]}, "'categories'"),
        ({"shape": "3"}, "'shape'"),
        ({"minimum": 2, "maximum": 1}, "'minimum'"),
        ({"minimum": float("nan")}, "'minimum'"),
        ({"maximum": True}, "'maximum'"),
        ({"minimum": -(10**400)}, "'minimum'"),
        ({"type": "string", "maximum": 1}, "'maximum'"),
        ({"categories": ["a"]}, "'categories'"),
        ({"type": "category", "categories": ["a", "a"]}, "'categories'"),
        ({"type": "category", "categories": [1]}, "'categories'"),
        ({"type": "category", "categories": "abc"}, "'categories'"),
        ({"unknown": "native"}, "'unknown'"),
        ({"type": "category", "unknown": "guess"}, "'unknown'"),
        ({"keep": "some"}, "'keep'"),
        ({"nullable": 1}, "'nullable'"),
        ({"unit": 5}, "'unit'"),
    ],
)
def test_a_wrong_attribute_is_named(change: dict[str, Any], named: str) -> None:
    entry = {"name": "x", "type": "float32"} | change
    with pytest.raises(SignatureError) as caught:
        Signature.from_json({"inputs": [entry], "outputs": []})
    assert named in caught.value.detail


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ([], "'inputs'"),
        ({"inputs": [], "outputs": []}, "'inputs'"),
        ({"inputs": [{"name": "x", "type": "bool"}]}, "'outputs'"),
        ({"inputs": [{"name": "x"}], "outputs": []}, "'type'"),
        ({"inputs": ["x"], "outputs": []}, "'inputs'"),
        ({"inputs": [{"name": "x", "type": "bool"}] * 2, "outputs": []}, "'x'"),
        ({"inputs": [{"name": "x", "type": "bool"}], "outputs": [], "extra": 1}, "'extra'"),
    ],
)
def test_a_wrong_signature_names_the_key(value: Any, named: str) -> None:
    with pytest.raises(SignatureError, match=named):
        Signature.from_json(value)


def test_output_rules() -> None:
    OutputField("label", "category", categories=("no", "yes"), threshold=0.5)
    OutputField("probability", "float32", shape=(3,), categories=("a", "b", "c"))
    with pytest.raises(SignatureError, match="'categories'"):
        OutputField("probability", "float32", shape=(2,), categories=("a", "b", "c"))
    with pytest.raises(SignatureError, match="answer bytes"):
        OutputField("mask", "image")
    with pytest.raises(SignatureError, match="'threshold'"):
        OutputField("label", "category", categories=("a", "b", "c"), threshold=0.5)


def test_a_category_without_categories_cannot_be_served() -> None:
    with pytest.raises(SignatureError, match="'carrier'"):
        Signature((Field("carrier", "category"),), ()).require_categories()


def test_sizes_may_be_any() -> None:
    field = Field("x", "uint8", shape=(-1, 3))
    assert field.to_json() == {"name": "x", "type": "uint8", "shape": [-1, 3]}
    assert (field.varies, field.nesting) == (True, (-1, 3))
    photo = Field("x", "image", shape=(4, 4, 3))
    assert (photo.varies, photo.nesting) == (False, ())
    assert Field("x", "image").varies
    assert OutputField("x", "bytes", shape=(-1,)).varies
