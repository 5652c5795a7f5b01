"""Ids of predictions, events and files: UUIDv7 (RFC 9562, section 6.2, method 3), in order of making in a process."""

import re
import threading
import time
from datetime import UTC, datetime, timedelta

from mlserve.chance import Chance

CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The variant's two bits, 10, in front of two random ones.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Ids:
    """Makes ids: 60 bits of time in steps of 1/4096 ms, then 62 random bits.

    Two ids within one step, or after the clock went back, take the next step, so ids only ever rise. The random bits
    are the system's: a forked worker cannot repeat its parent's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0
        self._chance = Chance(16)

    def __call__(self) -> str:
        tick = time.time_ns() * 64 // 15625
        with self._lock:
            if tick <= self._last:
                tick = self._last + 1
            self._last = tick
        stamp = f"{tick:015x}"
        chance = self._chance()
        return f"{stamp[:8]}-{stamp[8:12]}-7{stamp[12:]}-{_VARIANT[chance[0]]}{chance[1:4]}-{chance[4:]}"


def is_id(text: str) -> bool:
    """Whether a text is an id in its canonical form; no other text is worth a look into the log."""
    return CANONICAL.fullmatch(text) is not None


def first_id(moment: datetime, slack: timedelta = timedelta(0)) -> str:
    """The smallest id of that time, less the slack: those made before are smaller."""
    timestamp = (moment - _EPOCH - slack) // _MICROSECOND
    stamp = f"{-(-(max(0, timestamp) << 12) // 1000):015x}"
    return f"{stamp[:8]}-{stamp[8:12]}-7{stamp[12:]}-8000-000000000000"


def timestamp_of(identity: str) -> int:
    """When the id was made, in microseconds since 1970 UTC. Raises ValueError for a text that is no id."""
    if not is_id(identity):
        raise ValueError(f"not a UUIDv7 in canonical form: {identity!r}")
    number = int(identity.replace("-", ""), 16)
    tick = number >> 80 << 12 | number >> 64 & 0xFFF
    return tick * 1000 >> 12
