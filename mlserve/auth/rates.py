"""Rate limits: a token bucket for each caller, in the memory of this process.

With several processes each has its own buckets, so that all together let through as many times as much at most.
Header fields: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

import math
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

# Beyond so many callers those whose bucket is full again are forgotten; there are not more keys than operators make.
_MOST = 10_000


class Taken(NamedTuple):
    """`left`: requests that may still come at once; `full_in` seconds the bucket is full; `wait`: seconds until the
    next is let through, 0 where this one is."""

    left: int
    full_in: int
    wait: int


class Rates:
    """`rate` requests a second on average, `burst` at once."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens, and when they were counted
        self.policy = f'"caller";q={burst};w={max(1, math.ceil(burst / rate))}'

    def take(self, caller: str) -> Taken:
        """Take a token of the caller's, if there is one."""
        with self._lock:
            now = self._clock()
            tokens, at = self._buckets.get(caller, (float(self._burst), now))
            tokens = min(float(self._burst), tokens + (now - at) * self._rate)
            wait = 0 if tokens >= 1 else max(1, math.ceil((1 - tokens) / self._rate))
            tokens -= 0 if wait else 1
            if caller not in self._buckets and len(self._buckets) >= _MOST:
                self._forget(now)
            self._buckets[caller] = (tokens, now)
        return Taken(int(tokens), math.ceil((self._burst - tokens) / self._rate), wait)

    def headers(self, taken: Taken) -> list[tuple[str, str]]:
        """What the answer says of the limit."""
        return [
            ("RateLimit-Policy", self.policy),
            ("RateLimit", f'"caller";r={taken.left};t={taken.full_in}'),
        ]

    def _forget(self, now: float) -> None:
        full = [
            caller for caller, (tokens, at) in self._buckets.items() if tokens + (now - at) * self._rate >= self._burst
        ]
        for caller in full:
            del self._buckets[caller]
