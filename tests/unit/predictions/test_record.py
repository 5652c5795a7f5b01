"""A record keeps every field through the spool's payload and through a row of SQL."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from mlserve.db.engine import Database
from mlserve.db.types import utc_text
from mlserve.predictions import store
from mlserve.predictions.record import (
    COLUMNS,
    HEAD,
    PredictionRecord,
    created_at,
    decode,
    encode,
    glimpse,
    payload_head,
    values,
)
from mlserve.predictions.tables import predictions
from tests.unit.predictions.factories import record, row

FULL = {
    "arm": "canary",
    "rollout_id": "r-9",
    "rollout_revision": 3,
    "bucket": 0.125,
    "caller": "shop",
    "reference": "Bestellung 17 ✈",
    "warnings": [{"output": "probability", "instance": 0, "code": "non_finite", "value": "nan"}],
    "not_kept": {"name": "hash"},
    "idempotency_key": "k",
    "body_digest": "b" * 64,
}


def test_the_payload_begins_with_the_format_and_the_id() -> None:
    one = record()
    assert encode(one).startswith(payload_head(one.id))
    assert encode(one).startswith(HEAD)
    assert msgspec.json.decode(encode(one))["v"] == 1


def test_a_record_comes_back_from_its_payload() -> None:
    for one in (record(), record(**FULL)):
        assert decode(encode(one)) == one


def test_a_newer_format_is_refused_but_its_identity_can_be_read() -> None:
    one = record()
    newer = encode(one).replace(b'"v":1', b'"v":2', 1)
    with pytest.raises(msgspec.ValidationError):
        decode(newer)
    assert (glimpse(newer).v, glimpse(newer).id) == (2, one.id)


def test_every_field_has_a_column() -> None:
    assert set(COLUMNS) | {"format"} == set(row(record()))
    assert set(row(record())) <= set(predictions.c.keys())


@given(st.integers(-(10**15), 250_000_000_000_000_000))
def test_the_time_of_a_row_is_the_text_of_its_datetime(microseconds: int) -> None:
    one = record(created_at=microseconds)
    assert row(one)["created_at"] == utc_text(created_at(one))


def test_a_time_that_no_calendar_has_is_refused() -> None:
    with pytest.raises(OverflowError):
        values(record(created_at=2**60))


@pytest.mark.parametrize("fields", [{}, FULL])
def test_a_record_comes_back_from_its_row(database: Database, fields: dict[str, object]) -> None:
    one = record(**fields)
    with database.write() as connection:
        connection.execute(insert(predictions), row(one))
    with database.read() as connection:
        found = store.get(connection, one.id)
    assert isinstance(found, PredictionRecord)
    assert encode(found) == encode(one)
