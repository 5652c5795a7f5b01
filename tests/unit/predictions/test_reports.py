"""Reports of actuals against the outputs of the version that answered."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from mlserve.errors import Invalid, TooLarge, VersionUnknown
from mlserve.inference.loaded import Limits
from mlserve.predictions.reports import ReportReader
from mlserve.predictions.store import Known
from mlserve.signature import Field, OutputField, Signature
from tests.unit.predictions.factories import new_id

LIMITS = Limits(body=1024, instances=5, problems=3, depth=8, explained=1000, image_pixels=1_000_000)
CLASSES = ("early", "late")
OUTPUTS = {
    1: (OutputField("value", "float64"),),
    2: (OutputField("probability", "float32", (2,), CLASSES), OutputField("label", "category", categories=CLASSES)),
    3: (OutputField("word", "category"),),
}


@pytest.fixture
def asked() -> list[tuple[str, int]]:
    """The signatures that were asked for."""
    return []


@pytest.fixture
def reader(asked: list[tuple[str, int]]) -> ReportReader:
    def signature_of(model: str, number: int) -> Signature:
        asked.append((model, number))
        if number not in OUTPUTS:
            raise VersionUnknown(f"no version {number}")
        return Signature((Field("x", "float64"),), OUTPUTS[number])

    return ReportReader(LIMITS, signature_of)


def known(version: int = 1, n: int = 2, model: str = "m") -> Known:
    return Known(new_id(), model, version, n)


def refusal(reader: ReportReader, body: Any, version: int = 1) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        reader.read(known(version), body)
    return [(problem.pointer, problem.code) for problem in refused.value.problems]


def test_values_come_by_output_in_its_own_type(reader: ReportReader) -> None:
    assert reader.read(known(), {"actuals": {"value": [1, None]}}) == {"value": [1.0, None]}
    assert reader.read(known(2), {"actuals": {"label": ["late", None]}}) == {"label": ["late", None]}
    probability = {"actuals": {"probability": [[0.25, 0.75], None]}}
    assert reader.read(known(2), probability) == {"probability": [[0.25, 0.75], None]}
    assert reader.read(known(3), {"actuals": {"word": ["any", None]}}) == {"word": ["any", None]}


@pytest.mark.parametrize(
    ("version", "body", "found"),
    [
        (1, {}, [("/actuals", "required")]),
        (1, {"actuals": {}}, [("/actuals", "empty")]),
        (1, {"actuals": [1]}, [("/actuals", "type")]),
        (1, {"value": [1, 2]}, [("/value", "unknown_field"), ("/actuals", "required")]),
        (1, {"actuals": {"value": 318}}, [("/actuals/value", "type")]),
        (
            1,
            {"actuals": {"vlue": [1, 2], "value": ["x", 1]}},
            [("/actuals/vlue", "unknown_field"), ("/actuals/value/0", "type")],
        ),
        (1, {"actuals": {"value": [1, 2]}, "a/b": 1}, [("/a~1b", "unknown_field")]),
        (1, {"actuals": {"value": [1]}}, [("/actuals/value", "length")]),
        (1, {"actuals": {"value": ["x", True]}}, [("/actuals/value/0", "type"), ("/actuals/value/1", "type")]),
        (1, {"actuals": {"value": [1, 10**400]}}, [("/actuals/value/1", "overflow")]),
        (2, {"actuals": {"label": ["never", None]}}, [("/actuals/label/0", "category")]),
        (2, {"actuals": {"probability": [[1], None]}}, [("/actuals/probability/0", "shape")]),
    ],
)
def test_what_does_not_fit_is_named_where_the_caller_wrote_it(
    reader: ReportReader, version: int, body: Any, found: list[tuple[str, str]]
) -> None:
    assert refusal(reader, body, version) == found


def test_a_version_s_decoder_is_made_once(reader: ReportReader, asked: list[tuple[str, int]]) -> None:
    for _ in range(3):
        reader.read(known(), {"actuals": {"value": [1, 2]}})
    assert asked == [("m", 1)]


def test_bulk_items_are_judged_one_by_one(reader: ReportReader) -> None:
    here, elsewhere, gone = known(), known(model="other"), known(version=9)
    everything = {item.id: item for item in (here, elsewhere, gone)}
    wanted: list[Collection[str]] = []

    def look_up(ids: Collection[str]) -> Mapping[str, Known]:
        wanted.append(ids)
        return {identity: everything[identity] for identity in ids if identity in everything}

    values = {"value": [1, 2]}
    items = [
        {"id": here.id, "actuals": values},
        {"id": elsewhere.id, "actuals": values},
        {"id": gone.id, "actuals": values},
        {"id": 7, "actuals": values},
        "nonsense",
    ]
    read = reader.read_bulk("m", {"actuals": items}, look_up)
    assert [item.values for item in read] == [{"value": [1.0, 2.0]}, None, None, None, None]
    codes = [item.answer.get("code") for item in read]
    assert codes == [None, "prediction_unknown", "version_unknown", "invalid", "invalid"]
    assert wanted == [{here.id, elsewhere.id, gone.id}]


def test_all_items_of_a_bulk_report_share_the_limit_of_problems(reader: ReportReader) -> None:
    one = known()
    items = [{"id": one.id, "actuals": {"value": ["x", "y"]}}] * 3
    read = reader.read_bulk("m", {"actuals": items}, lambda ids: {one.id: one})
    assert [len(item.answer["errors"]) for item in read] == [2, 1, 0]
    assert [item.answer["more"] for item in read] == [False, True, True]
    assert all(item.answer["stored"] is False for item in read)


def test_a_bulk_report_as_a_whole_is_a_list_within_the_limit(reader: ReportReader) -> None:
    for body in ({}, {"actuals": []}, {"actuals": {}}, {"actuals": [{}], "more": 1}):
        with pytest.raises(Invalid):
            reader.read_bulk("m", body, lambda ids: {})
    with pytest.raises(TooLarge, match=r"limits\.instances"):
        reader.read_bulk("m", {"actuals": [{}] * 6}, lambda ids: {})


def test_a_body_without_actuals_is_told_where_its_names_belong(reader: ReportReader) -> None:
    with pytest.raises(Invalid) as bare:
        reader.read(known(), {"value": [1, 2]})
    assert bare.value.detail == 'Put the outputs into {"actuals": { … }}.'
    assert bare.value.problems[-1].got == "nothing"
    with pytest.raises(Invalid) as bulk:
        reader.read_bulk("m", {"reports": []}, lambda ids: {})
    assert bulk.value.detail == 'Put the reports into {"actuals": [ … ]}.'
    for body in ({}, {"actuals": {}, "value": [1, 2]}):
        with pytest.raises(Invalid, match="do not fit the prediction"):
            reader.read(known(), body)
