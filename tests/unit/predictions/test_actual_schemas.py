"""What is told of reports is what they are."""

from pathlib import Path

import pytest
from openapi_schema_validator import OAS31Validator

from mlserve.ids import is_id
from mlserve.inference.loaded import LoadedVersion
from mlserve.predictions.actual_schemas import (
    HISTORY,
    REPORTED,
    bulk_example,
    bulk_schema,
    report_example,
    report_schema,
)
from tests.unit.predictions.factories import LIMITS, load, new_id


@pytest.fixture
def line(tmp_path: Path) -> LoadedVersion:
    return load(tmp_path)


def test_the_examples_fit_and_name_an_id_that_is_one(line: LoadedVersion) -> None:
    assert OAS31Validator(report_schema(line, LIMITS)).is_valid(report_example(line))
    assert OAS31Validator(bulk_schema(line, LIMITS)).is_valid(bulk_example(line))
    assert is_id(bulk_example(line)["actuals"][0]["id"])


def test_what_is_no_report_does_not_fit(line: LoadedVersion) -> None:
    schema = OAS31Validator(report_schema(line, LIMITS))
    for body in ({}, {"actuals": {}}, {"actuals": {"value": 1}}, {"actuals": {"value": ["a"]}}, {"actual": {}}):
        assert not schema.is_valid(body), body
    assert schema.is_valid({"actuals": {"value": [1.5, None], "of_an_older_version": ["a"]}})
    reports = {"actuals": [report_example(line) | {"id": new_id()}] * (LIMITS.instances + 1)}
    assert not OAS31Validator(bulk_schema(line, LIMITS)).is_valid(reports)


def test_a_report_as_it_was_stored_has_its_revision() -> None:
    one = {"revision": 1, "reported_at": "2026-11-22T22:37:40Z", "actuals": {"value": [1.5]}}
    assert OAS31Validator(REPORTED).is_valid(one | {"id": new_id()})
    assert not OAS31Validator(REPORTED).is_valid(one | {"id": "7"})
    assert OAS31Validator(HISTORY).is_valid({"id": new_id(), "revisions": [one]})
    assert not OAS31Validator(HISTORY).is_valid({"id": new_id(), "revisions": [one | {"revision": 0}]})
