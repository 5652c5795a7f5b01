"""What is told of explanations is what they are."""

from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest
from openapi_schema_validator import OAS31Validator

from mlserve.inference.loaded import LoadedVersion
from mlserve.observability.metrics.measures import Measures
from mlserve.predictions.explaining import Explaining
from mlserve.predictions.explanation_schemas import (
    explained_schema,
    explanation_body,
    explanation_example,
    explanation_schema,
    past_explanation_schema,
)
from tests.unit.predictions.factories import LIMITS, load, new_id


@pytest.fixture
def line(tmp_path: Path) -> LoadedVersion:
    return load(tmp_path)


@pytest.fixture
def explaining(line: LoadedVersion) -> Explaining:
    return Explaining(LIMITS, Measures(), tables=set(), using=lambda _: nullcontext(line))


def test_the_example_is_a_body_whose_explanation_fits(line: LoadedVersion, explaining: Explaining) -> None:
    example = explanation_example(line)
    assert OAS31Validator(explanation_body(line, LIMITS)).is_valid(example)
    explanation = msgspec.json.decode(explaining.of_body(line, msgspec.json.encode(example)))
    assert OAS31Validator(explanation_schema(line)).is_valid(explanation)
    answer = {"model": "line", "version": 2, "alias": "champion", "explanation": explanation}
    assert OAS31Validator(explained_schema(line, LIMITS)).is_valid(answer)
    del explanation["instances"][0]["blocks"][0]["contributions"]["x"]
    assert not OAS31Validator(explained_schema(line, LIMITS)).is_valid(answer)


def test_a_model_that_cannot_explain_has_no_example(tmp_path: Path) -> None:
    assert explanation_example(load(tmp_path, "no")) is None


@pytest.mark.parametrize(("version", "fits"), [(2, False), (1, True)])
def test_the_fields_of_another_version_are_not_known(line: LoadedVersion, version: int, fits: bool) -> None:
    block = {"name": None, "margin": 1.0, "bias": 1.0, "contributions": {"gone": 0.0}}
    explanation = {"method": "terms", "scale": "value", "instances": [{"blocks": [block]}]}
    told = {"id": new_id(), "model": "line", "version": version, "stored": True, "explanation": explanation}
    assert OAS31Validator(past_explanation_schema(line, LIMITS)).is_valid(told) is fits
