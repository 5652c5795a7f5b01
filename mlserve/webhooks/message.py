"""What a webhook is sent: the event as REST shows it."""

from datetime import datetime
from typing import Any

import msgspec

from mlserve.api.times import time_text
from mlserve.events import Event
from mlserve.events.described import describe_event

PING = "webhook_ping"


def body_of(event: Event) -> bytes:
    return _body(event.kind, event.at, describe_event(event))


def ping(webhook: str, now: datetime) -> bytes:
    """A message of no event, by which somebody tries a webhook."""
    return _body(PING, now, {"webhook": webhook})


def _body(kind: str, at: datetime, data: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"type": kind, "timestamp": time_text(at), "data": data})
