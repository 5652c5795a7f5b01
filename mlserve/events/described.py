"""Events as their resources, the command line and webhooks tell of them, in JSON values."""

from typing import Any

from mlserve.api.times import time_text
from mlserve.events.service import Event


def describe_event(event: Event) -> dict[str, Any]:
    return {**event.__dict__, "at": time_text(event.at)}
