"""Times are read with any offset, and told in UTC."""

from datetime import UTC, datetime, timedelta

import colander
import pytest

from mlserve.api.times import Moment, time_text

NODE = colander.SchemaNode(Moment())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-01-02T03:04:05.678901Z", datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
        ("2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
    ],
)
def test_times_are_utc_whatever_their_offset(text: str, moment: datetime) -> None:
    found = NODE.deserialize(text)
    assert found == moment
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["yesterday", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30"])
def test_what_is_no_time_of_ours_is_invalid(text: str) -> None:
    with pytest.raises(colander.Invalid):
        NODE.deserialize(text)


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05.000001Z", "2026-01-02T03:04:05Z"])
def test_a_time_is_told_in_utc(text: str) -> None:
    assert time_text(datetime.fromisoformat(text)) == text
