"""A record keeps every field through the spool's payload and through a row of SQL."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import insert

from mlserve.db.engine import Database
from mlserve.db.types import utc_text
from mlserve.errors import NotSupported
from mlserve.predictions import store
from mlserve.predictions.record import (
    COLUMNS,
    HEADS,
    PredictionRecord,
    created_at,
    decode,
    encode,
    from_row,
    glimpse,
    kept_size,
    payload_head,
    values,
    with_text,
)
from mlserve.predictions.tables import predictions
from tests.unit.predictions.factories import block_record, record, row

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
    for head, kept in zip(HEADS, (one, block_record(id=one.id)), strict=True):
        assert encode(kept).startswith(payload_head(one.id, head))
        assert msgspec.json.decode(encode(kept))["v"] == kept.v


def test_a_record_comes_back_from_its_payload() -> None:
    for one in (record(), record(**FULL), block_record(), block_record(**FULL)):
        assert decode(encode(one)) == one


def test_a_newer_format_is_refused_but_its_identity_can_be_read() -> None:
    one = record()
    newer = encode(one).replace(b'"v":1', b'"v":3', 1)
    with pytest.raises(msgspec.ValidationError):
        decode(newer)
    assert (glimpse(newer).v, glimpse(newer).id) == (3, one.id)


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


@pytest.mark.parametrize("made", [record, block_record])
@pytest.mark.parametrize("fields", [{}, FULL])
def test_a_record_comes_back_from_its_row(database: Database, fields: dict[str, object], made: Any) -> None:
    one = made(**fields)
    with database.write() as connection:
        connection.execute(insert(predictions), row(one))
    with database.read() as connection:
        found = store.get(connection, one.id)
    assert isinstance(found, PredictionRecord)
    assert encode(found) == encode(one)


def test_a_large_block_is_deflated_in_its_row_and_its_text_is_the_same() -> None:
    one = block_record(500)
    kept = row(one)
    assert (kept["inputs"], kept["encoding"], kept["format"]) == (None, "columns-1+zlib", 2)
    assert len(kept["inputs_block"]) < len(one.inputs_block or b"") / 2
    found = from_row({**kept, "created_at": created_at(one)})
    assert bytes(found.inputs_text()) == bytes(one.inputs_text())
    assert msgspec.json.decode(one.inputs_text())[499] == {"x": 499.0, "note": "é 499"}
    assert with_text(found) == replace(found, inputs=one.inputs_text(), inputs_block=None, encoding=None)
    assert kept_size(found) < kept_size(one) < kept_size(with_text(one))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"inputs_block": b""}, "it has 0 bytes"),
        ({"encoding": "columns-9"}, "'columns-9' is not known"),
        ({"n": 4}, "it has 3 instances, and the prediction 4"),
    ],
)
def test_a_block_that_cannot_be_read_is_told_by_its_prediction(changed: dict[str, Any], said: str) -> None:
    one = replace(block_record(3), **changed)
    with pytest.raises(NotSupported, match=said) as refused:
        with_text(one)
    assert one.id in refused.value.detail


def test_a_text_is_given_as_it_is() -> None:
    one = record()
    assert with_text(one) is one
    assert one.inputs_text() is one.inputs
