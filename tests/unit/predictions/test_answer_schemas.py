"""What is told of predictions is what they are."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_schema_validator import OAS31Validator

from mlserve.inference.loaded import LoadedVersion
from mlserve.predictions.answer_schemas import (
    kept_schema,
    page_schema,
    prediction_body,
    prediction_example,
    prediction_schema,
    read_schema,
)
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.schemas import describe_prediction
from mlserve.predictions.service import answer_json
from tests.unit.predictions.factories import LIMITS, load, record


@pytest.fixture
def line(tmp_path: Path) -> LoadedVersion:
    return load(tmp_path)


def made(version: int = 2, outputs: bytes = b'[{"value":2.0}]') -> PredictionRecord:
    texts = {"inputs": msgspec.Raw(b'[{"x":1.5,"y":2.0}]'), "outputs": msgspec.Raw(outputs)}
    return record(model="line", version=version, family="linear", **texts)


def described(one: PredictionRecord) -> Any:
    return msgspec.json.decode(msgspec.json.encode(describe_prediction(one)))


def test_the_example_is_a_body_and_the_answer_fits(line: LoadedVersion) -> None:
    assert OAS31Validator(prediction_body(line, LIMITS)).is_valid(prediction_example(line))
    schema = OAS31Validator(prediction_schema(line, LIMITS))
    assert schema.is_valid(msgspec.json.decode(answer_json(made())))
    assert not schema.is_valid(msgspec.json.decode(answer_json(made(outputs=b'[{"value":"two"}]'))))


@pytest.mark.parametrize(("version", "fits"), [(2, False), (1, True)])
def test_a_kept_prediction_fits_and_of_another_version_has_fields_of_its_own(
    line: LoadedVersion, version: int, fits: bool
) -> None:
    for one, valid in ((made(), True), (made(version, b'[{"other":1}]'), fits)):
        kept = described(one)
        assert OAS31Validator(kept_schema(line, LIMITS)).is_valid(kept) is valid
        assert OAS31Validator(page_schema(line, LIMITS)).is_valid({"predictions": [kept], "next": None}) is valid
        assert OAS31Validator(read_schema(line, LIMITS)).is_valid(kept | {"actuals": None}) is valid
        assert not OAS31Validator(read_schema(line, LIMITS)).is_valid(kept)
