"""Which requests waitress's loop answers itself: whether it lives, and small predictions of quick models."""

import re
import time
from typing import TYPE_CHECKING, Any

from mlserve.api.negotiation import JSON
from mlserve.errors import ModelUnknown

if TYPE_CHECKING:
    from mlserve.application import Application

# What such a request may have at most: bytes, and brackets of each kind, which bounds the instances in either form,
# even where they are empty.
LARGEST = 16 * 1024
MOST_BRACKETS = 32

# A commit may wait for somebody else's lock; a write into the page cache does not.
_WAYS = ("process", "off")
_MILLISECOND = 1_000_000


class Pace:
    """How quick the short predictions of one model are, and so who answers them: the loop while `in_loop`.

    A model proves itself in the threads first: a few answers in a row of little processor time, and of little time by
    the clock too, so that one that waits for something is not taken for quick. In the loop a running mean of the clock
    counts, in which one answer weighs little. Who loses the loop proves itself again after a pause, which doubles as
    long as that goes wrong soon.
    """

    PROOFS = 3
    QUICK = 2 * _MILLISECOND  # of processor time, in a thread
    PATIENT = 20 * _MILLISECOND  # by the clock, in a thread that competes with others
    SLOW = 4 * _MILLISECOND  # the mean by the clock, in the loop
    MEMORY = 32  # answers that the mean tells of; one weighs at most as much as MEMORY milliseconds
    SHORTEST, LONGEST = 1.0, 60.0  # pauses, in seconds

    def __init__(self, *, in_loop: bool = False) -> None:
        self.in_loop = in_loop
        self._quick = 0
        self._mean = 0.0
        self._pause = self.SHORTEST
        self._since = 0.0
        self._until = 0.0

    def told_by_thread(self, clock: int, processor: int) -> None:
        """A thread has answered; both times in nanoseconds."""
        if self.in_loop or time.monotonic() < self._until:
            return
        self._quick = self._quick + 1 if processor <= self.QUICK and clock <= self.PATIENT else 0
        if self._quick >= self.PROOFS:
            self._mean, self._since = 0.0, time.monotonic()
            self.in_loop = True

    def told_by_loop(self, clock: int) -> None:
        """The loop has answered, in `clock` nanoseconds."""
        self._mean += (min(clock, self.MEMORY * _MILLISECOND) - self._mean) / self.MEMORY
        if self._mean > self.SLOW:
            now = time.monotonic()
            kept_long = now - self._since > self.LONGEST
            self._pause = self.SHORTEST if kept_long else min(2 * self._pause, self.LONGEST)
            self._until, self._quick = now + self._pause, 0
            self.in_loop = False


class ShortRequests:
    """Knows the short requests of one application by their model's Pace. Requests are waitress's own objects."""

    def __init__(self, application: "Application", url_prefix: str = "") -> None:
        self._live = application.live
        self._predicts = application.settings["mlserve.log.way"] in _WAYS
        self._probe = url_prefix + "/health/live"
        self._probed = Pace(in_loop=True)
        self._path = re.compile(re.escape(url_prefix) + r"/api/v1/models/([a-z][a-z0-9-]*)/predictions")
        self._paces: dict[str, Pace] = {}  # by path
        self._revision = -1

    @classmethod
    def of(cls, app: Any, url_prefix: str) -> "ShortRequests | None":
        """None where no request is known to be short: it is not mlserve alone."""
        application: Application | None = getattr(getattr(app, "registry", None), "mlserve", None)
        return cls(application, url_prefix) if application is not None and application.alone else None

    def pace_of(self, request: Any) -> Pace | None:
        """The pace of a whole request's model, if it is a short one.

        Whoever asks whether the server lives must not wait for its work. An Idempotency-Key is looked up in the
        database; an explanation takes its time; a body in columns may hold thousands of instances, and one with a
        backslash may hide either.
        """
        if request.error is not None:  # What cannot be parsed may have neither a command nor a path.
            return None
        if request.path == self._probe and request.command == "GET" and request.body_rcv is None:
            return self._probed
        if request.command != "POST" or "IDEMPOTENCY_KEY" in request.headers or not self._predicts:
            return None
        if request.headers.get("CONTENT_TYPE", JSON) != JSON:  # A table of few bytes may have many rows.
            return None
        pace = self._pace(request.path)
        if pace is None or request.body_rcv is None or len(request.body_rcv) > LARGEST:
            return None
        body: bytes = request.body_rcv.getbuf().get()
        if max(body.count(b"{"), body.count(b"[")) > MOST_BRACKETS:
            return None
        if b"explain" in body or b"columns" in body or b"\\" in body:
            return None
        return pace

    def _pace(self, path: str) -> Pace | None:
        if self._live.revision != self._revision:  # Another version may be slower than the one that was known.
            self._revision, self._paces = self._live.revision, {}
        pace = self._paces.get(path)
        if pace is None and self._may_be_short(path):
            pace = self._paces[path] = Pace()
        return pace

    def _may_be_short(self, path: str) -> bool:
        """Whether it names a live model that answers many at once: one by one, the loop would wait for its turn."""
        found = self._path.fullmatch(path)
        if found is None:
            return False
        try:
            champion = self._live.get(found[1]).champion
        except ModelUnknown:
            return False
        return champion is not None and champion.predictor.concurrency == "parallel"
