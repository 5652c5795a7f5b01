"""The query that lists predictions, and the JSON forms of what is kept."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import colander
import msgspec
import pytest

from mlserve.api.query import PAGE
from mlserve.predictions.actuals import Revision
from mlserve.predictions.record import kept_size, with_text
from mlserve.predictions.schemas import PredictionsQuery, describe_prediction, describe_revision, first_page
from tests.unit.predictions.factories import block_record, new_id, record


def read(**given: str) -> dict[str, Any]:
    found: dict[str, Any] = PredictionsQuery.deserialize(given)
    return found


def test_nothing_given_means_the_newest_page_of_all() -> None:
    wanted = dict.fromkeys(("since", "until", "version", "caller", "reference", "cursor"))
    assert read() == {**wanted, "limit": PAGE}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("since", "yesterday"),
        ("until", "2026-02-30"),
        ("version", "0"),
        ("version", str(2**31)),
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "1.5"),
        ("caller", "a\0b"),
        ("reference", "\0"),
        ("cursor", "x"),
        ("cursor", "00000000-0000-0000-0000-000000000000"),
        ("cursor", "018f0000-0000-7000-8000-000000000000\n"),
    ],
)
def test_what_a_parameter_cannot_mean_is_refused_by_its_name(name: str, text: str) -> None:
    with pytest.raises(colander.Invalid) as refused:
        read(**{name: text})
    assert set(refused.value.asdict()) == {name}


def test_a_cursor_is_an_id_that_we_made() -> None:
    cursor = new_id()
    assert read(cursor=cursor)["cursor"] == cursor


def test_a_prediction_is_shown_with_its_texts_as_they_are_kept() -> None:
    kept = record(inputs=msgspec.Raw(b'[{"x":-0.0}]'), created_at=1_767_322_800_000_001, idempotency_key="secret")
    shown = describe_prediction(kept)
    assert b'"inputs":[{"x":-0.0}]' in msgspec.json.encode(shown)
    assert shown["created_at"] == "2026-01-02T03:00:00.000001Z"
    assert shown["warnings"] == []
    assert shown["not_kept"] == {}
    assert shown["lineage"] == {
        "digest": kept.digest,
        "family": "xgboost",
        "engine": "exact",
        "plugin": kept.plugin,
        "library": kept.library,
    }
    assert "secret" not in str(shown)


def test_a_page_has_the_text_of_blocks_where_inputs_are_wanted_and_counts_its_bytes() -> None:
    records = [block_record(200) for _ in range(3)]
    size = kept_size(with_text(records[0]))
    page, more = first_page(iter(records), 3, size + 1, inputs=True)
    assert (len(page), more) == (2, True)
    assert page == [with_text(one) for one in records[:2]]
    assert first_page(iter(records), 3, 2 * kept_size(records[0]) + 1, inputs=False) == (records, False)


def test_a_revision_is_shown_with_its_time() -> None:
    moment = datetime(2026, 1, 2, 5, tzinfo=timezone(timedelta(hours=2))).astimezone(UTC)
    revision = Revision(
        prediction_id=new_id(), revision=2, model="m", actuals={"v": [1]}, caller="", request_id=None, created_at=moment
    )
    assert describe_revision(revision) == {
        "revision": 2,
        "reported_at": "2026-01-02T03:00:00Z",
        "actuals": {"v": [1]},
    }
