"""The JSON Schema of the body accepts what the decoder accepts, and nothing else; what is kept fits its schema."""

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator

from mlserve.errors import MlserveError
from mlserve.signature import Decoder, Field, Signature, StoredInputs, body_json_schema
from mlserve.signature.examples import example_instance
from mlserve.signature.fields import ANY_SIZE, FLOATS
from mlserve.signature.json_schema import kept_json_schema
from tests.unit.signature import strategies

thorough = settings(max_examples=36, deadline=None, suppress_health_check=list(HealthCheck))


def text_of(signature: Signature, form: str, rows: list[list[str]]) -> bytes:
    if form == "columns":
        return strategies.columns_text(signature, rows)
    return strategies.positional_text(rows) if form == "positional" else strategies.objects_text(signature, rows)


def finite(value: Any) -> bool:
    """Whether all its numbers are doubles: JSON Schema has no word for the others."""
    if isinstance(value, list | dict):
        return all(map(finite, value.values() if isinstance(value, dict) else value))
    try:
        return not isinstance(value, int | float) or math.isfinite(float(value))
    except OverflowError:
        return False


def read_as_typed(signature: Signature, value: Any) -> Any:
    """The body with a float field's numbers as doubles: JSON Schema compares their digits, which nobody keeps."""
    if isinstance(value, dict):  # columns, or one instance
        return {field.name: _read(field, value[field.name]) for field in signature.inputs}
    if isinstance(value[0], dict):
        return [read_as_typed(signature, one) for one in value]
    return [[_read(field, one) for field, one in zip(signature.inputs, row, strict=True)] for row in value]


def _read(field: Field, value: Any) -> Any:
    return _doubles(value) if field.type in FLOATS else value


def _doubles(value: Any) -> Any:
    if isinstance(value, list):
        return [_doubles(one) for one in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize("form", ["objects", "positional", "columns"])
@pytest.mark.parametrize("good", [True, False])
@given(data=st.data())
@thorough
def test_the_schema_accepts_what_the_decoder_accepts(form: str, good: bool, data: st.DataObject) -> None:
    signature = data.draw(strategies.signatures(kept=False))
    raw = text_of(signature, form, data.draw(strategies.rows(signature, good=good)))
    try:
        value = json.loads(raw)
    except ValueError:  # A number of thousands of digits.
        assume(False)
    assume(finite(value))
    body = {"columns" if form == "columns" else "instances": read_as_typed(signature, value)}
    decoder = Decoder(signature, max_instances=10, max_problems=10)
    try:
        batch = decoder.decode(*((None, raw) if form == "columns" else (raw, None)))
    except MlserveError as error:
        # No JSON Schema can say that arrays beside each other are of the same size.
        if any(ANY_SIZE in field.shape[1:] for field in signature.inputs):
            assume({problem.code for problem in error.problems} != {"shape"})
        assert not OAS31Validator(body_json_schema(signature, 10)).is_valid(body)
        return
    assert [error.message for error in OAS31Validator(body_json_schema(signature, 10)).iter_errors(body)] == []
    for kept in orjson.loads(StoredInputs(signature).encode(batch)):
        assert [error.message for error in OAS31Validator(kept_json_schema(signature)).iter_errors(kept)] == []


@given(data=st.data())
@thorough
def test_the_example_fits_the_schema(data: st.DataObject) -> None:
    signature = data.draw(strategies.signatures())
    body = {"instances": [example_instance(signature)]}
    assert [error.message for error in OAS31Validator(body_json_schema(signature, 10)).iter_errors(body)] == []
    Decoder(signature, max_instances=10, max_problems=10).decode(json.dumps(body["instances"]).encode(), None)
