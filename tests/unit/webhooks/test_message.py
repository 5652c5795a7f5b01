"""A message says what the event is, as REST does."""

import json
from datetime import UTC, datetime

from mlserve.events import Event
from mlserve.events.described import describe_event
from mlserve.webhooks.message import body_of, ping

AT = datetime(2026, 11, 22, 18, 30, 0, 123456, tzinfo=UTC)
EVENT = Event(
    id="0190",
    at=AT,
    kind="alias_moved",
    model="line",
    version=2,
    alias="champion",
    actor="ann",
    reason="über\u2028",
    before={"version": 1},
    after={"version": 2},
    request_id=None,
)


def test_the_body_is_type_timestamp_and_the_event_of_rest() -> None:
    said = json.loads(body_of(EVENT))
    assert said == {"type": "alias_moved", "timestamp": said["data"]["at"], "data": describe_event(EVENT)}
    assert said["timestamp"] == "2026-11-22T18:30:00.123456Z"


def test_a_ping_is_of_no_event() -> None:
    assert json.loads(ping("ops", AT)) == {
        "type": "webhook_ping",
        "timestamp": "2026-11-22T18:30:00.123456Z",
        "data": {"webhook": "ops"},
    }
